/*
about: "One row per store and business day: visitors, receipts, returns and the ratios a store manager reads."
owner: conversion
kind: partition
grain: [business_date, location_id]
partition: month(business_date)
inputs:
  conversion.day: same
  sales.day: same
columns:
  location_id: {type: "VARCHAR", about: "store"}
  visitor_qty: {type: "BIGINT", unit: visitors, about: "visitors; null when not counted"}
  receipt_qty: {type: "BIGINT", unit: receipts, about: "receipts that count as a sale"}
  return_qty: {type: "BIGINT", unit: refunds, about: "refunds handled"}
  unit_qty: {type: "DECIMAL(18,3)", unit: units, about: "units of goods"}
  home_net_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "net of sales less refunds"}
  conversion_rate: {type: "DECIMAL(18,6)", unit: fraction, about: "receipts / visitors; null when not counted"}
  units_per_receipt: {type: "DECIMAL(18,6)", unit: units, about: "units / receipts"}
  net_per_receipt: {type: "DECIMAL(18,6)", unit: "home currency", about: "net of sales / receipts"}
  is_healthy: {type: "BOOLEAN", about: "every slot of the day was counted"}
  business_date: {type: "DATE", about: "day it belongs to, by the location's clock and cut-over"}
checks: [unique_grain]
*/
WITH conversion_day AS (SELECT * FROM {{ref "conversion.day"}}),
sales_day AS (SELECT * FROM {{ref "sales.day"}}),
sold AS (
  SELECT
    business_date,
    location_id,
    sum(order_qty) AS receipt_qty,
    sum(refund_qty) AS return_qty,
    sum(priced_unit_qty) AS priced_unit_qty,
    sum(home_sale_net_amount) AS home_sale_net_amount
  FROM sales_day
  WHERE channel = 'store'
  GROUP BY business_date, location_id
),
final AS (
  SELECT
    conversion_day.business_date,
    conversion_day.location_id,
    conversion_day.visitor_qty,
    coalesce(sold.receipt_qty, conversion_day.order_qty) AS receipt_qty,
    coalesce(sold.return_qty, 0) AS return_qty,
    conversion_day.unit_qty,
    conversion_day.home_net_amount,
    conversion_day.conversion_rate,
    {{ratio "sold.priced_unit_qty" "sold.receipt_qty" 6}} AS units_per_receipt,
    {{ratio "sold.home_sale_net_amount" "sold.receipt_qty" 6}} AS net_per_receipt,
    conversion_day.is_healthy
  FROM conversion_day
  LEFT JOIN sold
    ON conversion_day.business_date = sold.business_date
    AND conversion_day.location_id = sold.location_id
  WHERE conversion_day.channel = 'store'
)
SELECT
  location_id,
  visitor_qty,
  CAST(receipt_qty AS BIGINT) AS receipt_qty,
  CAST(return_qty AS BIGINT) AS return_qty,
  unit_qty,
  home_net_amount,
  conversion_rate,
  CAST(units_per_receipt AS DECIMAL(18,6)) AS units_per_receipt,
  CAST(net_per_receipt AS DECIMAL(18,6)) AS net_per_receipt,
  is_healthy,
  business_date
FROM final
ORDER BY
  business_date NULLS LAST,
  location_id NULLS LAST
