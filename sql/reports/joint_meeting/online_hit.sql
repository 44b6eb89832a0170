/*
about: The articles that sell best online in a period, with what the stores sell of them and how many stores have them available now.
owner: inventory
kind: partition
grain: [period_type, period_start, rank]
partition: month(period_end)
inputs:
  int_online_hit: same
  inventory.position: all
columns:
  period_type: {type: VARCHAR, about: "week or month"}
  period_start: {type: DATE, about: "first business date"}
  period_end: {type: DATE, about: "last business date"}
  rank: {type: BIGINT, about: "1 sells most units online"}
  sku: {type: VARCHAR, about: "article"}
  product_name: {type: VARCHAR, about: "name on the lines"}
  category: {type: VARCHAR, about: "category on the lines"}
  currency_code: {type: VARCHAR, about: "home currency"}
  online_unit_qty: {type: "DECIMAL(38,3)", about: "units sold online"}
  online_net_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: "net sales online, refunds not deducted"}
  store_unit_qty: {type: "DECIMAL(38,3)", about: "units sold in stores"}
  stocked_location_qty: {type: BIGINT, about: "locations with a stock record of the article as of the release"}
  available_location_qty: {type: BIGINT, about: "of those, locations with units available"}
  available_qty: {type: "DECIMAL(38,3)", about: "units available at all locations"}
checks: [unique_grain]
*/
WITH ranked AS (
    SELECT * FROM {{ref "int_online_hit"}}
),
position AS (
    SELECT * FROM {{ref "inventory.position"}}
),
stocked AS (
    SELECT
        sku,
        count(*) AS stocked_location_qty,
        count(*) FILTER (WHERE available_qty > 0) AS available_location_qty,
        sum(available_qty) AS available_qty
    FROM position
    GROUP BY sku
),
final AS (
    SELECT
        ranked.period_type,
        ranked.period_start,
        ranked.period_end,
        ranked.rank,
        ranked.sku,
        ranked.product_name,
        ranked.category,
        '{{config "home_currency"}}' AS currency_code,
        ranked.online_unit_qty,
        ranked.online_net_amount,
        ranked.store_unit_qty,
        coalesce(stocked.stocked_location_qty, 0) AS stocked_location_qty,
        coalesce(stocked.available_location_qty, 0) AS available_location_qty,
        CAST(coalesce(stocked.available_qty, 0) AS DECIMAL(38,3)) AS available_qty
    FROM ranked
    LEFT JOIN stocked
        ON stocked.sku = ranked.sku
)
SELECT
    period_type,
    period_start,
    period_end,
    rank,
    sku,
    product_name,
    category,
    currency_code,
    online_unit_qty,
    online_net_amount,
    store_unit_qty,
    stocked_location_qty,
    available_location_qty,
    available_qty
FROM final
ORDER BY period_type NULLS LAST, period_start NULLS LAST, rank NULLS LAST
