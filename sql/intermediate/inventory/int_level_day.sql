/*
about: "The last stock level stated for each location, article and day."
owner: data
kind: partition
grain: [business_date, location_id, sku]
partition: month(business_date)
inputs:
  stg_inventory_level: same
  int_line_product: same
columns:
  location_id: {type: "VARCHAR", about: "where it was sold or happened"}
  sku: {type: "VARCHAR", about: "conformed article"}
  on_hand_qty: {type: "DECIMAL(18,3)", unit: units, about: "units on hand"}
  reserved_qty: {type: "DECIMAL(18,3)", unit: units, about: "units reserved"}
  in_transit_qty: {type: "DECIMAL(18,3)", unit: units, about: "units under way"}
  unit_cost: {type: "DECIMAL(18,4)", unit: "home currency", about: "cost of one"}
  as_of_at: {type: "TIMESTAMP", unit: UTC, about: "moment of the level; end of the day when the source gives no time"}
  business_date: {type: "DATE", about: "day it belongs to, by the location's clock and cut-over"}
checks: [unique_grain]
allow:
  tie_break in ranked: "the spans of an article in int_line_product do not overlap, so that a level meets one of them"
*/
WITH stg_inventory_level AS (SELECT * FROM {{ref "stg_inventory_level"}}),
int_line_product AS (SELECT * FROM {{ref "int_line_product"}}),
conformed AS (
  SELECT
    stg_inventory_level.source,
    stg_inventory_level.location_id,
    coalesce(stg_inventory_level.sku, int_line_product.sku, stg_inventory_level.source_sku) AS sku,
    stg_inventory_level.on_hand,
    stg_inventory_level.reserved,
    stg_inventory_level.in_transit,
    coalesce(stg_inventory_level.unit_cost, int_line_product.unit_cost) AS unit_cost,
    coalesce(stg_inventory_level.as_of, CAST(stg_inventory_level.business_date AS TIMESTAMP) + INTERVAL '1' DAY) AS as_of_at,
    stg_inventory_level.business_date,
    stg_inventory_level.batch,
    stg_inventory_level.file_no,
    stg_inventory_level.source_row
  FROM stg_inventory_level
  LEFT JOIN int_line_product
    ON stg_inventory_level.source = int_line_product.source
    AND coalesce(stg_inventory_level.sku, stg_inventory_level.source_sku) = int_line_product.article
    AND (stg_inventory_level.sku IS NOT NULL) = int_line_product.is_conformed
    AND stg_inventory_level.business_date >= int_line_product.valid_from
    AND stg_inventory_level.business_date < int_line_product.valid_to
  WHERE stg_inventory_level.on_hand IS NOT NULL
),
ranked AS (
  SELECT
    conformed.*,
    row_number() OVER (PARTITION BY location_id, sku, business_date ORDER BY as_of_at DESC NULLS LAST, source NULLS LAST, batch NULLS LAST, file_no DESC NULLS LAST, source_row DESC NULLS LAST) AS level_rank
  FROM conformed
  WHERE sku IS NOT NULL
),
final AS (
  SELECT
    location_id,
    sku,
    on_hand AS on_hand_qty,
    reserved AS reserved_qty,
    in_transit AS in_transit_qty,
    unit_cost,
    as_of_at,
    business_date
  FROM ranked
  WHERE level_rank = 1
)
SELECT
  location_id,
  sku,
  on_hand_qty,
  reserved_qty,
  in_transit_qty,
  unit_cost,
  as_of_at,
  business_date
FROM final
ORDER BY
  business_date NULLS LAST,
  location_id NULLS LAST,
  sku NULLS LAST
