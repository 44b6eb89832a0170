/*
about: "The two sides of a transfer are equal: what left one location arrived at the other. Open for ten days while the goods are under way."
owner: data
severity: warn
inputs:
  inventory.movement: all
  int_data_end: all
*/
WITH movement AS (SELECT * FROM {{ref "inventory.movement"}}),
int_data_end AS (SELECT * FROM {{ref "int_data_end"}}),
transfer AS (
  SELECT
    ref,
    sku,
    sum(unit_qty) AS open_qty,
    max(business_date) AS last_date
  FROM movement
  WHERE kind IN ('transfer_in', 'transfer_out')
    AND ref IS NOT NULL
  GROUP BY ref, sku
)
SELECT
  transfer.ref,
  transfer.sku,
  transfer.open_qty,
  transfer.last_date,
  'one side of the transfer is missing or differs' AS reason
FROM transfer
CROSS JOIN int_data_end
WHERE transfer.open_qty <> 0
  AND {{days_between "transfer.last_date" "int_data_end.last_date"}} > 10
ORDER BY transfer.ref NULLS LAST, transfer.sku NULLS LAST
