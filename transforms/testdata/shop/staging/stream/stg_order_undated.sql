/*
about: Orders without a date.
owner: test
kind: full
grain: [source, order_id]
inputs:
  staged.order: undated
columns:
  source: {type: VARCHAR, about: source}
  order_id: {type: VARCHAR, about: key}
  total_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: amount}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.order"}})
SELECT source, order_id, min(total_amount) AS total_amount
FROM staged
GROUP BY source, order_id
ORDER BY source NULLS LAST, order_id NULLS LAST
