/*
about: "Newest version of each outside series."
owner: data
kind: full
grain: [source, series_id, period_start]
inputs:
  staged.market_index: all
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  series_id: {type: "VARCHAR", about: "series id"}
  period_start: {type: "DATE", about: "period start"}
  period_end: {type: "DATE", about: "period end"}
  value: {type: "DECIMAL(18,4)", about: "value"}
  unit: {type: "VARCHAR", about: "unit"}
  subject: {type: "VARCHAR", about: "category, competitor or article"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.market_index"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, series_id, period_start
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
    series_id,
    period_start,
    period_end,
    value,
    unit,
    subject,
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
  series_id,
  period_start,
  period_end,
  value,
  unit,
  subject,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  series_id NULLS LAST,
  period_start NULLS LAST
