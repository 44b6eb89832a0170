/*
about: "Visitors and sales per business day: stores by location, online by platform. The rate is over healthy counters only; an outage is unknown, not zero."
owner: conversion
kind: partition
grain: [business_date, channel, platform, location_id]
partition: month(business_date)
inputs:
  stg_traffic: same
  sales.day: same
columns:
  channel: {type: "VARCHAR", about: "online or store"}
  platform: {type: "VARCHAR", about: "online platform; empty for stores"}
  location_id: {type: "VARCHAR", about: "store; empty for online"}
  visitor_qty: {type: "BIGINT", unit: visitors, about: "visitors; null when not counted or the counter was down"}
  session_qty: {type: "BIGINT", unit: sessions, about: "sessions"}
  product_view_qty: {type: "BIGINT", unit: views, about: "product views"}
  cart_qty: {type: "BIGINT", unit: carts, about: "carts"}
  checkout_qty: {type: "BIGINT", unit: checkouts, about: "checkouts"}
  order_qty: {type: "BIGINT", unit: orders, about: "sales of the day"}
  unit_qty: {type: "DECIMAL(18,3)", unit: units, about: "units of goods"}
  home_net_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "net of sales less refunds"}
  is_healthy: {type: "BOOLEAN", about: "every slot of the day was counted"}
  conversion_numerator: {type: "BIGINT", unit: orders, about: "sales of days with healthy counts"}
  conversion_denominator: {type: "BIGINT", unit: visitors, about: "visitors, or sessions where visitors are not given, of days with healthy counts"}
  conversion_rate: {type: "DECIMAL(18,6)", unit: fraction, about: "numerator / denominator; null without visitors"}
  business_date: {type: "DATE", about: "day it belongs to, by the location's clock and cut-over"}
checks: [unique_grain, visitors_cover_orders]
*/
WITH stg_traffic AS (SELECT * FROM {{ref "stg_traffic"}}),
sales_day AS (SELECT * FROM {{ref "sales.day"}}),
slot AS (
  SELECT
    business_date,
    channel,
    CASE WHEN channel = 'online' THEN coalesce(platform, location_id, '') ELSE '' END AS platform,
    CASE WHEN channel = 'online' THEN '' ELSE coalesce(location_id, '') END AS location_id,
    segment IS NULL AS is_total,
    visitors,
    sessions,
    product_views,
    carts,
    checkouts,
    orders,
    coalesce(is_healthy, true) AS is_healthy
  FROM stg_traffic
),
total_stated AS (                                   -- where totals are given, parts by device or door are not added
  SELECT DISTINCT business_date, channel, platform, location_id
  FROM slot
  WHERE is_total
),
counted AS (
  SELECT
    slot.business_date,
    slot.channel,
    slot.platform,
    slot.location_id,
    sum(slot.visitors) AS visitor_qty,
    sum(slot.sessions) AS session_qty,
    sum(slot.product_views) AS product_view_qty,
    sum(slot.carts) AS cart_qty,
    sum(slot.checkouts) AS checkout_qty,
    sum(slot.orders) AS stated_order_qty,
    bool_and(slot.is_healthy) AS is_healthy
  FROM slot
  LEFT JOIN total_stated
    ON slot.business_date = total_stated.business_date
    AND slot.channel = total_stated.channel
    AND slot.platform = total_stated.platform
    AND slot.location_id = total_stated.location_id
  WHERE slot.is_total
    OR total_stated.business_date IS NULL
  GROUP BY slot.business_date, slot.channel, slot.platform, slot.location_id
),
sold_key AS (
  SELECT
    business_date,
    channel,
    CASE WHEN channel = 'online' THEN CASE WHEN platform = '' THEN location_id ELSE platform END ELSE '' END AS platform,
    CASE WHEN channel = 'online' THEN '' ELSE location_id END AS location_id,
    order_qty,
    unit_qty,
    home_net_amount
  FROM sales_day
),
sold AS (
  SELECT
    business_date,
    channel,
    platform,
    location_id,
    sum(order_qty) AS order_qty,
    sum(unit_qty) AS unit_qty,
    sum(home_net_amount) AS home_net_amount
  FROM sold_key
  GROUP BY business_date, channel, platform, location_id
),
joined AS (                                         -- without order records the orders that the platform counted stand in
  SELECT
    coalesce(counted.business_date, sold.business_date) AS business_date,
    coalesce(counted.channel, sold.channel) AS channel,
    coalesce(counted.platform, sold.platform) AS platform,
    coalesce(counted.location_id, sold.location_id) AS location_id,
    CASE WHEN counted.is_healthy THEN counted.visitor_qty END AS visitor_qty,
    CASE WHEN counted.is_healthy THEN counted.session_qty END AS session_qty,
    counted.product_view_qty,
    counted.cart_qty,
    counted.checkout_qty,
    coalesce(sold.order_qty, counted.stated_order_qty, 0) AS order_qty,
    coalesce(sold.unit_qty, 0) AS unit_qty,
    coalesce(sold.home_net_amount, 0) AS home_net_amount,
    coalesce(counted.is_healthy, false) AS is_healthy
  FROM counted
  FULL JOIN sold
    ON counted.business_date = sold.business_date
    AND counted.channel = sold.channel
    AND counted.platform = sold.platform
    AND counted.location_id = sold.location_id
),
base AS (
  SELECT
    joined.*,
    CAST(coalesce(visitor_qty, session_qty) AS BIGINT) AS conversion_denominator
  FROM joined
),
final AS (
  SELECT
    business_date,
    channel,
    platform,
    location_id,
    visitor_qty,
    session_qty,
    product_view_qty,
    cart_qty,
    checkout_qty,
    order_qty,
    unit_qty,
    home_net_amount,
    is_healthy,
    CASE WHEN conversion_denominator IS NOT NULL THEN order_qty END AS conversion_numerator,
    conversion_denominator,
    {{ratio "order_qty" "conversion_denominator" 6}} AS conversion_rate
  FROM base
)
SELECT
  channel,
  platform,
  location_id,
  CAST(visitor_qty AS BIGINT) AS visitor_qty,
  CAST(session_qty AS BIGINT) AS session_qty,
  CAST(product_view_qty AS BIGINT) AS product_view_qty,
  CAST(cart_qty AS BIGINT) AS cart_qty,
  CAST(checkout_qty AS BIGINT) AS checkout_qty,
  CAST(order_qty AS BIGINT) AS order_qty,
  CAST(unit_qty AS DECIMAL(18,3)) AS unit_qty,
  CAST(home_net_amount AS DECIMAL(18,4)) AS home_net_amount,
  is_healthy,
  CAST(conversion_numerator AS BIGINT) AS conversion_numerator,
  conversion_denominator,
  CAST(conversion_rate AS DECIMAL(18,6)) AS conversion_rate,
  business_date
FROM final
ORDER BY
  business_date NULLS LAST,
  channel NULLS LAST,
  platform NULLS LAST,
  location_id NULLS LAST
