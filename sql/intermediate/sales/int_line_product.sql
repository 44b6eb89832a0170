/*
about: "The article behind every code that the month uses: conformed sku, name, category, cost and tax rate, in validity intervals cut to the month so that a later price change leaves old months alone."
owner: data
kind: partition
grain: [source, article, is_conformed, valid_from]
partition: month(valid_from)
inputs:
  stg_order_line: same
  int_order_line_dated: same
  stg_refund_line: same
  int_refund_line_dated: same
  stg_inventory_movement: same
  stg_inventory_level: same
  stg_stocktake_line: same
  stg_product: all
  stg_product_alias: all
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  article: {type: "VARCHAR", about: "code as on the line: sku, else source_sku"}
  sku: {type: "VARCHAR", about: "conformed article"}
  product_name: {type: "VARCHAR", about: "name of the article"}
  category: {type: "VARCHAR", about: "category path of the article"}
  brand: {type: "VARCHAR", about: "brand"}
  unit_cost: {type: "DECIMAL(18,4)", unit: cost_currency_code, about: "cost of one"}
  cost_currency_code: {type: "VARCHAR", about: "ISO 4217, of unit_cost; null counts as home currency"}
  tax_rate: {type: "DECIMAL(18,8)", unit: fraction, about: "0.13 is 13 %"}
  tag_price: {type: "DECIMAL(18,4)", unit: cost_currency_code, about: "list price"}
  is_conformed: {type: "BOOLEAN", about: "article is already a conformed sku"}
  is_known: {type: "BOOLEAN", about: "the product master has it"}
  valid_from: {type: "DATE", about: "first day of the interval"}
  valid_to: {type: "DATE", about: "day after the interval"}
checks: [unique_grain]
*/
WITH stg_order_line AS (SELECT * FROM {{ref "stg_order_line"}}),
int_order_line_dated AS (SELECT * FROM {{ref "int_order_line_dated"}}),
stg_refund_line AS (SELECT * FROM {{ref "stg_refund_line"}}),
int_refund_line_dated AS (SELECT * FROM {{ref "int_refund_line_dated"}}),
stg_inventory_movement AS (SELECT * FROM {{ref "stg_inventory_movement"}}),
stg_inventory_level AS (SELECT * FROM {{ref "stg_inventory_level"}}),
stg_stocktake_line AS (SELECT * FROM {{ref "stg_stocktake_line"}}),
stg_product AS (SELECT * FROM {{ref "stg_product"}}),
stg_product_alias AS (SELECT * FROM {{ref "stg_product_alias"}}),
seen AS (
  SELECT
    source,
    coalesce(sku, source_sku) AS article,
    sku IS NOT NULL AS is_conformed,
    min(business_date) AS first_date,
    max(business_date) AS last_date
  FROM stg_order_line
  WHERE coalesce(sku, source_sku) IS NOT NULL
  GROUP BY source, coalesce(sku, source_sku), sku IS NOT NULL
  UNION ALL
  SELECT
    source,
    coalesce(sku, source_sku) AS article,
    sku IS NOT NULL AS is_conformed,
    min(business_date) AS first_date,
    max(business_date) AS last_date
  FROM int_order_line_dated
  WHERE coalesce(sku, source_sku) IS NOT NULL
  GROUP BY source, coalesce(sku, source_sku), sku IS NOT NULL
  UNION ALL
  SELECT
    source,
    coalesce(sku, source_sku) AS article,
    sku IS NOT NULL AS is_conformed,
    min(business_date) AS first_date,
    max(business_date) AS last_date
  FROM stg_refund_line
  WHERE coalesce(sku, source_sku) IS NOT NULL
  GROUP BY source, coalesce(sku, source_sku), sku IS NOT NULL
  UNION ALL
  SELECT
    source,
    coalesce(sku, source_sku) AS article,
    sku IS NOT NULL AS is_conformed,
    min(business_date) AS first_date,
    max(business_date) AS last_date
  FROM int_refund_line_dated
  WHERE coalesce(sku, source_sku) IS NOT NULL
  GROUP BY source, coalesce(sku, source_sku), sku IS NOT NULL
  UNION ALL
  SELECT
    source,
    coalesce(sku, source_sku) AS article,
    sku IS NOT NULL AS is_conformed,
    min(business_date) AS first_date,
    max(business_date) AS last_date
  FROM stg_inventory_movement
  WHERE coalesce(sku, source_sku) IS NOT NULL
  GROUP BY source, coalesce(sku, source_sku), sku IS NOT NULL
  UNION ALL
  SELECT
    source,
    coalesce(sku, source_sku) AS article,
    sku IS NOT NULL AS is_conformed,
    min(business_date) AS first_date,
    max(business_date) AS last_date
  FROM stg_inventory_level
  WHERE coalesce(sku, source_sku) IS NOT NULL
  GROUP BY source, coalesce(sku, source_sku), sku IS NOT NULL
  UNION ALL
  SELECT
    source,
    coalesce(sku, source_sku) AS article,
    sku IS NOT NULL AS is_conformed,
    min(business_date) AS first_date,
    max(business_date) AS last_date
  FROM stg_stocktake_line
  WHERE coalesce(sku, source_sku) IS NOT NULL
  GROUP BY source, coalesce(sku, source_sku), sku IS NOT NULL
),
used AS (
  SELECT
    source,
    article,
    is_conformed,
    {{trunc_date "month" "min(first_date)"}} AS month_start,
    {{month_end "max(last_date)"}} AS month_last
  FROM seen
  GROUP BY source, article, is_conformed
),
used_until AS (
  SELECT
    source,
    article,
    is_conformed,
    month_start,
    {{add_days "month_last" "1"}} AS month_stop
  FROM used
),
alias_ranked AS (                                   -- the source's own alias wins over one for every source
  SELECT
    used.source,
    used.article,
    stg_product_alias.sku,
    row_number() OVER (
      PARTITION BY used.source, used.article
      ORDER BY CASE WHEN stg_product_alias.alias_source IS NULL THEN 1 ELSE 0 END NULLS LAST, stg_product_alias.source NULLS LAST, stg_product_alias.sku NULLS LAST
    ) AS alias_rank
  FROM used
  INNER JOIN stg_product_alias
    ON used.article = stg_product_alias.source_sku
  WHERE NOT used.is_conformed
    AND coalesce(stg_product_alias.alias_source, used.source) = used.source
),
conformed AS (
  SELECT
    used.source,
    used.article,
    used.is_conformed,
    used.month_start,
    used.month_stop,
    coalesce(alias_ranked.sku, used.article) AS sku
  FROM used_until AS used
  LEFT JOIN alias_ranked
    ON used.source = alias_ranked.source
    AND used.article = alias_ranked.article
    AND alias_ranked.alias_rank = 1
    AND NOT used.is_conformed
),
product_ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY sku, valid_from
      ORDER BY source NULLS LAST
    ) AS source_rank
  FROM stg_product
),
product AS (
  SELECT
    sku,
    name,
    category_path,
    brand,
    cost,
    currency_code,
    tax_rate,
    tag_price,
    coalesce(valid_from, DATE '1900-01-01') AS valid_from,
    coalesce(
      lead(valid_from) OVER (PARTITION BY sku ORDER BY coalesce(valid_from, DATE '1900-01-01') NULLS LAST, valid_from NULLS LAST),
      DATE '2999-12-31'
    ) AS valid_to
  FROM product_ranked
  WHERE source_rank = 1
),
final AS (
  SELECT
    conformed.source,
    conformed.article,
    conformed.sku,
    product.name AS product_name,
    product.category_path AS category,
    product.brand,
    product.cost AS unit_cost,
    upper(trim(product.currency_code)) AS cost_currency_code,
    product.tax_rate,
    product.tag_price,
    conformed.is_conformed,
    product.sku IS NOT NULL AS is_known,
    {{greatest2 "product.valid_from" "conformed.month_start"}} AS valid_from,
    {{least2 "product.valid_to" "conformed.month_stop"}} AS valid_to
  FROM conformed
  LEFT JOIN product
    ON conformed.sku = product.sku
    AND product.valid_from < conformed.month_stop
    AND product.valid_to > conformed.month_start
)
SELECT
  source,
  article,
  sku,
  product_name,
  category,
  brand,
  unit_cost,
  cost_currency_code,
  tax_rate,
  tag_price,
  is_conformed,
  is_known,
  valid_from,
  valid_to
FROM final
ORDER BY
  source NULLS LAST,
  article NULLS LAST,
  is_conformed NULLS LAST,
  valid_from NULLS LAST
