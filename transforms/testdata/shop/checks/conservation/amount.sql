/*
about: The days add up to the orders.
severity: block
inputs:
  sales.day: all
  stg_order: all
*/
WITH day AS (SELECT * FROM {{ref "sales.day"}}),
orders AS (SELECT * FROM {{ref "stg_order"}})
SELECT
  'orders and days' AS subject,
  'CNY' AS currency_code,
  (SELECT CAST(coalesce(sum(total_amount), 0) AS DECIMAL(38,4)) FROM orders) AS left_amount,
  (SELECT CAST(coalesce(sum(total_amount), 0) AS DECIMAL(38,4)) FROM day) AS right_amount
