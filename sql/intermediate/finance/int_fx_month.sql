/*
about: "Rate to the home currency for every currency and day that the month uses; a missing day takes the last rate of the seven days before. A currency without a rate has no row."
owner: finance
kind: partition
grain: [currency_code, business_date]
partition: month(business_date)
inputs:
  stg_order: same
  stg_order_line: same
  int_order_line_dated: same
  stg_payment: same
  int_payment_dated: same
  stg_refund: same
  int_refund_dated: same
  stg_refund_line: same
  int_refund_line_dated: same
  stg_fx_rate: all
columns:
  currency_code: {type: "VARCHAR", about: "ISO 4217, of the transaction"}
  fx_rate: {type: "DECIMAL(18,8)", unit: "home per unit", about: "home units for one unit of currency_code"}
  rate_date: {type: "DATE", about: "day the rate was stated for"}
  business_date: {type: "DATE", about: "day it belongs to, by the location's clock and cut-over"}
checks: [unique_grain]
*/
WITH stg_order AS (SELECT * FROM {{ref "stg_order"}}),
stg_order_line AS (SELECT * FROM {{ref "stg_order_line"}}),
int_order_line_dated AS (SELECT * FROM {{ref "int_order_line_dated"}}),
stg_payment AS (SELECT * FROM {{ref "stg_payment"}}),
int_payment_dated AS (SELECT * FROM {{ref "int_payment_dated"}}),
stg_refund AS (SELECT * FROM {{ref "stg_refund"}}),
int_refund_dated AS (SELECT * FROM {{ref "int_refund_dated"}}),
stg_refund_line AS (SELECT * FROM {{ref "stg_refund_line"}}),
int_refund_line_dated AS (SELECT * FROM {{ref "int_refund_line_dated"}}),
stg_fx_rate AS (SELECT * FROM {{ref "stg_fx_rate"}}),
used AS (
  SELECT DISTINCT
    upper(trim(currency_code)) AS currency_code,
    business_date
  FROM stg_order
  WHERE currency_code IS NOT NULL
  UNION
  SELECT DISTINCT
    upper(trim(currency_code)) AS currency_code,
    business_date
  FROM stg_order_line
  WHERE currency_code IS NOT NULL
  UNION
  SELECT DISTINCT
    upper(trim(currency_code)) AS currency_code,
    business_date
  FROM int_order_line_dated
  WHERE currency_code IS NOT NULL
  UNION
  SELECT DISTINCT
    upper(trim(currency_code)) AS currency_code,
    business_date
  FROM stg_payment
  WHERE currency_code IS NOT NULL
  UNION
  SELECT DISTINCT
    upper(trim(currency_code)) AS currency_code,
    business_date
  FROM int_payment_dated
  WHERE currency_code IS NOT NULL
  UNION
  SELECT DISTINCT
    upper(trim(currency_code)) AS currency_code,
    business_date
  FROM stg_refund
  WHERE currency_code IS NOT NULL
  UNION
  SELECT DISTINCT
    upper(trim(currency_code)) AS currency_code,
    business_date
  FROM int_refund_dated
  WHERE currency_code IS NOT NULL
  UNION
  SELECT DISTINCT
    upper(trim(currency_code)) AS currency_code,
    business_date
  FROM stg_refund_line
  WHERE currency_code IS NOT NULL
  UNION
  SELECT DISTINCT
    upper(trim(currency_code)) AS currency_code,
    business_date
  FROM int_refund_line_dated
  WHERE currency_code IS NOT NULL
),
rates AS (
  SELECT
    upper(trim(currency_code)) AS currency_code,
    rate_date,
    max(rate) AS rate
  FROM stg_fx_rate
  WHERE upper(coalesce(home_currency_code, '{{config "home_currency"}}')) = '{{config "home_currency"}}'
    AND rate > 0
  GROUP BY upper(trim(currency_code)), rate_date
),
ranked AS (
  SELECT
    used.currency_code,
    used.business_date,
    rates.rate,
    rates.rate_date,
    row_number() OVER (
      PARTITION BY used.currency_code, used.business_date
      ORDER BY rates.rate_date DESC NULLS LAST
    ) AS age_rank
  FROM used
  INNER JOIN rates
    ON used.currency_code = rates.currency_code
    AND rates.rate_date <= used.business_date
    AND {{days_between "rates.rate_date" "used.business_date"}} <= 7
  WHERE used.currency_code <> '{{config "home_currency"}}'
),
final AS (
  SELECT
    currency_code,
    rate AS fx_rate,
    rate_date,
    business_date
  FROM ranked
  WHERE age_rank = 1
  UNION ALL
  SELECT
    currency_code,
    CAST(1 AS DECIMAL(18,8)) AS fx_rate,
    business_date AS rate_date,
    business_date
  FROM used
  WHERE currency_code = '{{config "home_currency"}}'
)
SELECT
  currency_code,
  fx_rate,
  rate_date,
  business_date
FROM final
ORDER BY
  currency_code NULLS LAST,
  business_date NULLS LAST
