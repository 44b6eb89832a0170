/*
about: "Distinct people per period and scope; counts of people do not add up, so each level is counted from rows. Locations by month and quarter only; cross-channel over the twelve months that end with the month or quarter."
owner: assessment
kind: partition
grain: [period_type, period_start, scope_type, scope_id]
partition: quarter(period_end)
inputs:
  int_period: same
  customer.timeline: window(1)
  int_customer_first: window(1)
  customer.month: window(4)
columns:
  period_type: {type: "VARCHAR", about: "day, week, month or quarter"}
  scope_type: {type: "VARCHAR", about: "company, channel or location"}
  scope_id: {type: "VARCHAR", about: "channel or location; empty for company"}
  active_qty: {type: "BIGINT", unit: persons, about: "identified buyers"}
  repeat_qty: {type: "BIGINT", unit: persons, about: "of those, with purchases on two days or more"}
  new_qty: {type: "BIGINT", unit: persons, about: "of those, whose first purchase ever falls in the period"}
  active_year_qty: {type: "BIGINT", unit: persons, about: "identified buyers of the last twelve months; null where not counted"}
  cross_channel_qty: {type: "BIGINT", unit: persons, about: "of those, who bought online and in a store"}
  identified_net_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "net of sales to them, refunds not deducted"}
  period_start: {type: "DATE", about: "first day"}
  period_end: {type: "DATE", about: "last day"}
checks: [unique_grain]
*/
WITH int_period AS (SELECT * FROM {{ref "int_period"}}),
timeline AS (SELECT * FROM {{ref "customer.timeline"}}),
int_customer_first AS (SELECT * FROM {{ref "int_customer_first"}}),
customer_month AS (SELECT * FROM {{ref "customer.month"}}),
reach AS (SELECT min(period_start) AS first_date FROM int_period),
bought AS (                                         -- one row per person, day and place; earlier days are in no period
  SELECT
    timeline.customer_id,
    timeline.channel,
    coalesce(timeline.location_id, '') AS location_id,
    timeline.business_date,
    sum(timeline.home_net_amount) AS home_net_amount
  FROM timeline
  CROSS JOIN reach
  WHERE timeline.kind = 'order'
    AND timeline.business_date >= reach.first_date
  GROUP BY timeline.customer_id, timeline.channel, coalesce(timeline.location_id, ''), timeline.business_date
),
scoped AS (                                         -- one row per person, day and scope
  SELECT customer_id, business_date, 'company' AS scope_type, '' AS scope_id, sum(home_net_amount) AS home_net_amount
  FROM bought
  GROUP BY customer_id, business_date
  UNION ALL
  SELECT customer_id, business_date, 'channel' AS scope_type, channel AS scope_id, sum(home_net_amount) AS home_net_amount
  FROM bought
  GROUP BY customer_id, business_date, channel
  UNION ALL
  SELECT customer_id, business_date, 'location' AS scope_type, location_id AS scope_id, sum(home_net_amount) AS home_net_amount
  FROM bought
  WHERE location_id <> ''
  GROUP BY customer_id, business_date, location_id
),
person AS (                                         -- a day holds a person once already; longer periods are grouped
  SELECT
    int_period.period_type,
    int_period.period_start,
    int_period.period_end,
    scoped.scope_type,
    scoped.scope_id,
    scoped.customer_id,
    1 AS day_count,
    scoped.home_net_amount
  FROM scoped
  INNER JOIN int_period
    ON scoped.business_date = int_period.period_start
    AND int_period.period_type = 'day'
  WHERE scoped.scope_type <> 'location'
  UNION ALL
  SELECT
    int_period.period_type,
    int_period.period_start,
    int_period.period_end,
    scoped.scope_type,
    scoped.scope_id,
    scoped.customer_id,
    count(*) AS day_count,
    sum(scoped.home_net_amount) AS home_net_amount
  FROM scoped
  INNER JOIN int_period
    ON {{trunc_date "week" "scoped.business_date"}} = int_period.period_start
    AND int_period.period_type = 'week'
  WHERE scoped.scope_type <> 'location'
  GROUP BY int_period.period_type, int_period.period_start, int_period.period_end, scoped.scope_type, scoped.scope_id, scoped.customer_id
  UNION ALL
  SELECT
    int_period.period_type,
    int_period.period_start,
    int_period.period_end,
    scoped.scope_type,
    scoped.scope_id,
    scoped.customer_id,
    count(*) AS day_count,
    sum(scoped.home_net_amount) AS home_net_amount
  FROM scoped
  INNER JOIN int_period
    ON {{trunc_date "month" "scoped.business_date"}} = int_period.period_start
    AND int_period.period_type = 'month'
  GROUP BY int_period.period_type, int_period.period_start, int_period.period_end, scoped.scope_type, scoped.scope_id, scoped.customer_id
  UNION ALL
  SELECT
    int_period.period_type,
    int_period.period_start,
    int_period.period_end,
    scoped.scope_type,
    scoped.scope_id,
    scoped.customer_id,
    count(*) AS day_count,
    sum(scoped.home_net_amount) AS home_net_amount
  FROM scoped
  INNER JOIN int_period
    ON {{trunc_date "quarter" "scoped.business_date"}} = int_period.period_start
    AND int_period.period_type = 'quarter'
  GROUP BY int_period.period_type, int_period.period_start, int_period.period_end, scoped.scope_type, scoped.scope_id, scoped.customer_id
),
first_purchase AS (
  SELECT customer_id, min(first_business_date) AS first_business_date
  FROM int_customer_first
  GROUP BY customer_id
),
counted AS (
  SELECT
    person.period_type,
    person.period_start,
    person.period_end,
    person.scope_type,
    person.scope_id,
    count(*) AS active_qty,
    count(*) FILTER (WHERE person.day_count >= 2) AS repeat_qty,
    count(*) FILTER (WHERE first_purchase.first_business_date >= person.period_start AND first_purchase.first_business_date <= person.period_end) AS new_qty,
    sum(person.home_net_amount) AS identified_net_amount
  FROM person
  LEFT JOIN first_purchase
    ON person.customer_id = first_purchase.customer_id
  GROUP BY person.period_type, person.period_start, person.period_end, person.scope_type, person.scope_id
),
long_period AS (
  SELECT
    period_type,
    period_start,
    {{trunc_date "month" "period_end"}} AS last_month
  FROM int_period
  WHERE period_type IN ('month', 'quarter')
),
closing AS (SELECT max(last_month) AS last_month FROM long_period),
month_back AS (                                     -- counted back from the last month that ends a period here
  SELECT
    customer_month.customer_id,
    customer_month.channel,
    (extract(year FROM closing.last_month) - extract(year FROM customer_month.month)) * 12 + extract(month FROM closing.last_month) - extract(month FROM customer_month.month) AS back_qty
  FROM customer_month
  CROSS JOIN closing
  WHERE customer_month.order_qty > 0
    AND customer_month.month <= closing.last_month
),
year_person AS (                                    -- periods end in one of three months: one pass for all of them
  SELECT
    customer_id,
    bool_or(back_qty BETWEEN 0 AND 11) AS is_active_0,
    bool_or(back_qty BETWEEN 0 AND 11 AND channel = 'online') AS is_online_0,
    bool_or(back_qty BETWEEN 0 AND 11 AND channel = 'store') AS is_store_0,
    bool_or(back_qty BETWEEN 1 AND 12) AS is_active_1,
    bool_or(back_qty BETWEEN 1 AND 12 AND channel = 'online') AS is_online_1,
    bool_or(back_qty BETWEEN 1 AND 12 AND channel = 'store') AS is_store_1,
    bool_or(back_qty BETWEEN 2 AND 13) AS is_active_2,
    bool_or(back_qty BETWEEN 2 AND 13 AND channel = 'online') AS is_online_2,
    bool_or(back_qty BETWEEN 2 AND 13 AND channel = 'store') AS is_store_2
  FROM month_back
  WHERE back_qty <= 13
  GROUP BY customer_id
),
year_total AS (
  SELECT
    count(*) FILTER (WHERE is_active_0) AS active_0_qty,
    count(*) FILTER (WHERE is_online_0 AND is_store_0) AS cross_0_qty,
    count(*) FILTER (WHERE is_active_1) AS active_1_qty,
    count(*) FILTER (WHERE is_online_1 AND is_store_1) AS cross_1_qty,
    count(*) FILTER (WHERE is_active_2) AS active_2_qty,
    count(*) FILTER (WHERE is_online_2 AND is_store_2) AS cross_2_qty
  FROM year_person
),
placed_period AS (
  SELECT
    long_period.period_type,
    long_period.period_start,
    (extract(year FROM closing.last_month) - extract(year FROM long_period.last_month)) * 12 + extract(month FROM closing.last_month) - extract(month FROM long_period.last_month) AS back_qty
  FROM long_period
  CROSS JOIN closing
),
year_counted AS (
  SELECT
    placed_period.period_type,
    placed_period.period_start,
    CASE placed_period.back_qty WHEN 0 THEN year_total.active_0_qty WHEN 1 THEN year_total.active_1_qty WHEN 2 THEN year_total.active_2_qty END AS active_year_qty,
    CASE placed_period.back_qty WHEN 0 THEN year_total.cross_0_qty WHEN 1 THEN year_total.cross_1_qty WHEN 2 THEN year_total.cross_2_qty END AS cross_channel_qty
  FROM placed_period
  CROSS JOIN year_total
),
final AS (
  SELECT
    counted.period_type,
    counted.scope_type,
    counted.scope_id,
    counted.active_qty,
    counted.repeat_qty,
    counted.new_qty,
    CASE WHEN counted.scope_type = 'company' THEN year_counted.active_year_qty END AS active_year_qty,
    CASE WHEN counted.scope_type = 'company' THEN year_counted.cross_channel_qty END AS cross_channel_qty,
    counted.identified_net_amount,
    counted.period_start,
    counted.period_end
  FROM counted
  LEFT JOIN year_counted
    ON counted.period_type = year_counted.period_type
    AND counted.period_start = year_counted.period_start
)
SELECT
  period_type,
  scope_type,
  scope_id,
  active_qty,
  repeat_qty,
  new_qty,
  active_year_qty,
  cross_channel_qty,
  identified_net_amount,
  period_start,
  period_end
FROM final
ORDER BY
  period_type NULLS LAST,
  period_start NULLS LAST,
  scope_type NULLS LAST,
  scope_id NULLS LAST
