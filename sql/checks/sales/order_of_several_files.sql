/*
about: "The lines of an order come from one delivered file, where the source gives them no numbers of their own. A receipt delivered again with a change keeps the lines of both files: nothing tells a change from a second part."
owner: data
severity: warn
kind: partition
partition: month(business_date)
inputs:
  sales.order_line: same
*/
WITH order_line AS (SELECT * FROM {{ref "sales.order_line"}}),
unnumbered AS (
  SELECT order_key, batch, file_no
  FROM order_line
  WHERE {{re_like "line_key" "'^[0-9a-f]{16}-[0-9]+$'"}}
),
counted AS (
  SELECT order_key, count(DISTINCT batch || '/' || CAST(file_no AS VARCHAR)) AS file_qty
  FROM unnumbered
  GROUP BY order_key
)
SELECT
  order_key,
  file_qty,
  'lines of one receipt stand in several files: if it was delivered again with a change, map line_key in the profile or deliver the correction under the old file name' AS reason
FROM counted
WHERE file_qty > 1
ORDER BY order_key NULLS LAST
