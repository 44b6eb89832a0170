/*
about: "Articles on lines and in stock are in the product master, when one is delivered."
owner: data
severity: warn
inputs:
  int_line_product: all
  stg_product: all
*/
WITH int_line_product AS (SELECT * FROM {{ref "int_line_product"}}),
stg_product AS (SELECT * FROM {{ref "stg_product"}}),
master AS (SELECT count(*) AS product_qty FROM stg_product)
SELECT
  int_line_product.source,
  int_line_product.article,
  min(int_line_product.valid_from) AS first_month,
  'not in the product master: add it, or give it an alias' AS reason
FROM int_line_product
CROSS JOIN master
WHERE NOT int_line_product.is_known
  AND master.product_qty > 0
GROUP BY int_line_product.source, int_line_product.article
ORDER BY int_line_product.source NULLS LAST, int_line_product.article NULLS LAST
