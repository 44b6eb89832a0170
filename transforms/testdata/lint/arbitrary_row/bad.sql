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
  any_value(order_id) AS some, -- want arbitrary_row
  first(order_id) AS one, -- want arbitrary_row
  arg_max(order_id, net_amount) AS best -- want arbitrary_row
FROM stg_sale
GROUP BY source
ORDER BY source NULLS LAST
