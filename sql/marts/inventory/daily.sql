/*
about: "Stock of every location, article and day on which the pair is stocked or moved, also without movement; a sold-out pair stays for 28 days. Where a level is stated the ledger is set to it and the difference shown in reconciled_qty."
owner: inventory
kind: partition
grain: [business_date, location_id, sku]
partition: month(business_date)
inputs:
  int_business_day: same
  inventory.movement: same
  int_level_day: same
  int_line_product: same
  inventory.daily: previous
columns:
  location_id: {type: "VARCHAR", about: "where it was sold or happened"}
  sku: {type: "VARCHAR", about: "conformed article"}
  opening_qty: {type: "DECIMAL(18,3)", unit: units, about: "closing of the day before"}
  receipt_qty: {type: "DECIMAL(18,3)", unit: units, about: "received from suppliers"}
  sale_qty: {type: "DECIMAL(18,3)", unit: units, about: "sold, positive"}
  return_qty: {type: "DECIMAL(18,3)", unit: units, about: "brought back by customers"}
  transfer_in_qty: {type: "DECIMAL(18,3)", unit: units, about: "from other locations"}
  transfer_out_qty: {type: "DECIMAL(18,3)", unit: units, about: "to other locations, positive"}
  adjustment_qty: {type: "DECIMAL(18,3)", unit: units, about: "adjustments, write-offs and opening entries, signed"}
  reconciled_qty: {type: "DECIMAL(18,3)", unit: units, about: "stated level less ledger: the first level of a pair, or an unexplained difference"}
  closing_qty: {type: "DECIMAL(18,3)", unit: units, about: "opening + receipt - sale + return + transfer_in - transfer_out + adjustment + reconciled"}
  unit_cost: {type: "DECIMAL(18,4)", unit: "home currency", about: "cost of one: product master, else last movement or level"}
  closing_cost_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "closing_qty x unit_cost; null without a cost"}
  first_stock_date: {type: "DATE", about: "first day the pair was stocked"}
  last_movement_date: {type: "DATE", about: "last day with a movement or level"}
  last_receipt_date: {type: "DATE", about: "last day goods came in: receipt, transfer or first stock"}
  last_sale_date: {type: "DATE", about: "last day with a sale"}
  business_date: {type: "DATE", about: "day it belongs to, by the location's clock and cut-over"}
checks: [unique_grain, stock_conserved]
allow:
  tie_break in anchored: "the stock carried in lies on the day before the month, every event inside it"
  tie_break in balanced: "the stock carried in lies on the day before the month, every event inside it"
  tie_break in opened: "the stock carried in lies on the day before the month, every event inside it"
*/
WITH int_business_day AS (SELECT * FROM {{ref "int_business_day"}}),
movement AS (SELECT * FROM {{ref "inventory.movement"}}),
int_level_day AS (SELECT * FROM {{ref "int_level_day"}}),
int_line_product AS (SELECT * FROM {{ref "int_line_product"}}),
before AS (SELECT * FROM {{ref "inventory.daily"}}),
month AS (SELECT {{add_days "min(business_date)" "-1"}} AS day_before FROM int_business_day),
before_last AS (SELECT max(business_date) AS business_date FROM before),
opening AS (
  SELECT
    before.location_id,
    before.sku,
    before.closing_qty,
    before.unit_cost,
    before.first_stock_date,
    before.last_movement_date,
    before.last_receipt_date,
    before.last_sale_date
  FROM before
  INNER JOIN before_last
    ON before.business_date = before_last.business_date
),
moved AS (
  SELECT
    movement.business_date,
    movement.location_id,
    movement.sku,
    coalesce(sum(movement.unit_qty) FILTER (WHERE movement.kind = 'receipt'), 0) AS receipt_qty,
    -coalesce(sum(movement.unit_qty) FILTER (WHERE movement.kind = 'sale'), 0) AS sale_qty,
    coalesce(sum(movement.unit_qty) FILTER (WHERE movement.kind = 'return'), 0) AS return_qty,
    coalesce(sum(movement.unit_qty) FILTER (WHERE movement.kind = 'transfer_in'), 0) AS transfer_in_qty,
    -coalesce(sum(movement.unit_qty) FILTER (WHERE movement.kind = 'transfer_out'), 0) AS transfer_out_qty,
    coalesce(sum(movement.unit_qty) FILTER (WHERE movement.kind NOT IN ('receipt', 'sale', 'return', 'transfer_in', 'transfer_out')), 0) AS adjustment_qty,
    sum(movement.unit_qty) AS net_qty,
    coalesce(sum(movement.unit_qty) FILTER (WHERE movement.occurred_at > int_level_day.as_of_at), 0) AS after_level_qty,
    max(movement.unit_cost) AS unit_cost
  FROM movement
  LEFT JOIN int_level_day
    ON movement.business_date = int_level_day.business_date
    AND movement.location_id = int_level_day.location_id
    AND movement.sku = int_level_day.sku
  WHERE movement.sku IS NOT NULL
  GROUP BY movement.business_date, movement.location_id, movement.sku
),
event AS (
  SELECT
    coalesce(moved.business_date, int_level_day.business_date) AS business_date,
    coalesce(moved.location_id, int_level_day.location_id) AS location_id,
    coalesce(moved.sku, int_level_day.sku) AS sku,
    coalesce(moved.receipt_qty, 0) AS receipt_qty,
    coalesce(moved.sale_qty, 0) AS sale_qty,
    coalesce(moved.return_qty, 0) AS return_qty,
    coalesce(moved.transfer_in_qty, 0) AS transfer_in_qty,
    coalesce(moved.transfer_out_qty, 0) AS transfer_out_qty,
    coalesce(moved.adjustment_qty, 0) AS adjustment_qty,
    coalesce(moved.net_qty, 0) AS net_qty,
    int_level_day.on_hand_qty + coalesce(moved.after_level_qty, 0) AS anchor_qty,
    coalesce(int_level_day.unit_cost, moved.unit_cost) AS unit_cost
  FROM moved
  FULL JOIN int_level_day
    ON moved.business_date = int_level_day.business_date
    AND moved.location_id = int_level_day.location_id
    AND moved.sku = int_level_day.sku
),
point AS (                                          -- the stock carried in counts as a level of the day before the month
  SELECT
    business_date,
    location_id,
    sku,
    receipt_qty,
    sale_qty,
    return_qty,
    transfer_in_qty,
    transfer_out_qty,
    adjustment_qty,
    net_qty,
    anchor_qty,
    unit_cost,
    CAST(NULL AS DATE) AS first_stock_date,
    business_date AS movement_date,
    CASE WHEN receipt_qty > 0 OR transfer_in_qty > 0 THEN business_date END AS receipt_date,
    CASE WHEN sale_qty > 0 THEN business_date END AS sale_date
  FROM event
  UNION ALL
  SELECT
    month.day_before AS business_date,
    opening.location_id,
    opening.sku,
    0 AS receipt_qty,
    0 AS sale_qty,
    0 AS return_qty,
    0 AS transfer_in_qty,
    0 AS transfer_out_qty,
    0 AS adjustment_qty,
    0 AS net_qty,
    opening.closing_qty AS anchor_qty,
    opening.unit_cost,
    opening.first_stock_date,
    opening.last_movement_date AS movement_date,
    opening.last_receipt_date AS receipt_date,
    opening.last_sale_date AS sale_date
  FROM opening
  CROSS JOIN month
),
anchored AS (
  SELECT
    point.*,
    max(CASE WHEN anchor_qty IS NOT NULL THEN business_date END) OVER pair_to_date AS anchor_date,
    max(CASE WHEN unit_cost IS NOT NULL THEN business_date END) OVER pair_to_date AS cost_date,
    min(coalesce(first_stock_date, business_date)) OVER pair_to_date AS since_date,
    max(movement_date) OVER pair_to_date AS last_movement_date,
    max(receipt_date) OVER pair_to_date AS last_receipt_date,
    max(sale_date) OVER pair_to_date AS last_sale_date,
    lead(business_date) OVER (PARTITION BY location_id, sku ORDER BY business_date NULLS LAST) AS next_date
  FROM point
  WINDOW pair_to_date AS (PARTITION BY location_id, sku ORDER BY business_date NULLS LAST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
balanced AS (
  SELECT
    anchored.*,
    sum(coalesce(anchor_qty, net_qty)) OVER (PARTITION BY location_id, sku, anchor_date ORDER BY business_date NULLS LAST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS closing_qty,
    max(unit_cost) OVER (PARTITION BY location_id, sku, cost_date ORDER BY business_date NULLS LAST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS carried_cost
  FROM anchored
),
opened AS (
  SELECT
    balanced.*,
    coalesce(lag(closing_qty) OVER (PARTITION BY location_id, sku ORDER BY business_date NULLS LAST), 0) AS opening_qty
  FROM balanced
),
dense AS (                                          -- each state holds until the next event; a sold-out pair is dropped after 28 days
  SELECT
    int_business_day.business_date AS day,
    opened.*
  FROM opened
  INNER JOIN int_business_day
    ON int_business_day.business_date >= opened.business_date
    AND int_business_day.business_date < coalesce(opened.next_date, DATE '2999-12-31')
  WHERE int_business_day.business_date = opened.business_date
    OR opened.closing_qty <> 0
    OR {{days_between "opened.last_movement_date" "int_business_day.business_date"}} <= 28
),
master_ranked AS (
  SELECT
    sku,
    unit_cost,
    row_number() OVER (PARTITION BY sku ORDER BY valid_from DESC NULLS LAST, source NULLS LAST, article NULLS LAST, is_conformed NULLS LAST) AS master_rank
  FROM int_line_product
  WHERE unit_cost IS NOT NULL
    AND coalesce(cost_currency_code, '{{config "home_currency"}}') = '{{config "home_currency"}}'
),
costed AS (
  SELECT
    dense.*,
    dense.day = dense.business_date AS is_event,
    coalesce(master_ranked.unit_cost, dense.carried_cost) AS settled_cost
  FROM dense
  LEFT JOIN master_ranked
    ON dense.sku = master_ranked.sku
    AND master_ranked.master_rank = 1
),
final AS (
  SELECT
    location_id,
    sku,
    CASE WHEN is_event THEN opening_qty ELSE closing_qty END AS opening_qty,
    CASE WHEN is_event THEN receipt_qty ELSE 0 END AS receipt_qty,
    CASE WHEN is_event THEN sale_qty ELSE 0 END AS sale_qty,
    CASE WHEN is_event THEN return_qty ELSE 0 END AS return_qty,
    CASE WHEN is_event THEN transfer_in_qty ELSE 0 END AS transfer_in_qty,
    CASE WHEN is_event THEN transfer_out_qty ELSE 0 END AS transfer_out_qty,
    CASE WHEN is_event THEN adjustment_qty ELSE 0 END AS adjustment_qty,
    CASE WHEN is_event AND anchor_qty IS NOT NULL THEN anchor_qty - opening_qty - net_qty ELSE 0 END AS reconciled_qty,
    closing_qty,
    settled_cost AS unit_cost,
    {{mul "settled_cost" "closing_qty" 4}} AS closing_cost_amount,
    since_date AS first_stock_date,
    last_movement_date,
    coalesce(last_receipt_date, since_date) AS last_receipt_date,
    last_sale_date,
    day AS business_date
  FROM costed
)
SELECT
  location_id,
  sku,
  CAST(opening_qty AS DECIMAL(18,3)) AS opening_qty,
  CAST(receipt_qty AS DECIMAL(18,3)) AS receipt_qty,
  CAST(sale_qty AS DECIMAL(18,3)) AS sale_qty,
  CAST(return_qty AS DECIMAL(18,3)) AS return_qty,
  CAST(transfer_in_qty AS DECIMAL(18,3)) AS transfer_in_qty,
  CAST(transfer_out_qty AS DECIMAL(18,3)) AS transfer_out_qty,
  CAST(adjustment_qty AS DECIMAL(18,3)) AS adjustment_qty,
  CAST(reconciled_qty AS DECIMAL(18,3)) AS reconciled_qty,
  CAST(closing_qty AS DECIMAL(18,3)) AS closing_qty,
  unit_cost,
  CAST(closing_cost_amount AS DECIMAL(18,4)) AS closing_cost_amount,
  first_stock_date,
  last_movement_date,
  last_receipt_date,
  last_sale_date,
  business_date
FROM final
ORDER BY
  business_date NULLS LAST,
  location_id NULLS LAST,
  sku NULLS LAST
