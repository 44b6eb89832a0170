/*
about: "A store sells between its opening and its closing day, as the location master states them."
owner: sales
severity: warn
kind: partition
partition: month(business_date)
inputs:
  sales.order: same
  stg_location: all
*/
WITH sales_order AS (SELECT * FROM {{ref "sales.order"}}),
stg_location AS (SELECT * FROM {{ref "stg_location"}}),
life AS (                                           -- the longest that any version of the master gives it
  SELECT
    location_id,
    CASE WHEN count(opened_on) = count(*) THEN min(opened_on) END AS opened_on,
    CASE WHEN count(closed_on) = count(*) THEN max(closed_on) END AS closed_on
  FROM stg_location
  GROUP BY location_id
),
outside AS (
  SELECT
    sales_order.location_id,
    sales_order.business_date,
    sales_order.batch,
    sales_order.file_no,
    life.opened_on,
    life.closed_on
  FROM sales_order
  INNER JOIN life
    ON sales_order.location_id = life.location_id
  WHERE sales_order.is_sale
    AND (sales_order.business_date > life.closed_on OR sales_order.business_date < life.opened_on)
)
SELECT
  location_id,
  min(business_date) AS first_date,
  max(business_date) AS last_date,
  min(closed_on) AS closed_on,
  count(*) AS order_qty,
  min(batch) AS first_batch,
  'sales of a store that was closed: is the file another store''s, or the closing day wrong?' AS reason
FROM outside
GROUP BY location_id
ORDER BY location_id NULLS LAST
