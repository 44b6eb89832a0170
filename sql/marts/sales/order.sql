/*
about: "One row per online order or POS receipt, all channels. An order that is known only by its lines is made from them."
owner: sales
kind: partition
grain: [order_key]
partition: month(business_date)
inputs:
  int_order_head: same
  sales.order_line: same
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
  home_currency_code: {type: "VARCHAR", about: "ISO 4217, of the company"}
  fx_rate: {type: "DECIMAL(18,8)", unit: "home per unit", about: "home units for one unit of currency_code; null when no rate within 7 days"}
  unit_qty: {type: "DECIMAL(18,3)", unit: units, about: "units of goods"}
  priced_unit_qty: {type: "DECIMAL(18,3)", unit: units, about: "units of goods that were not gifts and not free"}
  line_count: {type: "BIGINT", unit: lines, about: "lines of the order"}
  gross_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "goods before discount, as priced"}
  discount_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "merchant discount on goods, positive"}
  shipping_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "charged for delivery, as priced"}
  tax_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "tax in or on it"}
  net_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "goods after discount without tax, refunds not deducted"}
  total_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "what the customer owes or paid, all in"}
  cost_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "cost of the goods, where known"}
  home_gross_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "gross_amount at the dated rate"}
  home_discount_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "discount_amount at the dated rate"}
  home_shipping_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "shipping_amount at the dated rate"}
  home_net_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "net_amount at the dated rate"}
  home_total_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "total_amount at the dated rate"}
  home_cost_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "cost_amount in home currency"}
  home_covered_net_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "net of the lines whose cost is known, the base of the margin rate"}
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
checks: [order_in_one_month, missing_fx_rate, unknown_currency, unknown_location, order_net_ties_to_lines, payments_tie_to_orders, till_counted_twice, sold_while_closed, clock_ahead]
allow:
  grain_checked: "order_in_one_month tells of an order with two rows and names both"
*/
WITH int_order_head AS (SELECT * FROM {{ref "int_order_head"}}),
order_line AS (SELECT * FROM {{ref "sales.order_line"}}),
line_total AS (                                     -- goods apart from delivery, fees, gift cards and deposits
  SELECT
    order_key,
    {{sum_int "1"}} AS line_count,
    coalesce(sum(unit_qty) FILTER (WHERE is_goods), 0) AS unit_qty,
    coalesce(sum(unit_qty) FILTER (WHERE is_goods AND NOT is_gift AND gross_amount <> 0), 0) AS priced_unit_qty,
    sum(gross_amount) FILTER (WHERE is_goods) AS gross_amount,
    sum(discount_amount) FILTER (WHERE is_goods) AS discount_amount,
    sum(gross_amount - discount_amount) FILTER (WHERE line_kind = 'shipping') AS shipping_amount,
    sum(tax_amount) AS tax_amount,
    sum(net_amount) FILTER (WHERE is_goods) AS net_amount,
    sum(gross_amount - discount_amount) AS paid_amount,
    sum(net_amount) AS untaxed_amount,
    sum(cost_amount) FILTER (WHERE is_goods) AS cost_amount,
    sum(home_cost_amount) FILTER (WHERE is_goods) AS home_cost_amount,
    sum(home_net_amount) FILTER (WHERE is_goods AND home_cost_amount IS NOT NULL) AS home_covered_net_amount
  FROM order_line
  GROUP BY order_key
),
headless_key AS (                                   -- lines whose order was never delivered
  SELECT order_key
  FROM line_total
  WHERE NOT EXISTS (
    SELECT 1
    FROM int_order_head
    WHERE int_order_head.order_key = line_total.order_key
  )
),
headless AS (
  SELECT
    order_line.*,
    row_number() OVER (PARTITION BY order_line.order_key ORDER BY order_line.line_no NULLS LAST, order_line.line_key NULLS LAST) AS line_rank
  FROM order_line
  INNER JOIN headless_key
    ON order_line.order_key = headless_key.order_key
),
head AS (
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
  FROM int_order_head
  UNION ALL
  SELECT
    order_key,
    source,
    order_id,
    channel,
    platform,
    location_id,
    CAST(NULL AS VARCHAR) AS fulfil_location_id,
    CAST(NULL AS VARCHAR) AS fulfilment,
    customer_id,
    CAST(NULL AS VARCHAR) AS customer_record_id,
    associate_id,
    CAST(NULL AS VARCHAR) AS cashier_id,
    CAST(NULL AS VARCHAR) AS status,
    CAST(NULL AS VARCHAR) AS source_status,
    currency_code,
    fx_rate,
    CAST(NULL AS DECIMAL(18,4)) AS gross_amount,
    CAST(NULL AS DECIMAL(18,4)) AS discount_amount,
    CAST(NULL AS DECIMAL(18,4)) AS shipping_amount,
    CAST(NULL AS DECIMAL(18,4)) AS tax_amount,
    CAST(NULL AS DECIMAL(18,4)) AS net_amount,
    CAST(NULL AS DECIMAL(18,4)) AS total_amount,
    true AS tax_included,
    is_sale,
    false AS is_test,
    true AS is_paid,
    CAST(NULL AS TIMESTAMP) AS promised_at,
    ordered_at,
    CAST(NULL AS TIMESTAMP) AS paid_at,
    CAST(NULL AS TIMESTAMP) AS fulfilled_at,
    business_date,
    batch,
    file_no,
    source_row,
    CAST(NULL AS VARCHAR) AS attributes
  FROM headless
  WHERE line_rank = 1
),
settled AS (                                        -- stated amounts win; else the sums of the lines; else what follows from the stated ones
  SELECT
    head.order_key,
    head.source,
    head.order_id,
    head.channel,
    head.platform,
    head.location_id,
    head.fulfil_location_id,
    head.fulfilment,
    head.customer_id,
    head.customer_record_id,
    head.associate_id,
    head.cashier_id,
    head.status,
    head.source_status,
    head.currency_code,
    head.fx_rate,
    coalesce(line_total.unit_qty, 0) AS unit_qty,
    coalesce(line_total.priced_unit_qty, 0) AS priced_unit_qty,
    coalesce(line_total.line_count, 0) AS line_count,
    coalesce(head.gross_amount, line_total.gross_amount, head.net_amount + coalesce(head.discount_amount, 0)) AS gross_amount,
    coalesce(head.discount_amount, line_total.discount_amount, 0) AS discount_amount,
    coalesce(head.shipping_amount, line_total.shipping_amount, 0) AS shipping_amount,
    coalesce(head.tax_amount, line_total.tax_amount) AS tax_amount,
    coalesce(
      head.net_amount,
      line_total.net_amount,
      head.gross_amount - coalesce(head.discount_amount, 0) - CASE WHEN head.tax_included THEN coalesce(head.tax_amount, 0) ELSE 0 END,
      head.total_amount - coalesce(head.shipping_amount, 0) - coalesce(head.tax_amount, 0)
    ) AS net_amount,
    coalesce(
      head.total_amount,
      line_total.paid_amount
        + CASE WHEN head.tax_included THEN 0 ELSE coalesce(head.tax_amount, line_total.tax_amount, 0) END
        + CASE WHEN line_total.shipping_amount IS NULL THEN coalesce(head.shipping_amount, 0) ELSE 0 END,
      head.gross_amount - coalesce(head.discount_amount, 0) + coalesce(head.shipping_amount, 0) + CASE WHEN head.tax_included THEN 0 ELSE coalesce(head.tax_amount, 0) END
    ) AS total_amount,
    line_total.cost_amount,
    line_total.home_cost_amount,
    coalesce(line_total.home_covered_net_amount, 0) AS home_covered_net_amount,
    head.is_sale,
    head.is_test,
    head.is_paid,
    head.promised_at,
    head.ordered_at,
    head.paid_at,
    head.fulfilled_at,
    head.business_date,
    head.batch,
    head.file_no,
    head.source_row,
    head.attributes
  FROM head
  LEFT JOIN line_total
    ON head.order_key = line_total.order_key
),
final AS (
  SELECT
    settled.*,
    '{{config "home_currency"}}' AS home_currency_code,
    CASE WHEN fx_rate = 1 THEN gross_amount ELSE {{mul "gross_amount" "fx_rate" 4}} END AS home_gross_amount,
    CASE WHEN fx_rate = 1 THEN discount_amount ELSE {{mul "discount_amount" "fx_rate" 4}} END AS home_discount_amount,
    CASE WHEN fx_rate = 1 THEN shipping_amount ELSE {{mul "shipping_amount" "fx_rate" 4}} END AS home_shipping_amount,
    CASE WHEN fx_rate = 1 THEN net_amount ELSE {{mul "net_amount" "fx_rate" 4}} END AS home_net_amount,
    CASE WHEN fx_rate = 1 THEN total_amount ELSE {{mul "total_amount" "fx_rate" 4}} END AS home_total_amount
  FROM settled
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
  home_currency_code,
  fx_rate,
  CAST(unit_qty AS DECIMAL(18,3)) AS unit_qty,
  CAST(priced_unit_qty AS DECIMAL(18,3)) AS priced_unit_qty,
  line_count,
  CAST(gross_amount AS DECIMAL(18,4)) AS gross_amount,
  CAST(discount_amount AS DECIMAL(18,4)) AS discount_amount,
  CAST(shipping_amount AS DECIMAL(18,4)) AS shipping_amount,
  CAST(tax_amount AS DECIMAL(18,4)) AS tax_amount,
  CAST(net_amount AS DECIMAL(18,4)) AS net_amount,
  CAST(total_amount AS DECIMAL(18,4)) AS total_amount,
  CAST(cost_amount AS DECIMAL(18,4)) AS cost_amount,
  CAST(home_gross_amount AS DECIMAL(18,4)) AS home_gross_amount,
  CAST(home_discount_amount AS DECIMAL(18,4)) AS home_discount_amount,
  CAST(home_shipping_amount AS DECIMAL(18,4)) AS home_shipping_amount,
  CAST(home_net_amount AS DECIMAL(18,4)) AS home_net_amount,
  CAST(home_total_amount AS DECIMAL(18,4)) AS home_total_amount,
  CAST(home_cost_amount AS DECIMAL(18,4)) AS home_cost_amount,
  CAST(home_covered_net_amount AS DECIMAL(18,4)) AS home_covered_net_amount,
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
