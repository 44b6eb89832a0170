/*
about: The stock findings worth a decision, ranked by value within their kind, as of the release; transfers name the location that has the surplus.
owner: inventory
kind: full
grain: [kind, rank]
inputs:
  inventory.alert: all
columns:
  kind: {type: VARCHAR, about: "out_of_stock, overstock, no_sale, negative, phantom or transfer"}
  rank: {type: BIGINT, about: "1 is the largest value of the kind"}
  location_id: {type: VARCHAR, about: "location"}
  sku: {type: VARCHAR, about: "article"}
  counterpart_id: {type: VARCHAR, about: "the other location of a transfer"}
  currency_code: {type: VARCHAR, about: "home currency"}
  available_qty: {type: "DECIMAL(38,3)", about: "units available"}
  weekly_sale_qty: {type: "DECIMAL(38,6)", about: "mean units sold a week"}
  weeks_of_supply: {type: "DECIMAL(38,6)", about: "available over weekly sales"}
  suggested_qty: {type: "DECIMAL(38,3)", about: "units to move or order"}
  value_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: "money at stake"}
  evidence: {type: VARCHAR, about: "what the finding rests on"}
  kind_qty: {type: BIGINT, about: "findings of the kind in all"}
  kind_value_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: "money at stake of the kind in all"}
checks: [unique_grain]
*/
WITH alert AS (
    SELECT * FROM {{ref "inventory.alert"}}
),
totals AS (
    SELECT
        kind,
        count(*) AS kind_qty,
        CAST(coalesce(sum(value_amount), 0) AS DECIMAL(38,4)) AS kind_value_amount
    FROM alert
    GROUP BY kind
),
ranked AS (
    SELECT
        kind,
        ROW_NUMBER() OVER (PARTITION BY kind ORDER BY value_amount DESC NULLS LAST, location_id NULLS LAST, sku NULLS LAST, counterpart_id NULLS LAST) AS rank,
        location_id,
        sku,
        counterpart_id,
        available_qty,
        weekly_sale_qty,
        weeks_of_supply,
        suggested_qty,
        value_amount,
        evidence
    FROM alert
),
final AS (
    SELECT
        ranked.kind,
        ranked.rank,
        ranked.location_id,
        ranked.sku,
        ranked.counterpart_id,
        '{{config "home_currency"}}' AS currency_code,
        CAST(ranked.available_qty AS DECIMAL(38,3)) AS available_qty,
        CAST(ranked.weekly_sale_qty AS DECIMAL(38,6)) AS weekly_sale_qty,
        CAST(ranked.weeks_of_supply AS DECIMAL(38,6)) AS weeks_of_supply,
        CAST(ranked.suggested_qty AS DECIMAL(38,3)) AS suggested_qty,
        CAST(ranked.value_amount AS DECIMAL(38,4)) AS value_amount,
        ranked.evidence,
        totals.kind_qty,
        totals.kind_value_amount
    FROM ranked
    INNER JOIN totals
        ON totals.kind = ranked.kind
    WHERE ranked.rank <= 100
)
SELECT
    kind,
    rank,
    location_id,
    sku,
    counterpart_id,
    currency_code,
    available_qty,
    weekly_sale_qty,
    weeks_of_supply,
    suggested_qty,
    value_amount,
    evidence,
    kind_qty,
    kind_value_amount
FROM final
ORDER BY kind NULLS LAST, rank NULLS LAST
