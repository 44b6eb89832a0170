/*
about: "The net that an order states and the net of its goods lines differ by no more than 0.05."
owner: data
severity: warn
inputs:
  int_order_head: all
  sales.order_line: all
*/
WITH int_order_head AS (SELECT * FROM {{ref "int_order_head"}}),
order_line AS (SELECT * FROM {{ref "sales.order_line"}}),
stated AS (
  SELECT order_key, currency_code, net_amount
  FROM int_order_head
  WHERE net_amount IS NOT NULL
),
line_total AS (
  SELECT
    order_line.order_key,
    sum(order_line.net_amount) AS net_amount
  FROM order_line
  INNER JOIN stated
    ON order_line.order_key = stated.order_key
  WHERE order_line.is_goods
  GROUP BY order_line.order_key
)
SELECT
  stated.order_key,
  stated.currency_code,
  stated.net_amount AS order_net_amount,
  line_total.net_amount AS line_net_amount,
  'the order states another net than its lines: look for missing lines, order discounts or tax' AS reason
FROM stated
INNER JOIN line_total
  ON stated.order_key = line_total.order_key
WHERE abs(stated.net_amount - line_total.net_amount) > 0.05
ORDER BY stated.order_key NULLS LAST
