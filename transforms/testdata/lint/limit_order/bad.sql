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
top AS (
  SELECT source, order_id, net_amount -- want limit_order
  FROM stg_sale
  LIMIT 3
),
best AS (
  SELECT source, order_id, net_amount -- want limit_order
  FROM top
  ORDER BY net_amount DESC NULLS LAST
  LIMIT 2
)
SELECT source, order_id
FROM best
ORDER BY source NULLS LAST, order_id NULLS LAST
