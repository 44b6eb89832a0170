/*
about: Sales of a month beside those of the twelve months before, which it looks up.
kind: partition
grain: [month]
partition: month(month)
inputs:
  stg_order: same
  sales.day: window(12)
checks: [unique_grain]
*/
WITH sold AS (SELECT {{trunc_date "month" "business_date"}} AS month, sum(total_amount) AS total_amount FROM {{ref "stg_order"}} GROUP BY {{trunc_date "month" "business_date"}}),
year AS (SELECT sum(total_amount) AS year_amount FROM {{ref "sales.day"}})
SELECT
  CAST(sold.month AS DATE) AS month,
  CAST(sold.total_amount AS DECIMAL(38,4)) AS total_amount,
  CAST(year.year_amount AS DECIMAL(38,4)) AS year_amount
FROM sold
CROSS JOIN year
ORDER BY month NULLS LAST
