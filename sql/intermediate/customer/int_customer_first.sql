/*
about: "People whose first purchase ever lies in the month: a narrow step, so that a new day leaves old months alone."
owner: data
kind: partition
grain: [month, customer_id]
partition: month(month)
inputs:
  customer.month: same
  int_customer_first: previous(all)
columns:
  customer_id: {type: "VARCHAR", about: "person, see customer.customer_link"}
  first_business_date: {type: "DATE", about: "first purchase ever"}
  month: {type: "DATE", about: "first day of the month"}
checks: [unique_grain]
*/
WITH customer_month AS (SELECT * FROM {{ref "customer.month"}}),
known AS (SELECT customer_id FROM {{ref "int_customer_first"}}),
buyer AS (
  SELECT
    customer_id,
    min(first_business_date) AS first_business_date,
    month
  FROM customer_month
  WHERE order_qty > 0
  GROUP BY customer_id, month
),
final AS (
  SELECT
    customer_id,
    first_business_date,
    month
  FROM buyer
  WHERE NOT EXISTS (SELECT 1 FROM known WHERE known.customer_id = buyer.customer_id)
)
SELECT
  customer_id,
  first_business_date,
  month
FROM final
ORDER BY
  month NULLS LAST,
  customer_id NULLS LAST
