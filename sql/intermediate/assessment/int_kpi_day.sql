/*
about: "The additive parts of all KPIs per business day, channel and location. Channel is empty for stock, location is empty for online traffic."
owner: assessment
kind: partition
grain: [business_date, channel, location_id]
partition: month(business_date)
inputs:
  sales.day: same
  conversion.day: same
  inventory.daily: same
  inventory.stock_count: same
  sales.refund_line: same
columns:
  channel: {type: "VARCHAR", about: "online or store"}
  location_id: {type: "VARCHAR", about: "where it was sold or happened"}
  order_qty: {type: "DECIMAL(38,4)", unit: orders, about: "sales"}
  priced_unit_qty: {type: "DECIMAL(38,4)", unit: units, about: "units of goods that were not gifts"}
  identified_order_qty: {type: "DECIMAL(38,4)", unit: orders, about: "sales linked to a person"}
  cancelled_paid_order_qty: {type: "DECIMAL(38,4)", unit: orders, about: "orders cancelled after payment"}
  home_demand_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "paid demand, incl. later cancelled"}
  home_gross_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "goods before discount"}
  home_discount_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "discount"}
  home_sale_net_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "net of sales"}
  home_refund_net_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "net of refunds"}
  home_identified_net_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "net of sales linked to a person"}
  home_cost_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "cost of goods sold"}
  home_covered_net_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "net of lines with a cost"}
  home_refund_cost_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "cost restored"}
  home_refund_covered_net_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "net of refund lines with a cost"}
  online_order_qty: {type: "DECIMAL(38,4)", unit: orders, about: "online sales"}
  online_pickup_qty: {type: "DECIMAL(38,4)", unit: orders, about: "online sales picked up"}
  online_ship_from_store_qty: {type: "DECIMAL(38,4)", unit: orders, about: "online sales shipped by a store"}
  visitor_qty: {type: "DECIMAL(38,4)", unit: visitors, about: "visitors counted"}
  store_conversion_numerator: {type: "DECIMAL(38,4)", unit: orders, about: "receipts of counted store days"}
  store_conversion_denominator: {type: "DECIMAL(38,4)", unit: visitors, about: "entries of counted store days"}
  online_conversion_numerator: {type: "DECIMAL(38,4)", unit: orders, about: "orders of counted platform days"}
  online_conversion_denominator: {type: "DECIMAL(38,4)", unit: visitors, about: "visitors of counted platform days"}
  stock_cost_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "closing stock at cost"}
  sold_unit_qty: {type: "DECIMAL(38,4)", unit: units, about: "units that left by sale"}
  received_unit_qty: {type: "DECIMAL(38,4)", unit: units, about: "units received from suppliers"}
  pair_day_qty: {type: "DECIMAL(38,4)", unit: days, about: "ranged location-article days"}
  out_of_stock_day_qty: {type: "DECIMAL(38,4)", unit: days, about: "of those, days with nothing on hand"}
  no_sale_stock_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "closing stock at cost without sale and receipt for 60 days"}
  counted_qty: {type: "DECIMAL(38,4)", unit: records, about: "records counted"}
  exact_qty: {type: "DECIMAL(38,4)", unit: records, about: "records counted that equal the book"}
  variance_cost_amount: {type: "DECIMAL(38,4)", unit: "home currency", about: "book less counted at cost"}
  online_return_qty: {type: "DECIMAL(38,4)", unit: lines, about: "refund lines of online orders"}
  online_return_in_store_qty: {type: "DECIMAL(38,4)", unit: lines, about: "of those, handled in a store"}
  business_date: {type: "DATE", about: "day it belongs to, by the location's clock and cut-over"}
checks: [unique_grain]
*/
WITH sales_day AS (SELECT * FROM {{ref "sales.day"}}),
conversion_day AS (SELECT * FROM {{ref "conversion.day"}}),
daily AS (SELECT * FROM {{ref "inventory.daily"}}),
stock_count AS (SELECT * FROM {{ref "inventory.stock_count"}}),
refund_line AS (SELECT * FROM {{ref "sales.refund_line"}}),
sold AS (
  SELECT
    business_date,
    channel AS channel,
    location_id AS location_id,
    CAST(order_qty AS DECIMAL(38,4)) AS order_qty,
    CAST(priced_unit_qty AS DECIMAL(38,4)) AS priced_unit_qty,
    CAST(identified_order_qty AS DECIMAL(38,4)) AS identified_order_qty,
    CAST(cancelled_paid_order_qty AS DECIMAL(38,4)) AS cancelled_paid_order_qty,
    CAST(home_demand_amount AS DECIMAL(38,4)) AS home_demand_amount,
    CAST(home_gross_amount AS DECIMAL(38,4)) AS home_gross_amount,
    CAST(home_discount_amount AS DECIMAL(38,4)) AS home_discount_amount,
    CAST(home_sale_net_amount AS DECIMAL(38,4)) AS home_sale_net_amount,
    CAST(home_refund_net_amount AS DECIMAL(38,4)) AS home_refund_net_amount,
    CAST(home_identified_net_amount AS DECIMAL(38,4)) AS home_identified_net_amount,
    CAST(home_cost_amount AS DECIMAL(38,4)) AS home_cost_amount,
    CAST(home_covered_net_amount AS DECIMAL(38,4)) AS home_covered_net_amount,
    CAST(home_refund_cost_amount AS DECIMAL(38,4)) AS home_refund_cost_amount,
    CAST(home_refund_covered_net_amount AS DECIMAL(38,4)) AS home_refund_covered_net_amount,
    CASE WHEN channel = 'online' THEN CAST(order_qty AS DECIMAL(38,4)) ELSE 0 END AS online_order_qty,
    CASE WHEN channel = 'online' THEN CAST(pickup_order_qty AS DECIMAL(38,4)) ELSE 0 END AS online_pickup_qty,
    CASE WHEN channel = 'online' THEN CAST(ship_from_store_order_qty AS DECIMAL(38,4)) ELSE 0 END AS online_ship_from_store_qty
  FROM sales_day
),
visited AS (
  SELECT
    business_date,
    channel AS channel,
    location_id AS location_id,
    coalesce(visitor_qty, 0) AS visitor_qty,
    CASE WHEN channel = 'store' THEN coalesce(conversion_numerator, 0) ELSE 0 END AS store_conversion_numerator,
    CASE WHEN channel = 'store' THEN coalesce(conversion_denominator, 0) ELSE 0 END AS store_conversion_denominator,
    CASE WHEN channel = 'online' THEN coalesce(conversion_numerator, 0) ELSE 0 END AS online_conversion_numerator,
    CASE WHEN channel = 'online' THEN coalesce(conversion_denominator, 0) ELSE 0 END AS online_conversion_denominator
  FROM conversion_day
),
stocked AS (
  SELECT
    business_date,
    '' AS channel,
    location_id AS location_id,
    coalesce(closing_cost_amount, 0) AS stock_cost_amount,
    sale_qty - return_qty AS sold_unit_qty,
    receipt_qty AS received_unit_qty,
    1 AS pair_day_qty,
    CASE WHEN closing_qty <= 0 THEN 1 ELSE 0 END AS out_of_stock_day_qty,
    CASE
      WHEN closing_qty > 0
        AND coalesce({{days_between "last_sale_date" "business_date"}}, 9999) >= 60
        AND coalesce({{days_between "last_receipt_date" "business_date"}}, 0) >= 60
      THEN coalesce(closing_cost_amount, 0)
      ELSE 0
    END AS no_sale_stock_amount
  FROM daily
),
counted AS (
  SELECT
    business_date,
    '' AS channel,
    location_id AS location_id,
    CASE WHEN is_exact IS NULL THEN 0 ELSE 1 END AS counted_qty,
    CASE WHEN is_exact THEN 1 ELSE 0 END AS exact_qty,
    -coalesce(variance_cost_amount, 0) AS variance_cost_amount
  FROM stock_count
),
returned AS (
  SELECT
    business_date,
    'online' AS channel,
    '' AS location_id,
    1 AS online_return_qty,
    CASE WHEN channel = 'store' THEN 1 ELSE 0 END AS online_return_in_store_qty
  FROM refund_line
  WHERE order_channel = 'online'
),
part AS (
  SELECT
    business_date,
    channel,
    location_id,
    order_qty,
    priced_unit_qty,
    identified_order_qty,
    cancelled_paid_order_qty,
    home_demand_amount,
    home_gross_amount,
    home_discount_amount,
    home_sale_net_amount,
    home_refund_net_amount,
    home_identified_net_amount,
    home_cost_amount,
    home_covered_net_amount,
    home_refund_cost_amount,
    home_refund_covered_net_amount,
    online_order_qty,
    online_pickup_qty,
    online_ship_from_store_qty,
    CAST(0 AS DECIMAL(38,4)) AS visitor_qty,
    CAST(0 AS DECIMAL(38,4)) AS store_conversion_numerator,
    CAST(0 AS DECIMAL(38,4)) AS store_conversion_denominator,
    CAST(0 AS DECIMAL(38,4)) AS online_conversion_numerator,
    CAST(0 AS DECIMAL(38,4)) AS online_conversion_denominator,
    CAST(0 AS DECIMAL(38,4)) AS stock_cost_amount,
    CAST(0 AS DECIMAL(38,4)) AS sold_unit_qty,
    CAST(0 AS DECIMAL(38,4)) AS received_unit_qty,
    CAST(0 AS DECIMAL(38,4)) AS pair_day_qty,
    CAST(0 AS DECIMAL(38,4)) AS out_of_stock_day_qty,
    CAST(0 AS DECIMAL(38,4)) AS no_sale_stock_amount,
    CAST(0 AS DECIMAL(38,4)) AS counted_qty,
    CAST(0 AS DECIMAL(38,4)) AS exact_qty,
    CAST(0 AS DECIMAL(38,4)) AS variance_cost_amount,
    CAST(0 AS DECIMAL(38,4)) AS online_return_qty,
    CAST(0 AS DECIMAL(38,4)) AS online_return_in_store_qty
  FROM sold
  UNION ALL
  SELECT
    business_date,
    channel,
    location_id,
    CAST(0 AS DECIMAL(38,4)) AS order_qty,
    CAST(0 AS DECIMAL(38,4)) AS priced_unit_qty,
    CAST(0 AS DECIMAL(38,4)) AS identified_order_qty,
    CAST(0 AS DECIMAL(38,4)) AS cancelled_paid_order_qty,
    CAST(0 AS DECIMAL(38,4)) AS home_demand_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_gross_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_discount_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_sale_net_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_refund_net_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_identified_net_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_cost_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_covered_net_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_refund_cost_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_refund_covered_net_amount,
    CAST(0 AS DECIMAL(38,4)) AS online_order_qty,
    CAST(0 AS DECIMAL(38,4)) AS online_pickup_qty,
    CAST(0 AS DECIMAL(38,4)) AS online_ship_from_store_qty,
    visitor_qty,
    store_conversion_numerator,
    store_conversion_denominator,
    online_conversion_numerator,
    online_conversion_denominator,
    CAST(0 AS DECIMAL(38,4)) AS stock_cost_amount,
    CAST(0 AS DECIMAL(38,4)) AS sold_unit_qty,
    CAST(0 AS DECIMAL(38,4)) AS received_unit_qty,
    CAST(0 AS DECIMAL(38,4)) AS pair_day_qty,
    CAST(0 AS DECIMAL(38,4)) AS out_of_stock_day_qty,
    CAST(0 AS DECIMAL(38,4)) AS no_sale_stock_amount,
    CAST(0 AS DECIMAL(38,4)) AS counted_qty,
    CAST(0 AS DECIMAL(38,4)) AS exact_qty,
    CAST(0 AS DECIMAL(38,4)) AS variance_cost_amount,
    CAST(0 AS DECIMAL(38,4)) AS online_return_qty,
    CAST(0 AS DECIMAL(38,4)) AS online_return_in_store_qty
  FROM visited
  UNION ALL
  SELECT
    business_date,
    channel,
    location_id,
    CAST(0 AS DECIMAL(38,4)) AS order_qty,
    CAST(0 AS DECIMAL(38,4)) AS priced_unit_qty,
    CAST(0 AS DECIMAL(38,4)) AS identified_order_qty,
    CAST(0 AS DECIMAL(38,4)) AS cancelled_paid_order_qty,
    CAST(0 AS DECIMAL(38,4)) AS home_demand_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_gross_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_discount_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_sale_net_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_refund_net_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_identified_net_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_cost_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_covered_net_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_refund_cost_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_refund_covered_net_amount,
    CAST(0 AS DECIMAL(38,4)) AS online_order_qty,
    CAST(0 AS DECIMAL(38,4)) AS online_pickup_qty,
    CAST(0 AS DECIMAL(38,4)) AS online_ship_from_store_qty,
    CAST(0 AS DECIMAL(38,4)) AS visitor_qty,
    CAST(0 AS DECIMAL(38,4)) AS store_conversion_numerator,
    CAST(0 AS DECIMAL(38,4)) AS store_conversion_denominator,
    CAST(0 AS DECIMAL(38,4)) AS online_conversion_numerator,
    CAST(0 AS DECIMAL(38,4)) AS online_conversion_denominator,
    stock_cost_amount,
    sold_unit_qty,
    received_unit_qty,
    pair_day_qty,
    out_of_stock_day_qty,
    no_sale_stock_amount,
    CAST(0 AS DECIMAL(38,4)) AS counted_qty,
    CAST(0 AS DECIMAL(38,4)) AS exact_qty,
    CAST(0 AS DECIMAL(38,4)) AS variance_cost_amount,
    CAST(0 AS DECIMAL(38,4)) AS online_return_qty,
    CAST(0 AS DECIMAL(38,4)) AS online_return_in_store_qty
  FROM stocked
  UNION ALL
  SELECT
    business_date,
    channel,
    location_id,
    CAST(0 AS DECIMAL(38,4)) AS order_qty,
    CAST(0 AS DECIMAL(38,4)) AS priced_unit_qty,
    CAST(0 AS DECIMAL(38,4)) AS identified_order_qty,
    CAST(0 AS DECIMAL(38,4)) AS cancelled_paid_order_qty,
    CAST(0 AS DECIMAL(38,4)) AS home_demand_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_gross_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_discount_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_sale_net_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_refund_net_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_identified_net_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_cost_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_covered_net_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_refund_cost_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_refund_covered_net_amount,
    CAST(0 AS DECIMAL(38,4)) AS online_order_qty,
    CAST(0 AS DECIMAL(38,4)) AS online_pickup_qty,
    CAST(0 AS DECIMAL(38,4)) AS online_ship_from_store_qty,
    CAST(0 AS DECIMAL(38,4)) AS visitor_qty,
    CAST(0 AS DECIMAL(38,4)) AS store_conversion_numerator,
    CAST(0 AS DECIMAL(38,4)) AS store_conversion_denominator,
    CAST(0 AS DECIMAL(38,4)) AS online_conversion_numerator,
    CAST(0 AS DECIMAL(38,4)) AS online_conversion_denominator,
    CAST(0 AS DECIMAL(38,4)) AS stock_cost_amount,
    CAST(0 AS DECIMAL(38,4)) AS sold_unit_qty,
    CAST(0 AS DECIMAL(38,4)) AS received_unit_qty,
    CAST(0 AS DECIMAL(38,4)) AS pair_day_qty,
    CAST(0 AS DECIMAL(38,4)) AS out_of_stock_day_qty,
    CAST(0 AS DECIMAL(38,4)) AS no_sale_stock_amount,
    counted_qty,
    exact_qty,
    variance_cost_amount,
    CAST(0 AS DECIMAL(38,4)) AS online_return_qty,
    CAST(0 AS DECIMAL(38,4)) AS online_return_in_store_qty
  FROM counted
  UNION ALL
  SELECT
    business_date,
    channel,
    location_id,
    CAST(0 AS DECIMAL(38,4)) AS order_qty,
    CAST(0 AS DECIMAL(38,4)) AS priced_unit_qty,
    CAST(0 AS DECIMAL(38,4)) AS identified_order_qty,
    CAST(0 AS DECIMAL(38,4)) AS cancelled_paid_order_qty,
    CAST(0 AS DECIMAL(38,4)) AS home_demand_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_gross_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_discount_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_sale_net_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_refund_net_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_identified_net_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_cost_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_covered_net_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_refund_cost_amount,
    CAST(0 AS DECIMAL(38,4)) AS home_refund_covered_net_amount,
    CAST(0 AS DECIMAL(38,4)) AS online_order_qty,
    CAST(0 AS DECIMAL(38,4)) AS online_pickup_qty,
    CAST(0 AS DECIMAL(38,4)) AS online_ship_from_store_qty,
    CAST(0 AS DECIMAL(38,4)) AS visitor_qty,
    CAST(0 AS DECIMAL(38,4)) AS store_conversion_numerator,
    CAST(0 AS DECIMAL(38,4)) AS store_conversion_denominator,
    CAST(0 AS DECIMAL(38,4)) AS online_conversion_numerator,
    CAST(0 AS DECIMAL(38,4)) AS online_conversion_denominator,
    CAST(0 AS DECIMAL(38,4)) AS stock_cost_amount,
    CAST(0 AS DECIMAL(38,4)) AS sold_unit_qty,
    CAST(0 AS DECIMAL(38,4)) AS received_unit_qty,
    CAST(0 AS DECIMAL(38,4)) AS pair_day_qty,
    CAST(0 AS DECIMAL(38,4)) AS out_of_stock_day_qty,
    CAST(0 AS DECIMAL(38,4)) AS no_sale_stock_amount,
    CAST(0 AS DECIMAL(38,4)) AS counted_qty,
    CAST(0 AS DECIMAL(38,4)) AS exact_qty,
    CAST(0 AS DECIMAL(38,4)) AS variance_cost_amount,
    online_return_qty,
    online_return_in_store_qty
  FROM returned
),
final AS (
  SELECT
    business_date,
    channel,
    location_id,
    sum(order_qty) AS order_qty,
    sum(priced_unit_qty) AS priced_unit_qty,
    sum(identified_order_qty) AS identified_order_qty,
    sum(cancelled_paid_order_qty) AS cancelled_paid_order_qty,
    sum(home_demand_amount) AS home_demand_amount,
    sum(home_gross_amount) AS home_gross_amount,
    sum(home_discount_amount) AS home_discount_amount,
    sum(home_sale_net_amount) AS home_sale_net_amount,
    sum(home_refund_net_amount) AS home_refund_net_amount,
    sum(home_identified_net_amount) AS home_identified_net_amount,
    sum(home_cost_amount) AS home_cost_amount,
    sum(home_covered_net_amount) AS home_covered_net_amount,
    sum(home_refund_cost_amount) AS home_refund_cost_amount,
    sum(home_refund_covered_net_amount) AS home_refund_covered_net_amount,
    sum(online_order_qty) AS online_order_qty,
    sum(online_pickup_qty) AS online_pickup_qty,
    sum(online_ship_from_store_qty) AS online_ship_from_store_qty,
    sum(visitor_qty) AS visitor_qty,
    sum(store_conversion_numerator) AS store_conversion_numerator,
    sum(store_conversion_denominator) AS store_conversion_denominator,
    sum(online_conversion_numerator) AS online_conversion_numerator,
    sum(online_conversion_denominator) AS online_conversion_denominator,
    sum(stock_cost_amount) AS stock_cost_amount,
    sum(sold_unit_qty) AS sold_unit_qty,
    sum(received_unit_qty) AS received_unit_qty,
    sum(pair_day_qty) AS pair_day_qty,
    sum(out_of_stock_day_qty) AS out_of_stock_day_qty,
    sum(no_sale_stock_amount) AS no_sale_stock_amount,
    sum(counted_qty) AS counted_qty,
    sum(exact_qty) AS exact_qty,
    sum(variance_cost_amount) AS variance_cost_amount,
    sum(online_return_qty) AS online_return_qty,
    sum(online_return_in_store_qty) AS online_return_in_store_qty
  FROM part
  GROUP BY business_date, channel, location_id
)
SELECT
  channel,
  location_id,
  order_qty,
  priced_unit_qty,
  identified_order_qty,
  cancelled_paid_order_qty,
  home_demand_amount,
  home_gross_amount,
  home_discount_amount,
  home_sale_net_amount,
  home_refund_net_amount,
  home_identified_net_amount,
  home_cost_amount,
  home_covered_net_amount,
  home_refund_cost_amount,
  home_refund_covered_net_amount,
  online_order_qty,
  online_pickup_qty,
  online_ship_from_store_qty,
  visitor_qty,
  store_conversion_numerator,
  store_conversion_denominator,
  online_conversion_numerator,
  online_conversion_denominator,
  stock_cost_amount,
  sold_unit_qty,
  received_unit_qty,
  pair_day_qty,
  out_of_stock_day_qty,
  no_sale_stock_amount,
  counted_qty,
  exact_qty,
  variance_cost_amount,
  online_return_qty,
  online_return_in_store_qty,
  business_date
FROM final
ORDER BY
  business_date NULLS LAST,
  channel NULLS LAST,
  location_id NULLS LAST
