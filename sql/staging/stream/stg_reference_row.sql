/*
about: "Newest version of each row of a table that has no canonical stream; its values are in attributes."
owner: data
kind: full
grain: [source, kind, row_key]
inputs:
  staged.reference_row: all
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  kind: {type: "VARCHAR", about: "name of the table"}
  row_key: {type: "VARCHAR", about: "identity in the table"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.reference_row"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, kind, row_key
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
    kind,
    row_key,
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
  kind,
  row_key,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  kind NULLS LAST,
  row_key NULLS LAST
