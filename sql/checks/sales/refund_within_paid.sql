/*
about: "What was refunded on an order in all is no more than its total."
owner: data
severity: warn
inputs:
  sales.refund_line: all
  sales.order: all
*/
WITH refund_line AS (SELECT * FROM {{ref "sales.refund_line"}}),
sales_order AS (SELECT * FROM {{ref "sales.order"}}),
refunded AS (
  SELECT order_key, currency_code, sum(amount) AS refunded_amount
  FROM refund_line
  WHERE order_key IS NOT NULL
  GROUP BY order_key, currency_code
)
SELECT
  sales_order.order_key,
  sales_order.currency_code,
  sales_order.total_amount,
  refunded.refunded_amount,
  'more was refunded than paid: look for a refund delivered twice' AS reason
FROM refunded
INNER JOIN sales_order
  ON refunded.order_key = sales_order.order_key
  AND refunded.currency_code = sales_order.currency_code
WHERE refunded.refunded_amount > sales_order.total_amount + 0.05
ORDER BY sales_order.order_key NULLS LAST
