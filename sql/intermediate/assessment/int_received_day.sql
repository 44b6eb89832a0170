/*
about: "What each feed delivered per location and business day: records, files and the first delivery."
owner: assessment
kind: partition
grain: [business_date, source, feed, location_id]
partition: month(business_date)
inputs:
  staged.order: same
  staged.order_line: same
  staged.refund: same
  staged.traffic: same
  staged.inventory_level: same
  staged.inventory_movement: same
  staged.stocktake_line: same
  staged.payment: same
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  feed: {type: "VARCHAR", about: "configured feed"}
  location_id: {type: "VARCHAR", about: "location of the records; empty when they name none"}
  record_qty: {type: "BIGINT", unit: records, about: "records of the day"}
  file_qty: {type: "BIGINT", unit: files, about: "files they came in"}
  first_batch: {type: "VARCHAR", about: "batch of the first delivery"}
  first_batch_seq: {type: "BIGINT", about: "position of the first delivery in the log"}
  business_date: {type: "DATE", about: "day it belongs to, by the location's clock and cut-over"}
checks: [unique_grain]
*/
WITH staged_order AS (SELECT source, feed, location_id, business_date, batch, batch_seq, file_no FROM {{ref "staged.order"}}),
staged_order_line AS (SELECT source, feed, location_id, business_date, batch, batch_seq, file_no FROM {{ref "staged.order_line"}}),
staged_refund AS (SELECT source, feed, location_id, business_date, batch, batch_seq, file_no FROM {{ref "staged.refund"}}),
staged_traffic AS (SELECT source, feed, location_id, business_date, batch, batch_seq, file_no FROM {{ref "staged.traffic"}}),
staged_inventory_level AS (SELECT source, feed, location_id, business_date, batch, batch_seq, file_no FROM {{ref "staged.inventory_level"}}),
staged_inventory_movement AS (SELECT source, feed, location_id, business_date, batch, batch_seq, file_no FROM {{ref "staged.inventory_movement"}}),
staged_stocktake_line AS (SELECT source, feed, location_id, business_date, batch, batch_seq, file_no FROM {{ref "staged.stocktake_line"}}),
staged_payment AS (SELECT source, feed, location_id, business_date, batch, batch_seq, file_no FROM {{ref "staged.payment"}}),
seen AS (
  SELECT source, feed, coalesce(location_id, '') AS location_id, business_date, batch, batch_seq, file_no, count(*) AS record_qty
  FROM staged_order
  GROUP BY source, feed, coalesce(location_id, ''), business_date, batch, batch_seq, file_no
  UNION ALL
  SELECT source, feed, coalesce(location_id, '') AS location_id, business_date, batch, batch_seq, file_no, count(*) AS record_qty
  FROM staged_order_line
  GROUP BY source, feed, coalesce(location_id, ''), business_date, batch, batch_seq, file_no
  UNION ALL
  SELECT source, feed, coalesce(location_id, '') AS location_id, business_date, batch, batch_seq, file_no, count(*) AS record_qty
  FROM staged_refund
  GROUP BY source, feed, coalesce(location_id, ''), business_date, batch, batch_seq, file_no
  UNION ALL
  SELECT source, feed, coalesce(location_id, '') AS location_id, business_date, batch, batch_seq, file_no, count(*) AS record_qty
  FROM staged_traffic
  GROUP BY source, feed, coalesce(location_id, ''), business_date, batch, batch_seq, file_no
  UNION ALL
  SELECT source, feed, coalesce(location_id, '') AS location_id, business_date, batch, batch_seq, file_no, count(*) AS record_qty
  FROM staged_inventory_level
  GROUP BY source, feed, coalesce(location_id, ''), business_date, batch, batch_seq, file_no
  UNION ALL
  SELECT source, feed, coalesce(location_id, '') AS location_id, business_date, batch, batch_seq, file_no, count(*) AS record_qty
  FROM staged_inventory_movement
  GROUP BY source, feed, coalesce(location_id, ''), business_date, batch, batch_seq, file_no
  UNION ALL
  SELECT source, feed, coalesce(location_id, '') AS location_id, business_date, batch, batch_seq, file_no, count(*) AS record_qty
  FROM staged_stocktake_line
  GROUP BY source, feed, coalesce(location_id, ''), business_date, batch, batch_seq, file_no
  UNION ALL
  SELECT source, feed, coalesce(location_id, '') AS location_id, business_date, batch, batch_seq, file_no, count(*) AS record_qty
  FROM staged_payment
  GROUP BY source, feed, coalesce(location_id, ''), business_date, batch, batch_seq, file_no
),
file AS (
  SELECT source, feed, location_id, business_date, batch, batch_seq, file_no, max(record_qty) AS record_qty
  FROM seen
  GROUP BY source, feed, location_id, business_date, batch, batch_seq, file_no
),
ranked AS (
  SELECT
    file.*,
    row_number() OVER (PARTITION BY source, feed, location_id, business_date ORDER BY batch_seq NULLS LAST, batch NULLS LAST, file_no NULLS LAST) AS delivery_rank
  FROM file
),
final AS (
  SELECT
    source,
    feed,
    location_id,
    sum(record_qty) AS record_qty,
    count(*) AS file_qty,
    max(CASE WHEN delivery_rank = 1 THEN batch END) AS first_batch,
    min(batch_seq) AS first_batch_seq,
    business_date
  FROM ranked
  GROUP BY source, feed, location_id, business_date
)
SELECT
  source,
  feed,
  location_id,
  CAST(record_qty AS BIGINT) AS record_qty,
  file_qty,
  first_batch,
  first_batch_seq,
  business_date
FROM final
ORDER BY
  business_date NULLS LAST,
  source NULLS LAST,
  feed NULLS LAST,
  location_id NULLS LAST
