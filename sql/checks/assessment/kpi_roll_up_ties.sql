/*
about: "Additive KPIs roll up: the channels of a period sum to the company, and its days sum to the month."
owner: data
severity: block
inputs:
  assessment.kpi_fact: all
*/
WITH kpi_fact AS (SELECT * FROM {{ref "assessment.kpi_fact"}}),
additive AS (
  SELECT
    kpi_id,
    period_type,
    period_start,
    {{trunc_date "month" "period_start"}} AS month,
    scope_type,
    numerator
  FROM kpi_fact
  WHERE kpi_id IN ('net_sales', 'gross_demand')
    AND period_type IN ('day', 'month')
),
company AS (
  SELECT kpi_id, period_type, period_start, month, numerator
  FROM additive
  WHERE scope_type = 'company'
),
channel AS (
  SELECT kpi_id, period_type, period_start, sum(numerator) AS numerator
  FROM additive
  WHERE scope_type = 'channel'
  GROUP BY kpi_id, period_type, period_start
),
day AS (
  SELECT kpi_id, month, sum(numerator) AS numerator
  FROM company
  WHERE period_type = 'day'
  GROUP BY kpi_id, month
),
compared AS (
  SELECT
    company.kpi_id,
    company.period_type,
    company.period_start,
    company.numerator AS whole_amount,
    coalesce(channel.numerator, 0) AS part_amount,
    'the channels do not sum to the company' AS reason
  FROM company
  LEFT JOIN channel
    ON company.kpi_id = channel.kpi_id
    AND company.period_type = channel.period_type
    AND company.period_start = channel.period_start
  UNION ALL
  SELECT
    company.kpi_id,
    company.period_type,
    company.period_start,
    company.numerator AS whole_amount,
    coalesce(day.numerator, 0) AS part_amount,
    'the days do not sum to the month' AS reason
  FROM company
  LEFT JOIN day
    ON company.kpi_id = day.kpi_id
    AND company.month = day.month
  WHERE company.period_type = 'month'
)
SELECT
  kpi_id,
  period_type,
  period_start,
  whole_amount,
  part_amount,
  reason
FROM compared
WHERE whole_amount <> part_amount
ORDER BY kpi_id NULLS LAST, period_type NULLS LAST, period_start NULLS LAST, reason NULLS LAST
