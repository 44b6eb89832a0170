/*
about: "Every date of the month from the first to the last business day known, open or not; also of months without any record, between others."
owner: data
kind: partition
grain: [business_date]
partition: month(business_date)
inputs:
  sales.day: same
  stg_traffic: same
  stg_inventory_movement: same
  stg_inventory_level: same
  stg_stocktake_line: same
  int_data_end: all
  int_business_day: previous
columns:
  business_date: {type: "DATE", about: "day it belongs to, by the location's clock and cut-over"}
checks: [unique_grain]
*/
WITH sales_day AS (SELECT business_date FROM {{ref "sales.day"}}),
stg_traffic AS (SELECT business_date FROM {{ref "stg_traffic"}}),
stg_inventory_movement AS (SELECT business_date FROM {{ref "stg_inventory_movement"}}),
stg_inventory_level AS (SELECT business_date FROM {{ref "stg_inventory_level"}}),
stg_stocktake_line AS (SELECT business_date FROM {{ref "stg_stocktake_line"}}),
int_data_end AS (SELECT * FROM {{ref "int_data_end"}}),
before AS (SELECT * FROM {{ref "int_business_day"}}),
seen AS (
  SELECT max(business_date) AS business_date FROM sales_day
  UNION ALL
  SELECT max(business_date) AS business_date FROM stg_traffic
  UNION ALL
  SELECT max(business_date) AS business_date FROM stg_inventory_movement
  UNION ALL
  SELECT max(business_date) AS business_date FROM stg_inventory_level
  UNION ALL
  SELECT max(business_date) AS business_date FROM stg_stocktake_line
),
seen_last AS (SELECT max(business_date) AS business_date FROM seen),
before_next AS (SELECT {{add_days "max(business_date)" "1"}} AS business_date FROM before),
known AS (                                          -- a month of rest is the one after the month before
  SELECT coalesce(seen_last.business_date, before_next.business_date) AS business_date
  FROM seen_last
  CROSS JOIN before_next
),
month AS (
  SELECT
    {{trunc_date "month" "business_date"}} AS month_start,
    {{month_end "business_date"}} AS month_last
  FROM known
  WHERE business_date IS NOT NULL
),
final AS (
  SELECT CAST(listed.day AS DATE) AS business_date
  FROM month
  CROSS JOIN int_data_end
  CROSS JOIN UNNEST({{each_day (greatest2 "month.month_start" "int_data_end.first_date") (least2 "month.month_last" "int_data_end.last_date")}}) AS listed (day)
)
SELECT
  business_date
FROM final
ORDER BY
  business_date NULLS LAST
