/*
about: "Newest version of each line of a payment provider's settlement."
owner: data
kind: partition
grain: [source, settlement_id]
partition: month(business_date)
undated: true
inputs:
  staged.settlement_line: same
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  settlement_id: {type: "VARCHAR", about: "the provider's number of the line, unique in the source"}
  provider: {type: "VARCHAR", about: "who settles: wechat, alipay, jd, meituan, a bank"}
  kind: {type: "VARCHAR", about: "payment, refund, fee, payout, adjustment or other"}
  amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "before fees; positive in, negative back"}
  fee_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "kept by the provider, positive"}
  currency_code: {type: "VARCHAR", about: "ISO 4217"}
  settled_at: {type: "TIMESTAMP", unit: UTC, about: "when the provider saw the payment, UTC"}
  paid_out_on: {type: "DATE", about: "day the money reaches the bank"}
  order_ref: {type: "VARCHAR", about: "the merchant's order or receipt number"}
  payment_ref: {type: "VARCHAR", about: "the provider's number of the payment"}
  location_id: {type: "VARCHAR", about: "store, when the account or the line names one"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.settlement_line"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, settlement_id
      ORDER BY source_version DESC NULLS LAST,
        batch_seq DESC NULLS LAST,
        feed NULLS LAST,
        batch NULLS LAST,
        file_no DESC NULLS LAST,
        source_row DESC NULLS LAST
    ) AS version_rank
  FROM staged
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
  settlement_id,
  provider,
  kind,
  amount,
  fee_amount,
  currency_code,
  settled_at,
  paid_out_on,
  order_ref,
  payment_ref,
  location_id,
  attributes
FROM ranked
WHERE version_rank = 1
ORDER BY
  source NULLS LAST,
  settlement_id NULLS LAST
