/*
about: Days of the tills of a store in a month - with an end-of-day report, tied out, beyond the tolerance, and by how much.
owner: finance
kind: full
grain: [period_type, period_start, location_id, currency_code]
inputs:
  finance.till_day: all
columns:
  period_type: {type: VARCHAR, about: "month"}
  period_start: {type: DATE, about: "first business date"}
  location_id: {type: VARCHAR, about: "store"}
  currency_code: {type: VARCHAR, about: "ISO 4217"}
  day_qty: {type: BIGINT, about: "days on which it sold or reported"}
  reported_qty: {type: BIGINT, about: "of those, days with an end-of-day report"}
  tied_qty: {type: BIGINT, about: "of those, days that agree with the receipts"}
  beyond_qty: {type: BIGINT, about: "days beyond the tolerance"}
  net_difference_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: "stated less found of the days beyond the tolerance"}
  gross_difference_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: "the same without signs, so that too much and too little do not cancel"}
  first_open_date: {type: DATE, about: "first day without a report or beyond the tolerance"}
checks: [unique_grain]
*/
WITH till_day AS (
    SELECT * FROM {{ref "finance.till_day"}}
),
final AS (
    SELECT
        'month' AS period_type,
        {{trunc_date "month" "business_date"}} AS period_start,
        location_id,
        currency_code,
        count(*) AS day_qty,
        count(*) FILTER (WHERE state <> 'no_report') AS reported_qty,
        count(*) FILTER (WHERE state = 'tied') AS tied_qty,
        count(*) FILTER (WHERE state = 'beyond_tolerance') AS beyond_qty,
        CAST(sum(CASE WHEN state = 'beyond_tolerance' THEN difference_amount ELSE 0 END) AS DECIMAL(38,4)) AS net_difference_amount,
        CAST(sum(CASE WHEN state = 'beyond_tolerance' THEN abs(difference_amount) ELSE 0 END) AS DECIMAL(38,4)) AS gross_difference_amount,
        min(CASE WHEN state <> 'tied' THEN business_date END) AS first_open_date
    FROM till_day
    WHERE tender = ''
    GROUP BY {{trunc_date "month" "business_date"}}, location_id, currency_code
)
SELECT
    period_type,
    period_start,
    location_id,
    currency_code,
    day_qty,
    reported_qty,
    tied_qty,
    beyond_qty,
    net_difference_amount,
    gross_difference_amount,
    first_open_date
FROM final
ORDER BY period_type NULLS LAST, period_start NULLS LAST, location_id NULLS LAST, currency_code NULLS LAST
