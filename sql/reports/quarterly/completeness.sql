/*
about: What was due and what came, per period, feed and location; the reason a document is provisional.
owner: assessment
kind: full
grain: [period_type, period_start, source, feed, location_id]
inputs:
  assessment.completeness: all
columns:
  period_type: {type: VARCHAR, about: "quarter"}
  period_start: {type: DATE, about: "first business date"}
  source: {type: VARCHAR, about: "source system"}
  feed: {type: VARCHAR, about: "feed of the source"}
  location_id: {type: VARCHAR, about: "location that was due to deliver; empty when the feed is not by location"}
  due_qty: {type: BIGINT, about: "deliveries expected"}
  received_qty: {type: BIGINT, about: "expected deliveries that came, late ones included"}
  late_qty: {type: BIGINT, about: "of those, the ones that came late"}
  missing_qty: {type: BIGINT, about: "expected deliveries that did not come"}
  unexpected_qty: {type: BIGINT, about: "deliveries nobody expected"}
  record_qty: {type: BIGINT, about: "records delivered"}
  first_missing_date: {type: DATE, about: "first business date that is missing"}
checks: [unique_grain]
*/
WITH completeness AS (
    SELECT * FROM {{ref "assessment.completeness"}}
),
dated AS (
    SELECT
        'quarter' AS period_type,
        {{trunc_date "quarter" "business_date"}} AS period_start,
        business_date,
        source,
        feed,
        coalesce(location_id, '') AS location_id,
        state,
        record_qty
    FROM completeness
),
final AS (
    SELECT
        period_type,
        period_start,
        source,
        feed,
        location_id,
        count(*) FILTER (WHERE state IN ('received', 'late', 'missing')) AS due_qty,
        count(*) FILTER (WHERE state IN ('received', 'late')) AS received_qty,
        count(*) FILTER (WHERE state = 'late') AS late_qty,
        count(*) FILTER (WHERE state = 'missing') AS missing_qty,
        count(*) FILTER (WHERE state = 'unexpected') AS unexpected_qty,
        CAST(coalesce(sum(record_qty), 0) AS BIGINT) AS record_qty,
        min(business_date) FILTER (WHERE state = 'missing') AS first_missing_date
    FROM dated
    GROUP BY period_type, period_start, source, feed, location_id
)
SELECT
    period_type,
    period_start,
    source,
    feed,
    location_id,
    due_qty,
    received_qty,
    late_qty,
    missing_qty,
    unexpected_qty,
    record_qty,
    first_missing_date
FROM final
ORDER BY period_type NULLS LAST, period_start NULLS LAST, source NULLS LAST, feed NULLS LAST, location_id NULLS LAST
