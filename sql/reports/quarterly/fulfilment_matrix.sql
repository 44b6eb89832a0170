/*
about: Where orders were placed against how and where they were fulfilled, per quarter; the origin by fulfilment matrix.
owner: sales
kind: partition
grain: [period_type, period_start, channel, fulfilment]
partition: quarter(period_end)
inputs:
  sales.order: same
columns:
  period_type: {type: VARCHAR, about: "quarter"}
  period_start: {type: DATE, about: "first business date"}
  period_end: {type: DATE, about: "last business date"}
  channel: {type: VARCHAR, about: "channel of the order"}
  fulfilment: {type: VARCHAR, about: "ship, pickup, carry_out, ship_from_store; unknown when not stated"}
  currency_code: {type: VARCHAR, about: "home currency"}
  order_qty: {type: BIGINT, about: "paid orders and receipts"}
  unit_qty: {type: "DECIMAL(38,3)", about: "units"}
  home_net_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: "net sales, refunds not deducted"}
checks: [unique_grain]
*/
WITH sale_order AS (
    SELECT * FROM {{ref "sales.order"}}
),
final AS (
    SELECT
        'quarter' AS period_type,
        {{trunc_date "quarter" "business_date"}} AS period_start,
        max({{month_end (add_days (trunc_date "quarter" "business_date") "80")}}) AS period_end,
        coalesce(channel, 'unknown') AS channel,
        coalesce(fulfilment, 'unknown') AS fulfilment,
        '{{config "home_currency"}}' AS currency_code,
        count(*) AS order_qty,
        CAST(coalesce(sum(unit_qty), 0) AS DECIMAL(38,3)) AS unit_qty,
        CAST(coalesce(sum(home_net_amount), 0) AS DECIMAL(38,4)) AS home_net_amount
    FROM sale_order
    WHERE is_sale
    GROUP BY {{trunc_date "quarter" "business_date"}}, coalesce(channel, 'unknown'), coalesce(fulfilment, 'unknown')
)
SELECT
    period_type,
    period_start,
    period_end,
    channel,
    fulfilment,
    currency_code,
    order_qty,
    unit_qty,
    home_net_amount
FROM final
ORDER BY period_type NULLS LAST, period_start NULLS LAST, channel NULLS LAST, fulfilment NULLS LAST
