/*
about: "refund_line rows delivered without a date, placed on the day of their refund, else of their order."
owner: data
kind: partition
grain: [source, refund_id, line_key]
partition: month(business_date)
inputs:
  stg_refund: same
  int_refund_dated: same
  stg_order: same
  stg_refund_line_undated: all
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", about: "when it happened, UTC"}
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
  quantity: {type: "DECIMAL(18,3)", about: "positive, units coming back; 0 for money only"}
  unit_price: {type: "DECIMAL(18,4)", about: "price of one"}
  amount: {type: "DECIMAL(18,4)", about: "positive; null: quantity x unit_price"}
  tax_amount: {type: "DECIMAL(18,4)", about: "positive"}
  tax_rate: {type: "DECIMAL(18,8)", about: "0.13 is 13 %"}
  tax_included: {type: "BOOLEAN", about: "null counts as true"}
  unit_cost: {type: "DECIMAL(18,4)", about: "cost of one when sold"}
  currency_code: {type: "VARCHAR", about: "ISO 4217"}
  is_restocked: {type: "BOOLEAN", about: "back to sellable stock"}
  line_kind: {type: "VARCHAR", about: "as on order lines"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH stg_refund AS (SELECT * FROM {{ref "stg_refund"}}),
int_refund_dated AS (SELECT * FROM {{ref "int_refund_dated"}}),
stg_order AS (SELECT * FROM {{ref "stg_order"}}),
undated AS (SELECT * FROM {{ref "stg_refund_line_undated"}}),
refund_day AS (
  SELECT source, refund_id, business_date FROM stg_refund
  UNION ALL
  SELECT source, refund_id, business_date FROM int_refund_dated
),
final AS (
  SELECT
    undated.source,
    undated.source_record_id,
    undated.source_version,
    undated.batch,
    undated.file_no,
    undated.source_row,
    undated.event_at,
    coalesce(refund_day.business_date, stg_order.business_date) AS business_date,
    undated.refund_id,
    undated.line_key,
    undated.order_id,
    undated.order_line_key,
    undated.channel,
    undated.location_id,
    undated.sku,
    undated.source_sku,
    undated.product_name,
    undated.quantity,
    undated.unit_price,
    undated.amount,
    undated.tax_amount,
    undated.tax_rate,
    undated.tax_included,
    undated.unit_cost,
    undated.currency_code,
    undated.is_restocked,
    undated.line_kind,
    undated.attributes
  FROM undated
  LEFT JOIN refund_day
    ON undated.source = refund_day.source
    AND undated.refund_id = refund_day.refund_id
  LEFT JOIN stg_order
    ON undated.source = stg_order.source
    AND undated.order_id = stg_order.order_id
  WHERE coalesce(refund_day.business_date, stg_order.business_date) IS NOT NULL
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
