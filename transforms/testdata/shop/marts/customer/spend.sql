/*
about: What every customer spent.
owner: test
kind: key
grain: [source_customer_id]
partition: bucket(source_customer_id, 1)
inputs:
  stg_order: key(source_customer_id)
columns:
  source_customer_id: {type: VARCHAR, about: customer}
  total_amount: {type: "DECIMAL(38,4)", about: amount}
checks: [unique_grain]
*/
WITH orders AS (SELECT * FROM {{ref "stg_order"}})
SELECT source_customer_id, sum(total_amount) AS total_amount
FROM orders
GROUP BY source_customer_id
ORDER BY source_customer_id NULLS LAST
