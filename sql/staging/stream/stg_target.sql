/*
about: "Newest version of each budget or target."
owner: data
kind: full
grain: [source, kpi_id, scope_type, scope_id, period_start]
inputs:
  staged.target: all
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  kpi_id: {type: "VARCHAR", about: "kpi id"}
  scope_type: {type: "VARCHAR", about: "company, channel or location"}
  scope_id: {type: "VARCHAR", about: "scope id"}
  period_start: {type: "DATE", about: "period start"}
  period_end: {type: "DATE", about: "last day"}
  amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "amount"}
  currency_code: {type: "VARCHAR", about: "currency code"}
  version: {type: "VARCHAR", about: "version"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.target"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, kpi_id, scope_type, scope_id, period_start
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
    kpi_id,
    scope_type,
    scope_id,
    period_start,
    period_end,
    amount,
    currency_code,
    version,
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
  kpi_id,
  scope_type,
  scope_id,
  period_start,
  period_end,
  amount,
  currency_code,
  version,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  kpi_id NULLS LAST,
  scope_type NULLS LAST,
  scope_id NULLS LAST,
  period_start NULLS LAST
