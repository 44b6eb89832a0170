/*
about: "Newest version of each item of a refund."
owner: data
kind: partition
grain: [source, refund_id, line_key]
partition: month(business_date)
undated: true
inputs:
  staged.refund_line: same
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  refund_id: {type: "VARCHAR", about: "the refund"}
  line_key: {type: "VARCHAR", about: "identity in the refund"}
  order_id: {type: "VARCHAR", about: "original order, when known"}
  order_line_key: {type: "VARCHAR", about: "original line, when known"}
  channel: {type: "VARCHAR", about: "where it was handled"}
  location_id: {type: "VARCHAR", about: "where it was handled"}
  sku: {type: "VARCHAR", about: "conformed article"}
  source_sku: {type: "VARCHAR", about: "article as spelled"}
  product_name: {type: "VARCHAR", about: "name printed"}
  quantity: {type: "DECIMAL(18,3)", unit: units, about: "positive, units coming back; 0 for money only"}
  unit_price: {type: "DECIMAL(18,4)", unit: currency_code, about: "price of one"}
  amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "positive; null: quantity x unit_price"}
  tax_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "positive"}
  tax_rate: {type: "DECIMAL(18,8)", unit: fraction, about: "0.13 is 13 %"}
  tax_included: {type: "BOOLEAN", about: "null counts as true"}
  unit_cost: {type: "DECIMAL(18,4)", unit: currency_code, about: "cost of one when sold"}
  currency_code: {type: "VARCHAR", about: "ISO 4217"}
  is_restocked: {type: "BOOLEAN", about: "back to sellable stock"}
  line_kind: {type: "VARCHAR", about: "as on order lines"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.refund_line"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, refund_id, line_key
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
    refund_id,
    line_key,
    order_id,
    order_line_key,
    channel,
    location_id,
    sku,
    source_sku,
    product_name,
    quantity,
    unit_price,
    amount,
    tax_amount,
    tax_rate,
    tax_included,
    unit_cost,
    currency_code,
    is_restocked,
    line_kind,
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
  refund_id,
  line_key,
  order_id,
  order_line_key,
  channel,
  location_id,
  sku,
  source_sku,
  product_name,
  quantity,
  unit_price,
  amount,
  tax_amount,
  tax_rate,
  tax_included,
  unit_cost,
  currency_code,
  is_restocked,
  line_kind,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  refund_id NULLS LAST,
  line_key NULLS LAST
