/*
about: "Compliance of each location in a month: clauses met of those with evidence. Below 80 % of evidence a location is not rated; a rank needs five rated locations of its kind, and an unbroken gate."
owner: assessment
kind: full
grain: [period_type, period_start, location_id]
inputs:
  assessment.compliance: all
  finance.calendar_day: all
columns:
  period_type: {type: VARCHAR, about: "month"}
  period_start: {type: DATE, about: "first business date"}
  location_id: {type: VARCHAR, about: "location"}
  location_kind: {type: VARCHAR, about: "store, warehouse, online or unknown; its peers are those of its kind"}
  clause_qty: {type: BIGINT, about: "clauses that bind it"}
  evidence_qty: {type: BIGINT, about: "of those, clauses with evidence"}
  met_qty: {type: BIGINT, about: "of those, clauses met"}
  check_due_qty: {type: BIGINT, about: "single checks due over all clauses"}
  check_met_qty: {type: BIGINT, about: "of those, passed"}
  gate_qty: {type: BIGINT, about: "gates broken"}
  share: {type: "DECIMAL(38,6)", about: "met_qty / evidence_qty; null when it is not rated"}
  previous_share: {type: "DECIMAL(38,6)", about: "share of the month before"}
  last_year_share: {type: "DECIMAL(38,6)", about: "share of the same month a year before"}
  rank: {type: BIGINT, about: "1 is the highest share of its kind, ties share a rank; null when it is not ranked"}
  ranked_qty: {type: BIGINT, about: "locations of its kind that could be ranked"}
  is_rated: {type: BOOLEAN, about: "at least 80 % of its clauses have evidence"}
checks: [unique_grain]
*/
WITH compliance AS (
    SELECT * FROM {{ref "assessment.compliance"}}
),
calendar AS (
    SELECT * FROM {{ref "finance.calendar_day"}}
),
counted AS (
    SELECT
        period_type,
        period_start,
        location_id,
        location_kind,
        count(*) AS clause_qty,
        count(*) FILTER (WHERE state <> 'no_evidence') AS evidence_qty,
        count(*) FILTER (WHERE state = 'met') AS met_qty,
        {{sum_int "due_qty"}} AS check_due_qty,
        {{sum_int "met_qty"}} AS check_met_qty,
        count(*) FILTER (WHERE is_gate AND state = 'not_met') AS gate_qty
    FROM compliance
    GROUP BY period_type, period_start, location_id, location_kind
),
rated AS (
    SELECT
        counted.*,
        evidence_qty * 100 >= clause_qty * 80 AS is_rated,
        CASE WHEN evidence_qty * 100 >= clause_qty * 80 THEN {{ratio "met_qty" "evidence_qty" 6}} END AS share
    FROM counted
),
peers AS (
    SELECT
        period_type,
        period_start,
        location_id,
        dense_rank() OVER (PARTITION BY period_type, period_start, location_kind ORDER BY share DESC NULLS LAST) AS place,
        count(*) OVER (PARTITION BY period_type, period_start, location_kind) AS ranked_qty
    FROM rated
    WHERE is_rated
      AND gate_qty = 0
),
kinds AS (
    SELECT period_type, period_start, location_kind, count(*) FILTER (WHERE is_rated AND gate_qty = 0) AS ranked_qty
    FROM rated
    GROUP BY period_type, period_start, location_kind
),
final AS (
    SELECT
        rated.period_type,
        rated.period_start,
        rated.location_id,
        rated.location_kind,
        rated.clause_qty,
        rated.evidence_qty,
        rated.met_qty,
        rated.check_due_qty,
        rated.check_met_qty,
        rated.gate_qty,
        rated.share,
        previous_rated.share AS previous_share,
        last_year_rated.share AS last_year_share,
        CASE WHEN peers.ranked_qty >= 5 THEN peers.place END AS rank,
        kinds.ranked_qty,
        rated.is_rated
    FROM rated
    INNER JOIN kinds
        ON kinds.period_type = rated.period_type
       AND kinds.period_start = rated.period_start
       AND kinds.location_kind = rated.location_kind
    LEFT JOIN peers
        ON peers.period_type = rated.period_type
       AND peers.period_start = rated.period_start
       AND peers.location_id = rated.location_id
    LEFT JOIN rated AS previous_rated
        ON previous_rated.period_type = rated.period_type
       AND previous_rated.period_start = {{trunc_date "month" (add_days "rated.period_start" "-1")}}
       AND previous_rated.location_id = rated.location_id
    LEFT JOIN calendar
        ON calendar.calendar_id = 'gregorian'
       AND calendar.calendar_date = rated.period_start
    LEFT JOIN rated AS last_year_rated
        ON last_year_rated.period_type = rated.period_type
       AND last_year_rated.period_start = calendar.comparable_date
       AND last_year_rated.location_id = rated.location_id
)
SELECT
    period_type,
    period_start,
    location_id,
    location_kind,
    CAST(clause_qty AS BIGINT) AS clause_qty,
    CAST(evidence_qty AS BIGINT) AS evidence_qty,
    CAST(met_qty AS BIGINT) AS met_qty,
    check_due_qty,
    check_met_qty,
    CAST(gate_qty AS BIGINT) AS gate_qty,
    share,
    previous_share,
    last_year_share,
    CAST(rank AS BIGINT) AS rank,
    CAST(ranked_qty AS BIGINT) AS ranked_qty,
    is_rated
FROM final
ORDER BY period_type NULLS LAST, period_start NULLS LAST, location_id NULLS LAST
