/*
about: "What the location master says of each location that the month uses, as of the last day used. A location without a master row is kept with is_known false."
owner: data
kind: partition
grain: [month, location_id]
partition: month(month)
inputs:
  stg_order: same
  stg_order_line: same
  int_order_line_dated: same
  stg_refund: same
  int_refund_dated: same
  stg_inventory_movement: same
  stg_inventory_level: same
  stg_stocktake_line: same
  stg_traffic: same
  stg_location: all
columns:
  location_id: {type: "VARCHAR", about: "where it was sold or happened"}
  name: {type: "VARCHAR", about: "name of the location"}
  location_kind: {type: "VARCHAR", about: "store, warehouse or online; null when unknown"}
  region: {type: "VARCHAR", about: "region or province"}
  currency_code: {type: "VARCHAR", about: "ISO 4217, of the location"}
  is_known: {type: "BOOLEAN", about: "the location master has it"}
  month: {type: "DATE", about: "first day of the month"}
checks: [unique_grain]
*/
WITH stg_order AS (SELECT * FROM {{ref "stg_order"}}),
stg_order_line AS (SELECT * FROM {{ref "stg_order_line"}}),
int_order_line_dated AS (SELECT * FROM {{ref "int_order_line_dated"}}),
stg_refund AS (SELECT * FROM {{ref "stg_refund"}}),
int_refund_dated AS (SELECT * FROM {{ref "int_refund_dated"}}),
stg_inventory_movement AS (SELECT * FROM {{ref "stg_inventory_movement"}}),
stg_inventory_level AS (SELECT * FROM {{ref "stg_inventory_level"}}),
stg_stocktake_line AS (SELECT * FROM {{ref "stg_stocktake_line"}}),
stg_traffic AS (SELECT * FROM {{ref "stg_traffic"}}),
stg_location AS (SELECT * FROM {{ref "stg_location"}}),
used AS (
  SELECT DISTINCT location_id
  FROM stg_order
  WHERE location_id IS NOT NULL
  UNION
  SELECT DISTINCT location_id
  FROM stg_order_line
  WHERE location_id IS NOT NULL
  UNION
  SELECT DISTINCT location_id
  FROM int_order_line_dated
  WHERE location_id IS NOT NULL
  UNION
  SELECT DISTINCT location_id
  FROM stg_refund
  WHERE location_id IS NOT NULL
  UNION
  SELECT DISTINCT location_id
  FROM int_refund_dated
  WHERE location_id IS NOT NULL
  UNION
  SELECT DISTINCT location_id
  FROM stg_inventory_movement
  WHERE location_id IS NOT NULL
  UNION
  SELECT DISTINCT location_id
  FROM stg_inventory_level
  WHERE location_id IS NOT NULL
  UNION
  SELECT DISTINCT location_id
  FROM stg_stocktake_line
  WHERE location_id IS NOT NULL
  UNION
  SELECT DISTINCT location_id
  FROM stg_traffic
  WHERE location_id IS NOT NULL
  UNION
  SELECT DISTINCT fulfil_location_id AS location_id
  FROM stg_order
  WHERE fulfil_location_id IS NOT NULL
),
day_seen AS (
  SELECT max(business_date) AS business_date
  FROM stg_order
  UNION ALL
  SELECT max(business_date) AS business_date
  FROM stg_order_line
  UNION ALL
  SELECT max(business_date) AS business_date
  FROM int_order_line_dated
  UNION ALL
  SELECT max(business_date) AS business_date
  FROM stg_refund
  UNION ALL
  SELECT max(business_date) AS business_date
  FROM int_refund_dated
  UNION ALL
  SELECT max(business_date) AS business_date
  FROM stg_inventory_movement
  UNION ALL
  SELECT max(business_date) AS business_date
  FROM stg_inventory_level
  UNION ALL
  SELECT max(business_date) AS business_date
  FROM stg_stocktake_line
  UNION ALL
  SELECT max(business_date) AS business_date
  FROM stg_traffic
),
last_day AS (SELECT max(business_date) AS business_date FROM day_seen),
ranked AS (
  SELECT
    stg_location.location_id,
    stg_location.name,
    stg_location.kind,
    stg_location.region,
    stg_location.currency_code,
    row_number() OVER (
      PARTITION BY stg_location.location_id
      ORDER BY stg_location.valid_from DESC NULLS LAST, stg_location.source NULLS LAST
    ) AS version_rank
  FROM stg_location
  CROSS JOIN last_day
  WHERE stg_location.valid_from IS NULL
    OR stg_location.valid_from <= last_day.business_date
),
final AS (
  SELECT
    used.location_id,
    ranked.name,
    lower(trim(ranked.kind)) AS location_kind,
    ranked.region,
    upper(trim(ranked.currency_code)) AS currency_code,
    ranked.location_id IS NOT NULL AS is_known,
    {{trunc_date "month" "last_day.business_date"}} AS month
  FROM used
  CROSS JOIN last_day
  LEFT JOIN ranked
    ON used.location_id = ranked.location_id
    AND ranked.version_rank = 1
)
SELECT
  location_id,
  name,
  location_kind,
  region,
  currency_code,
  is_known,
  month
FROM final
ORDER BY
  month NULLS LAST,
  location_id NULLS LAST
