/*
about: "Newest version of each online order or a POS receipt."
owner: data
kind: partition
grain: [source, order_id]
partition: month(business_date)
undated: true
inputs:
  staged.order: same
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  order_id: {type: "VARCHAR", about: "key of the order or receipt, unique in the source"}
  channel: {type: "VARCHAR", about: "online or store"}
  platform: {type: "VARCHAR", about: "platform or POS system it was taken on"}
  location_id: {type: "VARCHAR", about: "where it was sold; an online location for platforms"}
  ordered_at: {type: "TIMESTAMP", unit: UTC, about: "when it was placed, UTC"}
  paid_at: {type: "TIMESTAMP", unit: UTC, about: "when it was paid, UTC; null while unpaid"}
  status: {type: "VARCHAR", about: "open, unpaid, paid, part_fulfilled, fulfilled, completed, cancelled or refunded; null counts as completed"}
  source_status: {type: "VARCHAR", about: "the status as the source spells it"}
  currency_code: {type: "VARCHAR", about: "ISO 4217"}
  gross_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "goods before discount, as priced; null: the sum of its lines"}
  discount_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "merchant discount on goods, positive"}
  shipping_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "charged for delivery, as priced"}
  tax_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "tax in or on the order"}
  net_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "goods after discount without tax; null: the sum of its lines"}
  total_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "what the customer owes or paid, all in"}
  tax_included: {type: "BOOLEAN", about: "whether amounts hold the tax; null counts as true"}
  source_customer_id: {type: "VARCHAR", about: "the source's customer"}
  contact_name: {type: "VARCHAR", about: "name given with the order", pii: true}
  contact_phone: {type: "VARCHAR", about: "phone given with the order", pii: true}
  contact_email: {type: "VARCHAR", about: "email given with the order", pii: true}
  member_no: {type: "VARCHAR", about: "loyalty number shown", pii: true}
  fulfilment: {type: "VARCHAR", about: "ship, pickup, carry_out or ship_from_store"}
  fulfil_location_id: {type: "VARCHAR", about: "location that ships or hands over"}
  promised_at: {type: "TIMESTAMP", unit: UTC, about: "when it was promised, UTC"}
  fulfilled_at: {type: "TIMESTAMP", unit: UTC, about: "when it was delivered or handed over, UTC"}
  associate_id: {type: "VARCHAR", about: "sales associate"}
  cashier_id: {type: "VARCHAR", about: "cashier"}
  is_test: {type: "BOOLEAN", about: "a test order, never a sale"}
  session_ref: {type: "VARCHAR", about: "web session or till session"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.order"}}),
repeated_key AS (                                   -- few keys come twice: only their rows are ranked
  SELECT
    source,
    order_id
  FROM staged
  GROUP BY source, order_id
  HAVING count(*) > 1
),
ranked AS (
  SELECT
    staged_row.*,
    row_number() OVER (
      PARTITION BY staged_row.source, staged_row.order_id
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
    staged_row.channel,
    staged_row.platform,
    staged_row.location_id,
    staged_row.ordered_at,
    staged_row.paid_at,
    staged_row.status,
    staged_row.source_status,
    staged_row.currency_code,
    staged_row.gross_amount,
    staged_row.discount_amount,
    staged_row.shipping_amount,
    staged_row.tax_amount,
    staged_row.net_amount,
    staged_row.total_amount,
    staged_row.tax_included,
    staged_row.source_customer_id,
    staged_row.contact_name,
    staged_row.contact_phone,
    staged_row.contact_email,
    staged_row.member_no,
    staged_row.fulfilment,
    staged_row.fulfil_location_id,
    staged_row.promised_at,
    staged_row.fulfilled_at,
    staged_row.associate_id,
    staged_row.cashier_id,
    staged_row.is_test,
    staged_row.session_ref,
    staged_row.attributes
  FROM staged AS staged_row
  WHERE NOT EXISTS (
    SELECT 1
    FROM repeated_key
    WHERE staged_row.source = repeated_key.source
      AND staged_row.order_id = repeated_key.order_id
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
    channel,
    platform,
    location_id,
    ordered_at,
    paid_at,
    status,
    source_status,
    currency_code,
    gross_amount,
    discount_amount,
    shipping_amount,
    tax_amount,
    net_amount,
    total_amount,
    tax_included,
    source_customer_id,
    contact_name,
    contact_phone,
    contact_email,
    member_no,
    fulfilment,
    fulfil_location_id,
    promised_at,
    fulfilled_at,
    associate_id,
    cashier_id,
    is_test,
    session_ref,
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
  channel,
  platform,
  location_id,
  ordered_at,
  paid_at,
  status,
  source_status,
  currency_code,
  gross_amount,
  discount_amount,
  shipping_amount,
  tax_amount,
  net_amount,
  total_amount,
  tax_included,
  source_customer_id,
  contact_name,
  contact_phone,
  contact_email,
  member_no,
  fulfilment,
  fulfil_location_id,
  promised_at,
  fulfilled_at,
  associate_id,
  cashier_id,
  is_test,
  session_ref,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  order_id NULLS LAST
