/*
about: "What the tills' end-of-day reports state against the receipts and refunds taken in, per store and day. Only stores that deliver such reports have rows."
owner: finance
kind: partition
grain: [location_id, business_date, tender, currency_code]
partition: month(business_date)
inputs:
  stg_till_total: same
  sales.order: same
  sales.payment: same
  sales.refund_line: same
columns:
  location_id: {type: "VARCHAR", about: "store"}
  tender: {type: "VARCHAR", about: "tender that the reports state; empty for all together"}
  currency_code: {type: "VARCHAR", about: "ISO 4217"}
  state: {type: "VARCHAR", about: "tied; beyond_tolerance: the store-day is blocked until it is explained or mended; no_report: the store sold but no report came; differs: of one tender, which refunds in another may explain"}
  stated_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: "by the reports: takings less what was paid back"}
  found_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: "by receipts less refunds handled there; of one tender, by its payments"}
  difference_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: "stated - found"}
  tolerance_amount: {type: "DECIMAL(38,4)", unit: currency_code, about: "0.05 for each receipt, for rounding at the till"}
  report_qty: {type: "BIGINT", unit: reports, about: "end-of-day reports"}
  stated_receipt_qty: {type: "BIGINT", unit: receipts, about: "by the reports; null when one of them does not say"}
  found_receipt_qty: {type: "BIGINT", unit: receipts, about: "receipts taken in"}
  business_date: {type: "DATE", about: "day of the report, by the store's cut-over"}
checks: [unique_grain, till_totals_tie]
*/
WITH till_total AS (SELECT * FROM {{ref "stg_till_total"}}),
sales_order AS (SELECT * FROM {{ref "sales.order"}}),
payment AS (SELECT * FROM {{ref "sales.payment"}}),
refund_line AS (SELECT * FROM {{ref "sales.refund_line"}}),
stated AS (
  SELECT
    source || '/' || till_total_id AS report,
    location_id,
    lower(trim(coalesce(tender, ''))) AS tender,
    upper(trim(coalesce(currency_code, '{{config "home_currency"}}'))) AS currency_code,
    amount,
    receipt_qty,
    business_date
  FROM till_total
),
report AS (                                         -- the total of a report, or the sum of its tenders where it states none
  SELECT
    report,
    location_id,
    business_date,
    currency_code,
    coalesce(sum(amount) FILTER (WHERE tender = ''), sum(amount)) AS amount,
    coalesce(sum(receipt_qty) FILTER (WHERE tender = ''), sum(receipt_qty)) AS receipt_qty
  FROM stated
  GROUP BY report, location_id, business_date, currency_code
),
report_day AS (
  SELECT
    location_id,
    business_date,
    currency_code,
    sum(amount) AS amount,
    {{sum_int "1"}} AS report_qty,
    CASE WHEN count(receipt_qty) = count(*) THEN {{sum_int "receipt_qty"}} END AS receipt_qty
  FROM report
  GROUP BY location_id, business_date, currency_code
),
tender_day AS (
  SELECT location_id, business_date, tender, currency_code, sum(amount) AS amount, count(DISTINCT report) AS report_qty
  FROM stated
  WHERE tender <> ''
  GROUP BY location_id, business_date, tender, currency_code
),
reporting AS (                                      -- stores that deliver reports, from the first to the last of the month
  SELECT location_id, currency_code, min(business_date) AS first_date, max(business_date) AS last_date
  FROM report_day
  GROUP BY location_id, currency_code
),
sold AS (
  SELECT location_id, business_date, currency_code, sum(total_amount) AS amount, {{sum_int "1"}} AS receipt_qty
  FROM sales_order
  WHERE is_sale
    AND channel = 'store'
  GROUP BY location_id, business_date, currency_code
),
given_back AS (
  SELECT location_id, business_date, currency_code, sum(net_amount + coalesce(tax_amount, 0)) AS amount
  FROM refund_line
  WHERE channel = 'store'
  GROUP BY location_id, business_date, currency_code
),
day_key AS (
  SELECT location_id, business_date, currency_code FROM sold
  UNION
  SELECT location_id, business_date, currency_code FROM given_back
  UNION
  SELECT location_id, business_date, currency_code FROM report_day
),
paid AS (
  SELECT location_id, business_date, tender, currency_code, sum(amount) AS amount
  FROM payment
  WHERE channel = 'store'
  GROUP BY location_id, business_date, tender, currency_code
),
day_compared AS (
  SELECT
    day_key.location_id,
    day_key.business_date,
    day_key.currency_code,
    report_day.amount AS stated_amount,
    coalesce(sold.amount, 0) - coalesce(given_back.amount, 0) AS found_amount,
    CAST(0.05 AS DECIMAL(18,4)) * coalesce(sold.receipt_qty, 0) AS tolerance_amount,
    coalesce(report_day.report_qty, 0) AS report_qty,
    report_day.receipt_qty AS stated_receipt_qty,
    coalesce(sold.receipt_qty, 0) AS found_receipt_qty
  FROM day_key
  INNER JOIN reporting
    ON day_key.location_id = reporting.location_id
    AND day_key.currency_code = reporting.currency_code
    AND day_key.business_date BETWEEN reporting.first_date AND reporting.last_date
  LEFT JOIN report_day
    ON day_key.location_id = report_day.location_id
    AND day_key.business_date = report_day.business_date
    AND day_key.currency_code = report_day.currency_code
  LEFT JOIN sold
    ON day_key.location_id = sold.location_id
    AND day_key.business_date = sold.business_date
    AND day_key.currency_code = sold.currency_code
  LEFT JOIN given_back
    ON day_key.location_id = given_back.location_id
    AND day_key.business_date = given_back.business_date
    AND day_key.currency_code = given_back.currency_code
),
listed AS (
  SELECT
    location_id,
    '' AS tender,
    currency_code,
    CASE
      WHEN stated_amount IS NULL THEN 'no_report'
      WHEN abs(stated_amount - found_amount) <= tolerance_amount THEN 'tied'
      ELSE 'beyond_tolerance'
    END AS state,
    stated_amount,
    found_amount,
    stated_amount - found_amount AS difference_amount,
    tolerance_amount,
    report_qty,
    stated_receipt_qty,
    found_receipt_qty,
    business_date
  FROM day_compared
  UNION ALL
  SELECT
    tender_day.location_id,
    tender_day.tender,
    tender_day.currency_code,
    CASE WHEN tender_day.amount = coalesce(paid.amount, 0) THEN 'tied' ELSE 'differs' END AS state,
    tender_day.amount AS stated_amount,
    coalesce(paid.amount, 0) AS found_amount,
    tender_day.amount - coalesce(paid.amount, 0) AS difference_amount,
    NULL AS tolerance_amount,
    tender_day.report_qty,
    NULL AS stated_receipt_qty,
    NULL AS found_receipt_qty,
    tender_day.business_date
  FROM tender_day
  LEFT JOIN paid
    ON tender_day.location_id = paid.location_id
    AND tender_day.business_date = paid.business_date
    AND tender_day.tender = paid.tender
    AND tender_day.currency_code = paid.currency_code
)
SELECT
  location_id,
  tender,
  currency_code,
  state,
  CAST(stated_amount AS DECIMAL(38,4)) AS stated_amount,
  CAST(found_amount AS DECIMAL(38,4)) AS found_amount,
  CAST(difference_amount AS DECIMAL(38,4)) AS difference_amount,
  CAST(tolerance_amount AS DECIMAL(38,4)) AS tolerance_amount,
  CAST(report_qty AS BIGINT) AS report_qty,
  CAST(stated_receipt_qty AS BIGINT) AS stated_receipt_qty,
  CAST(found_receipt_qty AS BIGINT) AS found_receipt_qty,
  business_date
FROM listed
ORDER BY
  location_id NULLS LAST,
  business_date NULLS LAST,
  tender NULLS LAST,
  currency_code NULLS LAST
