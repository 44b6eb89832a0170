/*
about: "Controls that the figures of a month must pass: the same money summed on different ways."
owner: finance
kind: partition
grain: [period_id, control]
partition: month(period_start)
inputs:
  sales.order: same
  sales.order_line: same
  sales.refund_line: same
  sales.payment: same
  sales.day: same
  finance.finance_kpi: same
  finance.till_day: same
columns:
  period_id: {type: "VARCHAR", about: "month, 2026-01"}
  control: {type: "VARCHAR", about: "what is compared; tills_to_receipts sums the store-days beyond tolerance, see finance.till_day"}
  left_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "one way"}
  right_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "the other way"}
  difference_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "left - right"}
  tolerance_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "difference that still ties"}
  is_tied: {type: "BOOLEAN", about: "the difference is within tolerance"}
  is_blocking: {type: "BOOLEAN", about: "must tie before finance closes; the others explain themselves by timing"}
  period_start: {type: "DATE", about: "first day of the month"}
checks: [unique_grain]
*/
WITH sales_order AS (SELECT * FROM {{ref "sales.order"}}),
order_line AS (SELECT * FROM {{ref "sales.order_line"}}),
refund_line AS (SELECT * FROM {{ref "sales.refund_line"}}),
payment AS (SELECT * FROM {{ref "sales.payment"}}),
sales_day AS (SELECT * FROM {{ref "sales.day"}}),
finance_kpi AS (SELECT * FROM {{ref "finance.finance_kpi"}}),
till_day AS (SELECT * FROM {{ref "finance.till_day"}}),
order_total AS (
  SELECT
    {{trunc_date "month" "business_date"}} AS period_start,
    coalesce(sum(home_net_amount), 0) AS net_amount,
    coalesce(sum(home_net_amount) FILTER (WHERE line_count > 0), 0) AS net_with_lines_amount,
    {{sum_int "line_count"}} AS line_count
  FROM sales_order
  WHERE is_sale
  GROUP BY {{trunc_date "month" "business_date"}}
),
line_total AS (
  SELECT
    {{trunc_date "month" "business_date"}} AS period_start,
    coalesce(sum(home_net_amount), 0) AS net_amount,
    count(DISTINCT order_key) AS order_qty
  FROM order_line
  WHERE is_sale
    AND is_goods
  GROUP BY {{trunc_date "month" "business_date"}}
),
refund_total AS (
  SELECT
    {{trunc_date "month" "business_date"}} AS period_start,
    coalesce(sum(home_net_amount), 0) AS net_amount
  FROM refund_line
  GROUP BY {{trunc_date "month" "business_date"}}
),
paid AS (
  SELECT order_key, sum(home_amount) AS amount
  FROM payment
  GROUP BY order_key
),
payment_total AS (                                  -- of orders that state tenders at all
  SELECT
    {{trunc_date "month" "sales_order.business_date"}} AS period_start,
    sum(sales_order.home_total_amount) AS total_amount,
    sum(paid.amount) AS amount,
    count(*) AS order_qty
  FROM sales_order
  INNER JOIN paid
    ON sales_order.order_key = paid.order_key
  WHERE sales_order.is_sale
  GROUP BY {{trunc_date "month" "sales_order.business_date"}}
),
day_total AS (
  SELECT
    {{trunc_date "month" "business_date"}} AS period_start,
    sum(home_sale_net_amount) AS sale_net_amount,
    sum(home_refund_net_amount) AS refund_net_amount,
    sum(home_net_amount) AS net_amount
  FROM sales_day
  GROUP BY {{trunc_date "month" "business_date"}}
),
kpi_total AS (
  SELECT
    period_start,
    sum(value) AS net_amount
  FROM finance_kpi
  WHERE kpi_id = 'net_sales'
  GROUP BY period_start
),
till_total AS (                                     -- differences of one day do not make up for those of another
  SELECT
    {{trunc_date "month" "business_date"}} AS period_start,
    coalesce(sum(abs(difference_amount)) FILTER (WHERE state = 'beyond_tolerance'), 0) AS difference_amount
  FROM till_day
  WHERE tender = ''
  GROUP BY {{trunc_date "month" "business_date"}}
),
compared AS (
  SELECT day_total.period_start, 'orders_to_day' AS control, coalesce(order_total.net_amount, 0) AS left_amount, day_total.sale_net_amount AS right_amount, 0 AS tolerance_amount, true AS is_blocking
  FROM day_total
  LEFT JOIN order_total
    ON day_total.period_start = order_total.period_start
  UNION ALL
  SELECT day_total.period_start, 'refunds_to_day' AS control, coalesce(refund_total.net_amount, 0) AS left_amount, day_total.refund_net_amount AS right_amount, 0 AS tolerance_amount, true AS is_blocking
  FROM day_total
  LEFT JOIN refund_total
    ON day_total.period_start = refund_total.period_start
  UNION ALL
  SELECT day_total.period_start, 'day_to_finance_kpi' AS control, day_total.net_amount AS left_amount, kpi_total.net_amount AS right_amount, 0 AS tolerance_amount, true AS is_blocking
  FROM day_total
  LEFT JOIN kpi_total
    ON day_total.period_start = kpi_total.period_start
  UNION ALL
  SELECT order_total.period_start, 'orders_to_lines' AS control, order_total.net_with_lines_amount AS left_amount, line_total.net_amount AS right_amount, CAST(0.05 AS DECIMAL(18,4)) * line_total.order_qty AS tolerance_amount, false AS is_blocking
  FROM order_total
  INNER JOIN line_total
    ON order_total.period_start = line_total.period_start
  UNION ALL
  SELECT period_start, 'orders_to_payments' AS control, total_amount AS left_amount, amount AS right_amount, CAST(0.05 AS DECIMAL(18,4)) * order_qty AS tolerance_amount, false AS is_blocking
  FROM payment_total
  UNION ALL
  SELECT period_start, 'tills_to_receipts' AS control, difference_amount AS left_amount, 0 AS right_amount, 0 AS tolerance_amount, true AS is_blocking
  FROM till_total
),
final AS (
  SELECT
    substr(CAST(period_start AS VARCHAR), 1, 7) AS period_id,
    control,
    left_amount,
    right_amount,
    left_amount - right_amount AS difference_amount,
    tolerance_amount,
    coalesce(abs(left_amount - right_amount) <= tolerance_amount, false) AS is_tied,
    is_blocking,
    period_start
  FROM compared
)
SELECT
  period_id,
  control,
  left_amount,
  right_amount,
  difference_amount,
  CAST(tolerance_amount AS DECIMAL(38,4)) AS tolerance_amount,
  is_tied,
  is_blocking,
  period_start
FROM final
ORDER BY
  period_id NULLS LAST,
  control NULLS LAST
