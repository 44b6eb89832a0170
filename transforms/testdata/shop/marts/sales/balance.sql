/*
about: Running amount per store at the end of each month.
owner: test
kind: partition
grain: [month, location_id]
partition: month(month)
inputs:
  sales.day: same
  sales.balance: previous
columns:
  location_id: {type: VARCHAR, about: store}
  total_amount: {type: "DECIMAL(38,4)", about: amount so far}
  month: {type: DATE, about: first day}
checks: [unique_grain]
*/
WITH day AS (SELECT * FROM {{ref "sales.day"}}),
before AS (SELECT * FROM {{ref "sales.balance"}}),
both_sides AS (
  SELECT location_id, total_amount, {{trunc_date "month" "business_date"}} AS month FROM day
  UNION ALL
  SELECT location_id, total_amount, CAST(month + INTERVAL '1' MONTH AS DATE) AS month FROM before
)
SELECT location_id, CAST(sum(total_amount) AS DECIMAL(38,4)) AS total_amount, month
FROM both_sides
GROUP BY location_id, month
ORDER BY month NULLS LAST, location_id NULLS LAST
