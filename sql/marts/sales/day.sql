/*
about: "One row per business day, channel, platform and location: orders of the day and refunds of the day. Platform and location are empty text when the source gives none."
owner: sales
kind: partition
grain: [business_date, channel, platform, location_id]
partition: month(business_date)
inputs:
  sales.order: same
  sales.refund_line: same
columns:
  channel: {type: "VARCHAR", about: "online or store"}
  platform: {type: "VARCHAR", about: "platform or POS system; empty when the source gives none"}
  location_id: {type: "VARCHAR", about: "where it was sold, or where the refund was handled; empty when not given"}
  order_qty: {type: "BIGINT", unit: orders, about: "orders that count as a sale"}
  line_qty: {type: "BIGINT", unit: lines, about: "lines of those orders"}
  unit_qty: {type: "DECIMAL(18,3)", unit: units, about: "units of goods sold"}
  priced_unit_qty: {type: "DECIMAL(18,3)", unit: units, about: "units of goods that were not gifts and not free"}
  identified_order_qty: {type: "BIGINT", unit: orders, about: "sales linked to a person"}
  pickup_order_qty: {type: "BIGINT", unit: orders, about: "sales picked up by the customer"}
  ship_from_store_order_qty: {type: "BIGINT", unit: orders, about: "sales shipped by a store"}
  cancelled_order_qty: {type: "BIGINT", unit: orders, about: "orders cancelled, tests left out"}
  cancelled_paid_order_qty: {type: "BIGINT", unit: orders, about: "of those, orders that had been paid"}
  unpaid_order_qty: {type: "BIGINT", unit: orders, about: "orders not paid and not cancelled"}
  home_demand_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "goods after discount, as priced, of all paid orders, also those cancelled later"}
  home_gross_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "goods before discount of sales"}
  home_discount_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "discount of sales"}
  home_shipping_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "delivery charged on sales"}
  home_tax_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "tax of sales"}
  home_total_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "what customers paid for sales, all in"}
  home_sale_net_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "net of sales, without tax"}
  home_identified_net_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "net of sales linked to a person"}
  home_refund_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "money refunded on the day"}
  home_refund_net_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "net refunded on the day"}
  home_net_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "home_sale_net_amount - home_refund_net_amount"}
  refund_unit_qty: {type: "DECIMAL(18,3)", unit: units, about: "units coming back"}
  refund_qty: {type: "BIGINT", unit: refunds, about: "refunds"}
  refund_line_qty: {type: "BIGINT", unit: lines, about: "refund lines with goods or money"}
  home_cost_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "cost of the goods sold, where known"}
  home_covered_net_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "net of the lines whose cost is known"}
  home_refund_cost_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "cost restored by returns"}
  home_refund_covered_net_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "net of the refund lines whose cost is known"}
  business_date: {type: "DATE", about: "day it belongs to, by the location's clock and cut-over"}
checks: [unique_grain]
*/
WITH sales_order AS (SELECT * FROM {{ref "sales.order"}}),
refund_line AS (SELECT * FROM {{ref "sales.refund_line"}}),
sale AS (
  SELECT
    business_date,
    channel,
    coalesce(platform, '') AS platform,
    coalesce(location_id, '') AS location_id,
    count(*) FILTER (WHERE is_sale) AS order_qty,
    coalesce(sum(line_count) FILTER (WHERE is_sale), 0) AS line_qty,
    coalesce(sum(unit_qty) FILTER (WHERE is_sale), 0) AS unit_qty,
    coalesce(sum(priced_unit_qty) FILTER (WHERE is_sale), 0) AS priced_unit_qty,
    count(*) FILTER (WHERE is_sale AND customer_id IS NOT NULL) AS identified_order_qty,
    count(*) FILTER (WHERE is_sale AND fulfilment = 'pickup') AS pickup_order_qty,
    count(*) FILTER (WHERE is_sale AND fulfilment = 'ship_from_store') AS ship_from_store_order_qty,
    count(*) FILTER (WHERE status = 'cancelled' AND NOT is_test) AS cancelled_order_qty,
    count(*) FILTER (WHERE status = 'cancelled' AND NOT is_test AND is_paid) AS cancelled_paid_order_qty,
    count(*) FILTER (WHERE NOT is_test AND NOT is_paid AND status <> 'cancelled') AS unpaid_order_qty,
    coalesce(sum(home_gross_amount - home_discount_amount) FILTER (WHERE is_paid AND NOT is_test), 0) AS home_demand_amount,
    coalesce(sum(home_gross_amount) FILTER (WHERE is_sale), 0) AS home_gross_amount,
    coalesce(sum(home_discount_amount) FILTER (WHERE is_sale), 0) AS home_discount_amount,
    coalesce(sum(home_shipping_amount) FILTER (WHERE is_sale), 0) AS home_shipping_amount,
    coalesce(sum(CASE WHEN fx_rate = 1 THEN tax_amount ELSE {{mul "tax_amount" "fx_rate" 4}} END) FILTER (WHERE is_sale), 0) AS home_tax_amount,
    coalesce(sum(home_total_amount) FILTER (WHERE is_sale), 0) AS home_total_amount,
    coalesce(sum(home_net_amount) FILTER (WHERE is_sale), 0) AS home_sale_net_amount,
    coalesce(sum(home_net_amount) FILTER (WHERE is_sale AND customer_id IS NOT NULL), 0) AS home_identified_net_amount,
    coalesce(sum(home_cost_amount) FILTER (WHERE is_sale), 0) AS home_cost_amount,
    coalesce(sum(home_covered_net_amount) FILTER (WHERE is_sale), 0) AS home_covered_net_amount
  FROM sales_order
  GROUP BY business_date, channel, coalesce(platform, ''), coalesce(location_id, '')
),
refund AS (                                         -- the platform is that of the order, when the refund was handled in its channel
  SELECT
    business_date,
    channel,
    coalesce(CASE WHEN channel = order_channel THEN order_platform END, '') AS platform,
    coalesce(location_id, '') AS location_id,
    refund_key,
    unit_qty,
    home_amount,
    home_net_amount,
    home_cost_amount
  FROM refund_line
),
back AS (
  SELECT
    business_date,
    channel,
    platform,
    location_id,
    coalesce(sum(home_amount), 0) AS home_refund_amount,
    coalesce(sum(home_net_amount), 0) AS home_refund_net_amount,
    coalesce(sum(unit_qty), 0) AS refund_unit_qty,
    count(DISTINCT refund_key) AS refund_qty,
    count(*) AS refund_line_qty,
    coalesce(sum(home_cost_amount), 0) AS home_refund_cost_amount,
    coalesce(sum(home_net_amount) FILTER (WHERE home_cost_amount IS NOT NULL), 0) AS home_refund_covered_net_amount
  FROM refund
  GROUP BY business_date, channel, platform, location_id
),
final AS (
  SELECT
    coalesce(sale.business_date, back.business_date) AS business_date,
    coalesce(sale.channel, back.channel) AS channel,
    coalesce(sale.platform, back.platform) AS platform,
    coalesce(sale.location_id, back.location_id) AS location_id,
    coalesce(sale.order_qty, 0) AS order_qty,
    coalesce(sale.line_qty, 0) AS line_qty,
    coalesce(sale.unit_qty, 0) AS unit_qty,
    coalesce(sale.priced_unit_qty, 0) AS priced_unit_qty,
    coalesce(sale.identified_order_qty, 0) AS identified_order_qty,
    coalesce(sale.pickup_order_qty, 0) AS pickup_order_qty,
    coalesce(sale.ship_from_store_order_qty, 0) AS ship_from_store_order_qty,
    coalesce(sale.cancelled_order_qty, 0) AS cancelled_order_qty,
    coalesce(sale.cancelled_paid_order_qty, 0) AS cancelled_paid_order_qty,
    coalesce(sale.unpaid_order_qty, 0) AS unpaid_order_qty,
    coalesce(sale.home_demand_amount, 0) AS home_demand_amount,
    coalesce(sale.home_gross_amount, 0) AS home_gross_amount,
    coalesce(sale.home_discount_amount, 0) AS home_discount_amount,
    coalesce(sale.home_shipping_amount, 0) AS home_shipping_amount,
    coalesce(sale.home_tax_amount, 0) AS home_tax_amount,
    coalesce(sale.home_total_amount, 0) AS home_total_amount,
    coalesce(sale.home_sale_net_amount, 0) AS home_sale_net_amount,
    coalesce(sale.home_identified_net_amount, 0) AS home_identified_net_amount,
    coalesce(sale.home_cost_amount, 0) AS home_cost_amount,
    coalesce(sale.home_covered_net_amount, 0) AS home_covered_net_amount,
    coalesce(back.home_refund_amount, 0) AS home_refund_amount,
    coalesce(back.home_refund_net_amount, 0) AS home_refund_net_amount,
    coalesce(sale.home_sale_net_amount, 0) - coalesce(back.home_refund_net_amount, 0) AS home_net_amount,
    coalesce(back.refund_unit_qty, 0) AS refund_unit_qty,
    coalesce(back.refund_qty, 0) AS refund_qty,
    coalesce(back.refund_line_qty, 0) AS refund_line_qty,
    coalesce(back.home_refund_cost_amount, 0) AS home_refund_cost_amount,
    coalesce(back.home_refund_covered_net_amount, 0) AS home_refund_covered_net_amount
  FROM sale
  FULL JOIN back
    ON sale.business_date = back.business_date
    AND sale.channel = back.channel
    AND sale.platform = back.platform
    AND sale.location_id = back.location_id
)
SELECT
  channel,
  platform,
  location_id,
  order_qty,
  CAST(line_qty AS BIGINT) AS line_qty,
  CAST(unit_qty AS DECIMAL(18,3)) AS unit_qty,
  CAST(priced_unit_qty AS DECIMAL(18,3)) AS priced_unit_qty,
  identified_order_qty,
  pickup_order_qty,
  ship_from_store_order_qty,
  cancelled_order_qty,
  cancelled_paid_order_qty,
  unpaid_order_qty,
  CAST(home_demand_amount AS DECIMAL(18,4)) AS home_demand_amount,
  CAST(home_gross_amount AS DECIMAL(18,4)) AS home_gross_amount,
  CAST(home_discount_amount AS DECIMAL(18,4)) AS home_discount_amount,
  CAST(home_shipping_amount AS DECIMAL(18,4)) AS home_shipping_amount,
  CAST(home_tax_amount AS DECIMAL(18,4)) AS home_tax_amount,
  CAST(home_total_amount AS DECIMAL(18,4)) AS home_total_amount,
  CAST(home_sale_net_amount AS DECIMAL(18,4)) AS home_sale_net_amount,
  CAST(home_identified_net_amount AS DECIMAL(18,4)) AS home_identified_net_amount,
  CAST(home_refund_amount AS DECIMAL(18,4)) AS home_refund_amount,
  CAST(home_refund_net_amount AS DECIMAL(18,4)) AS home_refund_net_amount,
  CAST(home_net_amount AS DECIMAL(18,4)) AS home_net_amount,
  CAST(refund_unit_qty AS DECIMAL(18,3)) AS refund_unit_qty,
  refund_qty,
  refund_line_qty,
  CAST(home_cost_amount AS DECIMAL(18,4)) AS home_cost_amount,
  CAST(home_covered_net_amount AS DECIMAL(18,4)) AS home_covered_net_amount,
  CAST(home_refund_cost_amount AS DECIMAL(18,4)) AS home_refund_cost_amount,
  CAST(home_refund_covered_net_amount AS DECIMAL(18,4)) AS home_refund_covered_net_amount,
  business_date
FROM final
ORDER BY
  business_date NULLS LAST,
  channel NULLS LAST,
  platform NULLS LAST,
  location_id NULLS LAST
