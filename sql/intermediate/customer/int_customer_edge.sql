/*
about: "The edges of identity: which record carries which key. A key on more than eight records is no evidence, and addresses never are."
owner: data
kind: full
grain: [record_id, key_type, key_value]
inputs:
  int_customer_record: all
  int_contact_month: all
columns:
  record_id: {type: "VARCHAR", about: "sha256 of source / source_customer_id, or of the guest contact"}
  key_type: {type: "VARCHAR", about: "phone, email, member_no, open_id or self"}
  key_value: {type: "VARCHAR", about: "normalised key", pii: true}
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_customer_id: {type: "VARCHAR", about: "the source's customer; null for a guest"}
  record_kind: {type: "VARCHAR", about: "customer or guest"}
  registered_at: {type: "TIMESTAMP", unit: UTC, about: "when the source registered the person"}
checks: [unique_grain]
*/
WITH int_customer_record AS (SELECT * FROM {{ref "int_customer_record"}}),
int_contact_month AS (SELECT * FROM {{ref "int_contact_month"}}),
combined AS (
  SELECT record_id, source, source_customer_id, 'customer' AS record_kind, registered_at, key_type, key_value
  FROM int_customer_record
  UNION ALL
  SELECT record_id, source, source_customer_id, record_kind, CAST(NULL AS TIMESTAMP) AS registered_at, key_type, key_value
  FROM int_contact_month
),
edge AS (
  SELECT record_id, key_type, key_value
  FROM combined
  GROUP BY record_id, key_type, key_value
),
record AS (
  SELECT
    record_id,
    min(source) AS source,
    min(source_customer_id) AS source_customer_id,
    min(record_kind) AS record_kind,
    min(registered_at) AS registered_at
  FROM combined
  GROUP BY record_id
),
shared AS (                                         -- a shop's own phone, a filler e-mail
  SELECT key_type, key_value
  FROM edge
  GROUP BY key_type, key_value
  HAVING count(*) > 8
),
final AS (
  SELECT
    edge.record_id,
    edge.key_type,
    edge.key_value,
    record.source,
    record.source_customer_id,
    record.record_kind,
    record.registered_at
  FROM edge
  INNER JOIN record
    ON edge.record_id = record.record_id
  WHERE NOT EXISTS (
    SELECT 1
    FROM shared
    WHERE shared.key_type = edge.key_type
      AND shared.key_value = edge.key_value
  )
)
SELECT
  record_id,
  key_type,
  key_value,
  source,
  source_customer_id,
  record_kind,
  registered_at
FROM final
ORDER BY
  record_id NULLS LAST,
  key_type NULLS LAST,
  key_value NULLS LAST
