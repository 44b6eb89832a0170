/*
about: "Counts of stock per location and month: what was counted, how exactly, and how much of what is in stock was counted within the time that the policy gives the location."
owner: inventory
kind: partition
grain: [month, location_id]
partition: month(month)
inputs:
  int_stock_month: same
  inventory.stock_count: window(12)
  system.count_policy: all
columns:
  location_id: {type: "VARCHAR", about: "location"}
  count_qty: {type: "BIGINT", unit: stocktakes, about: "stocktakes of the month"}
  counted_qty: {type: "BIGINT", unit: records, about: "records counted in the month whose book is known"}
  exact_qty: {type: "BIGINT", unit: records, about: "of those, records that equal the book"}
  stocked_qty: {type: "BIGINT", unit: articles, about: "articles in stock at the end of the month"}
  covered_qty: {type: "BIGINT", unit: articles, about: "of those, articles counted within every_days before the end of the month, at most the twelve months before"}
  every_days: {type: "BIGINT", unit: days, about: "longest time between two counts of the location; null when the policy asks for none"}
  surplus_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "found more than the book, at cost"}
  shortage_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "found less than the book, at cost, as a positive amount"}
  last_count_date: {type: "DATE", about: "last count within the month"}
  month: {type: "DATE", about: "first day of the month"}
checks: [unique_grain]
*/
WITH int_stock_month AS (SELECT * FROM {{ref "int_stock_month"}}),
stock_count AS (SELECT * FROM {{ref "inventory.stock_count"}}),
count_policy AS (SELECT * FROM {{ref "system.count_policy"}}),
known AS (                                          -- of the stock and of the counts, whichever is later
  SELECT max(business_date) AS as_of FROM int_stock_month
  UNION ALL
  SELECT max(business_date) AS as_of FROM stock_count
),
as_of AS (
  SELECT
    max(as_of) AS as_of,
    {{trunc_date "month" "max(as_of)"}} AS month
  FROM known
),
counted AS (
  SELECT
    stock_count.location_id,
    {{sum_int "CASE WHEN stock_count.is_exact IS NOT NULL THEN 1 ELSE 0 END"}} AS counted_qty,
    {{sum_int "CASE WHEN stock_count.is_exact THEN 1 ELSE 0 END"}} AS exact_qty,
    count(DISTINCT stock_count.stocktake_id) AS count_qty,
    sum(CASE WHEN stock_count.variance_cost_amount > 0 THEN stock_count.variance_cost_amount ELSE 0 END) AS surplus_amount,
    sum(CASE WHEN stock_count.variance_cost_amount < 0 THEN -stock_count.variance_cost_amount ELSE 0 END) AS shortage_amount,
    max(stock_count.business_date) AS last_count_date
  FROM stock_count
  INNER JOIN as_of
    ON stock_count.business_date >= as_of.month
  WHERE stock_count.counted_qty IS NOT NULL
    AND stock_count.location_id IS NOT NULL
  GROUP BY stock_count.location_id
),
general AS (SELECT max(every_days) AS every_days FROM count_policy WHERE location_id IS NULL AND category IS NULL),
own AS (SELECT location_id, every_days, TRUE AS is_named FROM count_policy WHERE location_id IS NOT NULL AND category IS NULL),
place AS (
  SELECT location_id FROM int_stock_month
  UNION
  SELECT location_id FROM counted
),
ruled AS (
  SELECT
    place.location_id,
    CASE WHEN own.is_named THEN own.every_days ELSE general.every_days END AS every_days
  FROM place
  CROSS JOIN general
  LEFT JOIN own
    ON place.location_id = own.location_id
),
recent AS (
  SELECT DISTINCT stock_count.location_id, stock_count.sku
  FROM stock_count
  CROSS JOIN as_of
  INNER JOIN ruled
    ON stock_count.location_id = ruled.location_id
    AND stock_count.business_date >= {{add_days "as_of.as_of" "-ruled.every_days"}}
  WHERE stock_count.counted_qty IS NOT NULL
),
covered AS (
  SELECT
    int_stock_month.location_id,
    count(*) AS stocked_qty,
    count(recent.sku) AS covered_qty
  FROM int_stock_month
  LEFT JOIN recent
    ON int_stock_month.location_id = recent.location_id
    AND int_stock_month.sku = recent.sku
  WHERE int_stock_month.closing_qty <> 0
  GROUP BY int_stock_month.location_id
),
final AS (
  SELECT
    ruled.location_id,
    coalesce(counted.count_qty, 0) AS count_qty,
    coalesce(counted.counted_qty, 0) AS counted_qty,
    coalesce(counted.exact_qty, 0) AS exact_qty,
    coalesce(covered.stocked_qty, 0) AS stocked_qty,
    CASE WHEN ruled.every_days IS NOT NULL THEN coalesce(covered.covered_qty, 0) END AS covered_qty,
    ruled.every_days,
    coalesce(counted.surplus_amount, 0) AS surplus_amount,
    coalesce(counted.shortage_amount, 0) AS shortage_amount,
    counted.last_count_date,
    as_of.month
  FROM ruled
  CROSS JOIN as_of
  LEFT JOIN counted
    ON ruled.location_id = counted.location_id
  LEFT JOIN covered
    ON ruled.location_id = covered.location_id
)
SELECT
  location_id,
  CAST(count_qty AS BIGINT) AS count_qty,
  counted_qty,
  exact_qty,
  CAST(stocked_qty AS BIGINT) AS stocked_qty,
  CAST(covered_qty AS BIGINT) AS covered_qty,
  every_days,
  CAST(surplus_amount AS DECIMAL(38,4)) AS surplus_amount,
  CAST(shortage_amount AS DECIMAL(38,4)) AS shortage_amount,
  last_count_date,
  month
FROM final
WHERE month IS NOT NULL
ORDER BY
  month NULLS LAST,
  location_id NULLS LAST
