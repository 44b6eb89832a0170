/*
about: "Each customer record of each source with its normalised keys: one row per key, and one named self for the record."
owner: data
kind: full
grain: [record_id, key_type, key_value]
inputs:
  stg_customer: all
columns:
  record_id: {type: "VARCHAR", about: "sha256 of source / source_customer_id, or of the guest contact"}
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_customer_id: {type: "VARCHAR", about: "the source's customer; null for a guest"}
  key_type: {type: "VARCHAR", about: "phone, email, member_no, open_id or self"}
  key_value: {type: "VARCHAR", about: "normalised key", pii: true}
  is_deleted: {type: "BOOLEAN", about: "removed at the source"}
  registered_at: {type: "TIMESTAMP", unit: UTC, about: "when the source registered the person"}
checks: [unique_grain]
*/
WITH stg_customer AS (SELECT * FROM {{ref "stg_customer"}}),
customer AS (
  SELECT
    {{sha256_hex "source || '/' || trim(source_customer_id)"}} AS record_id,
    source,
    trim(source_customer_id) AS source_customer_id,
    phones,
    emails,
    member_no,
    open_ids,
    coalesce(is_deleted, false) AS is_deleted,
    registered_at
  FROM stg_customer
),
phone_text AS (
  SELECT record_id, source, source_customer_id, is_deleted, registered_at, piece.phone
  FROM customer
  CROSS JOIN UNNEST(split(phones, ';')) AS piece (phone)
),
phone_digits AS (
  SELECT record_id, source, source_customer_id, is_deleted, registered_at, {{re_replace "phone" `'[^0-9]'` `''`}} AS digits
  FROM phone_text
  WHERE phone NOT LIKE '%*%'
),
phone_key AS (                                      -- a Chinese number is the same with and without its country code
  SELECT
    record_id, source, source_customer_id, is_deleted, registered_at,
    CASE WHEN {{re_like "digits" `'^(00)?86[0-9]{11}$'`}} THEN substr(digits, length(digits) - 10) ELSE digits END AS key_value
  FROM phone_digits
),
email_text AS (
  SELECT record_id, source, source_customer_id, is_deleted, registered_at, lower(trim(piece.email)) AS key_value
  FROM customer
  CROSS JOIN UNNEST(split(emails, ';')) AS piece (email)
),
open_id_text AS (
  SELECT record_id, source, source_customer_id, is_deleted, registered_at, trim(piece.open_id) AS key_value
  FROM customer
  CROSS JOIN UNNEST(split(open_ids, ';')) AS piece (open_id)
),
edge AS (
  SELECT record_id, source, source_customer_id, is_deleted, registered_at, 'phone' AS key_type, key_value
  FROM phone_key
  WHERE length(key_value) BETWEEN 7 AND 15
    AND replace(key_value, substr(key_value, 1, 1), '') <> ''
  UNION ALL
  SELECT record_id, source, source_customer_id, is_deleted, registered_at, 'email' AS key_type, key_value
  FROM email_text
  WHERE key_value LIKE '%_@_%._%'
    AND key_value NOT LIKE '%*%'
  UNION ALL
  SELECT record_id, source, source_customer_id, is_deleted, registered_at, 'member_no' AS key_type, upper(trim(member_no)) AS key_value
  FROM customer
  WHERE trim(member_no) <> ''
    AND member_no NOT LIKE '%*%'
  UNION ALL
  SELECT record_id, source, source_customer_id, is_deleted, registered_at, 'open_id' AS key_type, key_value
  FROM open_id_text
  WHERE key_value <> ''
    AND key_value NOT LIKE '%*%'
  UNION ALL
  SELECT record_id, source, source_customer_id, is_deleted, registered_at, 'self' AS key_type, record_id AS key_value
  FROM customer
),
final AS (
  SELECT
    record_id,
    source,
    source_customer_id,
    key_type,
    key_value,
    bool_and(is_deleted) AS is_deleted,
    min(registered_at) AS registered_at
  FROM edge
  GROUP BY record_id, source, source_customer_id, key_type, key_value
)
SELECT
  record_id,
  source,
  source_customer_id,
  key_type,
  key_value,
  is_deleted,
  registered_at
FROM final
ORDER BY
  record_id NULLS LAST,
  key_type NULLS LAST,
  key_value NULLS LAST
