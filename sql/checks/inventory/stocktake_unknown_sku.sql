/*
about: "Articles that were counted are in the product master, when one is delivered."
owner: inventory
severity: warn
inputs:
  inventory.stock_count: all
  stg_product: all
*/
WITH stock_count AS (SELECT * FROM {{ref "inventory.stock_count"}}),
stg_product AS (SELECT * FROM {{ref "stg_product"}}),
master AS (SELECT count(*) AS product_qty FROM stg_product),
listed AS (
  SELECT DISTINCT sku
  FROM stg_product
)
SELECT
  stock_count.stocktake_id,
  stock_count.location_id,
  stock_count.sku,
  stock_count.counted_qty,
  'counted, but not in the product master: add it, give it an alias, or correct the count' AS reason
FROM stock_count
CROSS JOIN master
LEFT JOIN listed
  ON stock_count.sku = listed.sku
WHERE master.product_qty > 0
  AND listed.sku IS NULL
ORDER BY stock_count.stocktake_id NULLS LAST, stock_count.location_id NULLS LAST, stock_count.sku NULLS LAST
