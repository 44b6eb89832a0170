/*
about: Sales per store and day.
owner: test
kind: partition
grain: [business_date, location_id]
partition: month(business_date)
inputs:
  stg_order: same
columns:
  location_id: {type: VARCHAR, about: store}
  order_qty: {type: BIGINT, about: orders}
  total_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: amount}
  share: {type: "DECIMAL(38,6)", about: amount per order}
  business_date: {type: DATE, about: day}
checks: [unique_grain, positive]
*/
WITH orders AS (SELECT * FROM {{ref "stg_order"}})
SELECT location_id, count(*) AS order_qty, sum(total_amount) AS total_amount, {{ratio "sum(total_amount)" "count(*)" 6}} AS share, business_date
FROM orders
GROUP BY location_id, business_date
ORDER BY business_date NULLS LAST, location_id NULLS LAST
