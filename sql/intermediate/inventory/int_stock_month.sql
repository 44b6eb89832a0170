/*
about: "The last known state of each location and article of the month: the fold that positions are made from."
owner: data
kind: partition
grain: [month, location_id, sku]
partition: month(month)
inputs:
  inventory.daily: same
  int_level_day: same
columns:
  location_id: {type: "VARCHAR", about: "where it was sold or happened"}
  sku: {type: "VARCHAR", about: "conformed article"}
  closing_qty: {type: "DECIMAL(18,3)", unit: units, about: "units on hand"}
  reserved_qty: {type: "DECIMAL(18,3)", unit: units, about: "units reserved, as last stated"}
  in_transit_qty: {type: "DECIMAL(18,3)", unit: units, about: "units under way, as last stated"}
  unit_cost: {type: "DECIMAL(18,4)", unit: "home currency", about: "cost of one"}
  closing_cost_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "closing_qty x unit_cost"}
  as_of_at: {type: "TIMESTAMP", unit: UTC, about: "moment of the last stated level of the month"}
  business_date: {type: "DATE", about: "day of the state"}
  first_stock_date: {type: "DATE", about: "first day the pair was stocked"}
  last_movement_date: {type: "DATE", about: "last day with a movement or level"}
  last_receipt_date: {type: "DATE", about: "last day goods came in"}
  last_sale_date: {type: "DATE", about: "last day with a sale"}
  month: {type: "DATE", about: "first day of the month"}
checks: [unique_grain]
*/
WITH daily AS (SELECT * FROM {{ref "inventory.daily"}}),
int_level_day AS (SELECT * FROM {{ref "int_level_day"}}),
daily_last AS (
  SELECT location_id, sku, max(business_date) AS business_date
  FROM daily
  GROUP BY location_id, sku
),
level_last AS (
  SELECT location_id, sku, max(business_date) AS business_date
  FROM int_level_day
  GROUP BY location_id, sku
),
level AS (
  SELECT
    int_level_day.location_id,
    int_level_day.sku,
    int_level_day.reserved_qty,
    int_level_day.in_transit_qty,
    int_level_day.as_of_at
  FROM int_level_day
  INNER JOIN level_last
    ON int_level_day.location_id = level_last.location_id
    AND int_level_day.sku = level_last.sku
    AND int_level_day.business_date = level_last.business_date
),
final AS (
  SELECT
    daily.location_id,
    daily.sku,
    daily.closing_qty,
    level.reserved_qty,
    level.in_transit_qty,
    daily.unit_cost,
    daily.closing_cost_amount,
    level.as_of_at,
    daily.business_date,
    daily.first_stock_date,
    daily.last_movement_date,
    daily.last_receipt_date,
    daily.last_sale_date,
    {{trunc_date "month" "daily.business_date"}} AS month
  FROM daily
  INNER JOIN daily_last
    ON daily.location_id = daily_last.location_id
    AND daily.sku = daily_last.sku
    AND daily.business_date = daily_last.business_date
  LEFT JOIN level
    ON daily.location_id = level.location_id
    AND daily.sku = level.sku
)
SELECT
  location_id,
  sku,
  closing_qty,
  reserved_qty,
  in_transit_qty,
  unit_cost,
  closing_cost_amount,
  as_of_at,
  business_date,
  first_stock_date,
  last_movement_date,
  last_receipt_date,
  last_sale_date,
  month
FROM final
ORDER BY
  month NULLS LAST,
  location_id NULLS LAST,
  sku NULLS LAST
