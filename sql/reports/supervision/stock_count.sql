/*
about: Counts of stock of each location as a month ends - what was counted, the last count, the next one due, parts overdue.
owner: inventory
kind: full
grain: [period_type, period_start, location_id]
inputs:
  inventory.count_month: all
  inventory.count_duty: all
  assessment.compliance: all
columns:
  period_type: {type: VARCHAR, about: "month"}
  period_start: {type: DATE, about: "first business date"}
  location_id: {type: VARCHAR, about: "location"}
  count_qty: {type: BIGINT, about: "stocktakes of the month"}
  counted_qty: {type: BIGINT, about: "records counted"}
  exact_qty: {type: BIGINT, about: "records whose count equals the book"}
  stocked_qty: {type: BIGINT, about: "articles in stock at the end of the month"}
  covered_qty: {type: BIGINT, about: "of those, articles counted within the policy's time"}
  surplus_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "found more than the book, at cost"}
  shortage_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "found less than the book, at cost, as a positive amount"}
  part_qty: {type: BIGINT, about: "parts that are counted on their own"}
  overdue_qty: {type: BIGINT, about: "of those, parts overdue as the month ends"}
  overdue_days: {type: BIGINT, about: "days since the oldest of them was due"}
  last_count_date: {type: DATE, about: "last count up to the end of the month"}
  next_due_date: {type: DATE, about: "first day due of the parts; past when one is overdue"}
checks: [unique_grain]
*/
WITH count_month AS (
    SELECT * FROM {{ref "inventory.count_month"}}
),
count_duty AS (
    SELECT * FROM {{ref "inventory.count_duty"}}
),
compliance AS (
    SELECT * FROM {{ref "assessment.compliance"}}
),
bound AS (
    SELECT
        period_type,
        period_start,
        location_id,
        max(period_end) AS period_end
    FROM compliance
    WHERE clause_id = 'stocktake'
    GROUP BY period_type, period_start, location_id
),
duty AS (
    SELECT
        bound.period_type,
        bound.period_start,
        bound.location_id,
        count(DISTINCT count_duty.part) AS part_qty,
        count(DISTINCT CASE WHEN count_duty.due_on < bound.period_end THEN count_duty.part END) AS overdue_qty,
        max(CASE WHEN count_duty.due_on < bound.period_end THEN {{days_between "count_duty.due_on" "bound.period_end"}} END) AS overdue_days,
        max(count_duty.last_count_on) AS last_count_date,
        min(count_duty.due_on) AS next_due_date
    FROM bound
    INNER JOIN count_duty
        ON count_duty.location_id = bound.location_id
       AND count_duty.begin_on <= bound.period_end
       AND (count_duty.counted_on IS NULL OR count_duty.counted_on > bound.period_end)
       AND (count_duty.closed_on IS NULL OR count_duty.closed_on > bound.period_end)
    GROUP BY bound.period_type, bound.period_start, bound.location_id
),
final AS (
    SELECT
        bound.period_type,
        bound.period_start,
        bound.location_id,
        coalesce(count_month.count_qty, 0) AS count_qty,
        coalesce(count_month.counted_qty, 0) AS counted_qty,
        coalesce(count_month.exact_qty, 0) AS exact_qty,
        coalesce(count_month.stocked_qty, 0) AS stocked_qty,
        count_month.covered_qty,
        count_month.surplus_amount,
        count_month.shortage_amount,
        coalesce(duty.part_qty, 0) AS part_qty,
        coalesce(duty.overdue_qty, 0) AS overdue_qty,
        duty.overdue_days,
        duty.last_count_date,
        duty.next_due_date
    FROM bound
    LEFT JOIN count_month
        ON count_month.month = bound.period_start
       AND count_month.location_id = bound.location_id
    LEFT JOIN duty
        ON duty.period_type = bound.period_type
       AND duty.period_start = bound.period_start
       AND duty.location_id = bound.location_id
)
SELECT
    period_type,
    period_start,
    location_id,
    count_qty,
    counted_qty,
    exact_qty,
    stocked_qty,
    covered_qty,
    surplus_amount,
    shortage_amount,
    CAST(part_qty AS BIGINT) AS part_qty,
    CAST(overdue_qty AS BIGINT) AS overdue_qty,
    CAST(overdue_days AS BIGINT) AS overdue_days,
    last_count_date,
    next_due_date
FROM final
ORDER BY period_type NULLS LAST, period_start NULLS LAST, location_id NULLS LAST
