/*
about: "A store has no more receipts than visitors on a day with a healthy count."
owner: data
severity: warn
inputs:
  conversion.day: all
*/
WITH conversion_day AS (SELECT * FROM {{ref "conversion.day"}})
SELECT
  business_date,
  channel,
  platform,
  location_id,
  conversion_numerator,
  conversion_denominator,
  'more orders than visitors: the counter missed people, or counts another door' AS reason
FROM conversion_day
WHERE conversion_numerator > conversion_denominator
ORDER BY business_date NULLS LAST, channel NULLS LAST, platform NULLS LAST, location_id NULLS LAST
