/*
about: "When the goods of a location are due to be counted, as the stocktake policy says: one row per count that was or is due, from the count before, or the first stock, to the next count. Online shops and other places without shelves are left out."
owner: inventory
kind: full
grain: [location_id, part, begin_on]
inputs:
  int_stock_month: all
  inventory.stock_count: all
  stg_product: all
  stg_location: all
  sales.day: all
  system.count_policy: all
columns:
  location_id: {type: "VARCHAR", about: "store or warehouse"}
  part: {type: "VARCHAR", about: "category with a rule of its own, as the policy names it; empty for everything else of the location"}
  every_days: {type: "BIGINT", unit: days, about: "longest time between two counts"}
  begin_on: {type: "DATE", about: "the count before; where there was none yet, the first day with stock"}
  last_count_on: {type: "DATE", about: "the count before; null when there was none"}
  due_on: {type: "DATE", about: "last day on which the next count is in time: begin_on + every_days"}
  counted_on: {type: "DATE", about: "the next count; null when it has not come"}
  closed_on: {type: "DATE", about: "day from which the location is closed, and owes nothing"}
checks: [unique_grain]
*/
WITH int_stock_month AS (SELECT * FROM {{ref "int_stock_month"}}),
stock_count AS (SELECT * FROM {{ref "inventory.stock_count"}}),
stg_product AS (SELECT * FROM {{ref "stg_product"}}),
stg_location AS (SELECT * FROM {{ref "stg_location"}}),
sales_day AS (SELECT * FROM {{ref "sales.day"}}),
count_policy AS (SELECT * FROM {{ref "system.count_policy"}}),
product_ranked AS (
  SELECT
    sku,
    coalesce(category_path, '') AS category_path,
    row_number() OVER (PARTITION BY sku ORDER BY valid_from DESC NULLS LAST, source NULLS LAST) AS version_rank
  FROM stg_product
),
place_ranked AS (
  SELECT
    location_id,
    lower(coalesce(kind, '')) AS kind,
    closed_on,
    row_number() OVER (PARTITION BY location_id ORDER BY valid_from DESC NULLS LAST, source NULLS LAST) AS version_rank
  FROM stg_location
),
place AS (
  SELECT location_id, kind, closed_on
  FROM place_ranked
  WHERE version_rank = 1
),
online_only AS (
  SELECT location_id
  FROM sales_day
  GROUP BY location_id
  HAVING min(channel) = 'online' AND max(channel) = 'online'
),
stocked AS (
  SELECT location_id, sku, min(first_stock_date) AS first_date
  FROM int_stock_month
  GROUP BY location_id, sku
),
counted AS (
  SELECT location_id, sku, stocktake_id, max(business_date) AS counted_on
  FROM stock_count
  WHERE counted_qty IS NOT NULL
    AND location_id IS NOT NULL
  GROUP BY location_id, sku, stocktake_id
),
article AS (
  SELECT location_id, sku FROM stocked
  UNION
  SELECT location_id, sku FROM counted
),
shelf AS (                                          -- articles of places that have shelves
  SELECT
    article.location_id,
    article.sku,
    coalesce(product_ranked.category_path, '') AS category_path
  FROM article
  LEFT JOIN product_ranked
    ON article.sku = product_ranked.sku
    AND product_ranked.version_rank = 1
  LEFT JOIN place
    ON article.location_id = place.location_id
  LEFT JOIN online_only
    ON article.location_id = online_only.location_id
  WHERE place.kind IN ('store', 'warehouse')
    OR (coalesce(place.kind, '') = '' AND online_only.location_id IS NULL)
),
category AS (
  SELECT DISTINCT location_id, category_path
  FROM shelf
),
ruled AS (                                          -- the narrowest category that is named, of it the location's own rule
  SELECT
    category.location_id,
    category.category_path,
    coalesce(count_policy.category, '') AS part,
    count_policy.every_days,
    row_number() OVER (
      PARTITION BY category.location_id, category.category_path
      ORDER BY length(count_policy.category) DESC NULLS LAST, count_policy.location_id DESC NULLS LAST, count_policy.category NULLS LAST
    ) AS rule_rank
  FROM category
  INNER JOIN count_policy
    ON coalesce(count_policy.location_id, category.location_id) = category.location_id
    AND (
      coalesce(count_policy.category, category.category_path) = category.category_path
      OR substr(category.category_path, 1, length(count_policy.category) + 3) = count_policy.category || ' > '
    )
),
piece AS (
  SELECT
    shelf.location_id,
    shelf.sku,
    ruled.part,
    ruled.every_days
  FROM shelf
  INNER JOIN ruled
    ON shelf.location_id = ruled.location_id
    AND shelf.category_path = ruled.category_path
    AND ruled.rule_rank = 1
  WHERE ruled.every_days IS NOT NULL
),
rule AS (
  SELECT location_id, part, max(every_days) AS every_days
  FROM piece
  GROUP BY location_id, part
),
count_day AS (                                      -- a count that took several days is one, of its last day
  SELECT
    piece.location_id,
    piece.part,
    counted.stocktake_id,
    max(counted.counted_on) AS counted_on
  FROM piece
  INNER JOIN counted
    ON piece.location_id = counted.location_id
    AND piece.sku = counted.sku
  GROUP BY piece.location_id, piece.part, counted.stocktake_id
),
first_count AS (
  SELECT location_id, part, min(counted_on) AS counted_on
  FROM count_day
  GROUP BY location_id, part
),
first_stock AS (
  SELECT piece.location_id, piece.part, min(stocked.first_date) AS first_date
  FROM piece
  INNER JOIN stocked
    ON piece.location_id = stocked.location_id
    AND piece.sku = stocked.sku
  GROUP BY piece.location_id, piece.part
),
event AS (
  SELECT location_id, part, counted_on AS begin_on, counted_on AS last_count_on
  FROM count_day
  UNION ALL
  SELECT first_stock.location_id, first_stock.part, first_stock.first_date AS begin_on, NULL AS last_count_on
  FROM first_stock
  LEFT JOIN first_count
    ON first_stock.location_id = first_count.location_id
    AND first_stock.part = first_count.part
  WHERE first_count.counted_on IS NULL
    OR first_stock.first_date < first_count.counted_on
),
start AS (
  SELECT location_id, part, begin_on, max(last_count_on) AS last_count_on
  FROM event
  GROUP BY location_id, part, begin_on
),
chained AS (
  SELECT
    start.location_id,
    start.part,
    start.begin_on,
    start.last_count_on,
    lead(start.begin_on) OVER (PARTITION BY start.location_id, start.part ORDER BY start.begin_on NULLS LAST) AS counted_on
  FROM start
),
final AS (
  SELECT
    chained.location_id,
    chained.part,
    rule.every_days,
    chained.begin_on,
    chained.last_count_on,
    {{add_days "chained.begin_on" "rule.every_days"}} AS due_on,
    chained.counted_on,
    place.closed_on
  FROM chained
  INNER JOIN rule
    ON chained.location_id = rule.location_id
    AND chained.part = rule.part
  LEFT JOIN place
    ON chained.location_id = place.location_id
)
SELECT
  location_id,
  part,
  every_days,
  begin_on,
  last_count_on,
  due_on,
  counted_on,
  closed_on
FROM final
ORDER BY
  location_id NULLS LAST,
  part NULLS LAST,
  begin_on NULLS LAST
