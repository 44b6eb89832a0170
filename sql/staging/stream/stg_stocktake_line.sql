/*
about: "Newest version of each counted record."
owner: data
kind: partition
grain: [source, stocktake_id, location_id, sku, source_sku]
partition: month(business_date)
undated: true
inputs:
  staged.stocktake_line: same
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  stocktake_id: {type: "VARCHAR", about: "stocktake id"}
  location_id: {type: "VARCHAR", about: "location id"}
  sku: {type: "VARCHAR", about: "sku"}
  source_sku: {type: "VARCHAR", about: "source sku"}
  counted: {type: "DECIMAL(18,3)", unit: units, about: "null: not counted"}
  book: {type: "DECIMAL(18,3)", unit: units, about: "book stock shown, null on a blind count"}
  counted_at: {type: "TIMESTAMP", unit: UTC, about: "UTC"}
  due_on: {type: "DATE", about: "when the count was due"}
  counter_id: {type: "VARCHAR", about: "counter id", pii: true}
  approved_by: {type: "VARCHAR", about: "approved by", pii: true}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.stocktake_line"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, stocktake_id, location_id, sku, source_sku
      ORDER BY source_version DESC NULLS LAST,
        batch_seq DESC NULLS LAST,
        feed NULLS LAST,
        batch NULLS LAST,
        file_no DESC NULLS LAST,
        source_row DESC NULLS LAST
    ) AS version_rank
  FROM staged
),
final AS (
  SELECT
    source,
    source_record_id,
    source_version,
    batch,
    file_no,
    source_row,
    event_at,
    business_date,
    stocktake_id,
    location_id,
    sku,
    source_sku,
    counted,
    book,
    counted_at,
    due_on,
    counter_id,
    approved_by,
    attributes
  FROM ranked
  WHERE version_rank = 1
)
SELECT
  source,
  source_record_id,
  source_version,
  batch,
  file_no,
  source_row,
  event_at,
  business_date,
  stocktake_id,
  location_id,
  sku,
  source_sku,
  counted,
  book,
  counted_at,
  due_on,
  counter_id,
  approved_by,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  stocktake_id NULLS LAST,
  location_id NULLS LAST,
  sku NULLS LAST,
  source_sku NULLS LAST
