/*
about: "Every currency is one of ISO 4217."
owner: data
severity: block
kind: partition
partition: month(business_date)
inputs:
  sales.order: same
  sales.payment: same
  sales.refund_line: same
  int_currency: all
*/
WITH sales_order AS (SELECT * FROM {{ref "sales.order"}}),
payment AS (SELECT * FROM {{ref "sales.payment"}}),
refund_line AS (SELECT * FROM {{ref "sales.refund_line"}}),
int_currency AS (SELECT * FROM {{ref "int_currency"}}),
used AS (
  SELECT currency_code, 'sales.order' AS table_name FROM sales_order
  UNION ALL
  SELECT currency_code, 'sales.payment' AS table_name FROM payment
  UNION ALL
  SELECT currency_code, 'sales.refund_line' AS table_name FROM refund_line
),
counted AS (
  SELECT currency_code, table_name, count(*) AS row_qty
  FROM used
  GROUP BY currency_code, table_name
)
SELECT
  counted.currency_code,
  counted.table_name,
  counted.row_qty,
  'not a currency of ISO 4217: correct currency_code in the profile' AS reason
FROM counted
LEFT JOIN int_currency
  ON counted.currency_code = int_currency.currency_code
WHERE int_currency.currency_code IS NULL
ORDER BY counted.currency_code NULLS LAST, counted.table_name NULLS LAST
