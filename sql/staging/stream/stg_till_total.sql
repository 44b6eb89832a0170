/*
about: "Newest version of each stated total of a till's end-of-day report."
owner: data
kind: partition
grain: [source, till_total_id, tender]
partition: month(business_date)
undated: true
inputs:
  staged.till_total: same
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  till_total_id: {type: "VARCHAR", about: "number of the report (Z), with the till where numbers repeat"}
  tender: {type: "VARCHAR", about: "of payments; null: the total of all tenders"}
  location_id: {type: "VARCHAR", about: "store"}
  till_id: {type: "VARCHAR", about: "till or register"}
  amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "takings less what was paid back"}
  receipt_qty: {type: "BIGINT", about: "sales receipts; null: not stated"}
  currency_code: {type: "VARCHAR", about: "ISO 4217"}
  closed_at: {type: "TIMESTAMP", unit: UTC, about: "when the till was closed, UTC"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.till_total"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, till_total_id, tender
      ORDER BY source_version DESC NULLS LAST,
        batch_seq DESC NULLS LAST,
        feed NULLS LAST,
        batch NULLS LAST,
        file_no DESC NULLS LAST,
        source_row DESC NULLS LAST
    ) AS version_rank
  FROM staged
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
  till_total_id,
  tender,
  location_id,
  till_id,
  amount,
  receipt_qty,
  currency_code,
  closed_at,
  attributes
FROM ranked
WHERE version_rank = 1
ORDER BY
  source NULLS LAST,
  till_total_id NULLS LAST,
  tender NULLS LAST
