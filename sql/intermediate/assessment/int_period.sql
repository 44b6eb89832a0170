/*
about: "Days, ISO weeks, months and quarters that end in the quarter. A running period keeps its calendar end; a week belongs to the quarter in which it ends."
owner: assessment
kind: partition
grain: [period_type, period_start]
partition: quarter(period_end)
inputs:
  int_business_day: window(1)
  int_data_end: all
columns:
  period_type: {type: "VARCHAR", about: "day, week, month or quarter"}
  period_start: {type: "DATE", about: "first day"}
  last_date: {type: "DATE", about: "last day of the period that the data reaches"}
  period_end: {type: "DATE", about: "last day"}
checks: [unique_grain]
*/
WITH int_business_day AS (SELECT * FROM {{ref "int_business_day"}}),
int_data_end AS (SELECT * FROM {{ref "int_data_end"}}),
listed AS (
  SELECT
    'day' AS period_type,
    business_date AS period_start,
    business_date AS period_end
  FROM int_business_day
  UNION
  SELECT
    'week' AS period_type,
    {{trunc_date "week" "business_date"}} AS period_start,
    {{add_days (trunc_date "week" "business_date") "6"}} AS period_end
  FROM int_business_day
  UNION
  SELECT
    'month' AS period_type,
    {{trunc_date "month" "business_date"}} AS period_start,
    {{month_end "business_date"}} AS period_end
  FROM int_business_day
  UNION
  SELECT
    'quarter' AS period_type,
    {{trunc_date "quarter" "business_date"}} AS period_start,
    {{add_days (trunc_date "quarter" (add_days (trunc_date "quarter" "business_date") "100")) "-1"}} AS period_end
  FROM int_business_day
),
final AS (
  SELECT
    listed.period_type,
    listed.period_start,
    {{least2 "listed.period_end" "int_data_end.last_date"}} AS last_date,
    listed.period_end
  FROM listed
  CROSS JOIN int_data_end
  WHERE {{period "listed.period_end"}}
)
SELECT
  period_type,
  period_start,
  last_date,
  period_end
FROM final
ORDER BY
  period_type NULLS LAST,
  period_start NULLS LAST
