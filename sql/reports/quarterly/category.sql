/*
about: Net sales and margin per category and channel of a quarter; margin only over lines with a known cost, with the share of net sales that they are.
owner: sales
kind: partition
grain: [period_type, period_start, category, channel]
partition: quarter(period_end)
inputs:
  sales.order_line: same
  sales.refund_line: same
columns:
  period_type: {type: VARCHAR, about: "quarter"}
  period_start: {type: DATE, about: "first business date"}
  period_end: {type: DATE, about: "last business date"}
  category: {type: VARCHAR, about: "category on the lines; empty when none is known"}
  channel: {type: VARCHAR, about: "channel of the order"}
  currency_code: {type: VARCHAR, about: "home currency"}
  unit_qty: {type: "DECIMAL(38,3)", about: "units sold"}
  home_net_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: "net sales less refunds by refund date"}
  home_covered_net_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: "the same over lines with a known cost"}
  home_margin_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: "covered net sales less cost"}
checks: [unique_grain]
*/
WITH order_line AS (
    SELECT * FROM {{ref "sales.order_line"}}
),
refund_line AS (
    SELECT * FROM {{ref "sales.refund_line"}}
),
sold AS (
    SELECT
        {{trunc_date "quarter" "business_date"}} AS period_start,
        coalesce(category, '') AS category,
        coalesce(channel, 'unknown') AS channel,
        sum(unit_qty) AS unit_qty,
        sum(home_net_amount) AS home_net_amount,
        sum(CASE WHEN home_cost_amount IS NOT NULL THEN home_net_amount END) AS home_covered_net_amount,
        sum(home_cost_amount) AS home_cost_amount
    FROM order_line
    WHERE is_sale
      AND coalesce(line_kind, 'product') = 'product'
    GROUP BY {{trunc_date "quarter" "business_date"}}, coalesce(category, ''), coalesce(channel, 'unknown')
),
returned AS (
    SELECT
        {{trunc_date "quarter" "business_date"}} AS period_start,
        coalesce(category, '') AS category,
        coalesce(order_channel, channel, 'unknown') AS channel,
        CAST(0 AS DECIMAL(38,3)) AS unit_qty,
        -sum(home_net_amount) AS home_net_amount,
        -sum(CASE WHEN home_cost_amount IS NOT NULL THEN home_net_amount END) AS home_covered_net_amount,
        -sum(home_cost_amount) AS home_cost_amount
    FROM refund_line
    WHERE coalesce(line_kind, 'product') = 'product'
    GROUP BY {{trunc_date "quarter" "business_date"}}, coalesce(category, ''), coalesce(order_channel, channel, 'unknown')
),
both_sides AS (
    SELECT
        period_start,
        category,
        channel,
        unit_qty,
        home_net_amount,
        home_covered_net_amount,
        home_cost_amount
    FROM sold
    UNION ALL
    SELECT
        period_start,
        category,
        channel,
        unit_qty,
        home_net_amount,
        home_covered_net_amount,
        home_cost_amount
    FROM returned
),
final AS (
    SELECT
        'quarter' AS period_type,
        period_start,
        max({{month_end (add_days "period_start" "80")}}) AS period_end,
        category,
        channel,
        '{{config "home_currency"}}' AS currency_code,
        CAST(coalesce(sum(unit_qty), 0) AS DECIMAL(38,3)) AS unit_qty,
        CAST(coalesce(sum(home_net_amount), 0) AS DECIMAL(38,4)) AS home_net_amount,
        CAST(coalesce(sum(home_covered_net_amount), 0) AS DECIMAL(38,4)) AS home_covered_net_amount,
        CAST(coalesce(sum(home_covered_net_amount), 0) - coalesce(sum(home_cost_amount), 0) AS DECIMAL(38,4)) AS home_margin_amount
    FROM both_sides
    GROUP BY period_start, category, channel
)
SELECT
    period_type,
    period_start,
    period_end,
    category,
    channel,
    currency_code,
    unit_qty,
    home_net_amount,
    home_covered_net_amount,
    home_margin_amount
FROM final
ORDER BY period_type NULLS LAST, period_start NULLS LAST, category NULLS LAST, channel NULLS LAST
