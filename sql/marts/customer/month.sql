/*
about: "What each person bought and brought back per month and channel: the fold that customer figures are made from."
owner: customer
kind: partition
grain: [customer_id, month, channel]
partition: month(month)
inputs:
  customer.timeline: same
columns:
  customer_id: {type: "VARCHAR", about: "person, see customer.customer_link"}
  channel: {type: "VARCHAR", about: "online or store"}
  order_qty: {type: "BIGINT", unit: orders, about: "sales"}
  unit_qty: {type: "DECIMAL(18,3)", unit: units, about: "units bought"}
  home_net_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "net bought, refunds not deducted"}
  home_refund_net_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "net refunded in the month"}
  first_business_date: {type: "DATE", about: "first sale of the month; null when only refunds"}
  last_business_date: {type: "DATE", about: "last sale of the month"}
  month: {type: "DATE", about: "first day of the month"}
checks: [unique_grain]
*/
WITH timeline AS (SELECT * FROM {{ref "customer.timeline"}}),
final AS (
  SELECT
    customer_id,
    coalesce(channel, '') AS channel,
    count(*) FILTER (WHERE kind = 'order') AS order_qty,
    coalesce(sum(unit_qty) FILTER (WHERE kind = 'order'), 0) AS unit_qty,
    coalesce(sum(home_net_amount) FILTER (WHERE kind = 'order'), 0) AS home_net_amount,
    coalesce(sum(home_net_amount) FILTER (WHERE kind = 'refund'), 0) AS home_refund_net_amount,
    min(business_date) FILTER (WHERE kind = 'order') AS first_business_date,
    max(business_date) FILTER (WHERE kind = 'order') AS last_business_date,
    {{trunc_date "month" "business_date"}} AS month
  FROM timeline
  WHERE kind IN ('order', 'refund')
  GROUP BY customer_id, coalesce(channel, ''), {{trunc_date "month" "business_date"}}
)
SELECT
  customer_id,
  channel,
  order_qty,
  CAST(unit_qty AS DECIMAL(18,3)) AS unit_qty,
  CAST(home_net_amount AS DECIMAL(18,4)) AS home_net_amount,
  CAST(home_refund_net_amount AS DECIMAL(18,4)) AS home_refund_net_amount,
  first_business_date,
  last_business_date,
  month
FROM final
ORDER BY
  customer_id NULLS LAST,
  month NULLS LAST,
  channel NULLS LAST
