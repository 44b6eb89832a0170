/*
about: "Newest version of each coupon issued, redeemed or returned."
owner: data
kind: partition
grain: [source, coupon_event_id]
partition: month(business_date)
undated: true
inputs:
  staged.coupon_event: same
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  coupon_event_id: {type: "VARCHAR", about: "coupon event id"}
  kind: {type: "VARCHAR", about: "issued, redeemed or returned"}
  promotion_id: {type: "VARCHAR", about: "promotion id"}
  coupon_code: {type: "VARCHAR", about: "coupon code"}
  source_customer_id: {type: "VARCHAR", about: "source customer id"}
  order_id: {type: "VARCHAR", about: "order id"}
  channel: {type: "VARCHAR", about: "channel"}
  location_id: {type: "VARCHAR", about: "location id"}
  amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "amount"}
  currency_code: {type: "VARCHAR", about: "currency code"}
  occurred_at: {type: "TIMESTAMP", unit: UTC, about: "UTC"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.coupon_event"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, coupon_event_id
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
    coupon_event_id,
    kind,
    promotion_id,
    coupon_code,
    source_customer_id,
    order_id,
    channel,
    location_id,
    amount,
    currency_code,
    occurred_at,
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
  coupon_event_id,
  kind,
  promotion_id,
  coupon_code,
  source_customer_id,
  order_id,
  channel,
  location_id,
  amount,
  currency_code,
  occurred_at,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  coupon_event_id NULLS LAST
