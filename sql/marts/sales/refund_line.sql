/*
about: "One row per item coming back, on the refund day. Money of a refund that its lines do not carry is one more row, is_unallocated. Requested and rejected refunds are left out."
owner: sales
kind: partition
grain: [refund_key, line_key]
partition: month(business_date)
inputs:
  stg_refund: same
  int_refund_dated: same
  stg_refund_line: same
  int_refund_line_dated: same
  sales.order: window(12)
  sales.order_line: window(12)
  int_line_product: same
  int_buyer_customer: same
  int_fx_month: same
  int_currency: all
columns:
  refund_key: {type: "VARCHAR", about: "source / refund_id"}
  line_key: {type: "VARCHAR", about: "identity in the refund; ~unallocated for money without a line"}
  order_key: {type: "VARCHAR", about: "source / order_id of the original order, when known"}
  refund_id: {type: "VARCHAR", about: "number of the refund"}
  order_id: {type: "VARCHAR", about: "order or receipt number in the source"}
  source: {type: "VARCHAR", about: "configured name of the source"}
  channel: {type: "VARCHAR", about: "where it was handled: online or store"}
  location_id: {type: "VARCHAR", about: "where it was handled"}
  order_channel: {type: "VARCHAR", about: "channel of the original order"}
  order_platform: {type: "VARCHAR", about: "platform of the original order"}
  order_location_id: {type: "VARCHAR", about: "location of the original order"}
  order_business_date: {type: "DATE", about: "day of the original order"}
  customer_id: {type: "VARCHAR", about: "person, see customer.customer_link"}
  sku: {type: "VARCHAR", about: "conformed article"}
  source_sku: {type: "VARCHAR", about: "article as the source spells it"}
  product_name: {type: "VARCHAR", about: "name of the article"}
  category: {type: "VARCHAR", about: "category of the article"}
  line_kind: {type: "VARCHAR", about: "product, shipping, fee, gift_card, deposit, write_off or other"}
  unit_qty: {type: "DECIMAL(18,3)", unit: units, about: "units coming back; 0 for money only"}
  amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "money back for it, as stated; at the list price where the source states no amounts at all and the order is not known"}
  tax_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "tax in or on it"}
  net_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "amount without tax"}
  unit_cost: {type: "DECIMAL(18,4)", unit: currency_code, about: "cost of one when it was sold"}
  cost_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "unit_qty x unit_cost"}
  currency_code: {type: "VARCHAR", about: "ISO 4217, of the transaction"}
  fx_rate: {type: "DECIMAL(18,8)", unit: "home per unit", about: "home units for one unit of currency_code; null when no rate within 7 days"}
  home_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "amount at the rate of the refund day"}
  home_net_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "net_amount at the dated rate"}
  home_cost_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "cost as it was booked at the sale"}
  reason: {type: "VARCHAR", about: "reason as given"}
  is_restocked: {type: "BOOLEAN", about: "back to sellable stock"}
  is_goods_returned: {type: "BOOLEAN", about: "goods came back, not only money"}
  is_unallocated: {type: "BOOLEAN", about: "money without a line"}
  requested_at: {type: "TIMESTAMP", unit: UTC, about: "when the customer asked"}
  refunded_at: {type: "TIMESTAMP", unit: UTC, about: "when the money went back"}
  business_date: {type: "DATE", about: "day of the refund"}
  batch: {type: "VARCHAR", about: "batch that delivered it, for explain"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain, refund_within_paid]
*/
WITH stg_refund AS (SELECT * FROM {{ref "stg_refund"}}),
int_refund_dated AS (SELECT * FROM {{ref "int_refund_dated"}}),
stg_refund_line AS (SELECT * FROM {{ref "stg_refund_line"}}),
int_refund_line_dated AS (SELECT * FROM {{ref "int_refund_line_dated"}}),
sales_order AS (SELECT * FROM {{ref "sales.order"}}),
order_line AS (SELECT * FROM {{ref "sales.order_line"}}),
int_line_product AS (SELECT * FROM {{ref "int_line_product"}}),
int_buyer_customer AS (SELECT * FROM {{ref "int_buyer_customer"}}),
int_fx_month AS (SELECT * FROM {{ref "int_fx_month"}}),
int_currency AS (SELECT * FROM {{ref "int_currency"}}),
header AS (
  SELECT
    source,
    refund_id,
    order_id,
    channel,
    location_id,
    refunded_at,
    requested_at,
    reason,
    status,
    amount,
    tax_amount,
    tax_included,
    tax_rate,
    currency_code,
    source_customer_id,
    is_goods_returned,
    business_date,
    batch,
    file_no,
    source_row,
    attributes
  FROM stg_refund
  UNION ALL
  SELECT
    source,
    refund_id,
    order_id,
    channel,
    location_id,
    refunded_at,
    requested_at,
    reason,
    status,
    amount,
    tax_amount,
    tax_included,
    tax_rate,
    currency_code,
    source_customer_id,
    is_goods_returned,
    business_date,
    batch,
    file_no,
    source_row,
    attributes
  FROM int_refund_dated
),
line AS (
  SELECT
    source,
    refund_id,
    line_key,
    order_id,
    order_line_key,
    channel,
    location_id,
    sku,
    source_sku,
    product_name,
    quantity,
    unit_price,
    amount,
    tax_amount,
    tax_rate,
    tax_included,
    unit_cost,
    currency_code,
    is_restocked,
    line_kind,
    business_date,
    batch,
    file_no,
    source_row,
    attributes
  FROM stg_refund_line
  UNION ALL
  SELECT
    source,
    refund_id,
    line_key,
    order_id,
    order_line_key,
    channel,
    location_id,
    sku,
    source_sku,
    product_name,
    quantity,
    unit_price,
    amount,
    tax_amount,
    tax_rate,
    tax_included,
    unit_cost,
    currency_code,
    is_restocked,
    line_kind,
    business_date,
    batch,
    file_no,
    source_row,
    attributes
  FROM int_refund_line_dated
),
priced_source AS (                                  -- one stated amount, and an absent one is an absent one, not the list price
  SELECT
    source,
    bool_or(coalesce(unit_price, amount) IS NOT NULL) AS is_priced
  FROM line
  GROUP BY source
),
stated AS (                                         -- a line with what its refund says of all of them
  SELECT
    line.source,
    line.refund_id,
    line.line_key,
    coalesce(line.order_id, header.order_id) AS order_id,
    line.order_line_key,
    coalesce(line.channel, header.channel) AS channel,
    coalesce(line.location_id, header.location_id) AS location_id,
    line.sku,
    line.source_sku,
    line.product_name,
    coalesce(line.line_kind, 'product') AS line_kind,
    coalesce(line.quantity, 0) AS quantity,
    coalesce(line.amount, CAST({{mul "line.unit_price" "line.quantity" 4}} AS DECIMAL(18,4))) AS amount,
    line.tax_amount,
    coalesce(line.tax_rate, header.tax_rate) AS tax_rate,
    coalesce(line.tax_included, header.tax_included, true) AS tax_included,
    line.unit_cost,
    coalesce(line.currency_code, header.currency_code) AS currency_code,
    line.is_restocked,
    NOT (priced_source.is_priced OR header.amount IS NOT NULL) AS is_list_priced,
    header.is_goods_returned,
    header.reason,
    header.source_customer_id,
    header.amount AS header_amount,
    header.tax_amount AS header_tax_amount,
    header.requested_at,
    header.refunded_at,
    line.business_date,
    line.batch,
    line.file_no,
    line.source_row,
    line.attributes
  FROM line
  LEFT JOIN header
    ON line.source = header.source
    AND line.refund_id = header.refund_id
  LEFT JOIN priced_source
    ON line.source = priced_source.source
  WHERE coalesce(lower(trim(header.status)), 'refunded') = 'refunded'
),
line_total AS (
  SELECT
    source,
    refund_id,
    coalesce(sum(amount + CASE WHEN tax_included THEN 0 ELSE coalesce(tax_amount, 0) END), 0) AS amount,
    coalesce(sum(tax_amount), 0) AS tax_amount,
    count(tax_rate) AS rated_count
  FROM stated
  GROUP BY source, refund_id
),
unallocated AS (                                    -- money that no line carries
  SELECT
    header.source,
    header.refund_id,
    '~unallocated' AS line_key,
    header.order_id,
    CAST(NULL AS VARCHAR) AS order_line_key,
    header.channel,
    header.location_id,
    CAST(NULL AS VARCHAR) AS sku,
    CAST(NULL AS VARCHAR) AS source_sku,
    CAST(NULL AS VARCHAR) AS product_name,
    'other' AS line_kind,
    CAST(0 AS DECIMAL(18,3)) AS quantity,
    coalesce(header.amount, 0) - coalesce(line_total.amount, 0) AS amount,
    CASE WHEN line_total.refund_id IS NULL THEN header.tax_amount END AS tax_amount,
    header.tax_rate,
    coalesce(header.tax_included, true) AS tax_included,
    CAST(NULL AS DECIMAL(18,4)) AS unit_cost,
    header.currency_code,
    false AS is_restocked,
    false AS is_list_priced,
    header.is_goods_returned,
    header.reason,
    header.source_customer_id,
    CAST(NULL AS DECIMAL(18,4)) AS header_amount,
    CAST(NULL AS DECIMAL(18,4)) AS header_tax_amount,
    header.requested_at,
    header.refunded_at,
    header.business_date,
    header.batch,
    header.file_no,
    header.source_row,
    header.attributes
  FROM header
  LEFT JOIN line_total
    ON header.source = line_total.source
    AND header.refund_id = line_total.refund_id
  WHERE coalesce(lower(trim(header.status)), 'refunded') = 'refunded'
    AND (line_total.refund_id IS NULL OR abs(header.amount - line_total.amount) >= 0.005)
),
back AS (
  SELECT
    stated.*,
    source || '/' || order_id AS order_key,
    false AS is_unallocated
  FROM stated
  UNION ALL
  SELECT
    unallocated.*,
    source || '/' || order_id AS order_key,
    true AS is_unallocated
  FROM unallocated
),
origin_key AS (
  SELECT DISTINCT order_key
  FROM back
  WHERE order_key IS NOT NULL
),
origin_order AS (
  SELECT
    sales_order.order_key,
    sales_order.channel,
    sales_order.platform,
    sales_order.location_id,
    sales_order.customer_id,
    sales_order.currency_code,
    sales_order.business_date
  FROM sales_order
  INNER JOIN origin_key
    ON sales_order.order_key = origin_key.order_key
),
origin_line AS (
  SELECT
    order_line.order_key,
    order_line.line_key,
    order_line.sku,
    order_line.source_sku,
    order_line.product_name,
    order_line.category,
    order_line.tax_rate,
    order_line.unit_cost,
    order_line.fx_rate,
    row_number() OVER (PARTITION BY order_line.order_key, coalesce(order_line.source_sku, order_line.sku) ORDER BY order_line.line_key NULLS LAST) AS source_sku_rank,
    row_number() OVER (PARTITION BY order_line.order_key, order_line.sku ORDER BY order_line.line_key NULLS LAST) AS sku_rank
  FROM order_line
  INNER JOIN origin_key
    ON order_line.order_key = origin_key.order_key
),
matched AS (                                        -- the original line by its key, else by its article
  SELECT
    back.*,
    coalesce(by_key.sku, by_sku.sku, by_source_sku.sku) AS origin_sku,
    coalesce(by_key.product_name, by_sku.product_name, by_source_sku.product_name) AS origin_name,
    coalesce(by_key.category, by_sku.category, by_source_sku.category) AS origin_category,
    coalesce(by_key.tax_rate, by_sku.tax_rate, by_source_sku.tax_rate) AS origin_tax_rate,
    coalesce(by_key.unit_cost, by_sku.unit_cost, by_source_sku.unit_cost) AS origin_unit_cost,
    coalesce(by_key.fx_rate, by_sku.fx_rate, by_source_sku.fx_rate) AS origin_fx_rate
  FROM back
  LEFT JOIN origin_line AS by_key
    ON back.order_key = by_key.order_key
    AND back.order_line_key = by_key.line_key
  LEFT JOIN origin_line AS by_sku
    ON back.order_key = by_sku.order_key
    AND back.sku = by_sku.sku
    AND by_sku.sku_rank = 1
  LEFT JOIN origin_line AS by_source_sku
    ON back.order_key = by_source_sku.order_key
    AND back.source_sku = coalesce(by_source_sku.source_sku, by_source_sku.sku)
    AND by_source_sku.source_sku_rank = 1
),
buyer AS (
  SELECT
    matched.refund_id,
    matched.source,
    {{sha256_hex "matched.source || '/' || trim(matched.source_customer_id)"}} AS record_id
  FROM matched
  WHERE trim(matched.source_customer_id) <> ''
  GROUP BY matched.refund_id, matched.source, matched.source_customer_id
),
buyer_customer AS (
  SELECT
    buyer.source,
    buyer.refund_id,
    min(int_buyer_customer.customer_id) AS customer_id
  FROM buyer
  INNER JOIN int_buyer_customer
    ON buyer.record_id = int_buyer_customer.record_id
  GROUP BY buyer.source, buyer.refund_id
),
known AS (
  SELECT
    matched.source || '/' || matched.refund_id AS refund_key,
    matched.*,
    origin_order.channel AS order_channel,
    origin_order.platform AS order_platform,
    origin_order.location_id AS order_location_id,
    origin_order.business_date AS order_business_date,
    coalesce(origin_order.customer_id, buyer_customer.customer_id) AS customer_id,
    upper(trim(coalesce(matched.currency_code, origin_order.currency_code, '{{config "home_currency"}}'))) AS settled_currency_code,
    int_line_product.sku AS product_sku,
    int_line_product.product_name AS master_name,
    int_line_product.category AS master_category,
    int_line_product.unit_cost AS master_cost,
    CASE WHEN matched.is_list_priced AND origin_order.order_key IS NULL THEN int_line_product.tag_price END AS master_price,
    coalesce(int_line_product.cost_currency_code, '{{config "home_currency"}}') AS cost_currency_code,
    CAST(round(coalesce(matched.tax_rate, matched.origin_tax_rate, int_line_product.tax_rate) * 1000000, 0) AS BIGINT) AS rate_millionth
  FROM matched
  LEFT JOIN origin_order
    ON matched.order_key = origin_order.order_key
  LEFT JOIN buyer_customer
    ON matched.source = buyer_customer.source
    AND matched.refund_id = buyer_customer.refund_id
  LEFT JOIN int_line_product
    ON matched.source = int_line_product.source
    AND coalesce(matched.sku, matched.source_sku) = int_line_product.article
    AND (matched.sku IS NOT NULL) = int_line_product.is_conformed
    AND matched.business_date >= int_line_product.valid_from
    AND matched.business_date < int_line_product.valid_to
),
rated AS (
  SELECT
    known.*,
    CASE int_currency.minor_unit WHEN 0 THEN 10000 WHEN 3 THEN 10 ELSE 100 END AS unit_scale,
    coalesce(int_fx_month.fx_rate, CASE WHEN known.settled_currency_code = '{{config "home_currency"}}' THEN 1 END) AS fx_rate
  FROM known
  LEFT JOIN int_currency
    ON known.settled_currency_code = int_currency.currency_code
  LEFT JOIN int_fx_month
    ON known.settled_currency_code = int_fx_month.currency_code
    AND known.business_date = int_fx_month.business_date
),
listed AS (
  SELECT
    rated.*,
    CASE
      WHEN cost_currency_code = settled_currency_code THEN master_price
      WHEN cost_currency_code = '{{config "home_currency"}}' THEN CAST({{ratio "master_price * 10000" "fx_rate * 10000" 4}} AS DECIMAL(18,4))
    END AS list_price
  FROM rated
),
priced AS (
  SELECT
    listed.*,
    coalesce(amount, CAST({{mul "list_price" "quantity" 4}} AS DECIMAL(18,4))) AS priced_amount
  FROM listed
),
taxed AS (                                          -- stated tax, else by rate, else its part of the tax stated for the whole refund
  SELECT
    priced.*,
    coalesce(priced_amount, 0) AS back_amount,
    coalesce(
      tax_amount,
      CAST(CAST(
        sign(priced_amount) * {{int_div "2 * abs(CAST(priced_amount * 10000 AS BIGINT)) * rate_millionth + (1000000 + CASE WHEN tax_included THEN rate_millionth ELSE 0 END) * unit_scale" "2 * (1000000 + CASE WHEN tax_included THEN rate_millionth ELSE 0 END) * unit_scale"}} * unit_scale
        AS DECIMAL(18,0)) * CAST(0.0001 AS DECIMAL(4,4)) AS DECIMAL(18,4)),
      round({{ratio "priced_amount * header_tax_amount" "header_amount" 6}}, 2)
    ) AS settled_tax_amount,
    coalesce(unit_cost, origin_unit_cost, CASE WHEN cost_currency_code = settled_currency_code THEN master_cost END) AS settled_unit_cost
  FROM priced
),
netted AS (
  SELECT
    taxed.*,
    back_amount - CASE WHEN tax_included THEN coalesce(settled_tax_amount, 0) ELSE 0 END AS net_amount,
    CAST({{mul "settled_unit_cost" "quantity" 4}} AS DECIMAL(18,4)) AS cost_amount
  FROM taxed
),
final AS (
  SELECT
    refund_key,
    line_key,
    order_key,
    refund_id,
    order_id,
    source,
    coalesce(channel, order_channel, 'store') AS channel,
    coalesce(location_id, order_location_id) AS location_id,
    order_channel,
    order_platform,
    order_location_id,
    order_business_date,
    customer_id,
    coalesce(sku, origin_sku, product_sku, source_sku) AS sku,
    source_sku,
    coalesce(product_name, origin_name, master_name) AS product_name,
    coalesce(origin_category, master_category) AS category,
    line_kind,
    quantity AS unit_qty,
    back_amount AS amount,
    settled_tax_amount AS tax_amount,
    net_amount,
    settled_unit_cost AS unit_cost,
    cost_amount,
    settled_currency_code AS currency_code,
    fx_rate,
    CASE WHEN fx_rate = 1 THEN back_amount ELSE {{mul "back_amount" "fx_rate" 4}} END AS home_amount,
    CASE WHEN fx_rate = 1 THEN net_amount ELSE {{mul "net_amount" "fx_rate" 4}} END AS home_net_amount,
    CASE
      WHEN settled_unit_cost IS NULL AND cost_currency_code = '{{config "home_currency"}}' THEN {{mul "master_cost" "quantity" 4}}
      ELSE {{mul "cost_amount" "coalesce(origin_fx_rate, fx_rate)" 4}}
    END AS home_cost_amount,
    reason,
    coalesce(is_restocked, is_goods_returned, quantity > 0) AS is_restocked,
    coalesce(is_goods_returned, quantity > 0) AS is_goods_returned,
    is_unallocated,
    requested_at,
    refunded_at,
    business_date,
    batch,
    file_no,
    source_row,
    attributes
  FROM netted
)
SELECT
  refund_key,
  line_key,
  order_key,
  refund_id,
  order_id,
  source,
  channel,
  location_id,
  order_channel,
  order_platform,
  order_location_id,
  order_business_date,
  customer_id,
  sku,
  source_sku,
  product_name,
  category,
  line_kind,
  unit_qty,
  CAST(amount AS DECIMAL(18,4)) AS amount,
  CAST(tax_amount AS DECIMAL(18,4)) AS tax_amount,
  CAST(net_amount AS DECIMAL(18,4)) AS net_amount,
  unit_cost,
  cost_amount,
  currency_code,
  fx_rate,
  CAST(home_amount AS DECIMAL(18,4)) AS home_amount,
  CAST(home_net_amount AS DECIMAL(18,4)) AS home_net_amount,
  CAST(home_cost_amount AS DECIMAL(18,4)) AS home_cost_amount,
  reason,
  is_restocked,
  is_goods_returned,
  is_unallocated,
  requested_at,
  refunded_at,
  business_date,
  batch,
  file_no,
  source_row,
  attributes
FROM final
ORDER BY
  refund_key NULLS LAST,
  line_key NULLS LAST
