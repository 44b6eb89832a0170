/*
about: "Locations that have stated any stock so far: only for these are sales and returns written to the ledger."
owner: data
kind: partition
grain: [month, location_id]
partition: month(month)
inputs:
  int_business_day: same
  stg_inventory_movement: same
  stg_inventory_level: same
  int_stock_location: previous
columns:
  location_id: {type: "VARCHAR", about: "where it was sold or happened"}
  states_sales: {type: "BOOLEAN", about: "states its own sale movements this month"}
  month: {type: "DATE", about: "first day of the month"}
checks: [unique_grain]
*/
WITH int_business_day AS (SELECT * FROM {{ref "int_business_day"}}),
stg_inventory_movement AS (SELECT * FROM {{ref "stg_inventory_movement"}}),
stg_inventory_level AS (SELECT * FROM {{ref "stg_inventory_level"}}),
before AS (SELECT * FROM {{ref "int_stock_location"}}),
month AS (SELECT DISTINCT {{trunc_date "month" "business_date"}} AS month FROM int_business_day),
known AS (
  SELECT location_id FROM before
  UNION
  SELECT location_id FROM stg_inventory_movement
  UNION
  SELECT location_id FROM stg_inventory_level
),
stating AS (
  SELECT DISTINCT location_id
  FROM stg_inventory_movement
  WHERE lower(trim(kind)) = 'sale'
),
final AS (
  SELECT
    known.location_id,
    stating.location_id IS NOT NULL AS states_sales,
    month.month
  FROM known
  CROSS JOIN month
  LEFT JOIN stating
    ON known.location_id = stating.location_id
)
SELECT
  location_id,
  states_sales,
  month
FROM final
ORDER BY
  month NULLS LAST,
  location_id NULLS LAST
