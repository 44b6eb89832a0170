/*
about: "Sales that stand for any model."
owner: test
kind: full
grain: [source]
inputs:
  stg_sale: all
checks: [unique_grain]
*/
WITH stg_sale AS (SELECT * FROM {{ref "stg_sale"}})
SELECT
  source,
  array_agg(order_id ORDER BY order_id NULLS LAST) AS orders,
  {{join_text "order_id" ", " "order_id NULLS LAST"}} AS listed
FROM stg_sale
GROUP BY source
ORDER BY source NULLS LAST
