/*
about: "Newest version of each item on an order or receipt."
owner: data
kind: partition
grain: [source, order_id, line_key]
partition: month(business_date)
undated: true
inputs:
  staged.order_line: same
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
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
  quantity: {type: "DECIMAL(18,3)", unit: units, about: "units or weight; negative only on a mixed receipt's return line"}
  unit_price: {type: "DECIMAL(18,4)", unit: currency_code, about: "price of one before discount, as priced"}
  gross_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "before discount; null: quantity x unit_price"}
  discount_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "positive"}
  tax_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "tax in or on the line"}
  tax_rate: {type: "DECIMAL(18,8)", unit: fraction, about: "0.13 is 13 %"}
  net_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "after discount without tax; null: computed"}
  tax_included: {type: "BOOLEAN", about: "null counts as true"}
  unit_cost: {type: "DECIMAL(18,4)", unit: currency_code, about: "cost of one at sale"}
  currency_code: {type: "VARCHAR", about: "ISO 4217"}
  is_gift: {type: "BOOLEAN", about: "given free"}
  promotion_id: {type: "VARCHAR", about: "campaign"}
  associate_id: {type: "VARCHAR", about: "sales associate of the line"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.order_line"}}),
repeated_key AS (                                   -- few keys come twice: only their rows are ranked
  SELECT
    source,
    order_id,
    line_key
  FROM staged
  GROUP BY source, order_id, line_key
  HAVING count(*) > 1
),
ranked AS (
  SELECT
    staged_row.*,
    row_number() OVER (
      PARTITION BY staged_row.source, staged_row.order_id, staged_row.line_key
      ORDER BY staged_row.source_version DESC NULLS LAST,
        staged_row.batch_seq DESC NULLS LAST,
        staged_row.feed NULLS LAST,
        staged_row.batch NULLS LAST,
        staged_row.file_no DESC NULLS LAST,
        staged_row.source_row DESC NULLS LAST
    ) AS version_rank
  FROM staged AS staged_row
  INNER JOIN repeated_key
    ON staged_row.source = repeated_key.source
    AND staged_row.order_id = repeated_key.order_id
    AND staged_row.line_key = repeated_key.line_key
),
final AS (
  SELECT
    staged_row.source,
    staged_row.source_record_id,
    staged_row.source_version,
    staged_row.batch,
    staged_row.file_no,
    staged_row.source_row,
    staged_row.event_at,
    staged_row.business_date,
    staged_row.order_id,
    staged_row.line_key,
    staged_row.line_no,
    staged_row.line_kind,
    staged_row.channel,
    staged_row.platform,
    staged_row.location_id,
    staged_row.sku,
    staged_row.source_sku,
    staged_row.barcode,
    staged_row.product_name,
    staged_row.category,
    staged_row.quantity,
    staged_row.unit_price,
    staged_row.gross_amount,
    staged_row.discount_amount,
    staged_row.tax_amount,
    staged_row.tax_rate,
    staged_row.net_amount,
    staged_row.tax_included,
    staged_row.unit_cost,
    staged_row.currency_code,
    staged_row.is_gift,
    staged_row.promotion_id,
    staged_row.associate_id,
    staged_row.attributes
  FROM staged AS staged_row
  WHERE NOT EXISTS (
    SELECT 1
    FROM repeated_key
    WHERE staged_row.source = repeated_key.source
      AND staged_row.order_id = repeated_key.order_id
      AND staged_row.line_key = repeated_key.line_key
  )
  UNION ALL
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
  FROM ranked
  WHERE version_rank = 1
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
