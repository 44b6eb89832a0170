/*
about: "No order happened after the file that brought it was written. Two hours are allowed for clocks and for exports that run past midnight."
owner: data
severity: warn
kind: partition
partition: month(business_date)
inputs:
  sales.order: same
  intake.file: all
*/
WITH sales_order AS (SELECT * FROM {{ref "sales.order"}}),
intake_file AS (SELECT * FROM {{ref "intake.file"}})
SELECT
  sales_order.source,
  sales_order.location_id,
  count(*) AS order_qty,
  min(sales_order.order_key) AS first_order_key,
  min(intake_file.name) AS first_file,
  'the till''s clock is ahead, or its zone is another than configured: set the clock, or locations.' || coalesce(sales_order.location_id, '') || '.zone' AS reason
FROM sales_order
INNER JOIN intake_file
  ON sales_order.batch = intake_file.batch
  AND sales_order.file_no = intake_file.file_no
WHERE sales_order.ordered_at > intake_file.modified_at + INTERVAL '2' HOUR
GROUP BY sales_order.source, sales_order.location_id
ORDER BY sales_order.source NULLS LAST, sales_order.location_id NULLS LAST
