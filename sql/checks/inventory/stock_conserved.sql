/*
about: "For every location, article and day: opening and movements make the closing stock, and the next day opens with it."
owner: data
severity: block
inputs:
  inventory.daily: all
*/
WITH daily AS (SELECT * FROM {{ref "inventory.daily"}}),
unbalanced AS (
  SELECT
    location_id,
    sku,
    business_date,
    opening_qty + receipt_qty - sale_qty + return_qty + transfer_in_qty - transfer_out_qty + adjustment_qty + reconciled_qty AS expected_qty,
    closing_qty AS found_qty,
    'opening and movements do not make the closing stock' AS reason
  FROM daily
  WHERE opening_qty + receipt_qty - sale_qty + return_qty + transfer_in_qty - transfer_out_qty + adjustment_qty + reconciled_qty <> closing_qty
),
company AS (
  SELECT
    business_date,
    sum(opening_qty) AS opening_qty,
    sum(closing_qty) AS closing_qty
  FROM daily
  GROUP BY business_date
),
chained AS (
  SELECT
    business_date,
    opening_qty,
    lag(closing_qty) OVER (ORDER BY business_date NULLS LAST) AS before_qty,
    lag(business_date) OVER (ORDER BY business_date NULLS LAST) AS before_date
  FROM company
),
final AS (
  SELECT location_id, sku, business_date, expected_qty, found_qty, reason
  FROM unbalanced
  UNION ALL
  SELECT
    '' AS location_id,
    '' AS sku,
    business_date,
    before_qty AS expected_qty,
    opening_qty AS found_qty,
    'the day does not open with what the day before closed with' AS reason
  FROM chained
  WHERE {{days_between "before_date" "business_date"}} = 1
    AND opening_qty <> before_qty
)
SELECT
  location_id,
  sku,
  business_date,
  expected_qty,
  found_qty,
  reason
FROM final
ORDER BY location_id NULLS LAST, sku NULLS LAST, business_date NULLS LAST
