/*
about: "The stock ledger: every change stated by a source, and sales and returns derived from order and refund lines where a location that keeps stock does not state its own."
owner: inventory
kind: partition
grain: [movement_key]
partition: month(business_date)
inputs:
  stg_inventory_movement: same
  int_line_product: same
  sales.order: same
  sales.order_line: same
  sales.refund_line: same
  int_stock_location: same
columns:
  movement_key: {type: "VARCHAR", about: "source / movement_id, or order_key / line_key / sale"}
  movement_id: {type: "VARCHAR", about: "number in the source; null when derived"}
  source: {type: "VARCHAR", about: "configured name of the source"}
  kind: {type: "VARCHAR", about: "receipt, sale, return, transfer_out, transfer_in, adjustment, write_off or opening"}
  origin: {type: "VARCHAR", about: "stated or derived"}
  sku: {type: "VARCHAR", about: "conformed article"}
  location_id: {type: "VARCHAR", about: "where the stock is"}
  counterpart_id: {type: "VARCHAR", about: "other location of a transfer"}
  unit_qty: {type: "DECIMAL(18,3)", unit: units, about: "signed: plus into the location"}
  unit_cost: {type: "DECIMAL(18,4)", unit: "home currency", about: "cost of one"}
  cost_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "unit_qty x unit_cost"}
  ref: {type: "VARCHAR", about: "order, transfer or count it belongs to"}
  occurred_at: {type: "TIMESTAMP", unit: UTC, about: "when; midnight of the business day when the source gives no time"}
  business_date: {type: "DATE", about: "day it belongs to, by the location's clock and cut-over"}
  batch: {type: "VARCHAR", about: "batch that delivered it, for explain"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain, transfers_net_to_zero]
*/
WITH stg_inventory_movement AS (SELECT * FROM {{ref "stg_inventory_movement"}}),
int_line_product AS (SELECT * FROM {{ref "int_line_product"}}),
sales_order AS (SELECT * FROM {{ref "sales.order"}}),
order_line AS (SELECT * FROM {{ref "sales.order_line"}}),
refund_line AS (SELECT * FROM {{ref "sales.refund_line"}}),
int_stock_location AS (SELECT * FROM {{ref "int_stock_location"}}),
derived_location AS (
  SELECT location_id
  FROM int_stock_location
  WHERE NOT states_sales
),
stock_order AS (                                    -- the goods leave where the order is fulfilled
  SELECT
    sales_order.order_key,
    derived_location.location_id
  FROM sales_order
  INNER JOIN derived_location
    ON coalesce(sales_order.fulfil_location_id, sales_order.location_id) = derived_location.location_id
  WHERE sales_order.is_sale
),
stated AS (
  SELECT
    stg_inventory_movement.source || '/' || stg_inventory_movement.movement_id AS movement_key,
    stg_inventory_movement.movement_id,
    stg_inventory_movement.source,
    lower(trim(stg_inventory_movement.kind)) AS kind,
    'stated' AS origin,
    coalesce(stg_inventory_movement.sku, int_line_product.sku, stg_inventory_movement.source_sku) AS sku,
    stg_inventory_movement.location_id,
    stg_inventory_movement.counterpart_id,
    stg_inventory_movement.quantity AS unit_qty,
    coalesce(stg_inventory_movement.unit_cost, int_line_product.unit_cost) AS unit_cost,
    stg_inventory_movement.ref,
    coalesce(stg_inventory_movement.occurred_at, CAST(stg_inventory_movement.business_date AS TIMESTAMP)) AS occurred_at,
    stg_inventory_movement.business_date,
    stg_inventory_movement.batch,
    stg_inventory_movement.file_no,
    stg_inventory_movement.source_row,
    stg_inventory_movement.attributes
  FROM stg_inventory_movement
  LEFT JOIN int_line_product
    ON stg_inventory_movement.source = int_line_product.source
    AND coalesce(stg_inventory_movement.sku, stg_inventory_movement.source_sku) = int_line_product.article
    AND (stg_inventory_movement.sku IS NOT NULL) = int_line_product.is_conformed
    AND stg_inventory_movement.business_date >= int_line_product.valid_from
    AND stg_inventory_movement.business_date < int_line_product.valid_to
),
derived AS (
  SELECT
    order_line.order_key || '/' || order_line.line_key || '/sale' AS movement_key,
    CAST(NULL AS VARCHAR) AS movement_id,
    order_line.source,
    CASE WHEN order_line.unit_qty < 0 THEN 'return' ELSE 'sale' END AS kind,
    'derived' AS origin,
    order_line.sku,
    stock_order.location_id,
    CAST(NULL AS VARCHAR) AS counterpart_id,
    -order_line.unit_qty AS unit_qty,
    CASE WHEN order_line.fx_rate = 1 THEN order_line.unit_cost ELSE CAST({{mul "order_line.unit_cost" "order_line.fx_rate" 4}} AS DECIMAL(18,4)) END AS unit_cost,
    order_line.order_key AS ref,
    coalesce(order_line.ordered_at, CAST(order_line.business_date AS TIMESTAMP)) AS occurred_at,
    order_line.business_date,
    order_line.batch,
    order_line.file_no,
    order_line.source_row,
    CAST(NULL AS VARCHAR) AS attributes
  FROM order_line
  INNER JOIN stock_order
    ON order_line.order_key = stock_order.order_key
  WHERE order_line.is_goods
    AND order_line.sku IS NOT NULL
    AND order_line.unit_qty <> 0
  UNION ALL
  SELECT
    refund_line.refund_key || '/' || refund_line.line_key || '/return' AS movement_key,
    CAST(NULL AS VARCHAR) AS movement_id,
    refund_line.source,
    'return' AS kind,
    'derived' AS origin,
    refund_line.sku,
    refund_line.location_id,
    CAST(NULL AS VARCHAR) AS counterpart_id,
    refund_line.unit_qty,
    refund_line.unit_cost,
    refund_line.refund_key AS ref,
    coalesce(refund_line.refunded_at, CAST(refund_line.business_date AS TIMESTAMP)) AS occurred_at,
    refund_line.business_date,
    refund_line.batch,
    refund_line.file_no,
    refund_line.source_row,
    CAST(NULL AS VARCHAR) AS attributes
  FROM refund_line
  INNER JOIN derived_location
    ON refund_line.location_id = derived_location.location_id
  WHERE refund_line.is_restocked
    AND refund_line.unit_qty <> 0
    AND refund_line.sku IS NOT NULL
),
combined AS (
  SELECT * FROM stated
  UNION ALL
  SELECT * FROM derived
),
final AS (
  SELECT
    movement_key,
    movement_id,
    source,
    kind,
    origin,
    sku,
    location_id,
    counterpart_id,
    unit_qty,
    unit_cost,
    {{mul "unit_cost" "unit_qty" 4}} AS cost_amount,
    ref,
    occurred_at,
    business_date,
    batch,
    file_no,
    source_row,
    attributes
  FROM combined
)
SELECT
  movement_key,
  movement_id,
  source,
  kind,
  origin,
  sku,
  location_id,
  counterpart_id,
  unit_qty,
  unit_cost,
  CAST(cost_amount AS DECIMAL(18,4)) AS cost_amount,
  ref,
  occurred_at,
  business_date,
  batch,
  file_no,
  source_row,
  attributes
FROM final
ORDER BY
  movement_key NULLS LAST
