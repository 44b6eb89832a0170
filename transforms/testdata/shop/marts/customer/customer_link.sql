/*
about: Which customer a record belongs to.
owner: test
kind: full
grain: [record_id]
builder: identity
inputs:
  stg_order: all
columns:
  record_id: {type: VARCHAR, about: record}
  registered_at: {type: TIMESTAMP, about: when}
  customer_id: {type: VARCHAR, about: customer}
  evidence: {type: VARCHAR, about: keys}
checks: [unique_grain]
*/
WITH orders AS (SELECT * FROM {{ref "stg_order"}})
SELECT order_id AS record_id, CAST(business_date AS TIMESTAMP) AS registered_at, 'customer' AS key_type, source_customer_id AS key_value
FROM orders
ORDER BY order_id NULLS LAST
