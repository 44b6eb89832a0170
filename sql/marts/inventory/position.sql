/*
about: "Stock now, per location and article: on hand, reserved, under way, available, and how old the evidence is."
owner: inventory
kind: full
grain: [location_id, sku]
inputs:
  int_stock_month: all
  stg_inventory_level_undated: all
  stg_product_alias: all
  int_data_end: all
columns:
  location_id: {type: "VARCHAR", about: "where it was sold or happened"}
  sku: {type: "VARCHAR", about: "conformed article"}
  on_hand_qty: {type: "DECIMAL(18,3)", unit: units, about: "stated level plus movements since, else the sum of the ledger"}
  reserved_qty: {type: "DECIMAL(18,3)", unit: units, about: "reserved, as last stated; 0 when not stated"}
  in_transit_qty: {type: "DECIMAL(18,3)", unit: units, about: "under way, as last stated; 0 when not stated"}
  available_qty: {type: "DECIMAL(18,3)", unit: units, about: "on_hand - reserved"}
  unit_cost: {type: "DECIMAL(18,4)", unit: "home currency", about: "cost of one"}
  cost_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "on_hand_qty x unit_cost"}
  method: {type: "VARCHAR", about: "level: a stated level lies under it; ledger: movements only"}
  evidence_age_hours: {type: "BIGINT", unit: hours, about: "from the last level or movement to the end of the last business day known; null for a level without a date"}
  is_negative: {type: "BOOLEAN", about: "on hand below zero"}
  as_of_at: {type: "TIMESTAMP", unit: UTC, about: "moment of the last stated level; null when none"}
  last_movement_at: {type: "TIMESTAMP", unit: UTC, about: "day of the last movement or level"}
  last_count_at: {type: "TIMESTAMP", unit: UTC, about: "moment of the last stated level used"}
checks: [unique_grain]
*/
WITH int_stock_month AS (SELECT * FROM {{ref "int_stock_month"}}),
stg_inventory_level_undated AS (SELECT * FROM {{ref "stg_inventory_level_undated"}}),
stg_product_alias AS (SELECT * FROM {{ref "stg_product_alias"}}),
int_data_end AS (SELECT * FROM {{ref "int_data_end"}}),
ranked AS (
  SELECT
    int_stock_month.*,
    row_number() OVER (PARTITION BY location_id, sku ORDER BY month DESC NULLS LAST) AS month_rank
  FROM int_stock_month
),
level_ranked AS (
  SELECT
    location_id,
    sku,
    reserved_qty,
    in_transit_qty,
    as_of_at,
    row_number() OVER (PARTITION BY location_id, sku ORDER BY month DESC NULLS LAST) AS month_rank
  FROM int_stock_month
  WHERE as_of_at IS NOT NULL
),
alias_ranked AS (
  SELECT
    stg_inventory_level_undated.source,
    stg_inventory_level_undated.source_sku,
    stg_product_alias.sku,
    row_number() OVER (
      PARTITION BY stg_inventory_level_undated.source, stg_inventory_level_undated.source_sku
      ORDER BY CASE WHEN stg_product_alias.alias_source IS NULL THEN 1 ELSE 0 END NULLS LAST, stg_product_alias.source NULLS LAST, stg_product_alias.sku NULLS LAST
    ) AS alias_rank
  FROM stg_inventory_level_undated
  INNER JOIN stg_product_alias
    ON stg_inventory_level_undated.source_sku = stg_product_alias.source_sku
    AND coalesce(stg_product_alias.alias_source, stg_inventory_level_undated.source) = stg_inventory_level_undated.source
),
undated AS (                                        -- a level without a date counts only where nothing dated is known
  SELECT
    stg_inventory_level_undated.location_id,
    coalesce(stg_inventory_level_undated.sku, alias_ranked.sku, stg_inventory_level_undated.source_sku) AS sku,
    stg_inventory_level_undated.on_hand,
    stg_inventory_level_undated.reserved,
    stg_inventory_level_undated.in_transit,
    stg_inventory_level_undated.unit_cost,
    row_number() OVER (
      PARTITION BY stg_inventory_level_undated.location_id, coalesce(stg_inventory_level_undated.sku, alias_ranked.sku, stg_inventory_level_undated.source_sku)
      ORDER BY stg_inventory_level_undated.source NULLS LAST, stg_inventory_level_undated.source_sku NULLS LAST, stg_inventory_level_undated.batch NULLS LAST, stg_inventory_level_undated.file_no DESC NULLS LAST, stg_inventory_level_undated.source_row DESC NULLS LAST
    ) AS level_rank
  FROM stg_inventory_level_undated
  LEFT JOIN alias_ranked
    ON stg_inventory_level_undated.source = alias_ranked.source
    AND stg_inventory_level_undated.source_sku = alias_ranked.source_sku
    AND alias_ranked.alias_rank = 1
  WHERE stg_inventory_level_undated.on_hand IS NOT NULL
),
combined AS (
  SELECT
    ranked.location_id,
    ranked.sku,
    ranked.closing_qty AS on_hand_qty,
    coalesce(level_ranked.reserved_qty, 0) AS reserved_qty,
    coalesce(level_ranked.in_transit_qty, 0) AS in_transit_qty,
    ranked.unit_cost,
    CASE WHEN level_ranked.as_of_at IS NOT NULL THEN 'level' ELSE 'ledger' END AS method,
    level_ranked.as_of_at,
    ranked.last_movement_date
  FROM ranked
  LEFT JOIN level_ranked
    ON ranked.location_id = level_ranked.location_id
    AND ranked.sku = level_ranked.sku
    AND level_ranked.month_rank = 1
  WHERE ranked.month_rank = 1
  UNION ALL
  SELECT
    undated.location_id,
    undated.sku,
    undated.on_hand AS on_hand_qty,
    coalesce(undated.reserved, 0) AS reserved_qty,
    coalesce(undated.in_transit, 0) AS in_transit_qty,
    undated.unit_cost,
    'level' AS method,
    CAST(NULL AS TIMESTAMP) AS as_of_at,
    CAST(NULL AS DATE) AS last_movement_date
  FROM undated
  WHERE undated.level_rank = 1
    AND NOT EXISTS (
      SELECT 1
      FROM ranked
      WHERE ranked.location_id = undated.location_id
        AND ranked.sku = undated.sku
    )
),
final AS (
  SELECT
    combined.location_id,
    combined.sku,
    combined.on_hand_qty,
    combined.reserved_qty,
    combined.in_transit_qty,
    combined.on_hand_qty - combined.reserved_qty AS available_qty,
    combined.unit_cost,
    {{mul "combined.unit_cost" "combined.on_hand_qty" 4}} AS cost_amount,
    combined.method,
    ({{days_between "combined.last_movement_date" "int_data_end.last_date"}}) * 24 AS evidence_age_hours,
    combined.on_hand_qty < 0 AS is_negative,
    combined.as_of_at,
    CAST(combined.last_movement_date AS TIMESTAMP) AS last_movement_at,
    combined.as_of_at AS last_count_at
  FROM combined
  CROSS JOIN int_data_end
)
SELECT
  location_id,
  sku,
  on_hand_qty,
  reserved_qty,
  in_transit_qty,
  available_qty,
  unit_cost,
  CAST(cost_amount AS DECIMAL(18,4)) AS cost_amount,
  method,
  evidence_age_hours,
  is_negative,
  as_of_at,
  last_movement_at,
  last_count_at
FROM final
ORDER BY
  location_id NULLS LAST,
  sku NULLS LAST
