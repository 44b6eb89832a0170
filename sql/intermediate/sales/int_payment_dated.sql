/*
about: "payment rows delivered without a date, placed on the day of their order."
owner: data
kind: partition
grain: [source, order_id, payment_id]
partition: month(business_date)
inputs:
  stg_order: same
  stg_payment_undated: all
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  order_id: {type: "VARCHAR", about: "the order"}
  payment_id: {type: "VARCHAR", about: "identity of the tender in its order"}
  tender: {type: "VARCHAR", about: "cash, card, wallet, voucher, gift_card, points or other, or the source's word"}
  amount: {type: "DECIMAL(18,4)", about: "positive in, negative back"}
  currency_code: {type: "VARCHAR", about: "ISO 4217"}
  paid_at: {type: "TIMESTAMP", about: "UTC"}
  location_id: {type: "VARCHAR", about: "where"}
  settlement_ref: {type: "VARCHAR", about: "reference on the settlement file"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH stg_order AS (SELECT * FROM {{ref "stg_order"}}),
undated AS (SELECT * FROM {{ref "stg_payment_undated"}}),
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
    undated.order_id,
    undated.payment_id,
    undated.tender,
    undated.amount,
    undated.currency_code,
    undated.paid_at,
    undated.location_id,
    undated.settlement_ref,
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
  order_id,
  payment_id,
  tender,
  amount,
  currency_code,
  paid_at,
  location_id,
  settlement_ref,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  order_id NULLS LAST,
  payment_id NULLS LAST
