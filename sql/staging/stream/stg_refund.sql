/*
about: "Newest version of each money or goods coming back."
owner: data
kind: partition
grain: [source, refund_id]
partition: month(business_date)
undated: true
inputs:
  staged.refund: same
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  refund_id: {type: "VARCHAR", about: "key of the refund"}
  order_id: {type: "VARCHAR", about: "original order, when known"}
  channel: {type: "VARCHAR", about: "where it was handled: online or store"}
  location_id: {type: "VARCHAR", about: "where it was handled"}
  refunded_at: {type: "TIMESTAMP", unit: UTC, about: "UTC"}
  requested_at: {type: "TIMESTAMP", unit: UTC, about: "UTC"}
  reason: {type: "VARCHAR", about: "reason as given"}
  status: {type: "VARCHAR", about: "requested, refunded or rejected; null counts as refunded"}
  amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "positive; null: the sum of its lines"}
  tax_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "positive"}
  tax_included: {type: "BOOLEAN", about: "null counts as true"}
  tax_rate: {type: "DECIMAL(18,8)", unit: fraction, about: "0.13 is 13 %"}
  currency_code: {type: "VARCHAR", about: "ISO 4217"}
  source_customer_id: {type: "VARCHAR", about: "the source's customer"}
  is_goods_returned: {type: "BOOLEAN", about: "false: money only"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.refund"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, refund_id
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
