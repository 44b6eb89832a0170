/*
about: "Sales that stand for any model."
owner: test
kind: full
grain: [source, order_id]
inputs:
  stg_sale: all
checks: [unique_grain]
*/
WITH stg_sale AS (SELECT * FROM {{ref "stg_sale"}})
SELECT
  source,
  order_id,
  source || order_id AS name,
  EXTRACT(year FROM business_date) AS year,
  {{greatest2 "quantity" "1"}} AS units,
  CAST(business_date - INTERVAL '1' YEAR AS DATE) AS year_before
FROM stg_sale
ORDER BY source NULLS LAST, order_id NULLS LAST
