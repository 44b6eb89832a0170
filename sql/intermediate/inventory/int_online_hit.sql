/*
about: "The thirty articles that sell best online in each week and month: apart from the stock, which changes far more often than past sales."
owner: inventory
kind: partition
grain: [period_type, period_start, rank]
partition: month(period_end)
inputs:
  sales.order_line: window(1)
columns:
  period_type: {type: VARCHAR, about: "week or month"}
  period_start: {type: DATE, about: "first business date"}
  period_end: {type: DATE, about: "last business date"}
  rank: {type: BIGINT, about: "1 sells most units online"}
  sku: {type: VARCHAR, about: "article"}
  product_name: {type: VARCHAR, about: "name on the lines"}
  category: {type: VARCHAR, about: "category on the lines"}
  online_unit_qty: {type: "DECIMAL(38,3)", about: "units sold online"}
  online_net_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "net sales online, refunds not deducted"}
  store_unit_qty: {type: "DECIMAL(38,3)", about: "units sold in stores"}
checks: [unique_grain]
*/
WITH order_line AS (
    SELECT * FROM {{ref "sales.order_line"}}
),
daily AS (
    SELECT
        business_date,
        sku,
        min(product_name) AS product_name,
        min(category) AS category,
        CAST(coalesce(sum(unit_qty) FILTER (WHERE channel = 'online'), 0) AS DECIMAL(38,3)) AS online_unit_qty,
        CAST(coalesce(sum(home_net_amount) FILTER (WHERE channel = 'online'), 0) AS DECIMAL(38,4)) AS online_net_amount,
        CAST(coalesce(sum(unit_qty) FILTER (WHERE channel <> 'online'), 0) AS DECIMAL(38,3)) AS store_unit_qty
    FROM order_line
    WHERE is_sale
      AND sku IS NOT NULL
      AND coalesce(line_kind, 'product') = 'product'
    GROUP BY business_date, sku
),
dated AS (
    SELECT
        'week' AS period_type,
        {{trunc_date "week" "business_date"}} AS period_start,
        {{add_days (trunc_date "week" "business_date") "6"}} AS period_end,
        sku,
        product_name,
        category,
        online_unit_qty,
        online_net_amount,
        store_unit_qty
    FROM daily
    UNION ALL
    SELECT
        'month' AS period_type,
        {{trunc_date "month" "business_date"}} AS period_start,
        {{month_end "business_date"}} AS period_end,
        sku,
        product_name,
        category,
        online_unit_qty,
        online_net_amount,
        store_unit_qty
    FROM daily
),
summed AS (
    SELECT
        period_type,
        period_start,
        period_end,
        sku,
        min(product_name) AS product_name,
        min(category) AS category,
        sum(online_unit_qty) AS online_unit_qty,
        sum(online_net_amount) AS online_net_amount,
        sum(store_unit_qty) AS store_unit_qty
    FROM dated
    GROUP BY period_type, period_start, period_end, sku
    HAVING sum(online_unit_qty) > 0
),
ranked AS (
    SELECT
        period_type,
        period_start,
        period_end,
        ROW_NUMBER() OVER (PARTITION BY period_type, period_start, period_end ORDER BY online_unit_qty DESC NULLS LAST, online_net_amount DESC NULLS LAST, sku NULLS LAST) AS rank,
        sku,
        product_name,
        category,
        online_unit_qty,
        online_net_amount,
        store_unit_qty
    FROM summed
),
final AS (
    SELECT
        period_type,
        period_start,
        period_end,
        rank,
        sku,
        product_name,
        category,
        CAST(online_unit_qty AS DECIMAL(38,3)) AS online_unit_qty,
        CAST(online_net_amount AS DECIMAL(38,4)) AS online_net_amount,
        CAST(store_unit_qty AS DECIMAL(38,3)) AS store_unit_qty
    FROM ranked
    WHERE rank <= 30
)
SELECT
    period_type,
    period_start,
    period_end,
    rank,
    sku,
    product_name,
    category,
    online_unit_qty,
    online_net_amount,
    store_unit_qty
FROM final
ORDER BY period_type NULLS LAST, period_start NULLS LAST, rank NULLS LAST
