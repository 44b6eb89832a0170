/*
about: "Recency, frequency and money of each buyer in five bands (5 is best, ties share a band), the stage of life and the channels used, as of the last business day of the data."
owner: customer
kind: full
grain: [customer_id]
inputs:
  customer.customer: all
columns:
  customer_id: {type: "VARCHAR", about: "person, see customer.customer_link"}
  recency_days: {type: "BIGINT", unit: days, about: "days from the last purchase to as_of_date"}
  frequency_qty: {type: "BIGINT", unit: orders, about: "sales ever"}
  monetary_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "net bought less refunds"}
  recency_band: {type: "BIGINT", about: "1 to 5"}
  frequency_band: {type: "BIGINT", about: "1 to 5"}
  monetary_band: {type: "BIGINT", about: "1 to 5"}
  rfm_code: {type: "VARCHAR", about: "the three bands as digits"}
  lifecycle: {type: "VARCHAR", about: "new: first purchase in the last 90 days; active: bought in the last 180; at_risk: in the last 365; lapsed: longer ago"}
  channel_mix: {type: "VARCHAR", about: "online, store or both"}
  as_of_date: {type: "DATE", about: "last business day of the data"}
checks: [unique_grain]
*/
WITH customer AS (SELECT * FROM {{ref "customer.customer"}}),
as_of AS (SELECT max(last_business_date) AS as_of_date FROM customer),
buyer AS (
  SELECT
    customer.customer_id,
    {{days_between "customer.last_business_date" "as_of.as_of_date"}} AS recency_days,
    {{days_between "customer.first_business_date" "as_of.as_of_date"}} AS tenure_days,
    customer.order_qty AS frequency_qty,
    customer.home_net_amount - customer.home_refund_net_amount AS monetary_amount,
    customer.online_order_qty,
    customer.store_order_qty,
    as_of.as_of_date
  FROM customer
  CROSS JOIN as_of
  WHERE customer.order_qty > 0
),
total AS (SELECT count(*) AS buyer_qty FROM buyer),
ranked AS (
  SELECT
    buyer.*,
    rank() OVER (ORDER BY recency_days DESC NULLS LAST) AS recency_rank,
    rank() OVER (ORDER BY frequency_qty NULLS LAST) AS frequency_rank,
    rank() OVER (ORDER BY monetary_amount NULLS LAST) AS monetary_rank
  FROM buyer
),
banded AS (
  SELECT
    ranked.*,
    1 + {{int_div "(ranked.recency_rank - 1) * 5" "total.buyer_qty"}} AS recency_band,
    1 + {{int_div "(ranked.frequency_rank - 1) * 5" "total.buyer_qty"}} AS frequency_band,
    1 + {{int_div "(ranked.monetary_rank - 1) * 5" "total.buyer_qty"}} AS monetary_band
  FROM ranked
  CROSS JOIN total
),
final AS (
  SELECT
    customer_id,
    recency_days,
    frequency_qty,
    monetary_amount,
    recency_band,
    frequency_band,
    monetary_band,
    CAST(recency_band AS VARCHAR) || CAST(frequency_band AS VARCHAR) || CAST(monetary_band AS VARCHAR) AS rfm_code,
    CASE
      WHEN tenure_days < 90 THEN 'new'
      WHEN recency_days < 180 THEN 'active'
      WHEN recency_days < 365 THEN 'at_risk'
      ELSE 'lapsed'
    END AS lifecycle,
    CASE
      WHEN online_order_qty > 0 AND store_order_qty > 0 THEN 'both'
      WHEN online_order_qty > 0 THEN 'online'
      ELSE 'store'
    END AS channel_mix,
    as_of_date
  FROM banded
)
SELECT
  customer_id,
  recency_days,
  frequency_qty,
  monetary_amount,
  recency_band,
  frequency_band,
  monetary_band,
  rfm_code,
  lifecycle,
  channel_mix,
  as_of_date
FROM final
ORDER BY
  customer_id NULLS LAST
