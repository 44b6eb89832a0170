/*
about: The factors of net sales per channel and period; a document derives from two rows of it why sales moved (traffic, conversion, units per receipt, net per unit, refunds).
owner: sales
kind: full
grain: [period_type, period_start, channel]
inputs:
  sales.day: all
  conversion.day: all
columns:
  period_type: {type: VARCHAR, about: "quarter"}
  period_start: {type: DATE, about: "first business date"}
  channel: {type: VARCHAR, about: "sales channel"}
  currency_code: {type: VARCHAR, about: "home currency"}
  visitor_qty: {type: BIGINT, about: "visitors; null when none were counted"}
  is_traffic_complete: {type: BOOLEAN, about: "true when every counted day of the channel was healthy; otherwise traffic and conversion are told as one factor"}
  order_qty: {type: BIGINT, about: "paid orders and receipts"}
  unit_qty: {type: "DECIMAL(38,3)", about: "units sold"}
  home_sale_net_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: "sales before refunds, without tax"}
  home_refund_net_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: "refunds by refund date, without tax"}
  home_net_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: "sales less refunds"}
checks: [unique_grain]
*/
WITH sales_day AS (
    SELECT * FROM {{ref "sales.day"}}
),
conversion_day AS (
    SELECT * FROM {{ref "conversion.day"}}
),
dated_sales AS (
    SELECT
        'quarter' AS period_type,
        {{trunc_date "quarter" "business_date"}} AS period_start,
        channel,
        order_qty,
        unit_qty,
        home_sale_net_amount,
        home_refund_net_amount
    FROM sales_day
),
dated_traffic AS (
    SELECT
        'quarter' AS period_type,
        {{trunc_date "quarter" "business_date"}} AS period_start,
        channel,
        visitor_qty,
        is_healthy
    FROM conversion_day
),
sales AS (
    SELECT
        period_type,
        period_start,
        channel,
        CAST(coalesce(sum(order_qty), 0) AS BIGINT) AS order_qty,
        CAST(coalesce(sum(unit_qty), 0) AS DECIMAL(38,3)) AS unit_qty,
        CAST(coalesce(sum(home_sale_net_amount), 0) AS DECIMAL(38,4)) AS home_sale_net_amount,
        CAST(coalesce(sum(home_refund_net_amount), 0) AS DECIMAL(38,4)) AS home_refund_net_amount
    FROM dated_sales
    GROUP BY period_type, period_start, channel
),
traffic AS (
    SELECT
        period_type,
        period_start,
        channel,
        CAST(sum(visitor_qty) AS BIGINT) AS visitor_qty,
        bool_and(coalesce(is_healthy, FALSE)) AS is_traffic_complete
    FROM dated_traffic
    GROUP BY period_type, period_start, channel
),
final AS (
    SELECT
        sales.period_type,
        sales.period_start,
        sales.channel,
        '{{config "home_currency"}}' AS currency_code,
        traffic.visitor_qty,
        coalesce(traffic.is_traffic_complete, FALSE) AS is_traffic_complete,
        sales.order_qty,
        sales.unit_qty,
        sales.home_sale_net_amount,
        sales.home_refund_net_amount,
        CAST(sales.home_sale_net_amount - sales.home_refund_net_amount AS DECIMAL(38,4)) AS home_net_amount
    FROM sales
    LEFT JOIN traffic
        ON traffic.period_type = sales.period_type
       AND traffic.period_start = sales.period_start
       AND traffic.channel = sales.channel
)
SELECT
    period_type,
    period_start,
    channel,
    currency_code,
    visitor_qty,
    is_traffic_complete,
    order_qty,
    unit_qty,
    home_sale_net_amount,
    home_refund_net_amount,
    home_net_amount
FROM final
ORDER BY period_type NULLS LAST, period_start NULLS LAST, channel NULLS LAST
