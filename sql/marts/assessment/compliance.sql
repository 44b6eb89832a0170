/*
about: "What of its duties each location met in a month, clause by clause. A duty without a trace in the data is not met: it is no_evidence."
owner: assessment
kind: full
grain: [period_start, location_id, clause_id]
inputs:
  assessment.clause: all
  assessment.completeness: all
  finance.till_day: all
  conversion.store_day: all
  inventory.count_duty: all
  sales.day: all
  stg_location: all
  int_data_end: all
columns:
  location_id: {type: "VARCHAR", about: "store, warehouse or online shop that was open in the month"}
  location_kind: {type: "VARCHAR", about: "store, warehouse or online as the master says, else by its sales; unknown binds it like a warehouse"}
  clause_id: {type: "VARCHAR", about: "see assessment.clause"}
  period_type: {type: "VARCHAR", about: "month"}
  state: {type: "VARCHAR", about: "met: every check passed; not_met: one or more did not; no_evidence: the data shows neither"}
  due_qty: {type: "BIGINT", unit: checks, about: "checks that were due: deliveries, store-days, parts to be counted"}
  met_qty: {type: "BIGINT", unit: checks, about: "checks that passed"}
  is_gate: {type: "BOOLEAN", about: "a breach keeps the location out of any ranking"}
  first_breach_date: {type: "DATE", about: "first day on which it was not met"}
  period_start: {type: "DATE", about: "first day of the month"}
  period_end: {type: "DATE", about: "last day of the month that the data reaches"}
checks: [unique_grain]
*/
WITH clause AS (SELECT * FROM {{ref "assessment.clause"}}),
completeness AS (SELECT * FROM {{ref "assessment.completeness"}}),
till_day AS (SELECT * FROM {{ref "finance.till_day"}}),
store_day AS (SELECT * FROM {{ref "conversion.store_day"}}),
count_duty AS (SELECT * FROM {{ref "inventory.count_duty"}}),
sales_day AS (SELECT * FROM {{ref "sales.day"}}),
stg_location AS (SELECT * FROM {{ref "stg_location"}}),
int_data_end AS (SELECT * FROM {{ref "int_data_end"}}),
month AS (
  SELECT
    {{trunc_date "month" "CAST(listed.day AS DATE)"}} AS period_start,
    max(CAST(listed.day AS DATE)) AS period_end
  FROM int_data_end
  CROSS JOIN UNNEST({{each_day "int_data_end.first_date" "int_data_end.last_date"}}) AS listed (day)
  GROUP BY {{trunc_date "month" "CAST(listed.day AS DATE)"}}
),
place_ranked AS (
  SELECT
    location_id,
    lower(coalesce(kind, '')) AS kind,
    opened_on,
    closed_on,
    row_number() OVER (PARTITION BY location_id ORDER BY valid_from DESC NULLS LAST, source NULLS LAST) AS version_rank
  FROM stg_location
),
place AS (
  SELECT location_id, kind, opened_on, closed_on
  FROM place_ranked
  WHERE version_rank = 1
),
sold AS (
  SELECT
    location_id,
    {{trunc_date "month" "business_date"}} AS period_start,
    max(channel) AS channel                         -- store after online
  FROM sales_day
  WHERE location_id <> ''
  GROUP BY location_id, {{trunc_date "month" "business_date"}}
),
duty_month AS (                                     -- the days of a month on which a count was overdue end with end_date
  SELECT
    month.period_start,
    count_duty.location_id,
    count_duty.part,
    {{greatest2 (add_days "count_duty.due_on" "1") "month.period_start"}} AS breach_date,
    {{least2 "month.period_end" (least2 (add_days "count_duty.counted_on" "-1") (add_days "count_duty.closed_on" "-1"))}} AS end_date
  FROM month
  INNER JOIN count_duty
    ON count_duty.begin_on <= month.period_end
    AND (count_duty.counted_on IS NULL OR count_duty.counted_on > month.period_start)
    AND (count_duty.closed_on IS NULL OR count_duty.closed_on > month.period_start)
),
part_month AS (
  SELECT
    period_start,
    location_id,
    part,
    min(CASE WHEN breach_date <= end_date THEN breach_date END) AS first_breach_date
  FROM duty_month
  GROUP BY period_start, location_id, part
),
evidence AS (
  SELECT
    'delivered' AS clause_id,
    location_id,
    {{trunc_date "month" "business_date"}} AS period_start,
    count(*) AS due_qty,
    count(*) FILTER (WHERE state <> 'missing') AS met_qty,
    min(CASE WHEN state = 'missing' THEN business_date END) AS first_breach_date
  FROM completeness
  WHERE expected_qty > 0
    AND location_id <> ''
  GROUP BY location_id, {{trunc_date "month" "business_date"}}
  UNION ALL
  SELECT
    'on_time' AS clause_id,
    location_id,
    {{trunc_date "month" "business_date"}} AS period_start,
    count(*) AS due_qty,
    count(*) FILTER (WHERE state = 'received') AS met_qty,
    min(CASE WHEN state = 'late' THEN business_date END) AS first_breach_date
  FROM completeness
  WHERE expected_qty > 0
    AND location_id <> ''
    AND state <> 'missing'
  GROUP BY location_id, {{trunc_date "month" "business_date"}}
  UNION ALL
  SELECT
    'till' AS clause_id,
    location_id,
    {{trunc_date "month" "business_date"}} AS period_start,
    count(*) AS due_qty,
    count(*) FILTER (WHERE state = 'tied') AS met_qty,
    min(CASE WHEN state <> 'tied' THEN business_date END) AS first_breach_date
  FROM till_day
  WHERE tender = ''
  GROUP BY location_id, {{trunc_date "month" "business_date"}}
  UNION ALL
  SELECT
    'visitors' AS clause_id,
    location_id,
    {{trunc_date "month" "business_date"}} AS period_start,
    count(*) AS due_qty,
    count(*) FILTER (WHERE is_healthy) AS met_qty,
    min(CASE WHEN is_healthy THEN NULL ELSE business_date END) AS first_breach_date
  FROM store_day
  GROUP BY location_id, {{trunc_date "month" "business_date"}}
  HAVING count(visitor_qty) > 0
  UNION ALL
  SELECT
    'stocktake' AS clause_id,
    location_id,
    period_start,
    count(*) AS due_qty,
    count(*) FILTER (WHERE first_breach_date IS NULL) AS met_qty,
    min(first_breach_date) AS first_breach_date
  FROM part_month
  GROUP BY location_id, period_start
),
present AS (
  SELECT location_id, period_start FROM evidence
  UNION
  SELECT location_id, period_start FROM sold
  UNION
  SELECT place.location_id, month.period_start
  FROM place
  INNER JOIN month
    ON coalesce(place.opened_on, month.period_end) <= month.period_end
    AND (place.closed_on IS NULL OR place.closed_on > month.period_start)
  WHERE place.kind IN ('store', 'warehouse', 'online')
),
described AS (
  SELECT
    present.location_id,
    month.period_start,
    month.period_end,
    CASE
      WHEN place.kind IN ('store', 'warehouse', 'online') THEN place.kind
      ELSE coalesce(sold.channel, 'unknown')
    END AS location_kind
  FROM present
  INNER JOIN month
    ON present.period_start = month.period_start
  LEFT JOIN place
    ON present.location_id = place.location_id
  LEFT JOIN sold
    ON present.location_id = sold.location_id
    AND present.period_start = sold.period_start
),
final AS (
  SELECT
    described.location_id,
    described.location_kind,
    clause.clause_id,
    'month' AS period_type,
    CASE
      WHEN coalesce(evidence.due_qty, 0) = 0 THEN 'no_evidence'
      WHEN evidence.met_qty = evidence.due_qty THEN 'met'
      ELSE 'not_met'
    END AS state,
    coalesce(evidence.due_qty, 0) AS due_qty,
    coalesce(evidence.met_qty, 0) AS met_qty,
    clause.is_gate,
    evidence.first_breach_date,
    described.period_start,
    described.period_end
  FROM described
  INNER JOIN clause
    ON CASE described.location_kind WHEN 'store' THEN clause.binds_store WHEN 'online' THEN clause.binds_online ELSE clause.binds_warehouse END
  LEFT JOIN evidence
    ON clause.clause_id = evidence.clause_id
    AND described.location_id = evidence.location_id
    AND described.period_start = evidence.period_start
)
SELECT
  location_id,
  location_kind,
  clause_id,
  period_type,
  state,
  CAST(due_qty AS BIGINT) AS due_qty,
  CAST(met_qty AS BIGINT) AS met_qty,
  is_gate,
  first_breach_date,
  period_start,
  period_end
FROM final
ORDER BY
  period_start NULLS LAST,
  location_id NULLS LAST,
  clause_id NULLS LAST
