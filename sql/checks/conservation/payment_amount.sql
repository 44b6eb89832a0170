/*
about: "What the sources state as paid is what sales.payment holds, per source, over all currencies as stated."
owner: data
severity: block
inputs:
  stg_payment: all
  int_payment_dated: all
  sales.payment: all
*/
WITH dated AS (SELECT * FROM {{ref "stg_payment"}}),
placed AS (SELECT * FROM {{ref "int_payment_dated"}}),
table_row AS (SELECT * FROM {{ref "sales.payment"}}),
delivered AS (
  SELECT source, sum(amount) AS amount FROM dated
  GROUP BY source
  UNION ALL
  SELECT source, sum(amount) AS amount FROM placed
  GROUP BY source
),
delivered_total AS (
  SELECT source, sum(amount) AS amount
  FROM delivered
  GROUP BY source
),
table_total AS (
  SELECT source, sum(amount) AS amount
  FROM table_row
  GROUP BY source
)
SELECT
  'sales.payment ' || coalesce(delivered_total.source, table_total.source) AS subject,
  'as stated' AS currency_code,
  CAST(coalesce(delivered_total.amount, 0) AS DECIMAL(38,4)) AS left_amount,
  CAST(coalesce(table_total.amount, 0) AS DECIMAL(38,4)) AS right_amount
FROM delivered_total
FULL JOIN table_total
  ON delivered_total.source = table_total.source
ORDER BY subject NULLS LAST
