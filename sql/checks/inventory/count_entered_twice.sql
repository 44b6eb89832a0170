/*
about: "A count sheet is entered once. Two stocktakes of one place within a week, of which the smaller has ten records or more and nine in ten of them equal in the other, are the same sheet under two numbers."
owner: inventory
severity: warn
inputs:
  inventory.stock_count: all
*/
WITH stock_count AS (SELECT * FROM {{ref "inventory.stock_count"}}),
record AS (
  SELECT stocktake_id, location_id, sku, counted_qty, business_date
  FROM stock_count
  WHERE counted_qty IS NOT NULL
),
sheet AS (
  SELECT stocktake_id, location_id, count(*) AS record_qty
  FROM record
  GROUP BY stocktake_id, location_id
),
shared AS (
  SELECT
    first_record.location_id,
    first_record.stocktake_id AS first_id,
    second_record.stocktake_id AS second_id,
    count(*) AS shared_qty
  FROM record AS first_record
  INNER JOIN record AS second_record
    ON first_record.location_id = second_record.location_id
    AND first_record.sku = second_record.sku
    AND first_record.counted_qty = second_record.counted_qty
  WHERE first_record.stocktake_id < second_record.stocktake_id
    AND abs({{days_between "first_record.business_date" "second_record.business_date"}}) <= 7
  GROUP BY first_record.location_id, first_record.stocktake_id, second_record.stocktake_id
)
SELECT
  shared.first_id,
  shared.second_id,
  shared.location_id,
  shared.shared_qty,
  'the same count under two numbers: withdraw one of the files' AS reason
FROM shared
INNER JOIN sheet AS first_sheet
  ON shared.first_id = first_sheet.stocktake_id
  AND shared.location_id = first_sheet.location_id
INNER JOIN sheet AS second_sheet
  ON shared.second_id = second_sheet.stocktake_id
  AND shared.location_id = second_sheet.location_id
WHERE shared.shared_qty * 10 >= {{least2 "first_sheet.record_qty" "second_sheet.record_qty"}} * 9
  AND {{least2 "first_sheet.record_qty" "second_sheet.record_qty"}} >= 10
ORDER BY shared.location_id NULLS LAST, shared.first_id NULLS LAST, shared.second_id NULLS LAST
