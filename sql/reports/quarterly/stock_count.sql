/*
about: Stock counts of a quarter per location - records counted, records exactly right, surplus and shortage at cost kept apart, counts that came after their due date.
owner: inventory
kind: full
grain: [period_type, period_start, location_id]
inputs:
  inventory.stock_count: all
columns:
  period_type: {type: VARCHAR, about: "quarter"}
  period_start: {type: DATE, about: "first business date"}
  location_id: {type: VARCHAR, about: "location"}
  currency_code: {type: VARCHAR, about: "home currency"}
  counted_qty: {type: BIGINT, about: "records counted"}
  exact_qty: {type: BIGINT, about: "records whose count equals the book"}
  late_qty: {type: BIGINT, about: "records counted after their due date"}
  surplus_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: "found more than the book, at cost"}
  shortage_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: "found less than the book, at cost, as a positive amount"}
checks: [unique_grain]
*/
WITH stock_count AS (
    SELECT * FROM {{ref "inventory.stock_count"}}
),
final AS (
    SELECT
        'quarter' AS period_type,
        {{trunc_date "quarter" "business_date"}} AS period_start,
        location_id,
        '{{config "home_currency"}}' AS currency_code,
        count(*) AS counted_qty,
        count(*) FILTER (WHERE is_exact) AS exact_qty,
        count(*) FILTER (WHERE due_on < business_date) AS late_qty,
        CAST(coalesce(sum(variance_cost_amount) FILTER (WHERE variance_cost_amount > 0), 0) AS DECIMAL(38,4)) AS surplus_amount,
        CAST(coalesce(-sum(variance_cost_amount) FILTER (WHERE variance_cost_amount < 0), 0) AS DECIMAL(38,4)) AS shortage_amount
    FROM stock_count
    WHERE business_date IS NOT NULL
    GROUP BY {{trunc_date "quarter" "business_date"}}, location_id
)
SELECT
    period_type,
    period_start,
    location_id,
    currency_code,
    counted_qty,
    exact_qty,
    late_qty,
    surplus_amount,
    shortage_amount
FROM final
ORDER BY period_type NULLS LAST, period_start NULLS LAST, location_id NULLS LAST
