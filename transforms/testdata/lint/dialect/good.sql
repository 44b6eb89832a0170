/*
about: "Sales that stand for any model."
owner: test
kind: full
grain: [source, order_id]
inputs:
  stg_sale: all
checks: [unique_grain]
*/
WITH stg_sale AS (SELECT * FROM {{ref "stg_sale"}}),
ranked AS (
  SELECT
    source,
    order_id,
    quantity,
    row_number() OVER (PARTITION BY source ORDER BY order_id NULLS LAST) AS order_rank
  FROM stg_sale
)
SELECT
  source,
  order_id,
  CAST(quantity AS BIGINT) AS units,
  '::' AS text
FROM ranked
WHERE order_rank = 1
ORDER BY source NULLS LAST, order_id NULLS LAST
