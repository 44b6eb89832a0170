/*
about: "One row per tender on an order or receipt, in transaction and home currency."
owner: sales
kind: partition
grain: [payment_key]
partition: month(business_date)
inputs:
  stg_payment: same
  int_payment_dated: same
  sales.order: window(1)
  int_fx_month: same
columns:
  payment_key: {type: "VARCHAR", about: "source / order_id / payment_id"}
  order_key: {type: "VARCHAR", about: "source / order_id"}
  payment_id: {type: "VARCHAR", about: "identity of the tender in its order"}
  source: {type: "VARCHAR", about: "configured name of the source"}
  order_id: {type: "VARCHAR", about: "order or receipt number in the source"}
  channel: {type: "VARCHAR", about: "online or store"}
  location_id: {type: "VARCHAR", about: "where it was sold or happened"}
  tender: {type: "VARCHAR", about: "cash, card, wallet, voucher, gift_card, points or other"}
  amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "positive in, negative back"}
  currency_code: {type: "VARCHAR", about: "ISO 4217, of the transaction"}
  fx_rate: {type: "DECIMAL(18,8)", unit: "home per unit", about: "home units for one unit of currency_code; null when no rate within 7 days"}
  home_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "amount at the dated rate"}
  settlement_ref: {type: "VARCHAR", about: "reference on the settlement file"}
  paid_at: {type: "TIMESTAMP", unit: UTC, about: "when it was paid; null while unpaid"}
  business_date: {type: "DATE", about: "day it belongs to, by the location's clock and cut-over"}
  batch: {type: "VARCHAR", about: "batch that delivered it, for explain"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH stg_payment AS (SELECT * FROM {{ref "stg_payment"}}),
int_payment_dated AS (SELECT * FROM {{ref "int_payment_dated"}}),
sales_order AS (SELECT * FROM {{ref "sales.order"}}),
int_fx_month AS (SELECT * FROM {{ref "int_fx_month"}}),
payment AS (
  SELECT source, order_id, payment_id, tender, amount, currency_code, paid_at, location_id, settlement_ref, business_date, batch, file_no, source_row, attributes
  FROM stg_payment
  UNION ALL
  SELECT source, order_id, payment_id, tender, amount, currency_code, paid_at, location_id, settlement_ref, business_date, batch, file_no, source_row, attributes
  FROM int_payment_dated
),
paid_order AS (SELECT order_key, channel, location_id, currency_code FROM sales_order),
placed AS (
  SELECT
    payment.*,
    paid_order.channel,
    coalesce(payment.location_id, paid_order.location_id) AS paid_location_id,
    upper(trim(coalesce(payment.currency_code, paid_order.currency_code, '{{config "home_currency"}}'))) AS paid_currency_code
  FROM payment
  LEFT JOIN paid_order
    ON payment.source || '/' || payment.order_id = paid_order.order_key
),
rated AS (
  SELECT
    placed.*,
    coalesce(int_fx_month.fx_rate, CASE WHEN placed.paid_currency_code = '{{config "home_currency"}}' THEN 1 END) AS fx_rate
  FROM placed
  LEFT JOIN int_fx_month
    ON placed.paid_currency_code = int_fx_month.currency_code
    AND placed.business_date = int_fx_month.business_date
),
final AS (
  SELECT
    source || '/' || order_id || '/' || payment_id AS payment_key,
    source || '/' || order_id AS order_key,
    payment_id,
    source,
    order_id,
    channel,
    paid_location_id AS location_id,
    lower(trim(tender)) AS tender,
    amount,
    paid_currency_code AS currency_code,
    fx_rate,
    CASE WHEN fx_rate = 1 THEN amount ELSE {{mul "amount" "fx_rate" 4}} END AS home_amount,
    settlement_ref,
    paid_at,
    business_date,
    batch,
    file_no,
    source_row,
    attributes
  FROM rated
)
SELECT
  payment_key,
  order_key,
  payment_id,
  source,
  order_id,
  channel,
  location_id,
  tender,
  amount,
  currency_code,
  fx_rate,
  CAST(home_amount AS DECIMAL(18,4)) AS home_amount,
  settlement_ref,
  paid_at,
  business_date,
  batch,
  file_no,
  source_row,
  attributes
FROM final
ORDER BY
  payment_key NULLS LAST
