/*
about: "Person behind each customer record that the month uses: a narrow step, so that a new link of somebody else leaves old months alone."
owner: data
kind: partition
grain: [month, record_id]
partition: month(month)
inputs:
  int_order_record: same
  stg_refund: same
  int_refund_dated: same
  stg_feedback: same
  customer.customer_link: all
columns:
  record_id: {type: "VARCHAR", about: "sha256 of source / source_customer_id, or of the guest contact"}
  customer_id: {type: "VARCHAR", about: "person, see customer.customer_link"}
  month: {type: "DATE", about: "first day of the month"}
checks: [unique_grain]
*/
WITH int_order_record AS (SELECT * FROM {{ref "int_order_record"}}),
stg_refund AS (SELECT * FROM {{ref "stg_refund"}}),
int_refund_dated AS (SELECT * FROM {{ref "int_refund_dated"}}),
stg_feedback AS (SELECT * FROM {{ref "stg_feedback"}}),
customer_link AS (SELECT * FROM {{ref "customer.customer_link"}}),
named AS (
  SELECT source, source_customer_id, business_date FROM stg_refund
  UNION ALL
  SELECT source, source_customer_id, business_date FROM int_refund_dated
  UNION ALL
  SELECT source, source_customer_id, business_date FROM stg_feedback
),
named_record AS (
  SELECT
    source || '/' || trim(source_customer_id) AS record_text,
    min(business_date) AS business_date
  FROM named
  WHERE trim(source_customer_id) <> ''
  GROUP BY source || '/' || trim(source_customer_id)
),
used AS (
  SELECT record_id, business_date FROM int_order_record
  UNION ALL
  SELECT {{sha256_hex "record_text"}} AS record_id, business_date FROM named_record
),
record AS (
  SELECT
    record_id,
    {{trunc_date "month" "min(business_date)"}} AS month
  FROM used
  GROUP BY record_id
),
final AS (
  SELECT
    record.record_id,
    customer_link.customer_id,
    record.month
  FROM record
  INNER JOIN customer_link
    ON record.record_id = customer_link.record_id
)
SELECT
  record_id,
  customer_id,
  month
FROM final
ORDER BY
  month NULLS LAST,
  record_id NULLS LAST
