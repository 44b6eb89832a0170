/*
about: "Sales that stand for any model."
owner: test
kind: full
grain: [source, order_id]
inputs:
  stg_sale: all
checks: [unique_grain]
*/
WITH joined AS (
  SELECT one.source, one.order_id
  FROM {{ref "stg_sale"}} AS one -- want import_cte
  INNER JOIN {{ref "stg_sale"}} AS two -- want import_cte
    ON one.order_id = two.order_id
)
SELECT source, order_id
FROM joined
ORDER BY source NULLS LAST, order_id NULLS LAST
