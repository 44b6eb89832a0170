/*
about: "The units that the sources state on order lines are the units of sales.order_line, per source."
owner: data
severity: block
inputs:
  stg_order_line: all
  int_order_line_dated: all
  sales.order_line: all
*/
WITH dated AS (SELECT * FROM {{ref "stg_order_line"}}),
placed AS (SELECT * FROM {{ref "int_order_line_dated"}}),
table_row AS (SELECT * FROM {{ref "sales.order_line"}}),
delivered AS (
  SELECT source, sum(quantity) AS amount FROM dated
  GROUP BY source
  UNION ALL
  SELECT source, sum(quantity) AS amount FROM placed
  GROUP BY source
),
delivered_total AS (
  SELECT source, sum(amount) AS amount
  FROM delivered
  GROUP BY source
),
table_total AS (
  SELECT source, sum(unit_qty) AS amount
  FROM table_row
  GROUP BY source
)
SELECT
  'sales.order_line ' || coalesce(delivered_total.source, table_total.source) AS subject,
  'units' AS currency_code,
  CAST(coalesce(delivered_total.amount, 0) AS DECIMAL(38,4)) AS left_amount,
  CAST(coalesce(table_total.amount, 0) AS DECIMAL(38,4)) AS right_amount
FROM delivered_total
FULL JOIN table_total
  ON delivered_total.source = table_total.source
ORDER BY subject NULLS LAST
