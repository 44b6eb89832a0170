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
  upper(source) AS shop,
  shop AS source, -- want alias
  count(*) AS order_qty
FROM stg_sale
GROUP BY
  shop -- want alias
ORDER BY source NULLS LAST
