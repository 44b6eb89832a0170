/*
about: "First purchase ever of each person who bought in the month: a narrow step, so that new people leave old months alone."
owner: data
kind: partition
grain: [month, customer_id]
partition: month(month)
inputs:
  customer.month: same
  customer.customer: all
columns:
  customer_id: {type: "VARCHAR", about: "person, see customer.customer_link"}
  first_business_date: {type: "DATE", about: "first purchase ever"}
  month: {type: "DATE", about: "first day of the month"}
checks: [unique_grain]
*/
WITH customer_month AS (SELECT * FROM {{ref "customer.month"}}),
customer AS (SELECT * FROM {{ref "customer.customer"}}),
buyer AS (
  SELECT DISTINCT customer_id, month
  FROM customer_month
  WHERE order_qty > 0
),
final AS (
  SELECT
    buyer.customer_id,
    customer.first_business_date,
    buyer.month
  FROM buyer
  INNER JOIN customer
    ON buyer.customer_id = customer.customer_id
)
SELECT
  customer_id,
  first_business_date,
  month
FROM final
ORDER BY
  month NULLS LAST,
  customer_id NULLS LAST
