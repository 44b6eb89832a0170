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
ranked AS (
  SELECT
    source,
    order_id,
    net_amount,
    row_number() OVER (PARTITION BY source ORDER BY net_amount DESC NULLS LAST) AS net_rank, -- want tie_break
    sum(net_amount) OVER (PARTITION BY source ORDER BY business_date NULLS LAST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS running, -- want tie_break
    lag(order_id) OVER (ORDER BY order_id NULLS LAST) AS before_id -- want tie_break
  FROM stg_sale
),
both_sides AS (
  SELECT source, order_id, net_amount FROM stg_sale
  UNION ALL
  SELECT source, order_id, net_amount FROM stg_sale
),
doubled AS (
  SELECT
    source,
    net_amount,
    row_number() OVER (PARTITION BY source ORDER BY order_id NULLS LAST) AS double_rank -- want tie_break
  FROM both_sides
),
fanned AS (
  SELECT
    ranked.order_id,
    other.net_amount,
    row_number() OVER (PARTITION BY ranked.source ORDER BY ranked.order_id NULLS LAST) AS fan_rank -- want tie_break
  FROM ranked
  INNER JOIN stg_sale AS other
    ON ranked.source = other.source
),
listed AS (
  SELECT
    source,
    array_agg(order_id ORDER BY net_amount NULLS LAST) AS orders -- want tie_break
  FROM stg_sale
  GROUP BY source
)
SELECT
  ranked.source,
  ranked.order_id,
  ranked.net_rank,
  ranked.running,
  doubled.double_rank,
  fanned.fan_rank,
  listed.orders
FROM ranked
LEFT JOIN doubled
  ON ranked.source = doubled.source
LEFT JOIN fanned
  ON ranked.order_id = fanned.order_id
LEFT JOIN listed
  ON ranked.source = listed.source
ORDER BY source NULLS LAST, order_id NULLS LAST
