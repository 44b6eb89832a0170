/*
about: "Each order with its channel, currency, rate and customer settled, before its lines are counted."
owner: data
kind: partition
grain: [order_key]
partition: month(business_date)
inputs:
  stg_order: same
  int_order_record: same
  int_buyer_customer: same
  int_location_month: same
  int_fx_month: same
columns:
  order_key: {type: "VARCHAR", about: "source / order_id"}
  source: {type: "VARCHAR", about: "configured name of the source"}
  order_id: {type: "VARCHAR", about: "order or receipt number in the source"}
  channel: {type: "VARCHAR", about: "online or store"}
  platform: {type: "VARCHAR", about: "platform or POS system; empty when the source gives none"}
  location_id: {type: "VARCHAR", about: "where it was sold or happened"}
  fulfil_location_id: {type: "VARCHAR", about: "location that ships or hands over"}
  fulfilment: {type: "VARCHAR", about: "ship, pickup, carry_out or ship_from_store"}
  customer_id: {type: "VARCHAR", about: "person, see customer.customer_link"}
  customer_record_id: {type: "VARCHAR", about: "the source's customer record or guest contact"}
  associate_id: {type: "VARCHAR", about: "sales associate"}
  cashier_id: {type: "VARCHAR", about: "cashier"}
  status: {type: "VARCHAR", about: "canonical status"}
  source_status: {type: "VARCHAR", about: "status as the source spells it"}
  currency_code: {type: "VARCHAR", about: "ISO 4217, of the transaction"}
  fx_rate: {type: "DECIMAL(18,8)", unit: "home per unit", about: "home units for one unit of currency_code; null when no rate within 7 days"}
  gross_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "as stated"}
  discount_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "as stated"}
  shipping_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "as stated"}
  tax_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "as stated"}
  net_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "as stated"}
  total_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "as stated"}
  tax_included: {type: "BOOLEAN", about: "amounts hold the tax"}
  is_sale: {type: "BOOLEAN", about: "paid and not cancelled: no test, status null, paid, part_fulfilled, fulfilled, completed or refunded"}
  is_test: {type: "BOOLEAN", about: "a test order, never a sale"}
  is_paid: {type: "BOOLEAN", about: "paid at some time, also when cancelled later"}
  promised_at: {type: "TIMESTAMP", unit: UTC, about: "when it was promised"}
  ordered_at: {type: "TIMESTAMP", unit: UTC, about: "when it was placed"}
  paid_at: {type: "TIMESTAMP", unit: UTC, about: "when it was paid; null while unpaid"}
  fulfilled_at: {type: "TIMESTAMP", unit: UTC, about: "when it was delivered or handed over"}
  business_date: {type: "DATE", about: "day it belongs to, by the location's clock and cut-over"}
  batch: {type: "VARCHAR", about: "batch that delivered it, for explain"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH stg_order AS (SELECT * FROM {{ref "stg_order"}}),
int_order_record AS (SELECT * FROM {{ref "int_order_record"}}),
int_buyer_customer AS (SELECT * FROM {{ref "int_buyer_customer"}}),
int_location_month AS (SELECT * FROM {{ref "int_location_month"}}),
int_fx_month AS (SELECT * FROM {{ref "int_fx_month"}}),
buyer AS (
  SELECT
    int_order_record.source,
    int_order_record.order_id,
    int_order_record.record_id,
    int_buyer_customer.customer_id
  FROM int_order_record
  LEFT JOIN int_buyer_customer
    ON int_order_record.record_id = int_buyer_customer.record_id
),
settled AS (
  SELECT
    stg_order.*,
    lower(trim(stg_order.status)) AS order_status,
    upper(trim(coalesce(stg_order.currency_code, int_location_month.currency_code, '{{config "home_currency"}}'))) AS order_currency_code,
    int_location_month.location_kind
  FROM stg_order
  LEFT JOIN int_location_month
    ON stg_order.location_id = int_location_month.location_id
),
final AS (
  SELECT
    settled.source || '/' || settled.order_id AS order_key,
    settled.source,
    settled.order_id,
    coalesce(settled.channel, CASE WHEN settled.location_kind = 'online' THEN 'online' ELSE 'store' END) AS channel,
    settled.platform,
    settled.location_id,
    settled.fulfil_location_id,
    settled.fulfilment,
    buyer.customer_id,
    buyer.record_id AS customer_record_id,
    settled.associate_id,
    settled.cashier_id,
    settled.order_status AS status,
    settled.source_status,
    settled.order_currency_code AS currency_code,
    coalesce(int_fx_month.fx_rate, CASE WHEN settled.order_currency_code = '{{config "home_currency"}}' THEN 1 END) AS fx_rate,
    settled.gross_amount,
    settled.discount_amount,
    settled.shipping_amount,
    settled.tax_amount,
    settled.net_amount,
    settled.total_amount,
    coalesce(settled.tax_included, true) AS tax_included,
    NOT coalesce(settled.is_test, false)
      AND (settled.order_status IS NULL OR settled.order_status IN ('paid', 'part_fulfilled', 'fulfilled', 'completed', 'refunded')) AS is_sale,
    coalesce(settled.is_test, false) AS is_test,
    settled.paid_at IS NOT NULL
      OR settled.order_status IS NULL
      OR settled.order_status IN ('paid', 'part_fulfilled', 'fulfilled', 'completed', 'refunded') AS is_paid,
    settled.promised_at,
    settled.ordered_at,
    settled.paid_at,
    settled.fulfilled_at,
    settled.business_date,
    settled.batch,
    settled.file_no,
    settled.source_row,
    settled.attributes
  FROM settled
  LEFT JOIN buyer
    ON settled.source = buyer.source
    AND settled.order_id = buyer.order_id
  LEFT JOIN int_fx_month
    ON settled.order_currency_code = int_fx_month.currency_code
    AND settled.business_date = int_fx_month.business_date
)
SELECT
  order_key,
  source,
  order_id,
  channel,
  platform,
  location_id,
  fulfil_location_id,
  fulfilment,
  customer_id,
  customer_record_id,
  associate_id,
  cashier_id,
  status,
  source_status,
  currency_code,
  fx_rate,
  gross_amount,
  discount_amount,
  shipping_amount,
  tax_amount,
  net_amount,
  total_amount,
  tax_included,
  is_sale,
  is_test,
  is_paid,
  promised_at,
  ordered_at,
  paid_at,
  fulfilled_at,
  business_date,
  batch,
  file_no,
  source_row,
  attributes
FROM final
ORDER BY
  order_key NULLS LAST
