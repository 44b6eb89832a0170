/*
about: "Keys that the month saw for each customer record or guest: the edges of identity, folded so that one more day never rescans old orders."
owner: data
kind: partition
grain: [month, record_id, key_type, key_value]
partition: month(month)
inputs:
  int_order_record: same
columns:
  record_id: {type: "VARCHAR", about: "sha256 of source / source_customer_id, or of the guest contact"}
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_customer_id: {type: "VARCHAR", about: "the source's customer; null for a guest"}
  record_kind: {type: "VARCHAR", about: "customer or guest"}
  key_type: {type: "VARCHAR", about: "phone, email, member_no or self"}
  key_value: {type: "VARCHAR", about: "normalised key", pii: true}
  first_date: {type: "DATE", about: "first day of the month that the record bought"}
  month: {type: "DATE", about: "first day of the month"}
checks: [unique_grain]
*/
WITH int_order_record AS (SELECT * FROM {{ref "int_order_record"}}),
combined AS (
  SELECT
    record_id,
    source,
    source_customer_id,
    record_kind,
    phone_key,
    email_key,
    member_key,
    min(business_date) AS first_date
  FROM int_order_record
  GROUP BY record_id, source, source_customer_id, record_kind, phone_key, email_key, member_key
),
edge AS (
  SELECT record_id, source, source_customer_id, record_kind, first_date, 'phone' AS key_type, phone_key AS key_value
  FROM combined
  WHERE phone_key IS NOT NULL
  UNION ALL
  SELECT record_id, source, source_customer_id, record_kind, first_date, 'email' AS key_type, email_key AS key_value
  FROM combined
  WHERE email_key IS NOT NULL
  UNION ALL
  SELECT record_id, source, source_customer_id, record_kind, first_date, 'member_no' AS key_type, member_key AS key_value
  FROM combined
  WHERE member_key IS NOT NULL
  UNION ALL
  SELECT record_id, source, source_customer_id, record_kind, first_date, 'self' AS key_type, record_id AS key_value
  FROM combined
),
final AS (
  SELECT
    record_id,
    source,
    source_customer_id,
    record_kind,
    key_type,
    key_value,
    min(first_date) AS first_date,
    {{trunc_date "month" "min(first_date)"}} AS month
  FROM edge
  GROUP BY record_id, source, source_customer_id, record_kind, key_type, key_value
)
SELECT
  record_id,
  source,
  source_customer_id,
  record_kind,
  key_type,
  key_value,
  first_date,
  month
FROM final
ORDER BY
  month NULLS LAST,
  record_id NULLS LAST,
  key_type NULLS LAST,
  key_value NULLS LAST
