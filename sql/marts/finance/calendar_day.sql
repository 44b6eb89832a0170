/*
about: "Days of three calendars, 2010 to 2035: gregorian, iso (ISO weeks) and nrf (4-5-4 retail weeks, Sunday start), with comparable days and moving holidays. Comparatives are columns, not date arithmetic."
owner: finance
kind: full
grain: [calendar_id, calendar_date]
inputs:
  stg_calendar_day: all
columns:
  calendar_id: {type: "VARCHAR", about: "gregorian, iso or nrf"}
  calendar_date: {type: "DATE", about: "the day"}
  fiscal_year: {type: "BIGINT", about: "year of the calendar"}
  fiscal_quarter: {type: "BIGINT", about: "1 to 4"}
  fiscal_period: {type: "BIGINT", about: "month 1 to 12 of the calendar year; ISO weeks have none: the gregorian month of their Thursday"}
  fiscal_week: {type: "BIGINT", about: "week of the calendar year; gregorian: ISO week"}
  iso_dow: {type: "BIGINT", about: "1 Monday to 7 Sunday"}
  comparable_date: {type: "DATE", about: "same day a year before: gregorian by date (29 February takes the 28th), weeks by week number and weekday; null for a week 53"}
  comparable_date_restated: {type: "DATE", about: "364 days before for week calendars, so that the year after a long one compares with its weeks 2 to 53; else comparable_date"}
  holiday_id: {type: "VARCHAR", about: "lunar_new_year, double_11 or 618; a delivered calendar wins"}
  holiday_offset: {type: "BIGINT", unit: days, about: "days from the first day of the holiday"}
checks: [unique_grain]
allow:
  tie_break in nrf_span: "each day is listed once and a year starts on one of them"
*/
WITH stg_calendar_day AS (SELECT * FROM {{ref "stg_calendar_day"}}),
listed AS (
  SELECT CAST(series.day AS DATE) AS calendar_date
  FROM UNNEST({{each_day "DATE '2008-01-01'" "DATE '2036-12-31'"}}) AS series (day)
),
numbered AS (
  SELECT
    calendar_date,
    {{iso_dow "calendar_date"}} AS iso_dow
  FROM listed
),
weekday AS (
  SELECT
    calendar_date,
    iso_dow,
    {{add_days "calendar_date" "4 - iso_dow"}} AS iso_thursday
  FROM numbered
),
nrf_year AS (                                       -- a year starts on the Sunday after the Saturday nearest 31 January
  SELECT
    EXTRACT(year FROM calendar_date) AS fiscal_year,
    CAST(calendar_date AS DATE) AS year_start
  FROM weekday
  WHERE iso_dow = 7
    AND (
      (EXTRACT(month FROM calendar_date) = 1 AND EXTRACT(day FROM calendar_date) >= 29)
      OR (EXTRACT(month FROM calendar_date) = 2 AND EXTRACT(day FROM calendar_date) <= 4)
    )
),
nrf_span AS (
  SELECT
    fiscal_year,
    year_start,
    lead(year_start) OVER (ORDER BY year_start NULLS LAST) AS next_start,
    lag(year_start) OVER (ORDER BY year_start NULLS LAST) AS year_before
  FROM nrf_year
),
nrf_placed AS (
  SELECT
    weekday.calendar_date,
    weekday.iso_dow,
    nrf_span.fiscal_year,
    {{days_between "nrf_span.year_before" "nrf_span.year_start"}} AS days_before,
    {{days_between "nrf_span.year_start" "weekday.calendar_date"}} AS day_of_year
  FROM weekday
  INNER JOIN nrf_span
    ON weekday.calendar_date >= nrf_span.year_start
    AND weekday.calendar_date < nrf_span.next_start
),
nrf_day AS (
  SELECT
    calendar_date,
    iso_dow,
    fiscal_year,
    days_before,
    {{int_div "day_of_year" "7"}} + 1 AS fiscal_week
  FROM nrf_placed
),
nrf_period AS (                                     -- 4, 5 and 4 weeks; week 53 belongs to the last period
  SELECT
    nrf_day.*,
    CASE WHEN fiscal_week > 52 THEN 4 ELSE {{int_div "fiscal_week - 1" "13"}} + 1 END AS fiscal_quarter,
    CASE WHEN fiscal_week > 52 THEN 13 ELSE (fiscal_week - 1) % 13 + 1 END AS week_of_quarter
  FROM nrf_day
),
iso_day AS (
  SELECT
    calendar_date,
    iso_dow,
    EXTRACT(year FROM iso_thursday) AS fiscal_year,
    EXTRACT(month FROM iso_thursday) AS fiscal_period,
    {{int_div "EXTRACT(doy FROM iso_thursday) - 1" "7"}} + 1 AS fiscal_week
  FROM weekday
),
iso_long AS (
  SELECT fiscal_year, max(fiscal_week) AS week_count
  FROM iso_day
  GROUP BY fiscal_year
),
day AS (
  SELECT
    'gregorian' AS calendar_id,
    weekday.calendar_date,
    EXTRACT(year FROM weekday.calendar_date) AS fiscal_year,
    EXTRACT(quarter FROM weekday.calendar_date) AS fiscal_quarter,
    EXTRACT(month FROM weekday.calendar_date) AS fiscal_period,
    iso_day.fiscal_week,
    weekday.iso_dow,
    CAST(weekday.calendar_date - INTERVAL '1' YEAR AS DATE) AS comparable_date,
    CAST(weekday.calendar_date - INTERVAL '1' YEAR AS DATE) AS comparable_date_restated
  FROM weekday
  INNER JOIN iso_day
    ON weekday.calendar_date = iso_day.calendar_date
  UNION ALL
  SELECT
    'iso' AS calendar_id,
    iso_day.calendar_date,
    iso_day.fiscal_year,
    {{int_div "iso_day.fiscal_period + 2" "3"}} AS fiscal_quarter,
    iso_day.fiscal_period,
    iso_day.fiscal_week,
    iso_day.iso_dow,
    CASE WHEN iso_day.fiscal_week < 53 THEN {{add_days "iso_day.calendar_date" "-7 * before.week_count"}} END AS comparable_date,
    {{add_days "iso_day.calendar_date" "-364"}} AS comparable_date_restated
  FROM iso_day
  INNER JOIN iso_long AS before
    ON iso_day.fiscal_year - 1 = before.fiscal_year
  UNION ALL
  SELECT
    'nrf' AS calendar_id,
    calendar_date,
    fiscal_year,
    fiscal_quarter,
    (fiscal_quarter - 1) * 3 + CASE WHEN week_of_quarter <= 4 THEN 1 WHEN week_of_quarter <= 9 THEN 2 ELSE 3 END AS fiscal_period,
    fiscal_week,
    iso_dow,
    CASE WHEN fiscal_week < 53 THEN {{add_days "calendar_date" "-days_before"}} END AS comparable_date,
    {{add_days "calendar_date" "-364"}} AS comparable_date_restated
  FROM nrf_period
),
holiday_start AS (                                  -- data, not computed: some calendar code is a day off in 2027 and 2030
  SELECT
    holiday_id,
    first_day,
    days_ahead,
    days_after
  FROM (
    VALUES
      ('lunar_new_year', DATE '2024-02-10', 14, 14),
      ('lunar_new_year', DATE '2025-01-29', 14, 14),
      ('lunar_new_year', DATE '2026-02-17', 14, 14),
      ('lunar_new_year', DATE '2027-02-06', 14, 14),
      ('lunar_new_year', DATE '2028-01-26', 14, 14),
      ('lunar_new_year', DATE '2029-02-13', 14, 14),
      ('lunar_new_year', DATE '2030-02-03', 14, 14)
  ) AS listed (holiday_id, first_day, days_ahead, days_after)
  UNION ALL
  SELECT 'double_11' AS holiday_id, calendar_date AS first_day, 10 AS days_ahead, 1 AS days_after
  FROM listed
  WHERE EXTRACT(month FROM calendar_date) = 11
    AND EXTRACT(day FROM calendar_date) = 11
  UNION ALL
  SELECT '618' AS holiday_id, calendar_date AS first_day, 17 AS days_ahead, 2 AS days_after
  FROM listed
  WHERE EXTRACT(month FROM calendar_date) = 6
    AND EXTRACT(day FROM calendar_date) = 18
),
holiday AS (
  SELECT
    listed.calendar_date,
    holiday_start.holiday_id,
    {{days_between "holiday_start.first_day" "listed.calendar_date"}} AS holiday_offset
  FROM listed
  INNER JOIN holiday_start
    ON listed.calendar_date >= {{add_days "holiday_start.first_day" "-holiday_start.days_ahead"}}
    AND listed.calendar_date <= {{add_days "holiday_start.first_day" "holiday_start.days_after"}}
),
delivered AS (
  SELECT
    calendar_id,
    calendar_date,
    min(holiday_id) AS holiday_id,
    min(holiday_offset) AS holiday_offset
  FROM stg_calendar_day
  WHERE holiday_id IS NOT NULL
  GROUP BY calendar_id, calendar_date
),
final AS (
  SELECT
    day.calendar_id,
    day.calendar_date,
    day.fiscal_year,
    day.fiscal_quarter,
    day.fiscal_period,
    day.fiscal_week,
    day.iso_dow,
    day.comparable_date,
    day.comparable_date_restated,
    coalesce(delivered.holiday_id, holiday.holiday_id) AS holiday_id,
    CASE WHEN delivered.holiday_id IS NOT NULL THEN delivered.holiday_offset ELSE holiday.holiday_offset END AS holiday_offset
  FROM day
  LEFT JOIN holiday
    ON day.calendar_date = holiday.calendar_date
  LEFT JOIN delivered
    ON day.calendar_id = delivered.calendar_id
    AND day.calendar_date = delivered.calendar_date
  WHERE day.calendar_date >= DATE '2010-01-01'
    AND day.calendar_date < DATE '2036-01-01'
)
SELECT
  calendar_id,
  calendar_date,
  fiscal_year,
  fiscal_quarter,
  fiscal_period,
  fiscal_week,
  iso_dow,
  comparable_date,
  comparable_date_restated,
  holiday_id,
  holiday_offset
FROM final
ORDER BY
  calendar_id NULLS LAST,
  calendar_date NULLS LAST
