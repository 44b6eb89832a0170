/*
about: Sales per week, filed under the month the week ends in.
owner: test
kind: partition
grain: [week_end]
partition: month(week_end)
inputs:
  sales.day: window(1)
columns:
  total_amount: {type: "DECIMAL(38,4)", about: amount}
  week_end: {type: DATE, about: Sunday}
checks: [unique_grain]
*/
WITH day AS (SELECT * FROM {{ref "sales.day"}}),
dated AS (SELECT {{add_days (trunc_date "week" "business_date") "6"}} AS week_end, total_amount FROM day)
SELECT CAST(sum(total_amount) AS DECIMAL(38,4)) AS total_amount, week_end
FROM dated
GROUP BY week_end
ORDER BY week_end NULLS LAST
