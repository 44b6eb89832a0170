/*
about: Newest version of each order.
owner: test
kind: partition
grain: [source, order_id]
partition: month(business_date)
undated: true
inputs:
  staged.order: same
columns:
  source: {type: VARCHAR, about: source}
  order_id: {type: VARCHAR, about: key}
  location_id: {type: VARCHAR, about: store}
  source_customer_id: {type: VARCHAR, about: customer}
  total_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: amount}
  business_date: {type: DATE, about: day}
checks: [unique_grain, not_null(location_id), "accepted(source, till, web)"]
*/
WITH staged AS (SELECT * FROM {{ref "staged.order"}}),
ranked AS (
  SELECT
    source, order_id, location_id, source_customer_id, total_amount, business_date,
    row_number() OVER (PARTITION BY source, order_id ORDER BY source_version DESC NULLS LAST, batch_seq DESC NULLS LAST, file_no DESC NULLS LAST, source_row DESC NULLS LAST, batch NULLS LAST) AS version_rank
  FROM staged
)
SELECT source, order_id, location_id, source_customer_id, total_amount, business_date
FROM ranked
WHERE version_rank = 1
ORDER BY source NULLS LAST, order_id NULLS LAST
