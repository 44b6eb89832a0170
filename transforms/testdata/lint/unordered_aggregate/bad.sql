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
  array_agg(order_id) AS orders -- want unordered_aggregate
FROM stg_sale
GROUP BY source
ORDER BY source NULLS LAST
