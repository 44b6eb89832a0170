/*
about: "order_line rows delivered without a date, placed on the day of their order."
owner: data
kind: partition
grain: [source, order_id, line_key]
partition: month(business_date)
inputs:
  stg_order: same
  stg_order_line_undated: all
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  order_id: {type: "VARCHAR", about: "the order"}
  line_key: {type: "VARCHAR", about: "identity of the line in its order: the source's line id, else content and occurrence"}
  line_no: {type: "BIGINT", about: "position on the order; null: by line_key"}
  line_kind: {type: "VARCHAR", about: "product, shipping, fee, gift_card, deposit, write_off or other; null counts as product"}
  channel: {type: "VARCHAR", about: "as on the order, when the file says it"}
  platform: {type: "VARCHAR", about: "as on the order"}
  location_id: {type: "VARCHAR", about: "as on the order"}
  sku: {type: "VARCHAR", about: "conformed article, when the source uses it"}
  source_sku: {type: "VARCHAR", about: "article as the source spells it"}
  barcode: {type: "VARCHAR", about: "EAN, UPC or house barcode"}
  product_name: {type: "VARCHAR", about: "name printed on the line"}
  category: {type: "VARCHAR", about: "category printed on the line"}
  quantity: {type: "DECIMAL(18,3)", about: "units or weight; negative only on a mixed receipt's return line"}
  unit_price: {type: "DECIMAL(18,4)", about: "price of one before discount, as priced"}
  gross_amount: {type: "DECIMAL(18,4)", about: "before discount; null: quantity x unit_price"}
  discount_amount: {type: "DECIMAL(18,4)", about: "positive"}
  tax_amount: {type: "DECIMAL(18,4)", about: "tax in or on the line"}
  tax_rate: {type: "DECIMAL(18,8)", about: "0.13 is 13 %"}
  net_amount: {type: "DECIMAL(18,4)", about: "after discount without tax; null: computed"}
  tax_included: {type: "BOOLEAN", about: "null counts as true"}
  unit_cost: {type: "DECIMAL(18,4)", about: "cost of one at sale"}
  currency_code: {type: "VARCHAR", about: "ISO 4217"}
  is_gift: {type: "BOOLEAN", about: "given free"}
  promotion_id: {type: "VARCHAR", about: "campaign"}
  associate_id: {type: "VARCHAR", about: "sales associate of the line"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH stg_order AS (SELECT * FROM {{ref "stg_order"}}),
undated AS (SELECT * FROM {{ref "stg_order_line_undated"}}),
final AS (
  SELECT
    undated.source,
    undated.source_record_id,
    undated.source_version,
    undated.batch,
    undated.file_no,
    undated.source_row,
    undated.event_at,
    stg_order.business_date,
    undated.order_id,
    undated.line_key,
    undated.line_no,
    undated.line_kind,
    undated.channel,
    undated.platform,
    undated.location_id,
    undated.sku,
    undated.source_sku,
    undated.barcode,
    undated.product_name,
    undated.category,
    undated.quantity,
    undated.unit_price,
    undated.gross_amount,
    undated.discount_amount,
    undated.tax_amount,
    undated.tax_rate,
    undated.net_amount,
    undated.tax_included,
    undated.unit_cost,
    undated.currency_code,
    undated.is_gift,
    undated.promotion_id,
    undated.associate_id,
    undated.attributes
  FROM undated
  INNER JOIN stg_order
    ON undated.source = stg_order.source
    AND undated.order_id = stg_order.order_id
)
SELECT
  source,
  source_record_id,
  source_version,
  batch,
  file_no,
  source_row,
  event_at,
  business_date,
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
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  order_id NULLS LAST,
  line_key NULLS LAST
