/*
about: "The receipts of Shopify's tills come from one source. A location and month where half of them or more have a twin of another source, within a minute and of the same total, is counted twice."
owner: sales
severity: block
kind: partition
partition: month(business_date)
inputs:
  sales.order: same
*/
WITH sales_order AS (SELECT * FROM {{ref "sales.order"}}),
till AS (
  SELECT source, location_id, ordered_at, total_amount, platform, {{trunc_date "month" "business_date"}} AS month_date, order_key
  FROM sales_order
  WHERE is_sale AND channel = 'store' AND location_id IS NOT NULL
),
receipt AS (
  SELECT DISTINCT source, location_id, ordered_at, total_amount
  FROM till
),
judged AS (
  SELECT
    till.order_key,
    till.source,
    till.location_id,
    till.month_date,
    min(receipt.source) AS twin_source
  FROM till
  LEFT JOIN receipt
    ON till.location_id = receipt.location_id
    AND receipt.ordered_at BETWEEN till.ordered_at - INTERVAL '1' MINUTE AND till.ordered_at + INTERVAL '1' MINUTE
    AND till.total_amount = receipt.total_amount
    AND till.source <> receipt.source
  WHERE till.platform = 'shopify'
  GROUP BY till.order_key, till.source, till.location_id, till.month_date
),
counted AS (
  SELECT
    source,
    location_id,
    month_date,
    min(twin_source) AS twin_source,
    count(*) AS receipt_qty,
    count(twin_source) AS twin_qty
  FROM judged
  GROUP BY source, location_id, month_date
)
SELECT
  source,
  twin_source,
  location_id,
  month_date,
  receipt_qty,
  twin_qty,
  'two sources deliver the receipts of one till: write pos_orders: leave for the Shopify source, or take the till''s files out' AS reason
FROM counted
WHERE twin_qty >= 1
  AND twin_qty * 2 >= receipt_qty
ORDER BY source NULLS LAST, location_id NULLS LAST, month_date NULLS LAST
