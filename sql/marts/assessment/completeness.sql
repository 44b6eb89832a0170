/*
about: "Expected against received, per feed, location and business day. Late means that a later day of the feed had come in before it."
owner: assessment
kind: full
grain: [source, feed, location_id, business_date]
inputs:
  system.expectation: all
  int_received_day: all
  int_data_end: all
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  feed: {type: "VARCHAR", about: "configured feed"}
  location_id: {type: "VARCHAR", about: "location due; empty when the feed is not by location"}
  expected_qty: {type: "BIGINT", unit: deliveries, about: "deliveries expected"}
  received_qty: {type: "BIGINT", unit: files, about: "files received"}
  record_qty: {type: "BIGINT", unit: records, about: "records received"}
  first_batch: {type: "VARCHAR", about: "batch of the first delivery"}
  state: {type: "VARCHAR", about: "received, late, missing, or unexpected: not due although others of the feed are"}
  business_date: {type: "DATE", about: "day it belongs to, by the location's clock and cut-over; of a weekly delivery the Monday of its week"}
checks: [unique_grain]
*/
WITH expectation AS (SELECT * FROM {{ref "system.expectation"}}),
int_received_day AS (SELECT * FROM {{ref "int_received_day"}}),
int_data_end AS (SELECT * FROM {{ref "int_data_end"}}),
listed_day AS (
  SELECT
    expectation.source,
    expectation.feed,
    coalesce(expectation.location_id, '') AS location_id,
    coalesce(expectation.every, 'day') AS every,
    CAST(listed.day AS DATE) AS business_date,
    {{least2 "expectation.to_date" "int_data_end.last_date"}} AS last_date
  FROM expectation
  CROSS JOIN int_data_end
  CROSS JOIN UNNEST({{each_day "coalesce(expectation.from_date, int_data_end.first_date)" (least2 "expectation.to_date" "int_data_end.last_date")}}) AS listed (day)
),
due AS (
  SELECT DISTINCT source, feed, location_id, business_date
  FROM listed_day
  WHERE every = 'day'
    OR (every = 'workday' AND {{iso_dow "business_date"}} <= 5)
    OR (every = 'week' AND {{iso_dow "business_date"}} = 1 AND {{add_days "business_date" "6"}} <= last_date)
    OR {{iso_dow "business_date"}} = CASE every WHEN 'monday' THEN 1 WHEN 'tuesday' THEN 2 WHEN 'wednesday' THEN 3 WHEN 'thursday' THEN 4 WHEN 'friday' THEN 5 WHEN 'saturday' THEN 6 WHEN 'sunday' THEN 7 END
),
weekly AS (                                         -- any day of the week brings a weekly delivery
  SELECT DISTINCT source, feed, coalesce(location_id, '') AS location_id
  FROM expectation
  WHERE every = 'week'
),
by_feed AS (                                        -- a feed that is not due by location is complete when any of its records came
  SELECT source, feed
  FROM due
  GROUP BY source, feed
  HAVING max(location_id) = ''
),
placed AS (
  SELECT
    int_received_day.source,
    int_received_day.feed,
    CASE WHEN by_feed.source IS NULL THEN int_received_day.location_id ELSE '' END AS location_id,
    int_received_day.business_date,
    int_received_day.file_qty,
    int_received_day.record_qty,
    int_received_day.first_batch_seq
  FROM int_received_day
  LEFT JOIN by_feed
    ON int_received_day.source = by_feed.source
    AND int_received_day.feed = by_feed.feed
),
received AS (
  SELECT
    placed.source,
    placed.feed,
    placed.location_id,
    CASE WHEN weekly.source IS NULL THEN placed.business_date ELSE {{trunc_date "week" "placed.business_date"}} END AS business_date,
    sum(placed.file_qty) AS received_qty,
    sum(placed.record_qty) AS record_qty,
    min(placed.first_batch_seq) AS first_batch_seq
  FROM placed
  LEFT JOIN weekly
    ON placed.source = weekly.source
    AND placed.feed = weekly.feed
    AND placed.location_id = weekly.location_id
  GROUP BY placed.source, placed.feed, placed.location_id, CASE WHEN weekly.source IS NULL THEN placed.business_date ELSE {{trunc_date "week" "placed.business_date"}} END
),
due_feed AS (
  SELECT DISTINCT source, feed
  FROM due
),
first_batch AS (
  SELECT source, feed, first_batch_seq, min(first_batch) AS first_batch
  FROM int_received_day
  GROUP BY source, feed, first_batch_seq
),
feed_day AS (
  SELECT source, feed, business_date, min(first_batch_seq) AS first_batch_seq
  FROM int_received_day
  GROUP BY source, feed, business_date
),
feed_later AS (                                     -- the first delivery of any later day of the feed
  SELECT
    source,
    feed,
    business_date,
    min(first_batch_seq) OVER (PARTITION BY source, feed ORDER BY business_date DESC NULLS LAST ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS later_batch_seq
  FROM feed_day
),
joined AS (
  SELECT
    coalesce(due.source, received.source) AS source,
    coalesce(due.feed, received.feed) AS feed,
    coalesce(due.location_id, received.location_id) AS location_id,
    coalesce(due.business_date, received.business_date) AS business_date,
    CASE WHEN due.source IS NULL THEN 0 ELSE 1 END AS expected_qty,
    coalesce(received.received_qty, 0) AS received_qty,
    coalesce(received.record_qty, 0) AS record_qty,
    received.first_batch_seq
  FROM due
  FULL JOIN received
    ON due.source = received.source
    AND due.feed = received.feed
    AND due.location_id = received.location_id
    AND due.business_date = received.business_date
),
final AS (
  SELECT
    joined.source,
    joined.feed,
    joined.location_id,
    joined.expected_qty,
    joined.received_qty,
    joined.record_qty,
    first_batch.first_batch,
    CASE
      WHEN joined.expected_qty = 0 AND due_feed.source IS NOT NULL THEN 'unexpected'
      WHEN joined.received_qty = 0 THEN 'missing'
      WHEN joined.first_batch_seq > feed_later.later_batch_seq THEN 'late'
      ELSE 'received'
    END AS state,
    joined.business_date
  FROM joined
  LEFT JOIN first_batch
    ON joined.source = first_batch.source
    AND joined.feed = first_batch.feed
    AND joined.first_batch_seq = first_batch.first_batch_seq
  LEFT JOIN due_feed
    ON joined.source = due_feed.source
    AND joined.feed = due_feed.feed
  LEFT JOIN feed_later
    ON joined.source = feed_later.source
    AND joined.feed = feed_later.feed
    AND joined.business_date = feed_later.business_date
)
SELECT
  source,
  feed,
  location_id,
  CAST(expected_qty AS BIGINT) AS expected_qty,
  CAST(received_qty AS BIGINT) AS received_qty,
  CAST(record_qty AS BIGINT) AS record_qty,
  first_batch,
  state,
  business_date
FROM final
ORDER BY
  source NULLS LAST,
  feed NULLS LAST,
  location_id NULLS LAST,
  business_date NULLS LAST
