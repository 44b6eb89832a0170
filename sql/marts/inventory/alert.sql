/*
about: "What to look at now: sold out, too much, not selling, negative or doubtful stock, and transfers between locations."
owner: inventory
kind: full
grain: [kind, location_id, sku]
inputs:
  inventory.position: all
  inventory.daily: all
  int_data_end: all
columns:
  kind: {type: "VARCHAR", about: "out_of_stock: nothing available and sold in the last 8 weeks; overstock: more than 12 weeks of sales; no_sale: stock without sale or receipt for 60 days; negative: below zero; phantom: stock on the books and no sale in 14 days where 3 or more were due; transfer: sold out here, more than 8 weeks of sales there"}
  location_id: {type: "VARCHAR", about: "where it was sold or happened"}
  sku: {type: "VARCHAR", about: "article"}
  counterpart_id: {type: "VARCHAR", about: "for transfer: location with the surplus"}
  available_qty: {type: "DECIMAL(18,3)", unit: units, about: "available here"}
  weekly_sale_qty: {type: "DECIMAL(18,6)", unit: units, about: "mean weekly units over the last 8 weeks"}
  weeks_of_supply: {type: "DECIMAL(18,6)", unit: weeks, about: "available / weekly sales; null without sales"}
  suggested_qty: {type: "DECIMAL(18,3)", unit: units, about: "units to order, move or mark down"}
  value_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "suggested_qty x unit cost"}
  evidence: {type: "VARCHAR", about: "the finding in one line"}
checks: [unique_grain]
*/
WITH position AS (SELECT * FROM {{ref "inventory.position"}}),
daily AS (SELECT * FROM {{ref "inventory.daily"}}),
int_data_end AS (SELECT * FROM {{ref "int_data_end"}}),
recent AS (
  SELECT
    daily.location_id,
    daily.sku,
    sum(daily.sale_qty) AS sale_56_qty,
    coalesce(sum(daily.sale_qty) FILTER (WHERE {{days_between "daily.business_date" "int_data_end.last_date"}} < 14), 0) AS sale_14_qty,
    max(daily.last_sale_date) AS last_sale_date,
    max(daily.last_receipt_date) AS last_receipt_date
  FROM daily
  CROSS JOIN int_data_end
  WHERE daily.business_date > {{add_days "int_data_end.last_date" "-56"}}
  GROUP BY daily.location_id, daily.sku
),
state AS (
  SELECT
    position.location_id,
    position.sku,
    position.on_hand_qty,
    position.available_qty,
    coalesce(position.unit_cost, 0) AS unit_cost,
    coalesce(recent.sale_56_qty, 0) AS sale_56_qty,
    coalesce(recent.sale_14_qty, 0) AS sale_14_qty,
    {{ratio "coalesce(recent.sale_56_qty, 0)" "8" 6}} AS weekly_sale_qty,
    {{ratio "position.available_qty * 8" "recent.sale_56_qty" 6}} AS weeks_of_supply,
    {{days_between "recent.last_sale_date" "int_data_end.last_date"}} AS days_since_sale,
    {{days_between "recent.last_receipt_date" "int_data_end.last_date"}} AS days_since_receipt
  FROM position
  CROSS JOIN int_data_end
  LEFT JOIN recent
    ON position.location_id = recent.location_id
    AND position.sku = recent.sku
),
surplus AS (                                        -- units beyond eight weeks of sales, the largest first
  SELECT
    location_id,
    sku,
    floor(available_qty - weekly_sale_qty * 8) AS surplus_qty,
    row_number() OVER (PARTITION BY sku ORDER BY available_qty - weekly_sale_qty * 8 DESC NULLS LAST, location_id NULLS LAST) AS surplus_rank
  FROM state
  WHERE available_qty - weekly_sale_qty * 8 >= 1
),
found AS (
  SELECT 'out_of_stock' AS kind, location_id, sku, CAST(NULL AS VARCHAR) AS counterpart_id, available_qty, weekly_sale_qty, weeks_of_supply, unit_cost,
    ceil(weekly_sale_qty * 4 - available_qty) AS suggested_qty,
    'sold ' || CAST(CAST(sale_56_qty AS BIGINT) AS VARCHAR) || ' in 8 weeks, none available' AS evidence
  FROM state
  WHERE available_qty <= 0
    AND sale_56_qty > 0
  UNION ALL
  SELECT 'overstock' AS kind, location_id, sku, CAST(NULL AS VARCHAR) AS counterpart_id, available_qty, weekly_sale_qty, weeks_of_supply, unit_cost,
    floor(available_qty - weekly_sale_qty * 12) AS suggested_qty,
    'covers more than 12 weeks of sales' AS evidence
  FROM state
  WHERE weeks_of_supply > 12
    AND available_qty - weekly_sale_qty * 12 >= 1
  UNION ALL
  SELECT 'no_sale' AS kind, location_id, sku, CAST(NULL AS VARCHAR) AS counterpart_id, available_qty, weekly_sale_qty, weeks_of_supply, unit_cost,
    on_hand_qty AS suggested_qty,
    'no sale for 60 days or more' AS evidence
  FROM state
  WHERE on_hand_qty > 0
    AND coalesce(days_since_sale, 9999) >= 60
    AND coalesce(days_since_receipt, 0) >= 60
  UNION ALL
  SELECT 'negative' AS kind, location_id, sku, CAST(NULL AS VARCHAR) AS counterpart_id, available_qty, weekly_sale_qty, weeks_of_supply, unit_cost,
    -on_hand_qty AS suggested_qty,
    'more went out than the books held' AS evidence
  FROM state
  WHERE on_hand_qty < 0
  UNION ALL
  SELECT 'phantom' AS kind, location_id, sku, CAST(NULL AS VARCHAR) AS counterpart_id, available_qty, weekly_sale_qty, weeks_of_supply, unit_cost,
    on_hand_qty AS suggested_qty,
    'no sale in 14 days, sold ' || CAST(CAST(sale_56_qty AS BIGINT) AS VARCHAR) || ' in the 6 weeks before: count it' AS evidence
  FROM state
  WHERE available_qty > 0
    AND sale_14_qty = 0
    AND sale_56_qty >= 9
  UNION ALL
  SELECT 'transfer' AS kind, state.location_id, state.sku, surplus.location_id AS counterpart_id, state.available_qty, state.weekly_sale_qty, state.weeks_of_supply, state.unit_cost,
    {{least2 "ceil(state.weekly_sale_qty * 4 - state.available_qty)" "surplus.surplus_qty"}} AS suggested_qty,
    'sold out here, surplus there' AS evidence
  FROM state
  INNER JOIN surplus
    ON state.sku = surplus.sku
    AND surplus.surplus_rank = 1
    AND state.location_id <> surplus.location_id
  WHERE state.available_qty <= 0
    AND state.sale_56_qty > 0
),
final AS (
  SELECT
    kind,
    location_id,
    sku,
    counterpart_id,
    available_qty,
    weekly_sale_qty,
    weeks_of_supply,
    suggested_qty,
    {{mul "unit_cost" "suggested_qty" 4}} AS value_amount,
    evidence
  FROM found
)
SELECT
  kind,
  location_id,
  sku,
  counterpart_id,
  available_qty,
  CAST(weekly_sale_qty AS DECIMAL(18,6)) AS weekly_sale_qty,
  CAST(weeks_of_supply AS DECIMAL(18,6)) AS weeks_of_supply,
  CAST(suggested_qty AS DECIMAL(18,3)) AS suggested_qty,
  CAST(value_amount AS DECIMAL(18,4)) AS value_amount,
  evidence
FROM final
ORDER BY
  kind NULLS LAST,
  location_id NULLS LAST,
  sku NULLS LAST
