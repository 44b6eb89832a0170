/*
about: "Newest version of each article."
owner: data
kind: full
grain: [source, sku, valid_from]
inputs:
  staged.product: all
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  sku: {type: "VARCHAR", about: "sku"}
  valid_from: {type: "DATE", about: "null: always"}
  name: {type: "VARCHAR", about: "name"}
  category_path: {type: "VARCHAR", about: "levels separated by ' > '"}
  brand: {type: "VARCHAR", about: "brand"}
  barcodes: {type: "VARCHAR", about: "separated by ;"}
  tag_price: {type: "DECIMAL(18,4)", unit: currency_code, about: "list price"}
  cost: {type: "DECIMAL(18,4)", unit: currency_code, about: "cost of one"}
  currency_code: {type: "VARCHAR", about: "of tag_price and cost"}
  tax_rate: {type: "DECIMAL(18,8)", unit: fraction, about: "0.13 is 13 %"}
  is_active: {type: "BOOLEAN", about: "is active"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.product"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, sku, valid_from
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
    sku,
    valid_from,
    name,
    category_path,
    brand,
    barcodes,
    tag_price,
    cost,
    currency_code,
    tax_rate,
    is_active,
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
  sku,
  valid_from,
  name,
  category_path,
  brand,
  barcodes,
  tag_price,
  cost,
  currency_code,
  tax_rate,
  is_active,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  sku NULLS LAST,
  valid_from NULLS LAST
