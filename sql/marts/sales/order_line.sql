/*
about: "One row per item of an order or receipt, all channels: article conformed, discount and tax settled, net of tax, in transaction and home currency."
owner: sales
kind: partition
grain: [order_key, line_key]
partition: month(business_date)
inputs:
  stg_order_line: same
  int_order_line_dated: same
  int_order_head: same
  int_line_allocation: same
  int_line_product: same
  int_fx_month: same
  int_currency: all
columns:
  order_key: {type: "VARCHAR", about: "source / order_id"}
  line_key: {type: "VARCHAR", about: "identity of the line in its order or refund"}
  line_no: {type: "BIGINT", about: "position on the order"}
  source: {type: "VARCHAR", about: "configured name of the source"}
  order_id: {type: "VARCHAR", about: "order or receipt number in the source"}
  channel: {type: "VARCHAR", about: "online or store"}
  platform: {type: "VARCHAR", about: "platform or POS system; empty when the source gives none"}
  location_id: {type: "VARCHAR", about: "where it was sold or happened"}
  customer_id: {type: "VARCHAR", about: "person, see customer.customer_link"}
  sku: {type: "VARCHAR", about: "conformed article"}
  source_sku: {type: "VARCHAR", about: "article as the source spells it"}
  barcode: {type: "VARCHAR", about: "EAN, UPC or house barcode"}
  product_name: {type: "VARCHAR", about: "name of the article"}
  category: {type: "VARCHAR", about: "category of the article"}
  line_kind: {type: "VARCHAR", about: "product, shipping, fee, gift_card, deposit, write_off or other"}
  unit_qty: {type: "DECIMAL(18,3)", unit: units, about: "units or weight; negative only on the return line of a mixed receipt"}
  unit_price: {type: "DECIMAL(18,4)", unit: currency_code, about: "price of one before discount, as priced; the list price where the source states no prices at all"}
  gross_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "before discount; quantity x unit_price when not stated"}
  discount_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "stated, else share of the order discount"}
  tax_rate: {type: "DECIMAL(18,8)", unit: fraction, about: "0.13 is 13 %"}
  tax_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "stated, else share of the order tax, else from the rate; null when nothing is known"}
  net_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "after discount without tax: stated, else paid less tax; the paid amount when nothing is known of tax"}
  unit_cost: {type: "DECIMAL(18,4)", unit: currency_code, about: "cost of one"}
  cost_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "unit_qty x unit_cost; null when no cost is known"}
  currency_code: {type: "VARCHAR", about: "ISO 4217, of the transaction"}
  fx_rate: {type: "DECIMAL(18,8)", unit: "home per unit", about: "home units for one unit of currency_code; null when no rate within 7 days"}
  home_gross_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "gross_amount at the dated rate"}
  home_discount_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "discount_amount at the dated rate"}
  home_net_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "net_amount at the dated rate"}
  home_cost_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "cost_amount in home currency"}
  is_sale: {type: "BOOLEAN", about: "line of an order that counts as a sale"}
  is_gift: {type: "BOOLEAN", about: "given free"}
  is_goods: {type: "BOOLEAN", about: "product or other: not delivery, fee, gift card, deposit or write-off"}
  promotion_id: {type: "VARCHAR", about: "campaign"}
  associate_id: {type: "VARCHAR", about: "sales associate"}
  ordered_at: {type: "TIMESTAMP", unit: UTC, about: "when it was placed"}
  business_date: {type: "DATE", about: "day it belongs to, by the location's clock and cut-over"}
  batch: {type: "VARCHAR", about: "batch that delivered it, for explain"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain, not_null(business_date), order_of_several_files]
*/
WITH stg_order_line AS (SELECT * FROM {{ref "stg_order_line"}}),
int_order_line_dated AS (SELECT * FROM {{ref "int_order_line_dated"}}),
int_order_head AS (SELECT * FROM {{ref "int_order_head"}}),
int_line_allocation AS (SELECT * FROM {{ref "int_line_allocation"}}),
int_line_product AS (SELECT * FROM {{ref "int_line_product"}}),
int_fx_month AS (SELECT * FROM {{ref "int_fx_month"}}),
int_currency AS (SELECT * FROM {{ref "int_currency"}}),
line AS (
  SELECT
    source,
    order_id,
    line_key,
    line_no,
    line_kind,
    channel,
    platform,
    location_id,
    sku,
    source_sku,
    barcode,
    product_name,
    category,
    quantity,
    unit_price,
    gross_amount,
    discount_amount,
    tax_amount,
    tax_rate,
    net_amount,
    tax_included,
    unit_cost,
    currency_code,
    is_gift,
    promotion_id,
    associate_id,
    event_at,
    business_date,
    batch,
    file_no,
    source_row,
    attributes
  FROM stg_order_line
  UNION ALL
  SELECT
    source,
    order_id,
    line_key,
    line_no,
    line_kind,
    channel,
    platform,
    location_id,
    sku,
    source_sku,
    barcode,
    product_name,
    category,
    quantity,
    unit_price,
    gross_amount,
    discount_amount,
    tax_amount,
    tax_rate,
    net_amount,
    tax_included,
    unit_cost,
    currency_code,
    is_gift,
    promotion_id,
    associate_id,
    event_at,
    business_date,
    batch,
    file_no,
    source_row,
    attributes
  FROM int_order_line_dated
),
head AS (
  SELECT
    source,
    order_id,
    order_key,
    channel,
    platform,
    location_id,
    customer_id,
    currency_code,
    tax_included,
    is_sale,
    associate_id,
    ordered_at,
    business_date,
    coalesce(gross_amount, net_amount, total_amount) IS NOT NULL AS is_priced
  FROM int_order_head
),
priced_source AS (                                  -- one stated price, and an absent one is an absent one, not the list price
  SELECT
    source,
    bool_or(coalesce(unit_price, gross_amount, net_amount) IS NOT NULL) AS is_priced
  FROM line
  GROUP BY source
),
placed AS (                                         -- what the line does not say, its order says
  SELECT
    line.source,
    line.order_id,
    coalesce(head.order_key, line.source || '/' || line.order_id) AS order_key,
    line.line_key,
    line.line_no,
    coalesce(line.line_kind, 'product') AS line_kind,
    coalesce(head.channel, line.channel, 'store') AS channel,
    coalesce(head.platform, line.platform) AS platform,
    coalesce(head.location_id, line.location_id) AS location_id,
    head.customer_id,
    line.sku,
    line.source_sku,
    coalesce(line.sku, line.source_sku) AS article,
    line.sku IS NOT NULL AS is_conformed,
    line.barcode,
    line.product_name,
    line.category,
    line.quantity,
    line.unit_price,
    line.gross_amount,
    line.discount_amount,
    line.tax_amount,
    line.tax_rate,
    line.net_amount,
    coalesce(line.tax_included, head.tax_included, true) AS tax_included,
    line.unit_cost,
    upper(trim(coalesce(line.currency_code, head.currency_code, '{{config "home_currency"}}'))) AS currency_code,
    coalesce(head.is_sale, true) AS is_sale,
    coalesce(line.is_gift, false) AS is_gift,
    NOT (priced_source.is_priced OR coalesce(head.is_priced, false) OR coalesce(line.is_gift, false)) AS is_list_priced,
    line.promotion_id,
    coalesce(line.associate_id, head.associate_id) AS associate_id,
    coalesce(head.ordered_at, line.event_at) AS ordered_at,
    coalesce(head.business_date, line.business_date) AS business_date,
    line.batch,
    line.file_no,
    line.source_row,
    line.attributes
  FROM line
  LEFT JOIN head
    ON line.source = head.source
    AND line.order_id = head.order_id
  LEFT JOIN priced_source
    ON line.source = priced_source.source
),
known AS (                                          -- article, rate of exchange, shares of the order's amounts
  SELECT
    placed.*,
    int_line_product.sku AS product_sku,
    int_line_product.product_name AS master_name,
    int_line_product.category AS master_category,
    int_line_product.unit_cost AS master_cost,
    CASE WHEN placed.is_list_priced THEN int_line_product.tag_price END AS master_price,
    coalesce(int_line_product.cost_currency_code, '{{config "home_currency"}}') AS cost_currency_code,
    coalesce(placed.discount_amount, 0) AS line_discount_amount,
    int_line_allocation.discount_amount AS share_discount_amount,
    coalesce(placed.tax_amount, int_line_allocation.tax_amount) AS stated_tax_amount,
    coalesce(placed.tax_rate, int_line_product.tax_rate) AS known_tax_rate,
    CAST(round(coalesce(placed.tax_rate, int_line_product.tax_rate) * 1000000, 0) AS BIGINT) AS rate_millionth,
    CASE int_currency.minor_unit WHEN 0 THEN 10000 WHEN 3 THEN 10 ELSE 100 END AS unit_scale,
    coalesce(int_fx_month.fx_rate, CASE WHEN placed.currency_code = '{{config "home_currency"}}' THEN 1 END) AS fx_rate
  FROM placed
  LEFT JOIN int_line_product
    ON placed.source = int_line_product.source
    AND placed.article = int_line_product.article
    AND placed.is_conformed = int_line_product.is_conformed
    AND placed.business_date >= int_line_product.valid_from
    AND placed.business_date < int_line_product.valid_to
  LEFT JOIN int_line_allocation
    ON placed.order_key = int_line_allocation.order_key
    AND placed.line_key = int_line_allocation.line_key
  LEFT JOIN int_currency
    ON placed.currency_code = int_currency.currency_code
  LEFT JOIN int_fx_month
    ON placed.currency_code = int_fx_month.currency_code
    AND placed.business_date = int_fx_month.business_date
),
listed AS (
  SELECT
    known.*,
    CASE
      WHEN cost_currency_code = currency_code THEN master_price
      WHEN cost_currency_code = '{{config "home_currency"}}' THEN CAST({{ratio "master_price * 10000" "fx_rate * 10000" 4}} AS DECIMAL(18,4))
    END AS list_price
  FROM known
),
priced AS (
  SELECT
    listed.*,
    coalesce(unit_price, list_price) AS settled_unit_price,
    coalesce(gross_amount, CAST({{mul "coalesce(unit_price, list_price)" "quantity" 4}} AS DECIMAL(18,4))) AS priced_gross_amount
  FROM listed
),
paid AS (
  SELECT
    priced.*,
    coalesce(share_discount_amount, line_discount_amount) AS settled_discount_amount,
    coalesce(priced_gross_amount, net_amount + CASE WHEN tax_included THEN coalesce(stated_tax_amount, 0) ELSE 0 END + coalesce(share_discount_amount, line_discount_amount)) AS settled_gross_amount,
    CAST(priced_gross_amount - coalesce(share_discount_amount, line_discount_amount) AS DECIMAL(18,4)) AS paid_amount
  FROM priced
),
taxed AS (
  SELECT
    paid.*,
    coalesce(
      stated_tax_amount,
      CAST(CAST(
        sign(paid_amount) * {{int_div "2 * abs(CAST(paid_amount * 10000 AS BIGINT)) * rate_millionth + (1000000 + CASE WHEN tax_included THEN rate_millionth ELSE 0 END) * unit_scale" "2 * (1000000 + CASE WHEN tax_included THEN rate_millionth ELSE 0 END) * unit_scale"}} * unit_scale
        AS DECIMAL(18,0)) * CAST(0.0001 AS DECIMAL(4,4)) AS DECIMAL(18,4))
    ) AS settled_tax_amount
  FROM paid
),
netted AS (
  SELECT
    taxed.*,
    coalesce(net_amount, paid_amount - CASE WHEN tax_included THEN coalesce(settled_tax_amount, 0) ELSE 0 END) AS settled_net_amount,
    CASE
      WHEN unit_cost IS NOT NULL THEN unit_cost
      WHEN cost_currency_code = currency_code THEN master_cost
      WHEN cost_currency_code = '{{config "home_currency"}}' THEN CAST({{ratio "master_cost * 10000" "fx_rate * 10000" 4}} AS DECIMAL(18,4))
    END AS settled_unit_cost
  FROM taxed
),
costed AS (
  SELECT
    netted.*,
    CAST({{mul "settled_unit_cost" "quantity" 4}} AS DECIMAL(18,4)) AS settled_cost_amount
  FROM netted
),
final AS (
  SELECT
    order_key,
    line_key,
    line_no,
    source,
    order_id,
    channel,
    platform,
    location_id,
    customer_id,
    coalesce(sku, product_sku, source_sku) AS sku,
    source_sku,
    barcode,
    coalesce(product_name, master_name) AS product_name,
    coalesce(master_category, category) AS category,
    line_kind,
    quantity AS unit_qty,
    settled_unit_price AS unit_price,
    settled_gross_amount AS gross_amount,
    settled_discount_amount AS discount_amount,
    known_tax_rate AS tax_rate,
    settled_tax_amount AS tax_amount,
    settled_net_amount AS net_amount,
    settled_unit_cost AS unit_cost,
    settled_cost_amount AS cost_amount,
    currency_code,
    fx_rate,
    CASE WHEN fx_rate = 1 THEN settled_gross_amount ELSE {{mul "settled_gross_amount" "fx_rate" 4}} END AS home_gross_amount,
    CASE WHEN fx_rate = 1 THEN settled_discount_amount ELSE {{mul "settled_discount_amount" "fx_rate" 4}} END AS home_discount_amount,
    CASE WHEN fx_rate = 1 THEN settled_net_amount ELSE {{mul "settled_net_amount" "fx_rate" 4}} END AS home_net_amount,
    CASE
      WHEN fx_rate = 1 THEN settled_cost_amount
      WHEN unit_cost IS NULL AND cost_currency_code = '{{config "home_currency"}}' THEN {{mul "master_cost" "quantity" 4}}
      ELSE {{mul "settled_cost_amount" "fx_rate" 4}}
    END AS home_cost_amount,
    is_sale,
    is_gift,
    line_kind IN ('product', 'other') AS is_goods,
    promotion_id,
    associate_id,
    ordered_at,
    business_date,
    batch,
    file_no,
    source_row,
    attributes
  FROM costed
)
SELECT
  order_key,
  line_key,
  line_no,
  source,
  order_id,
  channel,
  platform,
  location_id,
  customer_id,
  sku,
  source_sku,
  barcode,
  product_name,
  category,
  line_kind,
  unit_qty,
  unit_price,
  gross_amount,
  discount_amount,
  tax_rate,
  tax_amount,
  net_amount,
  unit_cost,
  cost_amount,
  currency_code,
  fx_rate,
  CAST(home_gross_amount AS DECIMAL(18,4)) AS home_gross_amount,
  CAST(home_discount_amount AS DECIMAL(18,4)) AS home_discount_amount,
  CAST(home_net_amount AS DECIMAL(18,4)) AS home_net_amount,
  CAST(home_cost_amount AS DECIMAL(18,4)) AS home_cost_amount,
  is_sale,
  is_gift,
  is_goods,
  promotion_id,
  associate_id,
  ordered_at,
  business_date,
  batch,
  file_no,
  source_row,
  attributes
FROM final
ORDER BY
  order_key NULLS LAST,
  line_key NULLS LAST
