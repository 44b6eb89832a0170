/*
about: "Which person each source record belongs to, with the evidence: exact keys only. The SQL yields the edges; the rows are the connected records."
owner: customer
kind: full
grain: [record_id]
builder: identity
inputs:
  int_customer_edge: all
columns:
  record_id: {type: "VARCHAR", about: "sha256 of source / source_customer_id, or of the guest contact"}
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_customer_id: {type: "VARCHAR", about: "the source's customer; null for a guest"}
  customer_id: {type: "VARCHAR", about: "person: record_id of the record that registered first, ties by record_id"}
  evidence: {type: "VARCHAR", about: "key that ties it: phone, email, member_no, open_id or self"}
  record_kind: {type: "VARCHAR", about: "customer or guest"}
  registered_at: {type: "TIMESTAMP", unit: UTC, about: "when the source registered the person"}
checks: [unique_grain]
*/
WITH int_customer_edge AS (SELECT * FROM {{ref "int_customer_edge"}})
SELECT
  record_id,
  key_type,
  key_value,
  source,
  source_customer_id,
  record_kind,
  registered_at
FROM int_customer_edge
ORDER BY
  record_id NULLS LAST,
  key_type NULLS LAST,
  key_value NULLS LAST
