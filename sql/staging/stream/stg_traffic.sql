/*
about: "Newest version of each visitors in a slot."
owner: data
kind: partition
grain: [source, channel, platform, location_id, slot_start, segment]
partition: month(business_date)
undated: true
inputs:
  staged.traffic: same
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  channel: {type: "VARCHAR", about: "online or store"}
  platform: {type: "VARCHAR", about: "platform"}
  location_id: {type: "VARCHAR", about: "location id"}
  segment: {type: "VARCHAR", about: "device, medium or door; null: all"}
  slot_start: {type: "TIMESTAMP", unit: UTC, about: "UTC"}
  visitors: {type: "BIGINT", about: "unique in the slot or day"}
  sessions: {type: "BIGINT", about: "sessions"}
  product_views: {type: "BIGINT", about: "product views"}
  carts: {type: "BIGINT", about: "carts"}
  checkouts: {type: "BIGINT", about: "checkouts"}
  orders: {type: "BIGINT", about: "orders"}
  is_healthy: {type: "BOOLEAN", about: "false: counter down, the slot is unknown and not zero"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.traffic"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, channel, platform, location_id, slot_start, segment
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
    channel,
    platform,
    location_id,
    segment,
    slot_start,
    visitors,
    sessions,
    product_views,
    carts,
    checkouts,
    orders,
    is_healthy,
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
  channel,
  platform,
  location_id,
  segment,
  slot_start,
  visitors,
  sessions,
  product_views,
  carts,
  checkouts,
  orders,
  is_healthy,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  channel NULLS LAST,
  platform NULLS LAST,
  location_id NULLS LAST,
  slot_start NULLS LAST,
  segment NULLS LAST
