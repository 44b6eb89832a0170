/*
about: "Newest version of each change of stock."
owner: data
kind: partition
grain: [source, movement_id]
partition: month(business_date)
undated: true
inputs:
  staged.inventory_movement: same
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  movement_id: {type: "VARCHAR", about: "movement id"}
  kind: {type: "VARCHAR", about: "receipt, sale, return, transfer_out, transfer_in, adjustment, write_off or opening"}
  sku: {type: "VARCHAR", about: "conformed article"}
  source_sku: {type: "VARCHAR", about: "article as spelled"}
  location_id: {type: "VARCHAR", about: "location id"}
  quantity: {type: "DECIMAL(18,3)", unit: units, about: "signed: plus into the location"}
  unit_cost: {type: "DECIMAL(18,4)", about: "unit cost"}
  occurred_at: {type: "TIMESTAMP", unit: UTC, about: "UTC"}
  ref: {type: "VARCHAR", about: "order, transfer or count it belongs to"}
  counterpart_id: {type: "VARCHAR", about: "other location of a transfer"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.inventory_movement"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, movement_id
      ORDER BY source_version DESC NULLS LAST,
        batch_seq DESC NULLS LAST,
        feed NULLS LAST,
        batch NULLS LAST,
        file_no DESC NULLS LAST,
        source_row DESC NULLS LAST
    ) AS version_rank
  FROM staged
),
final AS (
  SELECT
    source,
    source_record_id,
    source_version,
    batch,
    file_no,
    source_row,
    event_at,
    business_date,
    movement_id,
    kind,
    sku,
    source_sku,
    location_id,
    quantity,
    unit_cost,
    occurred_at,
    ref,
    counterpart_id,
    attributes
  FROM ranked
  WHERE version_rank = 1
)
SELECT
  source,
  source_record_id,
  source_version,
  batch,
  file_no,
  source_row,
  event_at,
  business_date,
  movement_id,
  kind,
  sku,
  source_sku,
  location_id,
  quantity,
  unit_cost,
  occurred_at,
  ref,
  counterpart_id,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  movement_id NULLS LAST
