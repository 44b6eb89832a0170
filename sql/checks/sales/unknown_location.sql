/*
about: "Locations that sell or keep stock are in the location master, when one is delivered."
owner: data
severity: warn
inputs:
  int_location_month: all
  stg_location: all
*/
WITH int_location_month AS (SELECT * FROM {{ref "int_location_month"}}),
stg_location AS (SELECT * FROM {{ref "stg_location"}}),
master AS (SELECT count(*) AS location_qty FROM stg_location)
SELECT
  int_location_month.location_id,
  min(int_location_month.month) AS first_month,
  'not in the location master: add it, or correct the code in the profile' AS reason
FROM int_location_month
CROSS JOIN master
WHERE NOT int_location_month.is_known
  AND master.location_qty > 0
GROUP BY int_location_month.location_id
ORDER BY int_location_month.location_id NULLS LAST
