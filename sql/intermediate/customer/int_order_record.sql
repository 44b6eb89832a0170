/*
about: "The customer record or guest contact behind each order of the month, with the normalised keys given on the order. Masked values (with *) are no keys."
owner: data
kind: partition
grain: [source, order_id]
partition: month(business_date)
inputs:
  stg_order: same
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  order_id: {type: "VARCHAR", about: "order or receipt number in the source"}
  record_id: {type: "VARCHAR", about: "sha256 of source / source_customer_id, or of the guest contact"}
  record_kind: {type: "VARCHAR", about: "customer or guest"}
  source_customer_id: {type: "VARCHAR", about: "the source's customer; null for a guest"}
  phone_key: {type: "VARCHAR", about: "normalised phone", pii: true}
  email_key: {type: "VARCHAR", about: "lower-case e-mail", pii: true}
  member_key: {type: "VARCHAR", about: "loyalty number", pii: true}
  business_date: {type: "DATE", about: "day it belongs to, by the location's clock and cut-over"}
checks: [unique_grain]
*/
WITH stg_order AS (SELECT * FROM {{ref "stg_order"}}),
named AS (
  SELECT
    source,
    order_id,
    business_date,
    nullif(trim(source_customer_id), '') AS source_customer_id,
    CASE WHEN contact_phone NOT LIKE '%*%' THEN {{re_replace "contact_phone" `'[^0-9]'` `''`}} END AS phone_digits,
    CASE WHEN contact_email LIKE '%_@_%._%' AND contact_email NOT LIKE '%*%' THEN lower(trim(contact_email)) END AS email_key,
    CASE WHEN member_no NOT LIKE '%*%' THEN nullif(upper(trim(member_no)), '') END AS member_key
  FROM stg_order
  WHERE coalesce(source_customer_id, contact_phone, contact_email, member_no) IS NOT NULL
),
short AS (                                          -- a Chinese number is the same with and without its country code
  SELECT
    source,
    order_id,
    business_date,
    source_customer_id,
    CASE WHEN {{re_like "phone_digits" `'^(00)?86[0-9]{11}$'`}} THEN substr(phone_digits, length(phone_digits) - 10) ELSE phone_digits END AS phone_digits,
    email_key,
    member_key
  FROM named
),
keyed AS (                                          -- 0000000 and the like are fillers
  SELECT
    source,
    order_id,
    business_date,
    source_customer_id,
    CASE WHEN length(phone_digits) BETWEEN 7 AND 15 AND replace(phone_digits, substr(phone_digits, 1, 1), '') <> '' THEN phone_digits END AS phone_key,
    email_key,
    member_key
  FROM short
),
final AS (
  SELECT
    source,
    order_id,
    CASE
      WHEN source_customer_id IS NOT NULL THEN {{sha256_hex "source || '/' || source_customer_id"}}
      ELSE {{sha256_hex "source || '//guest/' || coalesce('member/' || member_key, 'phone/' || phone_key, 'email/' || email_key)"}}
    END AS record_id,
    CASE WHEN source_customer_id IS NOT NULL THEN 'customer' ELSE 'guest' END AS record_kind,
    source_customer_id,
    phone_key,
    email_key,
    member_key,
    business_date
  FROM keyed
  WHERE coalesce(source_customer_id, phone_key, email_key, member_key) IS NOT NULL
)
SELECT
  source,
  order_id,
  record_id,
  record_kind,
  source_customer_id,
  phone_key,
  email_key,
  member_key,
  business_date
FROM final
ORDER BY
  source NULLS LAST,
  order_id NULLS LAST
