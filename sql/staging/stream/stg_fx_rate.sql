/*
about: "Newest version of each dated exchange rate."
owner: data
kind: full
grain: [source, currency_code, home_currency_code, rate_date]
inputs:
  staged.fx_rate: all
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  currency_code: {type: "VARCHAR", about: "currency code"}
  home_currency_code: {type: "VARCHAR", about: "null: the company's home currency"}
  rate_date: {type: "DATE", about: "rate date"}
  rate: {type: "DECIMAL(18,8)", about: "home units for one unit of currency_code"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.fx_rate"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, currency_code, home_currency_code, rate_date
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
    currency_code,
    home_currency_code,
    rate_date,
    rate,
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
  currency_code,
  home_currency_code,
  rate_date,
  rate,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  currency_code NULLS LAST,
  home_currency_code NULLS LAST,
  rate_date NULLS LAST
