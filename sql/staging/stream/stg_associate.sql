/*
about: "Newest version of each member of staff."
owner: data
kind: full
grain: [source, associate_id, valid_from]
inputs:
  staged.associate: all
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  associate_id: {type: "VARCHAR", about: "associate id"}
  valid_from: {type: "DATE", about: "valid from"}
  full_name: {type: "VARCHAR", about: "full name", pii: true}
  location_id: {type: "VARCHAR", about: "location id"}
  org_unit_id: {type: "VARCHAR", about: "org unit id"}
  role: {type: "VARCHAR", about: "role"}
  grade: {type: "VARCHAR", about: "grade"}
  joined_on: {type: "DATE", about: "joined on"}
  left_on: {type: "DATE", about: "left on"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.associate"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, associate_id, valid_from
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
    associate_id,
    valid_from,
    full_name,
    location_id,
    org_unit_id,
    role,
    grade,
    joined_on,
    left_on,
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
  associate_id,
  valid_from,
  full_name,
  location_id,
  org_unit_id,
  role,
  grade,
  joined_on,
  left_on,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  associate_id NULLS LAST,
  valid_from NULLS LAST
