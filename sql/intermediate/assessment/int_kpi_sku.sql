/*
about: "Distinct articles available and sold per period and scope, by week, month and quarter."
owner: assessment
kind: partition
grain: [period_type, period_start, scope_type, scope_id]
partition: quarter(period_end)
inputs:
  int_period: same
  inventory.daily: window(1)
columns:
  period_type: {type: "VARCHAR", about: "week, month or quarter"}
  scope_type: {type: "VARCHAR", about: "company or location"}
  scope_id: {type: "VARCHAR", about: "location; empty for company"}
  available_qty: {type: "BIGINT", unit: articles, about: "articles ever available: opening stock or received"}
  active_qty: {type: "BIGINT", unit: articles, about: "of those, with more sold than returned"}
  period_start: {type: "DATE", about: "first day"}
  period_end: {type: "DATE", about: "last day"}
checks: [unique_grain]
*/
WITH int_period AS (SELECT * FROM {{ref "int_period"}}),
daily AS (SELECT * FROM {{ref "inventory.daily"}}),
pair AS (
  SELECT
    int_period.period_type,
    int_period.period_start,
    int_period.period_end,
    daily.location_id,
    daily.sku,
    bool_or(daily.opening_qty > 0 OR daily.receipt_qty > 0 OR daily.transfer_in_qty > 0 OR daily.reconciled_qty > 0 OR daily.adjustment_qty > 0) AS is_available,
    sum(daily.sale_qty - daily.return_qty) AS sold_qty
  FROM daily
  INNER JOIN int_period
    ON daily.business_date >= int_period.period_start
    AND daily.business_date <= int_period.period_end
  WHERE int_period.period_type <> 'day'
  GROUP BY int_period.period_type, int_period.period_start, int_period.period_end, daily.location_id, daily.sku
),
article AS (
  SELECT period_type, period_start, period_end, 'location' AS scope_type, location_id AS scope_id, sku, is_available, sold_qty
  FROM pair
  UNION ALL
  SELECT period_type, period_start, period_end, 'company' AS scope_type, '' AS scope_id, sku, bool_or(is_available) AS is_available, sum(sold_qty) AS sold_qty
  FROM pair
  GROUP BY period_type, period_start, period_end, sku
),
final AS (
  SELECT
    period_type,
    scope_type,
    scope_id,
    count(*) FILTER (WHERE is_available) AS available_qty,
    count(*) FILTER (WHERE is_available AND sold_qty > 0) AS active_qty,
    period_start,
    period_end
  FROM article
  GROUP BY period_type, period_start, period_end, scope_type, scope_id
)
SELECT
  period_type,
  scope_type,
  scope_id,
  available_qty,
  active_qty,
  period_start,
  period_end
FROM final
ORDER BY
  period_type NULLS LAST,
  period_start NULLS LAST,
  scope_type NULLS LAST,
  scope_id NULLS LAST
