/*
about: "Newest version of each campaign."
owner: data
kind: full
grain: [source, promotion_id]
inputs:
  staged.promotion: all
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  promotion_id: {type: "VARCHAR", about: "promotion id"}
  name: {type: "VARCHAR", about: "name"}
  kind: {type: "VARCHAR", about: "kind"}
  channels: {type: "VARCHAR", about: "separated by ;"}
  locations: {type: "VARCHAR", about: "separated by ;"}
  skus: {type: "VARCHAR", about: "separated by ;"}
  starts_on: {type: "DATE", about: "starts on"}
  ends_on: {type: "DATE", about: "ends on"}
  published_at: {type: "TIMESTAMP", unit: UTC, about: "UTC"}
  budget_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "budget amount"}
  currency_code: {type: "VARCHAR", about: "currency code"}
  funding: {type: "VARCHAR", about: "merchant, platform or vendor"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.promotion"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, promotion_id
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
    promotion_id,
    name,
    kind,
    channels,
    locations,
    skus,
    starts_on,
    ends_on,
    published_at,
    budget_amount,
    currency_code,
    funding,
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
  promotion_id,
  name,
  kind,
  channels,
  locations,
  skus,
  starts_on,
  ends_on,
  published_at,
  budget_amount,
  currency_code,
  funding,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  promotion_id NULLS LAST
