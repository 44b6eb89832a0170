/*
about: "What finance books per month, channel of origin and location. Amounts are in home currency, without tax unless the name says paid, tax or gross."
owner: finance
kind: partition
grain: [period_id, kpi_id, basis, entity, channel_origin, location_id]
partition: month(period_start)
inputs:
  sales.day: same
columns:
  period_id: {type: "VARCHAR", about: "month, 2026-01"}
  calendar_id: {type: "VARCHAR", about: "gregorian"}
  entity: {type: "VARCHAR", about: "reporting company"}
  channel_origin: {type: "VARCHAR", about: "online or store"}
  location_id: {type: "VARCHAR", about: "location; empty when the source gives none"}
  kpi_id: {type: "VARCHAR", about: "measure"}
  kpi_version: {type: "BIGINT", about: "version of the definition"}
  basis: {type: "VARCHAR", about: "D day of sale, A refunds on their own date"}
  numerator: {type: "DECIMAL(38,6)", about: "sum above"}
  denominator: {type: "DECIMAL(38,6)", about: "sum below; 1 for amounts and counts"}
  value: {type: "DECIMAL(38,6)", unit: unit, about: "numerator / denominator; null when it cannot be told"}
  unit: {type: "VARCHAR", about: "money, percent or count"}
  currency_code: {type: "VARCHAR", about: "of money; null otherwise"}
  tax_basis: {type: "VARCHAR", about: "ex: without tax; in: as priced or paid; none for counts"}
  status: {type: "VARCHAR", about: "ok, or na when the value is null"}
  period_start: {type: "DATE", about: "first day of the month"}
checks: [unique_grain]
*/
WITH sales_day AS (SELECT * FROM {{ref "sales.day"}}),
month AS (
  SELECT
    {{trunc_date "month" "business_date"}} AS period_start,
    channel,
    location_id,
    sum(home_cost_amount) AS home_cost_amount,
    sum(home_covered_net_amount) AS home_covered_net_amount,
    sum(home_demand_amount) AS home_demand_amount,
    sum(home_discount_amount) AS home_discount_amount,
    sum(home_gross_amount) AS home_gross_amount,
    sum(home_refund_amount) AS home_refund_amount,
    sum(home_refund_cost_amount) AS home_refund_cost_amount,
    sum(home_refund_covered_net_amount) AS home_refund_covered_net_amount,
    sum(home_refund_net_amount) AS home_refund_net_amount,
    sum(home_sale_net_amount) AS home_sale_net_amount,
    sum(home_shipping_amount) AS home_shipping_amount,
    sum(home_tax_amount) AS home_tax_amount,
    sum(home_total_amount) AS home_total_amount,
    sum(order_qty) AS order_qty,
    sum(refund_qty) AS refund_qty,
    sum(unit_qty) AS unit_qty
  FROM sales_day
  GROUP BY {{trunc_date "month" "business_date"}}, channel, location_id
),
fact AS (
  SELECT 'net_sales' AS kpi_id, 'A' AS basis, 'money' AS unit, 'ex' AS tax_basis, period_start, channel, location_id, CAST(home_sale_net_amount - home_refund_net_amount AS DECIMAL(38,4)) AS numerator, CAST(1 AS DECIMAL(38,4)) AS denominator
  FROM month
  UNION ALL
  SELECT 'gross_sales' AS kpi_id, 'D' AS basis, 'money' AS unit, 'in' AS tax_basis, period_start, channel, location_id, CAST(home_gross_amount AS DECIMAL(38,4)) AS numerator, CAST(1 AS DECIMAL(38,4)) AS denominator
  FROM month
  UNION ALL
  SELECT 'discount' AS kpi_id, 'D' AS basis, 'money' AS unit, 'in' AS tax_basis, period_start, channel, location_id, CAST(home_discount_amount AS DECIMAL(38,4)) AS numerator, CAST(1 AS DECIMAL(38,4)) AS denominator
  FROM month
  UNION ALL
  SELECT 'sale_net' AS kpi_id, 'D' AS basis, 'money' AS unit, 'ex' AS tax_basis, period_start, channel, location_id, CAST(home_sale_net_amount AS DECIMAL(38,4)) AS numerator, CAST(1 AS DECIMAL(38,4)) AS denominator
  FROM month
  UNION ALL
  SELECT 'refund_net' AS kpi_id, 'A' AS basis, 'money' AS unit, 'ex' AS tax_basis, period_start, channel, location_id, CAST(home_refund_net_amount AS DECIMAL(38,4)) AS numerator, CAST(1 AS DECIMAL(38,4)) AS denominator
  FROM month
  UNION ALL
  SELECT 'refund_paid' AS kpi_id, 'A' AS basis, 'money' AS unit, 'in' AS tax_basis, period_start, channel, location_id, CAST(home_refund_amount AS DECIMAL(38,4)) AS numerator, CAST(1 AS DECIMAL(38,4)) AS denominator
  FROM month
  UNION ALL
  SELECT 'shipping' AS kpi_id, 'D' AS basis, 'money' AS unit, 'in' AS tax_basis, period_start, channel, location_id, CAST(home_shipping_amount AS DECIMAL(38,4)) AS numerator, CAST(1 AS DECIMAL(38,4)) AS denominator
  FROM month
  UNION ALL
  SELECT 'tax' AS kpi_id, 'D' AS basis, 'money' AS unit, 'in' AS tax_basis, period_start, channel, location_id, CAST(home_tax_amount AS DECIMAL(38,4)) AS numerator, CAST(1 AS DECIMAL(38,4)) AS denominator
  FROM month
  UNION ALL
  SELECT 'total_paid' AS kpi_id, 'D' AS basis, 'money' AS unit, 'in' AS tax_basis, period_start, channel, location_id, CAST(home_total_amount AS DECIMAL(38,4)) AS numerator, CAST(1 AS DECIMAL(38,4)) AS denominator
  FROM month
  UNION ALL
  SELECT 'cost_of_sales' AS kpi_id, 'A' AS basis, 'money' AS unit, 'ex' AS tax_basis, period_start, channel, location_id, CAST(home_cost_amount - home_refund_cost_amount AS DECIMAL(38,4)) AS numerator, CAST(1 AS DECIMAL(38,4)) AS denominator
  FROM month
  UNION ALL
  SELECT 'gm' AS kpi_id, 'A' AS basis, 'money' AS unit, 'ex' AS tax_basis, period_start, channel, location_id, CAST(home_covered_net_amount - home_refund_covered_net_amount - home_cost_amount + home_refund_cost_amount AS DECIMAL(38,4)) AS numerator, CAST(1 AS DECIMAL(38,4)) AS denominator
  FROM month
  UNION ALL
  SELECT 'gm_pct' AS kpi_id, 'A' AS basis, 'percent' AS unit, 'ex' AS tax_basis, period_start, channel, location_id, CAST(home_covered_net_amount - home_refund_covered_net_amount - home_cost_amount + home_refund_cost_amount AS DECIMAL(38,4)) AS numerator, CAST(home_covered_net_amount - home_refund_covered_net_amount AS DECIMAL(38,4)) AS denominator
  FROM month
  UNION ALL
  SELECT 'gross_demand' AS kpi_id, 'D' AS basis, 'money' AS unit, 'in' AS tax_basis, period_start, channel, location_id, CAST(home_demand_amount AS DECIMAL(38,4)) AS numerator, CAST(1 AS DECIMAL(38,4)) AS denominator
  FROM month
  UNION ALL
  SELECT 'return_rate_acc' AS kpi_id, 'A' AS basis, 'percent' AS unit, 'ex' AS tax_basis, period_start, channel, location_id, CAST(home_refund_net_amount AS DECIMAL(38,4)) AS numerator, CAST(home_sale_net_amount AS DECIMAL(38,4)) AS denominator
  FROM month
  UNION ALL
  SELECT 'orders' AS kpi_id, 'D' AS basis, 'count' AS unit, 'none' AS tax_basis, period_start, channel, location_id, CAST(order_qty AS DECIMAL(38,4)) AS numerator, CAST(1 AS DECIMAL(38,4)) AS denominator
  FROM month
  UNION ALL
  SELECT 'units' AS kpi_id, 'D' AS basis, 'count' AS unit, 'none' AS tax_basis, period_start, channel, location_id, CAST(unit_qty AS DECIMAL(38,4)) AS numerator, CAST(1 AS DECIMAL(38,4)) AS denominator
  FROM month
  UNION ALL
  SELECT 'refunds' AS kpi_id, 'A' AS basis, 'count' AS unit, 'none' AS tax_basis, period_start, channel, location_id, CAST(refund_qty AS DECIMAL(38,4)) AS numerator, CAST(1 AS DECIMAL(38,4)) AS denominator
  FROM month
),
valued AS (
  SELECT
    fact.*,
    CASE WHEN denominator = 1 THEN CAST(numerator AS DECIMAL(38,6)) ELSE {{ratio "numerator" "denominator" 6}} END AS value
  FROM fact
),
final AS (
  SELECT
    substr(CAST(period_start AS VARCHAR), 1, 7) AS period_id,
    'gregorian' AS calendar_id,
    'company' AS entity,
    channel AS channel_origin,
    location_id,
    kpi_id,
    1 AS kpi_version,
    basis,
    numerator,
    denominator,
    value,
    unit,
    CASE WHEN unit = 'money' THEN '{{config "home_currency"}}' END AS currency_code,
    tax_basis,
    CASE WHEN value IS NULL THEN 'na' ELSE 'ok' END AS status,
    period_start
  FROM valued
)
SELECT
  period_id,
  calendar_id,
  entity,
  channel_origin,
  location_id,
  kpi_id,
  CAST(kpi_version AS BIGINT) AS kpi_version,
  basis,
  CAST(numerator AS DECIMAL(38,6)) AS numerator,
  CAST(denominator AS DECIMAL(38,6)) AS denominator,
  value,
  unit,
  currency_code,
  tax_basis,
  status,
  period_start
FROM final
ORDER BY
  period_id NULLS LAST,
  kpi_id NULLS LAST,
  basis NULLS LAST,
  entity NULLS LAST,
  channel_origin NULLS LAST,
  location_id NULLS LAST
