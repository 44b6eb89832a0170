/*
about: "Newest version of each source's record of a person."
owner: data
kind: full
grain: [source, source_customer_id]
inputs:
  staged.customer: all
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  source_customer_id: {type: "VARCHAR", about: "key in the source"}
  full_name: {type: "VARCHAR", about: "full name", pii: true}
  given_name: {type: "VARCHAR", about: "given name", pii: true}
  family_name: {type: "VARCHAR", about: "family name", pii: true}
  phones: {type: "VARCHAR", about: "one or more, separated by ;", pii: true}
  emails: {type: "VARCHAR", about: "one or more, separated by ;", pii: true}
  member_no: {type: "VARCHAR", about: "loyalty number", pii: true}
  open_ids: {type: "VARCHAR", about: "platform ids, separated by ;", pii: true}
  gender: {type: "VARCHAR", about: "f, m or as given"}
  birth_date: {type: "DATE", about: "date of birth", pii: true}
  address_line: {type: "VARCHAR", about: "street address", pii: true}
  city: {type: "VARCHAR", about: "city"}
  region: {type: "VARCHAR", about: "region or province"}
  postal_code: {type: "VARCHAR", about: "postal code", pii: true}
  country_code: {type: "VARCHAR", about: "ISO 3166 or as given"}
  consent_marketing: {type: "BOOLEAN", about: "null: unknown"}
  registered_at: {type: "TIMESTAMP", unit: UTC, about: "UTC"}
  home_location_id: {type: "VARCHAR", about: "home store"}
  is_deleted: {type: "BOOLEAN", about: "removed at the source"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.customer"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, source_customer_id
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
    source_customer_id,
    full_name,
    given_name,
    family_name,
    phones,
    emails,
    member_no,
    open_ids,
    gender,
    birth_date,
    address_line,
    city,
    region,
    postal_code,
    country_code,
    consent_marketing,
    registered_at,
    home_location_id,
    is_deleted,
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
  source_customer_id,
  full_name,
  given_name,
  family_name,
  phones,
  emails,
  member_no,
  open_ids,
  gender,
  birth_date,
  address_line,
  city,
  region,
  postal_code,
  country_code,
  consent_marketing,
  registered_at,
  home_location_id,
  is_deleted,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  source_customer_id NULLS LAST
