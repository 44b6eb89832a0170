/*
about: "The tenders of an order sum to what the customer owes, where both are stated."
owner: data
severity: warn
inputs:
  sales.order: all
  sales.payment: all
*/
WITH sales_order AS (SELECT * FROM {{ref "sales.order"}}),
payment AS (SELECT * FROM {{ref "sales.payment"}}),
paid AS (
  SELECT order_key, currency_code, sum(amount) AS paid_amount
  FROM payment
  GROUP BY order_key, currency_code
)
SELECT
  sales_order.order_key,
  sales_order.currency_code,
  sales_order.total_amount,
  paid.paid_amount,
  'tenders and total differ: look for a tender column that the profile leaves out' AS reason
FROM paid
INNER JOIN sales_order
  ON paid.order_key = sales_order.order_key
  AND paid.currency_code = sales_order.currency_code
WHERE sales_order.is_sale
  AND abs(sales_order.total_amount - paid.paid_amount) > 0.05
ORDER BY sales_order.order_key NULLS LAST
