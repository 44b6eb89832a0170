/*
about: How many customers are new, active, at risk or lapsed, by where they buy, as of the release; the upper monetary band counts apart.
owner: customer
kind: full
grain: [lifecycle, channel_mix]
inputs:
  customer.segment: all
columns:
  lifecycle: {type: VARCHAR, about: "new, active, at_risk or lapsed"}
  channel_mix: {type: VARCHAR, about: "online, store or both"}
  currency_code: {type: VARCHAR, about: "home currency"}
  customer_qty: {type: BIGINT, about: "customers"}
  high_value_qty: {type: BIGINT, about: "customers in the upper monetary band"}
  monetary_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: "their net purchases in the segment window"}
  as_of_date: {type: DATE, about: "date the segments refer to"}
checks: [unique_grain]
*/
WITH segment AS (
    SELECT * FROM {{ref "customer.segment"}}
),
final AS (
    SELECT
        lifecycle,
        channel_mix,
        '{{config "home_currency"}}' AS currency_code,
        count(*) AS customer_qty,
        count(*) FILTER (WHERE monetary_band = 5) AS high_value_qty,
        CAST(coalesce(sum(monetary_amount), 0) AS DECIMAL(38,4)) AS monetary_amount,
        max(as_of_date) AS as_of_date
    FROM segment
    GROUP BY lifecycle, channel_mix
)
SELECT
    lifecycle,
    channel_mix,
    currency_code,
    customer_qty,
    high_value_qty,
    monetary_amount,
    as_of_date
FROM final
ORDER BY lifecycle NULLS LAST, channel_mix NULLS LAST
