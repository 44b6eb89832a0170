/*
about: "An order is in one month only: a correction that moves its business date leaves the old row in the month before."
owner: data
severity: block
inputs:
  sales.order: repeated
*/
WITH sales_order AS (SELECT * FROM {{ref "sales.order"}}),
repeated AS (
  SELECT
    order_key,
    min(business_date) AS first_date,
    max(business_date) AS last_date
  FROM sales_order
  GROUP BY order_key
  HAVING count(*) > 1
)
SELECT
  order_key,
  first_date,
  last_date,
  'delivered with business dates in two months: put the month into the key of the profile when receipt numbers restart, else replace the older file' AS reason
FROM repeated
ORDER BY order_key NULLS LAST
