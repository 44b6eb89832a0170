/*
about: "What the pairs beside this file read."
owner: test
kind: full
grain: [source, order_id]
inputs:
  staged.order: all
columns:
  source: {type: VARCHAR, about: "source"}
  order_id: {type: VARCHAR, about: "order"}
  net_amount: {type: "DECIMAL(18,4)", about: "net"}
  quantity: {type: BIGINT, about: "a count"}
  business_date: {type: DATE, about: "day"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.order"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY source, order_id ORDER BY batch_seq DESC NULLS LAST, batch NULLS LAST, file_no NULLS LAST, source_row NULLS LAST) AS version_rank
  FROM staged
)
SELECT
  source,
  order_id,
  net_amount,
  CAST(1 AS BIGINT) AS quantity,
  business_date
FROM ranked
WHERE version_rank = 1
ORDER BY source NULLS LAST, order_id NULLS LAST
