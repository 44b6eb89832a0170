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
  quantity % nullif(quantity, 0) AS rest,
  quantity % 7 AS weekday,
  {{int_div "quantity" "quantity"}} AS share,
  {{ratio "net_amount" "quantity" 4}} AS price
FROM stg_sale
ORDER BY source NULLS LAST, order_id NULLS LAST
