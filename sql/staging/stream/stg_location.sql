/*
about: "Newest version of each store, warehouse or online shop."
owner: data
kind: full
grain: [source, location_id, valid_from]
inputs:
  staged.location: all
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  location_id: {type: "VARCHAR", about: "location id"}
  valid_from: {type: "DATE", about: "null: always"}
  name: {type: "VARCHAR", about: "name"}
  kind: {type: "VARCHAR", about: "store, warehouse or online"}
  zone: {type: "VARCHAR", about: "IANA time zone"}
  opened_on: {type: "DATE", about: "opened on"}
  closed_on: {type: "DATE", about: "closed on"}
  selling_area: {type: "DECIMAL(18,3)", unit: m2, about: "square metres, without storage"}
  day_cutover: {type: "VARCHAR", about: "HH:MM at which the business day changes"}
  manager: {type: "VARCHAR", about: "manager", pii: true}
  department: {type: "VARCHAR", about: "department"}
  city: {type: "VARCHAR", about: "city"}
  region: {type: "VARCHAR", about: "region or province"}
  country_code: {type: "VARCHAR", about: "country code"}
  currency_code: {type: "VARCHAR", about: "currency code"}
  format: {type: "VARCHAR", about: "kind of store, for peers"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.location"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, location_id, valid_from
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
    location_id,
    valid_from,
    name,
    kind,
    zone,
    opened_on,
    closed_on,
    selling_area,
    day_cutover,
    manager,
    department,
    city,
    region,
    country_code,
    currency_code,
    format,
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
  location_id,
  valid_from,
  name,
  kind,
  zone,
  opened_on,
  closed_on,
  selling_area,
  day_cutover,
  manager,
  department,
  city,
  region,
  country_code,
  currency_code,
  format,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  location_id NULLS LAST,
  valid_from NULLS LAST
