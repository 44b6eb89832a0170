/*
about: "Sales that stand for any model."
owner: test
kind: full
grain: [source, order_id]
inputs:
  stg_sale: all
checks: [unique_grain]
allow:
  tie_break: "amounts of a source differ"
*/
WITH stg_sale AS (SELECT * FROM {{ref "stg_sale"}})
SELECT
  source,
  order_id,
  row_number() OVER (PARTITION BY source ORDER BY net_amount NULLS LAST) AS place
FROM stg_sale
ORDER BY source NULLS LAST, order_id NULLS LAST
