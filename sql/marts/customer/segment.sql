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
-- The rank of a value is the number of buyers before it: values are few, so they are ranked instead of buyers.
recency_value AS (SELECT recency_days, count(*) AS value_qty FROM buyer GROUP BY recency_days),
recency_counted AS (
  SELECT
    recency_days,
    CAST(sum(value_qty) OVER (ORDER BY recency_days DESC NULLS LAST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS BIGINT) - value_qty AS before_qty
  FROM recency_value
),
recency_banded AS (
  SELECT
    recency_counted.recency_days,
    1 + {{int_div "recency_counted.before_qty * 5" "total.buyer_qty"}} AS recency_band
  FROM recency_counted
  CROSS JOIN total
),
frequency_value AS (SELECT frequency_qty, count(*) AS value_qty FROM buyer GROUP BY frequency_qty),
frequency_counted AS (
  SELECT
    frequency_qty,
    CAST(sum(value_qty) OVER (ORDER BY frequency_qty NULLS LAST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS BIGINT) - value_qty AS before_qty
  FROM frequency_value
),
frequency_banded AS (
  SELECT
    frequency_counted.frequency_qty,
    1 + {{int_div "frequency_counted.before_qty * 5" "total.buyer_qty"}} AS frequency_band
  FROM frequency_counted
  CROSS JOIN total
),
monetary_value AS (SELECT monetary_amount, count(*) AS value_qty FROM buyer GROUP BY monetary_amount),
monetary_counted AS (
  SELECT
    monetary_amount,
    CAST(sum(value_qty) OVER (ORDER BY monetary_amount NULLS LAST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS BIGINT) - value_qty AS before_qty
  FROM monetary_value
),
monetary_banded AS (
  SELECT
    monetary_counted.monetary_amount,
    1 + {{int_div "monetary_counted.before_qty * 5" "total.buyer_qty"}} AS monetary_band
  FROM monetary_counted
  CROSS JOIN total
),
banded AS (
  SELECT
    buyer.*,
    recency_banded.recency_band,
    frequency_banded.frequency_band,
    monetary_banded.monetary_band
  FROM buyer
  LEFT JOIN recency_banded
    ON buyer.recency_days IS NOT DISTINCT FROM recency_banded.recency_days
  LEFT JOIN frequency_banded
    ON buyer.frequency_qty = frequency_banded.frequency_qty
  LEFT JOIN monetary_banded
    ON buyer.monetary_amount IS NOT DISTINCT FROM monetary_banded.monetary_amount
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
