/*
about: "One row per counted record: what was counted against the book, per record, so that a plus and a minus never cancel. Counts never edit the ledger."
owner: inventory
kind: partition
grain: [stocktake_id, location_id, sku]
partition: month(business_date)
inputs:
  stg_stocktake_line: same
  int_line_product: same
  inventory.daily: same
columns:
  stocktake_id: {type: "VARCHAR", about: "number of the stocktake"}
  source: {type: "VARCHAR", about: "configured name of the source"}
  location_id: {type: "VARCHAR", about: "where it was sold or happened"}
  sku: {type: "VARCHAR", about: "conformed article"}
  counted_qty: {type: "DECIMAL(18,3)", unit: units, about: "units counted; null when not counted"}
  book_qty: {type: "DECIMAL(18,3)", unit: units, about: "book stock stated, else the closing stock of the ledger that day"}
  variance_qty: {type: "DECIMAL(18,3)", unit: units, about: "counted - book"}
  variance_cost_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "variance at cost"}
  is_exact: {type: "BOOLEAN", about: "counted equals book; null when either is unknown"}
  due_on: {type: "DATE", about: "day the count was due"}
  counted_at: {type: "TIMESTAMP", unit: UTC, about: "when it was counted"}
  business_date: {type: "DATE", about: "day it belongs to, by the location's clock and cut-over"}
  batch: {type: "VARCHAR", about: "batch that delivered it, for explain"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
checks: [unique_grain, stocktake_unknown_sku, count_entered_twice]
allow:
  tie_break in ranked: "the spans of an article in int_line_product do not overlap, so that a count meets one of them"
*/
WITH stg_stocktake_line AS (SELECT * FROM {{ref "stg_stocktake_line"}}),
int_line_product AS (SELECT * FROM {{ref "int_line_product"}}),
daily AS (SELECT * FROM {{ref "inventory.daily"}}),
counted AS (
  SELECT
    stg_stocktake_line.*,
    coalesce(stg_stocktake_line.sku, int_line_product.sku, stg_stocktake_line.source_sku) AS counted_sku,
    int_line_product.unit_cost
  FROM stg_stocktake_line
  LEFT JOIN int_line_product
    ON stg_stocktake_line.source = int_line_product.source
    AND coalesce(stg_stocktake_line.sku, stg_stocktake_line.source_sku) = int_line_product.article
    AND (stg_stocktake_line.sku IS NOT NULL) = int_line_product.is_conformed
    AND stg_stocktake_line.business_date >= int_line_product.valid_from
    AND stg_stocktake_line.business_date < int_line_product.valid_to
),
ranked AS (
  SELECT
    counted.*,
    row_number() OVER (PARTITION BY stocktake_id, location_id, counted_sku ORDER BY counted_at DESC NULLS LAST, source NULLS LAST, batch NULLS LAST, file_no DESC NULLS LAST, source_row DESC NULLS LAST) AS count_rank
  FROM counted
),
booked AS (
  SELECT
    ranked.*,
    coalesce(ranked.book, daily.closing_qty) AS book_qty,
    coalesce(ranked.unit_cost, daily.unit_cost) AS settled_cost
  FROM ranked
  LEFT JOIN daily
    ON ranked.location_id = daily.location_id
    AND ranked.counted_sku = daily.sku
    AND ranked.business_date = daily.business_date
  WHERE ranked.count_rank = 1
),
final AS (
  SELECT
    stocktake_id,
    source,
    location_id,
    counted_sku AS sku,
    counted AS counted_qty,
    book_qty,
    counted - book_qty AS variance_qty,
    {{mul "settled_cost" "counted - book_qty" 4}} AS variance_cost_amount,
    counted = book_qty AS is_exact,
    due_on,
    counted_at,
    business_date,
    batch,
    file_no,
    source_row
  FROM booked
)
SELECT
  stocktake_id,
  source,
  location_id,
  sku,
  counted_qty,
  book_qty,
  variance_qty,
  CAST(variance_cost_amount AS DECIMAL(18,4)) AS variance_cost_amount,
  is_exact,
  due_on,
  counted_at,
  business_date,
  batch,
  file_no,
  source_row
FROM final
ORDER BY
  stocktake_id NULLS LAST,
  location_id NULLS LAST,
  sku NULLS LAST
