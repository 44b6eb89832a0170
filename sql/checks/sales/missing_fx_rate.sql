/*
about: "Every currency that the sales, payments and refunds of a day use has a rate of that day or of the seven days before."
owner: data
severity: block
kind: partition
partition: month(business_date)
inputs:
  sales.order: same
  sales.payment: same
  sales.refund_line: same
*/
WITH sales_order AS (SELECT * FROM {{ref "sales.order"}}),
payment AS (SELECT * FROM {{ref "sales.payment"}}),
refund_line AS (SELECT * FROM {{ref "sales.refund_line"}}),
unrated AS (
  SELECT currency_code, business_date FROM sales_order
  WHERE fx_rate IS NULL
    AND coalesce(total_amount, net_amount, 0) <> 0
  UNION ALL
  SELECT currency_code, business_date FROM payment
  WHERE fx_rate IS NULL
    AND amount <> 0
  UNION ALL
  SELECT currency_code, business_date FROM refund_line
  WHERE fx_rate IS NULL
    AND amount <> 0
)
SELECT
  currency_code,
  business_date,
  count(*) AS row_qty,
  'no rate to {{config "home_currency"}} within seven days: deliver fx_rate rows for this currency and day' AS reason
FROM unrated
GROUP BY currency_code, business_date
ORDER BY currency_code NULLS LAST, business_date NULLS LAST
