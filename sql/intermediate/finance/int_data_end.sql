/*
about: "First and last business day that any table knows: the warehouse as-of day."
owner: data
kind: full
grain: [last_date]
inputs:
  sales.day: all
  stg_traffic: all
  stg_inventory_movement: all
  stg_inventory_level: all
  stg_stocktake_line: all
columns:
  first_date: {type: "DATE", about: "first business day"}
  last_date: {type: "DATE", about: "last business day"}
checks: [unique_grain]
*/
WITH sales_day AS (SELECT business_date FROM {{ref "sales.day"}}),
stg_traffic AS (SELECT business_date FROM {{ref "stg_traffic"}}),
stg_inventory_movement AS (SELECT business_date FROM {{ref "stg_inventory_movement"}}),
stg_inventory_level AS (SELECT business_date FROM {{ref "stg_inventory_level"}}),
stg_stocktake_line AS (SELECT business_date FROM {{ref "stg_stocktake_line"}}),
seen AS (
  SELECT min(business_date) AS first_date, max(business_date) AS last_date FROM sales_day
  UNION ALL
  SELECT min(business_date) AS first_date, max(business_date) AS last_date FROM stg_traffic
  UNION ALL
  SELECT min(business_date) AS first_date, max(business_date) AS last_date FROM stg_inventory_movement
  UNION ALL
  SELECT min(business_date) AS first_date, max(business_date) AS last_date FROM stg_inventory_level
  UNION ALL
  SELECT min(business_date) AS first_date, max(business_date) AS last_date FROM stg_stocktake_line
),
final AS (
  SELECT
    min(first_date) AS first_date,
    max(last_date) AS last_date
  FROM seen
)
SELECT
  first_date,
  last_date
FROM final
ORDER BY
  last_date NULLS LAST
