/*
about: "refund rows delivered without a date, placed on the day of their order."
owner: data
kind: partition
grain: [source, refund_id]
partition: month(business_date)
inputs:
  stg_order: same
  stg_refund_undated: all
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  refund_id: {type: "VARCHAR", about: "key of the refund"}
  order_id: {type: "VARCHAR", about: "original order, when known"}
  channel: {type: "VARCHAR", about: "where it was handled: online or store"}
  location_id: {type: "VARCHAR", about: "where it was handled"}
  refunded_at: {type: "TIMESTAMP", about: "UTC"}
  requested_at: {type: "TIMESTAMP", about: "UTC"}
  reason: {type: "VARCHAR", about: "reason as given"}
  status: {type: "VARCHAR", about: "requested, refunded or rejected; null counts as refunded"}
  amount: {type: "DECIMAL(18,4)", about: "positive; null: the sum of its lines"}
  tax_amount: {type: "DECIMAL(18,4)", about: "positive"}
  tax_included: {type: "BOOLEAN", about: "null counts as true"}
  tax_rate: {type: "DECIMAL(18,8)", about: "0.13 is 13 %"}
  currency_code: {type: "VARCHAR", about: "ISO 4217"}
  source_customer_id: {type: "VARCHAR", about: "the source's customer"}
  is_goods_returned: {type: "BOOLEAN", about: "false: money only"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH stg_order AS (SELECT * FROM {{ref "stg_order"}}),
undated AS (SELECT * FROM {{ref "stg_refund_undated"}}),
final AS (
  SELECT
    undated.source,
    undated.source_record_id,
    undated.source_version,
    undated.batch,
    undated.file_no,
    undated.source_row,
    undated.event_at,
    stg_order.business_date,
    undated.refund_id,
    undated.order_id,
    undated.channel,
    undated.location_id,
    undated.refunded_at,
    undated.requested_at,
    undated.reason,
    undated.status,
    undated.amount,
    undated.tax_amount,
    undated.tax_included,
    undated.tax_rate,
    undated.currency_code,
    undated.source_customer_id,
    undated.is_goods_returned,
    undated.attributes
  FROM undated
  INNER JOIN stg_order
    ON undated.source = stg_order.source
    AND undated.order_id = stg_order.order_id
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
  order_id,
  channel,
  location_id,
  refunded_at,
  requested_at,
  reason,
  status,
  amount,
  tax_amount,
  tax_included,
  tax_rate,
  currency_code,
  source_customer_id,
  is_goods_returned,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  refund_id NULLS LAST
