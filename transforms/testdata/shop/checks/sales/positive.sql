/*
about: No day sells a negative amount.
severity: block
inputs:
  sales.day: all
*/
WITH day AS (SELECT * FROM {{ref "sales.day"}})
SELECT business_date, location_id, total_amount
FROM day
WHERE total_amount < 0
