/*
about: "Every KPI by day, ISO week, month and quarter for the company, each channel and each location. A roll-up is the ratio of sums; counts of people and articles are counted anew per level; a zero denominator gives null and status na."
owner: assessment
kind: partition
grain: [kpi_id, kpi_version, basis, period_type, period_start, calendar_id, scope_type, scope_id]
partition: quarter(period_end)
inputs:
  int_period: same
  int_kpi_day: window(5)
  int_kpi_customer: same
  int_kpi_sku: same
  stg_target: all
  assessment.kpi: all
columns:
  kpi_id: {type: "VARCHAR", about: "see assessment.kpi"}
  kpi_version: {type: "BIGINT", about: "version of the definition"}
  basis: {type: "VARCHAR", about: "D paid date, R recognised, A recognised less refunds on their date; empty for a state"}
  calendar_id: {type: "VARCHAR", about: "calendar of the periods: gregorian, with ISO weeks"}
  period_type: {type: "VARCHAR", about: "day, week, month or quarter"}
  scope_type: {type: "VARCHAR", about: "company, channel or location"}
  scope_id: {type: "VARCHAR", about: "channel or location; empty for company"}
  numerator: {type: "DECIMAL(38,6)", about: "sum above"}
  denominator: {type: "DECIMAL(38,6)", about: "sum below; 1 for amounts and counts"}
  value: {type: "DECIMAL(38,6)", unit: unit, about: "numerator / denominator; null when it cannot be told"}
  unit: {type: "VARCHAR", about: "money, percent (0.1 is 10 %), count, ratio or days"}
  currency_code: {type: "VARCHAR", about: "of money; null otherwise"}
  sample_qty: {type: "BIGINT", about: "n: orders, visitors, people, records or location-article days"}
  status: {type: "VARCHAR", about: "ok, or na when the value is null"}
  period_start: {type: "DATE", about: "first day"}
  period_end: {type: "DATE", about: "last day of the period, also while it runs"}
checks: [unique_grain, not_null(kpi_id), kpi_roll_up_ties]
*/
WITH int_period AS (SELECT * FROM {{ref "int_period"}}),
int_kpi_day AS (SELECT * FROM {{ref "int_kpi_day"}}),
int_kpi_customer AS (SELECT * FROM {{ref "int_kpi_customer"}}),
int_kpi_sku AS (SELECT * FROM {{ref "int_kpi_sku"}}),
stg_target AS (SELECT * FROM {{ref "stg_target"}}),
kpi AS (SELECT * FROM {{ref "assessment.kpi"}}),
shown_day AS (                                      -- a week may begin in the quarter before
  SELECT int_kpi_day.*
  FROM int_kpi_day
  CROSS JOIN (SELECT min(period_start) AS first_date FROM int_period) AS shown
  WHERE int_kpi_day.business_date >= shown.first_date
),
scoped AS (                                         -- the same rows for the company, their channel and their location
  SELECT shown_day.*, 'company' AS scope_type, '' AS scope_id
  FROM shown_day
  UNION ALL
  SELECT shown_day.*, 'channel' AS scope_type, channel AS scope_id
  FROM shown_day
  WHERE channel <> ''
  UNION ALL
  SELECT shown_day.*, 'location' AS scope_type, location_id AS scope_id
  FROM shown_day
  WHERE location_id <> ''
),
scope_day AS (
  SELECT
    business_date,
    scope_type,
    scope_id,
    sum(order_qty) AS order_qty,
    sum(priced_unit_qty) AS priced_unit_qty,
    sum(identified_order_qty) AS identified_order_qty,
    sum(cancelled_paid_order_qty) AS cancelled_paid_order_qty,
    sum(home_demand_amount) AS home_demand_amount,
    sum(home_gross_amount) AS home_gross_amount,
    sum(home_discount_amount) AS home_discount_amount,
    sum(home_sale_net_amount) AS home_sale_net_amount,
    sum(home_refund_net_amount) AS home_refund_net_amount,
    sum(home_identified_net_amount) AS home_identified_net_amount,
    sum(home_cost_amount) AS home_cost_amount,
    sum(home_covered_net_amount) AS home_covered_net_amount,
    sum(home_refund_cost_amount) AS home_refund_cost_amount,
    sum(home_refund_covered_net_amount) AS home_refund_covered_net_amount,
    sum(online_order_qty) AS online_order_qty,
    sum(online_pickup_qty) AS online_pickup_qty,
    sum(online_ship_from_store_qty) AS online_ship_from_store_qty,
    sum(visitor_qty) AS visitor_qty,
    sum(store_conversion_numerator) AS store_conversion_numerator,
    sum(store_conversion_denominator) AS store_conversion_denominator,
    sum(online_conversion_numerator) AS online_conversion_numerator,
    sum(online_conversion_denominator) AS online_conversion_denominator,
    sum(stock_cost_amount) AS stock_cost_amount,
    sum(sold_unit_qty) AS sold_unit_qty,
    sum(received_unit_qty) AS received_unit_qty,
    sum(pair_day_qty) AS pair_day_qty,
    sum(out_of_stock_day_qty) AS out_of_stock_day_qty,
    sum(no_sale_stock_amount) AS no_sale_stock_amount,
    sum(counted_qty) AS counted_qty,
    sum(exact_qty) AS exact_qty,
    sum(variance_cost_amount) AS variance_cost_amount,
    sum(online_return_qty) AS online_return_qty,
    sum(online_return_in_store_qty) AS online_return_in_store_qty
  FROM scoped
  GROUP BY business_date, scope_type, scope_id
),
rolled AS (
  SELECT
    int_period.period_type,
    int_period.period_start,
    int_period.period_end,
    scope_day.scope_type,
    scope_day.scope_id,
    1 + {{days_between "int_period.period_start" "int_period.last_date"}} AS day_count,
    sum(CASE WHEN scope_day.business_date = int_period.last_date THEN scope_day.no_sale_stock_amount ELSE 0 END) AS last_no_sale_stock_amount,
    sum(scope_day.order_qty) AS order_qty,
    sum(scope_day.priced_unit_qty) AS priced_unit_qty,
    sum(scope_day.identified_order_qty) AS identified_order_qty,
    sum(scope_day.cancelled_paid_order_qty) AS cancelled_paid_order_qty,
    sum(scope_day.home_demand_amount) AS home_demand_amount,
    sum(scope_day.home_gross_amount) AS home_gross_amount,
    sum(scope_day.home_discount_amount) AS home_discount_amount,
    sum(scope_day.home_sale_net_amount) AS home_sale_net_amount,
    sum(scope_day.home_refund_net_amount) AS home_refund_net_amount,
    sum(scope_day.home_identified_net_amount) AS home_identified_net_amount,
    sum(scope_day.home_cost_amount) AS home_cost_amount,
    sum(scope_day.home_covered_net_amount) AS home_covered_net_amount,
    sum(scope_day.home_refund_cost_amount) AS home_refund_cost_amount,
    sum(scope_day.home_refund_covered_net_amount) AS home_refund_covered_net_amount,
    sum(scope_day.online_order_qty) AS online_order_qty,
    sum(scope_day.online_pickup_qty) AS online_pickup_qty,
    sum(scope_day.online_ship_from_store_qty) AS online_ship_from_store_qty,
    sum(scope_day.visitor_qty) AS visitor_qty,
    sum(scope_day.store_conversion_numerator) AS store_conversion_numerator,
    sum(scope_day.store_conversion_denominator) AS store_conversion_denominator,
    sum(scope_day.online_conversion_numerator) AS online_conversion_numerator,
    sum(scope_day.online_conversion_denominator) AS online_conversion_denominator,
    sum(scope_day.stock_cost_amount) AS stock_cost_amount,
    sum(scope_day.sold_unit_qty) AS sold_unit_qty,
    sum(scope_day.received_unit_qty) AS received_unit_qty,
    sum(scope_day.pair_day_qty) AS pair_day_qty,
    sum(scope_day.out_of_stock_day_qty) AS out_of_stock_day_qty,
    sum(scope_day.no_sale_stock_amount) AS no_sale_stock_amount,
    sum(scope_day.counted_qty) AS counted_qty,
    sum(scope_day.exact_qty) AS exact_qty,
    sum(scope_day.variance_cost_amount) AS variance_cost_amount,
    sum(scope_day.online_return_qty) AS online_return_qty,
    sum(scope_day.online_return_in_store_qty) AS online_return_in_store_qty
  FROM scope_day
  INNER JOIN int_period
    ON scope_day.business_date >= int_period.period_start
    AND scope_day.business_date <= int_period.period_end
  GROUP BY int_period.period_type, int_period.period_start, int_period.period_end, int_period.last_date, scope_day.scope_type, scope_day.scope_id
),
data_start AS (SELECT min(business_date) AS business_date FROM int_kpi_day),
base_period AS (                                    -- days and weeks compare with the same weekday, months and quarters with the same dates
  SELECT
    period_type,
    period_start,
    period_end,
    CASE WHEN period_type IN ('day', 'week') THEN {{add_days "period_start" "-364"}} ELSE CAST(period_start - INTERVAL '1' YEAR AS DATE) END AS base_start,
    CASE
      WHEN period_type IN ('day', 'week') THEN {{add_days "last_date" "-364"}}
      WHEN last_date = period_end THEN {{month_end "CAST(last_date - INTERVAL '1' YEAR AS DATE)"}}
      ELSE CAST(last_date - INTERVAL '1' YEAR AS DATE)
    END AS base_last
  FROM int_period
),
base_day AS (                                       -- what a year before is compared with, which is net sales alone
  SELECT business_date, 'company' AS scope_type, '' AS scope_id, sum(home_sale_net_amount) - sum(home_refund_net_amount) AS net_sales
  FROM int_kpi_day
  GROUP BY business_date
  UNION ALL
  SELECT business_date, 'channel' AS scope_type, channel AS scope_id, sum(home_sale_net_amount) - sum(home_refund_net_amount) AS net_sales
  FROM int_kpi_day
  WHERE channel <> ''
  GROUP BY business_date, channel
  UNION ALL
  SELECT business_date, 'location' AS scope_type, location_id AS scope_id, sum(home_sale_net_amount) - sum(home_refund_net_amount) AS net_sales
  FROM int_kpi_day
  WHERE location_id <> ''
  GROUP BY business_date, location_id
),
base AS (
  SELECT
    base_period.period_type,
    base_period.period_start,
    base_day.scope_type,
    base_day.scope_id,
    sum(base_day.net_sales) AS net_sales
  FROM base_day
  INNER JOIN base_period
    ON base_day.business_date >= base_period.base_start
    AND base_day.business_date <= base_period.base_last
  INNER JOIN data_start
    ON base_period.base_start >= data_start.business_date
  GROUP BY base_period.period_type, base_period.period_start, base_day.scope_type, base_day.scope_id
),
target AS (
  SELECT
    CASE
      WHEN period_end = period_start THEN 'day'
      WHEN period_end = {{add_days "period_start" "6"}} THEN 'week'
      WHEN period_end = {{month_end "CAST(period_start + INTERVAL '2' MONTH AS DATE)"}} THEN 'quarter'
      ELSE 'month'
    END AS period_type,
    period_start,
    scope_type,
    coalesce(scope_id, '') AS scope_id,
    sum(amount) AS amount
  FROM stg_target
  WHERE kpi_id = 'net_sales'
    AND (period_end IS NULL OR period_end = period_start OR period_end = {{add_days "period_start" "6"}} OR period_end = {{month_end "period_start"}} OR period_end = {{month_end "CAST(period_start + INTERVAL '2' MONTH AS DATE)"}})
  GROUP BY period_end, period_start, scope_type, coalesce(scope_id, '')
),
fact AS (
  SELECT 'net_sales' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(home_sale_net_amount - home_refund_net_amount AS DECIMAL(38,4)) AS numerator, CAST(1 AS DECIMAL(38,4)) AS denominator, order_qty AS sample
  FROM rolled
  WHERE ((home_sale_net_amount - home_refund_net_amount) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'gross_demand' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(home_demand_amount AS DECIMAL(38,4)) AS numerator, CAST(1 AS DECIMAL(38,4)) AS denominator, order_qty + cancelled_paid_order_qty AS sample
  FROM rolled
  WHERE ((home_demand_amount) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'discount_rate' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(home_discount_amount AS DECIMAL(38,4)) AS numerator, CAST(home_gross_amount AS DECIMAL(38,4)) AS denominator, order_qty AS sample
  FROM rolled
  WHERE ((home_discount_amount) <> 0 OR (home_gross_amount) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'gm' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(home_covered_net_amount - home_refund_covered_net_amount - home_cost_amount + home_refund_cost_amount AS DECIMAL(38,4)) AS numerator, CAST(CASE WHEN home_covered_net_amount <> 0 OR home_refund_covered_net_amount <> 0 THEN 1 END AS DECIMAL(38,4)) AS denominator, order_qty AS sample
  FROM rolled
  WHERE ((home_covered_net_amount - home_refund_covered_net_amount - home_cost_amount + home_refund_cost_amount) <> 0 OR (CASE WHEN home_covered_net_amount <> 0 OR home_refund_covered_net_amount <> 0 THEN 1 END) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'gm_pct' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(home_covered_net_amount - home_refund_covered_net_amount - home_cost_amount + home_refund_cost_amount AS DECIMAL(38,4)) AS numerator, CAST(home_covered_net_amount - home_refund_covered_net_amount AS DECIMAL(38,4)) AS denominator, order_qty AS sample
  FROM rolled
  WHERE ((home_covered_net_amount - home_refund_covered_net_amount - home_cost_amount + home_refund_cost_amount) <> 0 OR (home_covered_net_amount - home_refund_covered_net_amount) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'atv' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(home_sale_net_amount AS DECIMAL(38,4)) AS numerator, CAST(order_qty AS DECIMAL(38,4)) AS denominator, order_qty AS sample
  FROM rolled
  WHERE ((home_sale_net_amount) <> 0 OR (order_qty) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'upt' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(priced_unit_qty AS DECIMAL(38,4)) AS numerator, CAST(order_qty AS DECIMAL(38,4)) AS denominator, order_qty AS sample
  FROM rolled
  WHERE ((priced_unit_qty) <> 0 OR (order_qty) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'asp' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(home_sale_net_amount AS DECIMAL(38,4)) AS numerator, CAST(priced_unit_qty AS DECIMAL(38,4)) AS denominator, order_qty AS sample
  FROM rolled
  WHERE ((home_sale_net_amount) <> 0 OR (priced_unit_qty) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'return_rate_acc' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(home_refund_net_amount AS DECIMAL(38,4)) AS numerator, CAST(home_sale_net_amount AS DECIMAL(38,4)) AS denominator, order_qty AS sample
  FROM rolled
  WHERE ((home_refund_net_amount) <> 0 OR (home_sale_net_amount) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'cancel_rate' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(cancelled_paid_order_qty AS DECIMAL(38,4)) AS numerator, CAST(order_qty + cancelled_paid_order_qty AS DECIMAL(38,4)) AS denominator, order_qty + cancelled_paid_order_qty AS sample
  FROM rolled
  WHERE ((cancelled_paid_order_qty) <> 0 OR (order_qty + cancelled_paid_order_qty) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'boris' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(online_return_in_store_qty AS DECIMAL(38,4)) AS numerator, CAST(online_return_qty AS DECIMAL(38,4)) AS denominator, online_return_qty AS sample
  FROM rolled
  WHERE scope_type IN ('company')
    AND ((online_return_in_store_qty) <> 0 OR (online_return_qty) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'traffic' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(visitor_qty AS DECIMAL(38,4)) AS numerator, CAST(1 AS DECIMAL(38,4)) AS denominator, visitor_qty AS sample
  FROM rolled
  WHERE scope_type IN ('channel', 'location')
    AND visitor_qty > 0
    AND ((visitor_qty) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'conv_store' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(store_conversion_numerator AS DECIMAL(38,4)) AS numerator, CAST(store_conversion_denominator AS DECIMAL(38,4)) AS denominator, store_conversion_denominator AS sample
  FROM rolled
  WHERE scope_id <> 'online'
    AND ((store_conversion_numerator) <> 0 OR (store_conversion_denominator) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'conv_online' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(online_conversion_numerator AS DECIMAL(38,4)) AS numerator, CAST(online_conversion_denominator AS DECIMAL(38,4)) AS denominator, online_conversion_denominator AS sample
  FROM rolled
  WHERE scope_type IN ('company', 'channel')
    AND scope_id <> 'store'
    AND ((online_conversion_numerator) <> 0 OR (online_conversion_denominator) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'bopis_share' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(online_pickup_qty AS DECIMAL(38,4)) AS numerator, CAST(online_order_qty AS DECIMAL(38,4)) AS denominator, online_order_qty AS sample
  FROM rolled
  WHERE scope_type IN ('company', 'channel')
    AND scope_id <> 'store'
    AND ((online_pickup_qty) <> 0 OR (online_order_qty) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'sfs_share' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(online_ship_from_store_qty AS DECIMAL(38,4)) AS numerator, CAST(online_order_qty AS DECIMAL(38,4)) AS denominator, online_order_qty AS sample
  FROM rolled
  WHERE scope_type IN ('company', 'channel')
    AND scope_id <> 'store'
    AND ((online_ship_from_store_qty) <> 0 OR (online_order_qty) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'match_rate' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(identified_order_qty AS DECIMAL(38,4)) AS numerator, CAST(order_qty AS DECIMAL(38,4)) AS denominator, order_qty AS sample
  FROM rolled
  WHERE ((identified_order_qty) <> 0 OR (order_qty) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'sell_through' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(sold_unit_qty AS DECIMAL(38,4)) AS numerator, CAST(received_unit_qty AS DECIMAL(38,4)) AS denominator, received_unit_qty AS sample
  FROM rolled
  WHERE scope_type IN ('company', 'location')
    AND pair_day_qty > 0
    AND ((sold_unit_qty) <> 0 OR (received_unit_qty) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'no_sale_stock' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(last_no_sale_stock_amount AS DECIMAL(38,4)) AS numerator, CAST(1 AS DECIMAL(38,4)) AS denominator, pair_day_qty AS sample
  FROM rolled
  WHERE scope_type IN ('company', 'location')
    AND pair_day_qty > 0
    AND ((last_no_sale_stock_amount) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'inv_turn' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST((home_cost_amount - home_refund_cost_amount) * day_count AS DECIMAL(38,4)) AS numerator, CAST(stock_cost_amount AS DECIMAL(38,4)) AS denominator, pair_day_qty AS sample
  FROM rolled
  WHERE scope_type IN ('company', 'location')
    AND pair_day_qty > 0
    AND (((home_cost_amount - home_refund_cost_amount) * day_count) <> 0 OR (stock_cost_amount) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'doh' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(stock_cost_amount AS DECIMAL(38,4)) AS numerator, CAST(home_cost_amount - home_refund_cost_amount AS DECIMAL(38,4)) AS denominator, pair_day_qty AS sample
  FROM rolled
  WHERE scope_type IN ('company', 'location')
    AND pair_day_qty > 0
    AND ((stock_cost_amount) <> 0 OR (home_cost_amount - home_refund_cost_amount) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'gmroi' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST((home_covered_net_amount - home_refund_covered_net_amount - home_cost_amount + home_refund_cost_amount) * 364 AS DECIMAL(38,4)) AS numerator, CAST(stock_cost_amount AS DECIMAL(38,4)) AS denominator, pair_day_qty AS sample
  FROM rolled
  WHERE scope_type IN ('company', 'location')
    AND pair_day_qty > 0
    AND (((home_covered_net_amount - home_refund_covered_net_amount - home_cost_amount + home_refund_cost_amount) * 364) <> 0 OR (stock_cost_amount) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'oos' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(out_of_stock_day_qty AS DECIMAL(38,4)) AS numerator, CAST(pair_day_qty AS DECIMAL(38,4)) AS denominator, pair_day_qty AS sample
  FROM rolled
  WHERE scope_type IN ('company', 'location')
    AND pair_day_qty > 0
    AND ((out_of_stock_day_qty) <> 0 OR (pair_day_qty) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'ira' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(exact_qty AS DECIMAL(38,4)) AS numerator, CAST(counted_qty AS DECIMAL(38,4)) AS denominator, counted_qty AS sample
  FROM rolled
  WHERE scope_type IN ('company', 'location')
    AND counted_qty > 0
    AND ((exact_qty) <> 0 OR (counted_qty) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'shrink' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, CAST(variance_cost_amount AS DECIMAL(38,4)) AS numerator, CAST(home_sale_net_amount - home_refund_net_amount AS DECIMAL(38,4)) AS denominator, counted_qty AS sample
  FROM rolled
  WHERE scope_type IN ('company', 'location')
    AND counted_qty > 0
    AND ((variance_cost_amount) <> 0 OR (home_sale_net_amount - home_refund_net_amount) <> 0 OR scope_type = 'company')
  UNION ALL
  SELECT 'active_cust' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, active_qty AS numerator, 1 AS denominator, active_qty AS sample
  FROM int_kpi_customer
  UNION ALL
  SELECT 'new_cust' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, new_qty AS numerator, 1 AS denominator, active_qty AS sample
  FROM int_kpi_customer
  UNION ALL
  SELECT 'repeat_rate' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, repeat_qty AS numerator, active_qty AS denominator, active_qty AS sample
  FROM int_kpi_customer
  UNION ALL
  SELECT 'xch_cust' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, cross_channel_qty AS numerator, active_year_qty AS denominator, active_year_qty AS sample
  FROM int_kpi_customer
  WHERE active_year_qty IS NOT NULL
  UNION ALL
  SELECT 'arpu' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, identified_net_amount AS numerator, active_qty AS denominator, active_qty AS sample
  FROM int_kpi_customer
  UNION ALL
  SELECT 'active_sku' AS kpi_id, period_type, period_start, period_end, scope_type, scope_id, active_qty AS numerator, available_qty AS denominator, available_qty AS sample
  FROM int_kpi_sku
  UNION ALL
  SELECT 'yoy' AS kpi_id, rolled.period_type, rolled.period_start, rolled.period_end, rolled.scope_type, rolled.scope_id,
    rolled.home_sale_net_amount - rolled.home_refund_net_amount - base.net_sales AS numerator,
    CASE WHEN base.net_sales > 0 THEN base.net_sales END AS denominator,
    rolled.order_qty AS sample
  FROM rolled
  LEFT JOIN base
    ON rolled.period_type = base.period_type
    AND rolled.period_start = base.period_start
    AND rolled.scope_type = base.scope_type
    AND rolled.scope_id = base.scope_id
  WHERE base.net_sales IS NOT NULL
    OR rolled.scope_type = 'company'
  UNION ALL
  SELECT 'budget_att' AS kpi_id, int_period.period_type, int_period.period_start, int_period.period_end, target.scope_type, target.scope_id, -- who sold nothing attained nothing
    coalesce(rolled.home_sale_net_amount - rolled.home_refund_net_amount, 0) AS numerator,
    target.amount AS denominator,
    coalesce(rolled.order_qty, 0) AS sample
  FROM target
  INNER JOIN int_period
    ON target.period_type = int_period.period_type
    AND target.period_start = int_period.period_start
  LEFT JOIN rolled
    ON target.period_type = rolled.period_type
    AND target.period_start = rolled.period_start
    AND target.scope_type = rolled.scope_type
    AND target.scope_id = rolled.scope_id
),
valued AS (
  SELECT
    fact.kpi_id,
    fact.period_type,
    fact.period_start,
    fact.period_end,
    fact.scope_type,
    fact.scope_id,
    fact.numerator,
    fact.denominator,
    CASE WHEN fact.denominator = 1 THEN CAST(fact.numerator AS DECIMAL(38,6)) ELSE {{ratio "fact.numerator" "fact.denominator" 6}} END AS value,
    fact.sample
  FROM fact
),
final AS (
  SELECT
    valued.kpi_id,
    kpi.kpi_version,
    kpi.basis,
    'gregorian' AS calendar_id,
    valued.period_type,
    valued.scope_type,
    valued.scope_id,
    valued.numerator,
    valued.denominator,
    valued.value,
    kpi.unit,
    CASE WHEN kpi.unit = 'money' THEN '{{config "home_currency"}}' END AS currency_code,
    valued.sample AS sample_qty,
    CASE WHEN valued.value IS NULL THEN 'na' ELSE 'ok' END AS status,
    valued.period_start,
    valued.period_end
  FROM valued
  INNER JOIN kpi
    ON valued.kpi_id = kpi.kpi_id
)
SELECT
  kpi_id,
  kpi_version,
  basis,
  calendar_id,
  period_type,
  scope_type,
  scope_id,
  CAST(numerator AS DECIMAL(38,6)) AS numerator,
  CAST(denominator AS DECIMAL(38,6)) AS denominator,
  value,
  unit,
  currency_code,
  CAST(sample_qty AS BIGINT) AS sample_qty,
  status,
  period_start,
  period_end
FROM final
ORDER BY
  kpi_id NULLS LAST,
  kpi_version NULLS LAST,
  basis NULLS LAST,
  period_type NULLS LAST,
  period_start NULLS LAST,
  calendar_id NULLS LAST,
  scope_type NULLS LAST,
  scope_id NULLS LAST
