/*
about: One row per KPI, scope and period with the comparators every printed figure needs - previous period, comparable period a year before, budget.
owner: assessment
kind: full
grain: [period_type, period_start, scope_type, scope_id, kpi_id, basis]
inputs:
  assessment.kpi_fact: all
  assessment.kpi: all
  joint_meeting.period: all
columns:
  period_type: {type: VARCHAR, about: "week or month"}
  period_start: {type: DATE, about: "first business date"}
  period_end: {type: DATE, about: "last business date"}
  scope_type: {type: VARCHAR, about: "company, channel or location"}
  scope_id: {type: VARCHAR, about: "channel or location; empty for the company"}
  kpi_id: {type: VARCHAR, about: "id in the KPI registry"}
  kpi_version: {type: BIGINT, about: "version of the definition"}
  basis: {type: VARCHAR, about: "demand, recognised, accounting, cohort or none, as the registry names it"}
  is_default_basis: {type: BOOLEAN, about: "true for the basis that the registry lists as the default"}
  area: {type: VARCHAR, about: "part of the registry"}
  unit: {type: VARCHAR, about: "unit of value"}
  direction: {type: VARCHAR, about: "up, down or none: what is good"}
  currency_code: {type: VARCHAR, about: "currency of money values"}
  numerator: {type: "DECIMAL(38,6)", about: "numerator of the period"}
  denominator: {type: "DECIMAL(38,6)", about: "denominator of the period"}
  value: {type: "DECIMAL(38,6)", about: "numerator over denominator; null when it cannot be told"}
  sample_qty: {type: BIGINT, about: "number of observations behind the value"}
  status: {type: VARCHAR, about: "ok or na"}
  previous_value: {type: "DECIMAL(38,6)", about: "value of the period before"}
  last_year_value: {type: "DECIMAL(38,6)", about: "value of the comparable period a year before"}
  target_value: {type: "DECIMAL(38,6)", about: "budget of the period, for net sales, where one is loaded"}
checks: [unique_grain]
*/
WITH kpi_fact AS (
    SELECT * FROM {{ref "assessment.kpi_fact"}}
),
kpi AS (
    SELECT * FROM {{ref "assessment.kpi"}}
),
periods AS (
    SELECT * FROM {{ref "joint_meeting.period"}}
),
facts AS (
    SELECT *
    FROM kpi_fact
    WHERE period_type IN ('week', 'month')
),
budgets AS (
    SELECT
        period_type,
        period_start,
        scope_type,
        scope_id,
        max(denominator) AS target_value
    FROM facts
    WHERE kpi_id = 'budget_att'
    GROUP BY period_type, period_start, scope_type, scope_id
),
final AS (
    SELECT
        facts.period_type,
        facts.period_start,
        facts.period_end,
        facts.scope_type,
        facts.scope_id,
        facts.kpi_id,
        facts.kpi_version,
        facts.basis,
        facts.basis = kpi.basis AS is_default_basis,
        kpi.area,
        facts.unit,
        kpi.direction,
        facts.currency_code,
        facts.numerator,
        facts.denominator,
        facts.value,
        facts.sample_qty,
        facts.status,
        previous_facts.value AS previous_value,
        last_year_facts.value AS last_year_value,
        CASE WHEN facts.kpi_id = 'net_sales' THEN budgets.target_value END AS target_value
    FROM facts
    INNER JOIN periods
        ON periods.period_type = facts.period_type
       AND periods.period_start = facts.period_start
    LEFT JOIN kpi
        ON kpi.kpi_id = facts.kpi_id
    LEFT JOIN facts AS previous_facts
        ON previous_facts.period_type = facts.period_type
       AND previous_facts.period_start = periods.previous_start
       AND previous_facts.scope_type = facts.scope_type
       AND previous_facts.scope_id = facts.scope_id
       AND previous_facts.kpi_id = facts.kpi_id
       AND previous_facts.kpi_version = facts.kpi_version
       AND previous_facts.basis = facts.basis
    LEFT JOIN facts AS last_year_facts
        ON last_year_facts.period_type = facts.period_type
       AND last_year_facts.period_start = periods.last_year_start
       AND last_year_facts.scope_type = facts.scope_type
       AND last_year_facts.scope_id = facts.scope_id
       AND last_year_facts.kpi_id = facts.kpi_id
       AND last_year_facts.kpi_version = facts.kpi_version
       AND last_year_facts.basis = facts.basis
    LEFT JOIN budgets
        ON budgets.period_type = facts.period_type
       AND budgets.period_start = facts.period_start
       AND budgets.scope_type = facts.scope_type
       AND budgets.scope_id = facts.scope_id
)
SELECT
    period_type,
    period_start,
    period_end,
    scope_type,
    scope_id,
    kpi_id,
    kpi_version,
    basis,
    is_default_basis,
    area,
    unit,
    direction,
    currency_code,
    numerator,
    denominator,
    value,
    sample_qty,
    status,
    previous_value,
    last_year_value,
    target_value
FROM final
ORDER BY period_type NULLS LAST, period_start NULLS LAST, scope_type NULLS LAST, scope_id NULLS LAST, kpi_id NULLS LAST, basis NULLS LAST
