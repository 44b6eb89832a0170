/*
about: "Newest version of each another code of an article."
owner: data
kind: full
grain: [source, source_sku]
inputs:
  staged.product_alias: all
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  source_sku: {type: "VARCHAR", about: "code as the source spells it"}
  sku: {type: "VARCHAR", about: "article"}
  alias_source: {type: "VARCHAR", about: "source it holds for; null: every source"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.product_alias"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, source_sku
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
    source_sku,
    sku,
    alias_source,
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
  source_sku,
  sku,
  alias_source,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  source_sku NULLS LAST
