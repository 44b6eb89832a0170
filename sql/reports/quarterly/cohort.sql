/*
about: Customers by the quarter of their first purchase and how many of them bought again in each later quarter.
owner: customer
kind: partition
partition: quarter(period_start)
grain: [cohort_start, period_start]
inputs:
  customer.month: same
  int_customer_first: window(400)
columns:
  cohort_start: {type: DATE, about: "quarter of the first purchase"}
  period_start: {type: DATE, about: "quarter looked at"}
  quarter_no: {type: BIGINT, about: "quarters since the first purchase; 0 is the quarter itself"}
  currency_code: {type: VARCHAR, about: "home currency"}
  cohort_qty: {type: BIGINT, about: "customers of the cohort"}
  active_qty: {type: BIGINT, about: "of those, customers with an order in the quarter"}
  cross_channel_qty: {type: BIGINT, about: "of those, customers who bought online and in a store in the quarter"}
  home_net_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: "their net sales in the quarter"}
checks: [unique_grain]
*/
WITH customer_month AS (
    SELECT * FROM {{ref "customer.month"}}
),
first_purchase AS (
    SELECT * FROM {{ref "int_customer_first"}}
),
cohorts AS (
    SELECT
        customer_id,
        {{trunc_date "quarter" "first_business_date"}} AS cohort_start
    FROM first_purchase
),
sizes AS (
    SELECT
        cohort_start,
        count(*) AS cohort_qty
    FROM cohorts
    GROUP BY cohort_start
),
buyers AS (
    SELECT
        customer_id,
        {{trunc_date "quarter" "month"}} AS period_start,
        bool_or(channel = 'online') AS is_online,
        bool_or(channel <> 'online') AS is_store,
        sum(home_net_amount) AS home_net_amount
    FROM customer_month
    WHERE order_qty > 0
    GROUP BY customer_id, {{trunc_date "quarter" "month"}}
),
final AS (
    SELECT
        cohorts.cohort_start,
        buyers.period_start,
        CAST((extract(year FROM buyers.period_start) - extract(year FROM cohorts.cohort_start)) * 4
            + extract(quarter FROM buyers.period_start) - extract(quarter FROM cohorts.cohort_start) AS BIGINT) AS quarter_no,
        '{{config "home_currency"}}' AS currency_code,
        max(sizes.cohort_qty) AS cohort_qty,
        count(*) AS active_qty,
        count(*) FILTER (WHERE buyers.is_online AND buyers.is_store) AS cross_channel_qty,
        CAST(coalesce(sum(buyers.home_net_amount), 0) AS DECIMAL(38,4)) AS home_net_amount
    FROM cohorts
    INNER JOIN buyers
        ON buyers.customer_id = cohorts.customer_id
    INNER JOIN sizes
        ON sizes.cohort_start = cohorts.cohort_start
    WHERE buyers.period_start >= cohorts.cohort_start
    GROUP BY cohorts.cohort_start, buyers.period_start
)
SELECT
    cohort_start,
    period_start,
    quarter_no,
    currency_code,
    cohort_qty,
    active_qty,
    cross_channel_qty,
    home_net_amount
FROM final
ORDER BY cohort_start NULLS LAST, period_start NULLS LAST
