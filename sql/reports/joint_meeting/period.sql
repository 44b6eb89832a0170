/*
about: One row per reporting period with its comparison periods, which are looked up and never computed by date arithmetic in a document.
owner: assessment
kind: full
grain: [period_type, period_start]
inputs:
  assessment.kpi_fact: all
  finance.calendar_day: all
columns:
  period_type: {type: VARCHAR, about: "week or month"}
  period_start: {type: DATE, about: "first business date"}
  period_end: {type: DATE, about: "last business date"}
  previous_start: {type: DATE, about: "first business date of the period before"}
  last_year_start: {type: DATE, about: "first business date of the comparable period a year before"}
  last_year_restated_start: {type: DATE, about: "the same after a 53-week year, restated; equal to last_year_start otherwise"}
  holiday_id: {type: VARCHAR, about: "moving holidays that touch the period, in alphabetical order"}
  day_qty: {type: BIGINT, about: "business dates of the period that have figures"}
checks: [unique_grain, not_null(period_end)]
*/
WITH kpi_fact AS (
    SELECT * FROM {{ref "assessment.kpi_fact"}}
),
calendar AS (
    SELECT * FROM {{ref "finance.calendar_day"}}
),
periods AS (
    SELECT
        period_type,
        period_start,
        period_end
    FROM kpi_fact
    WHERE scope_type = 'company'
      AND period_type IN ('week', 'month')
    GROUP BY period_type, period_start, period_end
),
days AS (
    SELECT DISTINCT period_start AS business_date
    FROM kpi_fact
    WHERE scope_type = 'company'
      AND period_type = 'day'
),
counted AS (
    SELECT
        periods.period_type,
        periods.period_start,
        count(days.business_date) AS day_qty
    FROM periods
    LEFT JOIN days
        ON days.business_date >= periods.period_start
       AND days.business_date <= periods.period_end
    GROUP BY periods.period_type, periods.period_start
),
holidays AS (
    SELECT DISTINCT
        periods.period_type,
        periods.period_start,
        calendar.holiday_id
    FROM periods
    INNER JOIN calendar
        ON calendar.calendar_date >= periods.period_start
       AND calendar.calendar_date <= periods.period_end
    WHERE calendar.calendar_id = 'gregorian'
      AND calendar.holiday_id IS NOT NULL
),
holiday_lists AS (
    SELECT
        period_type,
        period_start,
        {{join_text "holiday_id" ", " "holiday_id NULLS LAST"}} AS holiday_id
    FROM holidays
    GROUP BY period_type, period_start
),
final AS (
    SELECT
        periods.period_type,
        periods.period_start,
        periods.period_end,
        CASE periods.period_type
            WHEN 'week' THEN {{trunc_date "week" (add_days "periods.period_start" "-1")}}
            WHEN 'month' THEN {{trunc_date "month" (add_days "periods.period_start" "-1")}}
            ELSE {{trunc_date "quarter" (add_days "periods.period_start" "-1")}}
        END AS previous_start,
        comparable.comparable_date AS last_year_start,
        coalesce(comparable.comparable_date_restated, comparable.comparable_date) AS last_year_restated_start,
        holiday_lists.holiday_id,
        counted.day_qty
    FROM periods
    INNER JOIN counted
        ON counted.period_type = periods.period_type
       AND counted.period_start = periods.period_start
    LEFT JOIN holiday_lists
        ON holiday_lists.period_type = periods.period_type
       AND holiday_lists.period_start = periods.period_start
    LEFT JOIN calendar AS comparable
        ON comparable.calendar_date = periods.period_start
       AND comparable.calendar_id = CASE WHEN periods.period_type = 'week' THEN 'iso' ELSE 'gregorian' END
)
SELECT
    period_type,
    period_start,
    period_end,
    previous_start,
    last_year_start,
    last_year_restated_start,
    holiday_id,
    day_qty
FROM final
ORDER BY period_type NULLS LAST, period_start NULLS LAST
