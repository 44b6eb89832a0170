/*
about: "Sales that stand for any model."
owner: test
kind: full
grain: [source, order_id]
inputs:
  stg_sale: all
checks: [unique_grain]
*/
WITH stg_sale AS (SELECT source, order_id FROM {{ref "stg_sale"}}),
joined AS (
  SELECT one.source, one.order_id
  FROM stg_sale AS one
  INNER JOIN stg_sale AS two
    ON one.order_id = two.order_id
)
SELECT source, order_id
FROM joined
ORDER BY source NULLS LAST, order_id NULLS LAST
