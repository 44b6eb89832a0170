/*
about: "What each person did, in order: sales, refunds and feedback."
owner: customer
kind: partition
grain: [customer_id, event_at, kind, ref_key]
partition: month(business_date)
inputs:
  sales.order: same
  sales.refund_line: same
  stg_feedback: same
  int_buyer_customer: same
columns:
  customer_id: {type: "VARCHAR", about: "person, see customer.customer_link"}
  kind: {type: "VARCHAR", about: "order, refund or feedback"}
  ref_key: {type: "VARCHAR", about: "order_key, refund_key or source / feedback_id"}
  channel: {type: "VARCHAR", about: "online or store"}
  location_id: {type: "VARCHAR", about: "where it was sold or happened"}
  unit_qty: {type: "DECIMAL(18,3)", unit: units, about: "units bought or brought back"}
  home_net_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "net bought or refunded, positive"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when; midnight of the business day when the source gives no time"}
  business_date: {type: "DATE", about: "day it belongs to, by the location's clock and cut-over"}
checks: [unique_grain]
*/
WITH sales_order AS (SELECT * FROM {{ref "sales.order"}}),
refund_line AS (SELECT * FROM {{ref "sales.refund_line"}}),
stg_feedback AS (SELECT * FROM {{ref "stg_feedback"}}),
int_buyer_customer AS (SELECT * FROM {{ref "int_buyer_customer"}}),
refund AS (
  SELECT
    customer_id,
    refund_key,
    min(channel) AS channel,
    min(location_id) AS location_id,
    sum(unit_qty) AS unit_qty,
    sum(home_net_amount) AS home_net_amount,
    min(coalesce(refunded_at, CAST(business_date AS TIMESTAMP))) AS event_at,
    min(business_date) AS business_date
  FROM refund_line
  WHERE customer_id IS NOT NULL
  GROUP BY customer_id, refund_key
),
feedback AS (
  SELECT
    stg_feedback.*,
    {{sha256_hex "stg_feedback.source || '/' || trim(stg_feedback.source_customer_id)"}} AS record_id
  FROM stg_feedback
  WHERE trim(stg_feedback.source_customer_id) <> ''
),
final AS (
  SELECT
    customer_id,
    'order' AS kind,
    order_key AS ref_key,
    channel,
    location_id,
    unit_qty,
    home_net_amount,
    coalesce(ordered_at, CAST(business_date AS TIMESTAMP)) AS event_at,
    business_date
  FROM sales_order
  WHERE is_sale
    AND customer_id IS NOT NULL
  UNION ALL
  SELECT
    customer_id,
    'refund' AS kind,
    refund_key AS ref_key,
    channel,
    location_id,
    unit_qty,
    home_net_amount,
    event_at,
    business_date
  FROM refund
  UNION ALL
  SELECT
    int_buyer_customer.customer_id,
    'feedback' AS kind,
    feedback.source || '/' || feedback.feedback_id AS ref_key,
    feedback.channel,
    feedback.location_id,
    CAST(NULL AS DECIMAL(18,3)) AS unit_qty,
    CAST(NULL AS DECIMAL(18,4)) AS home_net_amount,
    coalesce(feedback.received_at, CAST(feedback.business_date AS TIMESTAMP)) AS event_at,
    feedback.business_date
  FROM feedback
  INNER JOIN int_buyer_customer
    ON feedback.record_id = int_buyer_customer.record_id
)
SELECT
  customer_id,
  kind,
  ref_key,
  channel,
  location_id,
  CAST(unit_qty AS DECIMAL(18,3)) AS unit_qty,
  CAST(home_net_amount AS DECIMAL(18,4)) AS home_net_amount,
  event_at,
  business_date
FROM final
ORDER BY
  customer_id NULLS LAST,
  event_at NULLS LAST,
  kind NULLS LAST,
  ref_key NULLS LAST
