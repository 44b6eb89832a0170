/*
about: Sales per quarter, from everything.
owner: test
kind: partition
grain: [period_start]
partition: quarter(period_start)
inputs:
  sales.day: all
columns:
  total_amount: {type: "DECIMAL(38,4)", about: amount}
  currency_code: {type: VARCHAR, about: home currency}
  period_start: {type: DATE, about: first day}
checks: [unique_grain]
*/
WITH day AS (SELECT * FROM {{ref "sales.day"}})
SELECT CAST(sum(total_amount) AS DECIMAL(38,4)) AS total_amount, '{{config "home_currency"}}' AS currency_code, {{trunc_date "quarter" "business_date"}} AS period_start
FROM day
GROUP BY {{trunc_date "quarter" "business_date"}}
ORDER BY period_start NULLS LAST
