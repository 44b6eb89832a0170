/*
about: One row per location with the state of its stock records as of the release - units, value at cost, records at or below zero, age of the evidence.
owner: inventory
kind: full
grain: [location_id]
inputs:
  inventory.position: all
columns:
  location_id: {type: VARCHAR, about: "location"}
  currency_code: {type: VARCHAR, about: "home currency"}
  sku_qty: {type: BIGINT, about: "articles with a stock record"}
  out_qty: {type: BIGINT, about: "records with nothing available"}
  negative_qty: {type: BIGINT, about: "records below zero, which cannot be true"}
  on_hand_qty: {type: "DECIMAL(38,3)", about: "units on hand"}
  in_transit_qty: {type: "DECIMAL(38,3)", about: "units on the way"}
  cost_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: "stock at cost, records with a known cost"}
  costed_qty: {type: BIGINT, about: "records with a known cost"}
  evidence_age_hours: {type: "DECIMAL(38,6)", about: "age of the oldest evidence among the records, hours"}
checks: [unique_grain]
*/
WITH position AS (
    SELECT * FROM {{ref "inventory.position"}}
),
final AS (
    SELECT
        location_id,
        '{{config "home_currency"}}' AS currency_code,
        count(*) AS sku_qty,
        count(*) FILTER (WHERE available_qty <= 0) AS out_qty,
        count(*) FILTER (WHERE is_negative) AS negative_qty,
        CAST(coalesce(sum(on_hand_qty), 0) AS DECIMAL(38,3)) AS on_hand_qty,
        CAST(coalesce(sum(in_transit_qty), 0) AS DECIMAL(38,3)) AS in_transit_qty,
        CAST(sum(cost_amount) AS DECIMAL(38,4)) AS cost_amount,
        count(cost_amount) AS costed_qty,
        CAST(max(evidence_age_hours) AS DECIMAL(38,6)) AS evidence_age_hours
    FROM position
    GROUP BY location_id
)
SELECT
    location_id,
    currency_code,
    sku_qty,
    out_qty,
    negative_qty,
    on_hand_qty,
    in_transit_qty,
    cost_amount,
    costed_qty,
    evidence_age_hours
FROM final
ORDER BY location_id NULLS LAST
