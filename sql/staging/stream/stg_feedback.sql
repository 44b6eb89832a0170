/*
about: "Newest version of each voice of a customer."
owner: data
kind: partition
grain: [source, feedback_id]
partition: month(business_date)
undated: true
inputs:
  staged.feedback: same
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  feedback_id: {type: "VARCHAR", about: "feedback id"}
  kind: {type: "VARCHAR", about: "review, nps, csat, complaint or comment"}
  channel: {type: "VARCHAR", about: "channel"}
  location_id: {type: "VARCHAR", about: "location id"}
  order_id: {type: "VARCHAR", about: "order id"}
  sku: {type: "VARCHAR", about: "sku"}
  source_customer_id: {type: "VARCHAR", about: "source customer id"}
  score: {type: "DECIMAL(18,4)", about: "score"}
  scale: {type: "BIGINT", about: "highest score"}
  topic: {type: "VARCHAR", about: "topic"}
  text: {type: "VARCHAR", about: "text", pii: true}
  received_at: {type: "TIMESTAMP", unit: UTC, about: "UTC"}
  answered_at: {type: "TIMESTAMP", unit: UTC, about: "UTC"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.feedback"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, feedback_id
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
    feedback_id,
    kind,
    channel,
    location_id,
    order_id,
    sku,
    source_customer_id,
    score,
    scale,
    topic,
    text,
    received_at,
    answered_at,
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
  feedback_id,
  kind,
  channel,
  location_id,
  order_id,
  sku,
  source_customer_id,
  score,
  scale,
  topic,
  text,
  received_at,
  answered_at,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  feedback_id NULLS LAST
