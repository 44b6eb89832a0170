/*
about: "Newest version of each tender on an order or receipt."
owner: data
kind: partition
grain: [source, order_id, payment_id]
partition: month(business_date)
undated: true
inputs:
  staged.payment: same
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  order_id: {type: "VARCHAR", about: "the order"}
  payment_id: {type: "VARCHAR", about: "identity of the tender in its order"}
  tender: {type: "VARCHAR", about: "cash, card, wallet, voucher, gift_card, points or other, or the source's word"}
  amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "positive in, negative back"}
  currency_code: {type: "VARCHAR", about: "ISO 4217"}
  paid_at: {type: "TIMESTAMP", unit: UTC, about: "UTC"}
  location_id: {type: "VARCHAR", about: "where"}
  settlement_ref: {type: "VARCHAR", about: "reference on the settlement file"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.payment"}}),
repeated_key AS (                                   -- few keys come twice: only their rows are ranked
  SELECT
    source,
    order_id,
    payment_id
  FROM staged
  GROUP BY source, order_id, payment_id
  HAVING count(*) > 1
),
ranked AS (
  SELECT
    staged_row.*,
    row_number() OVER (
      PARTITION BY staged_row.source, staged_row.order_id, staged_row.payment_id
      ORDER BY staged_row.source_version DESC NULLS LAST,
        staged_row.batch_seq DESC NULLS LAST,
        staged_row.feed NULLS LAST,
        staged_row.batch NULLS LAST,
        staged_row.file_no DESC NULLS LAST,
        staged_row.source_row DESC NULLS LAST
    ) AS version_rank
  FROM staged AS staged_row
  INNER JOIN repeated_key
    ON staged_row.source = repeated_key.source
    AND staged_row.order_id = repeated_key.order_id
    AND staged_row.payment_id = repeated_key.payment_id
),
final AS (
  SELECT
    staged_row.source,
    staged_row.source_record_id,
    staged_row.source_version,
    staged_row.batch,
    staged_row.file_no,
    staged_row.source_row,
    staged_row.event_at,
    staged_row.business_date,
    staged_row.order_id,
    staged_row.payment_id,
    staged_row.tender,
    staged_row.amount,
    staged_row.currency_code,
    staged_row.paid_at,
    staged_row.location_id,
    staged_row.settlement_ref,
    staged_row.attributes
  FROM staged AS staged_row
  WHERE NOT EXISTS (
    SELECT 1
    FROM repeated_key
    WHERE staged_row.source = repeated_key.source
      AND staged_row.order_id = repeated_key.order_id
      AND staged_row.payment_id = repeated_key.payment_id
  )
  UNION ALL
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
