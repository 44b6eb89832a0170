/*
about: "The tills' end-of-day reports tie with the receipts taken in. A store-day beyond tolerance is blocked: its month does not close for finance."
owner: finance
severity: warn
kind: partition
partition: month(business_date)
inputs:
  finance.till_day: same
*/
WITH till_day AS (SELECT * FROM {{ref "finance.till_day"}})
SELECT
  location_id,
  business_date,
  currency_code,
  stated_amount,
  found_amount,
  difference_amount,
  'the till states another total than its receipts give: look for a file that is missing or was delivered twice, or correct the report' AS reason
FROM till_day
WHERE tender = ''
  AND state = 'beyond_tolerance'
ORDER BY location_id NULLS LAST, business_date NULLS LAST, currency_code NULLS LAST
