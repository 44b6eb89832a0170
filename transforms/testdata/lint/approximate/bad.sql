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
  approx_count_distinct(order_id) AS order_qty -- want approximate
FROM stg_sale
GROUP BY source
ORDER BY source NULLS LAST
