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
less AS (
  SELECT * EXCLUDE (net_amount) -- want dialect
  FROM stg_sale
),
shown AS (FROM less), -- want dialect
kept AS (
  SELECT * -- want dialect
  FROM shown
  QUALIFY row_number() OVER (PARTITION BY source ORDER BY order_id NULLS LAST) = 1
)
SELECT
  source,
  order_id,
  quantity::BIGINT AS units, -- want dialect
  business_date - INTERVAL 1 DAY AS yesterday, -- want dialect
  business_date == business_date AS same -- want dialect
FROM kept
ORDER BY source NULLS LAST, order_id NULLS LAST
