/*
about: "No line of a day equals the sum of all other lines of the same source and location: a total row that came in as data."
owner: data
severity: warn
kind: partition
partition: month(business_date)
inputs:
  sales.order_line: same
*/
WITH order_line AS (SELECT * FROM {{ref "sales.order_line"}}),
day_total AS (
  SELECT
    source,
    location_id,
    business_date,
    sum(gross_amount) AS gross_amount,
    sum(unit_qty) AS unit_qty,
    max(gross_amount) AS largest_amount,
    count(*) AS line_qty
  FROM order_line
  GROUP BY source, location_id, business_date
  HAVING count(*) >= 3
),
suspect AS (
  SELECT source, location_id, business_date, gross_amount, unit_qty
  FROM day_total
  WHERE largest_amount * 2 = gross_amount
    AND gross_amount > 0
)
SELECT
  order_line.order_key,
  order_line.line_key,
  order_line.business_date,
  order_line.gross_amount,
  'equals the sum of all other lines of the day: a total row; add an ignore rule to the profile' AS reason
FROM order_line
INNER JOIN suspect
  ON order_line.source = suspect.source
  AND order_line.location_id IS NOT DISTINCT FROM suspect.location_id
  AND order_line.business_date = suspect.business_date
WHERE order_line.gross_amount * 2 = suspect.gross_amount
  AND order_line.unit_qty * 2 = suspect.unit_qty
ORDER BY order_line.order_key NULLS LAST, order_line.line_key NULLS LAST
