/*
about: "Sales that stand for any model."
owner: test
kind: full
grain: [source, order_id]
inputs:
  stg_sale: all
checks: [unique_grain]
allow:
  tie_break in dated: "an order id holds its day, so that no two orders of a source share both"
*/
WITH stg_sale AS (SELECT * FROM {{ref "stg_sale"}}),
ranked AS (
  SELECT
    source,
    order_id,
    net_amount,
    business_date,
    row_number() OVER (PARTITION BY source ORDER BY net_amount DESC NULLS LAST, order_id NULLS LAST) AS net_rank,
    rank() OVER (ORDER BY net_amount DESC NULLS LAST) AS shared_rank,
    sum(net_amount) OVER (PARTITION BY source ORDER BY business_date NULLS LAST) AS total_to_date
  FROM stg_sale
),
best AS (
  SELECT source, order_id, net_amount
  FROM ranked
  WHERE net_rank = 1
),
joined AS (
  SELECT
    ranked.source,
    ranked.order_id,
    lag(ranked.net_amount) OVER (PARTITION BY ranked.source ORDER BY best.net_amount NULLS LAST, ranked.order_id NULLS LAST) AS before_amount
  FROM ranked
  LEFT JOIN best
    ON ranked.source = best.source
),
told_apart AS (
  SELECT 'sale' AS kind, source, order_id FROM ranked
  UNION ALL
  SELECT 'best' AS kind, source, order_id FROM best
),
numbered AS (
  SELECT
    kind,
    source,
    order_id,
    row_number() OVER (PARTITION BY source ORDER BY kind NULLS LAST, order_id NULLS LAST) AS place
  FROM told_apart
),
day AS (
  SELECT
    source,
    business_date,
    count(*) AS order_qty,
    row_number() OVER (PARTITION BY source ORDER BY business_date NULLS LAST) AS day_rank
  FROM stg_sale
  GROUP BY source, business_date
),
same_rows AS (
  SELECT
    source,
    business_date,
    row_number() OVER (PARTITION BY source ORDER BY business_date NULLS LAST) AS copy_rank
  FROM stg_sale
),
dated AS (
  SELECT
    source,
    order_id,
    lead(net_amount) OVER (PARTITION BY source ORDER BY business_date NULLS LAST) AS next_amount
  FROM stg_sale
)
SELECT
  joined.source,
  joined.order_id,
  joined.before_amount,
  numbered.place,
  day.order_qty,
  same_rows.copy_rank,
  dated.next_amount
FROM joined
LEFT JOIN numbered
  ON joined.source = numbered.source
  AND joined.order_id = numbered.order_id
LEFT JOIN day
  ON joined.source = day.source
  AND day.day_rank = 1
LEFT JOIN same_rows
  ON joined.source = same_rows.source
  AND same_rows.copy_rank = 1
LEFT JOIN dated
  ON joined.source = dated.source
  AND joined.order_id = dated.order_id
ORDER BY source NULLS LAST, order_id NULLS LAST
