/*
about: "Newest version of each department or team."
owner: data
kind: full
grain: [source, org_unit_id, valid_from]
inputs:
  staged.org_unit: all
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  org_unit_id: {type: "VARCHAR", about: "org unit id"}
  valid_from: {type: "DATE", about: "valid from"}
  name: {type: "VARCHAR", about: "name"}
  kind: {type: "VARCHAR", about: "kind"}
  parent_id: {type: "VARCHAR", about: "parent id"}
  manager: {type: "VARCHAR", about: "manager", pii: true}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.org_unit"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, org_unit_id, valid_from
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
    org_unit_id,
    valid_from,
    name,
    kind,
    parent_id,
    manager,
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
  org_unit_id,
  valid_from,
  name,
  kind,
  parent_id,
  manager,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  org_unit_id NULLS LAST,
  valid_from NULLS LAST
