/*
about: "Newest version of each stated stock level."
owner: data
kind: partition
grain: [source, location_id, sku, source_sku, as_of]
partition: month(business_date)
undated: true
inputs:
  staged.inventory_level: same
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  sku: {type: "VARCHAR", about: "conformed article"}
  source_sku: {type: "VARCHAR", about: "article as spelled"}
  location_id: {type: "VARCHAR", about: "location id"}
  on_hand: {type: "DECIMAL(18,3)", unit: units, about: "null: not stocked, which is not zero"}
  reserved: {type: "DECIMAL(18,3)", unit: units, about: "reserved"}
  in_transit: {type: "DECIMAL(18,3)", unit: units, about: "in transit"}
  unit_cost: {type: "DECIMAL(18,4)", about: "unit cost"}
  as_of: {type: "TIMESTAMP", unit: UTC, about: "UTC"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.inventory_level"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, location_id, sku, source_sku, as_of
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
    sku,
    source_sku,
    location_id,
    on_hand,
    reserved,
    in_transit,
    unit_cost,
    as_of,
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
  sku,
  source_sku,
  location_id,
  on_hand,
  reserved,
  in_transit,
  unit_cost,
  as_of,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  location_id NULLS LAST,
  sku NULLS LAST,
  source_sku NULLS LAST,
  as_of NULLS LAST
