/*
about: Refunds of a period by where the order was placed, where the refund was handled and why.
owner: sales
kind: partition
grain: [period_type, period_start, order_channel, channel, reason]
partition: month(period_end)
inputs:
  sales.refund_line: window(1)
columns:
  period_type: {type: VARCHAR, about: "week or month"}
  period_start: {type: DATE, about: "first business date, by refund date"}
  period_end: {type: DATE, about: "last business date"}
  order_channel: {type: VARCHAR, about: "channel of the order; empty when the order is not known"}
  channel: {type: VARCHAR, about: "channel that handled the refund"}
  reason: {type: VARCHAR, about: "reason as stated; empty when none was stated"}
  currency_code: {type: VARCHAR, about: "home currency"}
  refund_qty: {type: BIGINT, about: "refunds"}
  unit_qty: {type: "DECIMAL(38,3)", about: "units that came back"}
  home_net_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: "refunded, without tax"}
checks: [unique_grain]
*/
WITH refund_line AS (
    SELECT * FROM {{ref "sales.refund_line"}}
),
dated AS (
    SELECT
        'week' AS period_type,
        {{trunc_date "week" "business_date"}} AS period_start,
        {{add_days (trunc_date "week" "business_date") "6"}} AS period_end,
        refund_key,
        coalesce(order_channel, '') AS order_channel,
        coalesce(channel, '') AS channel,
        coalesce(reason, '') AS reason,
        unit_qty,
        home_net_amount
    FROM refund_line
    UNION ALL
    SELECT
        'month' AS period_type,
        {{trunc_date "month" "business_date"}} AS period_start,
        {{month_end "business_date"}} AS period_end,
        refund_key,
        coalesce(order_channel, '') AS order_channel,
        coalesce(channel, '') AS channel,
        coalesce(reason, '') AS reason,
        unit_qty,
        home_net_amount
    FROM refund_line
),
final AS (
    SELECT
        period_type,
        period_start,
        period_end,
        order_channel,
        channel,
        reason,
        '{{config "home_currency"}}' AS currency_code,
        count(DISTINCT refund_key) AS refund_qty,
        CAST(coalesce(sum(unit_qty), 0) AS DECIMAL(38,3)) AS unit_qty,
        CAST(coalesce(sum(home_net_amount), 0) AS DECIMAL(38,4)) AS home_net_amount
    FROM dated
    GROUP BY period_type, period_start, period_end, order_channel, channel, reason
)
SELECT
    period_type,
    period_start,
    period_end,
    order_channel,
    channel,
    reason,
    currency_code,
    refund_qty,
    unit_qty,
    home_net_amount
FROM final
ORDER BY period_type NULLS LAST, period_start NULLS LAST, order_channel NULLS LAST, channel NULLS LAST, reason NULLS LAST
