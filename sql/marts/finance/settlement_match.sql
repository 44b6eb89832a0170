/*
about: "Tenders and refunds against the lines of payment providers' settlements: one row per pair, and one per tender, refund or line that has no other side. Refunds, fees, payouts and adjustments are listed but are no income."
owner: finance
kind: full
grain: [match_key]
inputs:
  sales.payment: all
  sales.refund_line: all
  stg_settlement_line: all
  stg_settlement_line_undated: all
columns:
  match_key: {type: "VARCHAR", about: "s/ and the settlement line, else p/ and the tender, else r/ and the refund"}
  kind: {type: "VARCHAR", about: "payment, refund, fee, payout, adjustment or other"}
  state: {type: "VARCHAR", about: "matched; amount_differs; book_only: no line within the days that the provider settled; settlement_only: no tender or refund; not_income: needs no other side"}
  rule: {type: "VARCHAR", about: "reference, order number, or amount and time; null without another side"}
  evidence: {type: "VARCHAR", about: "what the two sides share"}
  settlement_key: {type: "VARCHAR", about: "source / settlement_id"}
  payment_key: {type: "VARCHAR", about: "tender, see sales.payment"}
  refund_key: {type: "VARCHAR", about: "refund, see sales.refund_line"}
  order_key: {type: "VARCHAR", about: "order of the tender or refund"}
  provider: {type: "VARCHAR", about: "who settles"}
  tender: {type: "VARCHAR", about: "as on the order"}
  location_id: {type: "VARCHAR", about: "of the tender or refund, else of the line"}
  book_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "of the tender, or of the refund as a negative amount"}
  settlement_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "of the line, before fees"}
  difference_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "settlement less book; a side that is missing counts as 0; null where no other side is due"}
  fee_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "kept by the provider, positive"}
  currency_code: {type: "VARCHAR", about: "ISO 4217"}
  booked_at: {type: "TIMESTAMP", unit: UTC, about: "when it was paid or paid back by the tills and shops"}
  settled_at: {type: "TIMESTAMP", unit: UTC, about: "the same by the provider"}
  business_date: {type: "DATE", about: "of the tender or refund, else of the line"}
  batch: {type: "VARCHAR", about: "batch that delivered the line, else the tender; for explain"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
checks: [unique_grain, settlements_match]
*/
WITH payment AS (SELECT * FROM {{ref "sales.payment"}}),
refund_line AS (SELECT * FROM {{ref "sales.refund_line"}}),
dated_line AS (SELECT * FROM {{ref "stg_settlement_line"}}),
undated_line AS (SELECT * FROM {{ref "stg_settlement_line_undated"}}),
stated AS (
  SELECT source, settlement_id, provider, kind, amount, fee_amount, currency_code, settled_at, order_ref, payment_ref, location_id, business_date, batch, file_no, source_row
  FROM dated_line
  UNION ALL
  SELECT source, settlement_id, provider, kind, amount, fee_amount, currency_code, settled_at, order_ref, payment_ref, location_id, business_date, batch, file_no, source_row
  FROM undated_line
),
line AS (
  SELECT
    source || '/' || settlement_id AS settlement_key,
    coalesce(lower(trim(provider)), source) AS provider,
    lower(trim(kind)) AS kind,
    amount,
    fee_amount,
    upper(trim(coalesce(currency_code, '{{config "home_currency"}}'))) AS currency_code,
    settled_at,
    nullif(trim(order_ref), '') AS order_ref,
    nullif(trim(payment_ref), '') AS payment_ref,
    location_id,
    business_date,
    batch,
    file_no,
    source_row
  FROM stated
),
coverage AS (                                       -- the days that a provider has settled
  SELECT provider, min(business_date) AS first_date, max(business_date) AS last_date
  FROM line
  GROUP BY provider
),
tender AS (                                         -- what no provider settles is left out
  SELECT payment_key, order_key, order_id, source, tender, amount, currency_code, nullif(trim(settlement_ref), '') AS settlement_ref, location_id, paid_at, business_date, batch, file_no, source_row
  FROM payment
  WHERE tender NOT IN ('cash', 'voucher', 'gift_card', 'points')
    AND amount > 0
    AND EXISTS (SELECT 1 FROM coverage)
),
named AS (                                          -- pairs that share a number
  SELECT
    tender.payment_key,
    line.settlement_key,
    1 AS rule_rank,
    abs(tender.amount - line.amount) AS apart_amount,
    CASE WHEN tender.paid_at > line.settled_at THEN tender.paid_at - line.settled_at ELSE line.settled_at - tender.paid_at END AS apart_time
  FROM tender
  INNER JOIN line
    ON tender.settlement_ref = line.payment_ref
    AND tender.currency_code = line.currency_code
  WHERE line.kind = 'payment'
  UNION ALL
  SELECT
    tender.payment_key,
    line.settlement_key,
    2 AS rule_rank,
    abs(tender.amount - line.amount) AS apart_amount,
    CASE WHEN tender.paid_at > line.settled_at THEN tender.paid_at - line.settled_at ELSE line.settled_at - tender.paid_at END AS apart_time
  FROM tender
  INNER JOIN line
    ON tender.order_id = line.order_ref
    AND tender.currency_code = line.currency_code
  WHERE line.kind = 'payment'
),
named_ranked AS (
  SELECT
    payment_key,
    settlement_key,
    rule_rank,
    row_number() OVER (PARTITION BY payment_key ORDER BY rule_rank NULLS LAST, apart_amount NULLS LAST, apart_time NULLS LAST, settlement_key NULLS LAST) AS of_payment,
    row_number() OVER (PARTITION BY settlement_key ORDER BY rule_rank NULLS LAST, apart_amount NULLS LAST, apart_time NULLS LAST, payment_key NULLS LAST) AS of_line
  FROM named
),
named_pair AS (
  SELECT payment_key, settlement_key, rule_rank
  FROM named_ranked
  WHERE of_payment = 1
    AND of_line = 1
),
near AS (                                           -- of the rest: the same amount within half an hour, in the same store where both say it
  SELECT
    tender.payment_key,
    line.settlement_key,
    CASE WHEN tender.paid_at > line.settled_at THEN tender.paid_at - line.settled_at ELSE line.settled_at - tender.paid_at END AS apart_time
  FROM tender
  INNER JOIN line
    ON tender.amount = line.amount
    AND tender.currency_code = line.currency_code
    AND tender.paid_at BETWEEN line.settled_at - INTERVAL '30' MINUTE AND line.settled_at + INTERVAL '30' MINUTE
    AND coalesce(tender.location_id, line.location_id, '') = coalesce(line.location_id, tender.location_id, '')
  WHERE line.kind = 'payment'
    AND NOT EXISTS (SELECT 1 FROM named_pair WHERE named_pair.payment_key = tender.payment_key)
    AND NOT EXISTS (SELECT 1 FROM named_pair WHERE named_pair.settlement_key = line.settlement_key)
),
near_ranked AS (
  SELECT
    payment_key,
    settlement_key,
    row_number() OVER (PARTITION BY payment_key ORDER BY apart_time NULLS LAST, settlement_key NULLS LAST) AS of_payment,
    row_number() OVER (PARTITION BY settlement_key ORDER BY apart_time NULLS LAST, payment_key NULLS LAST) AS of_line
  FROM near
),
pair AS (
  SELECT payment_key, settlement_key, rule_rank
  FROM named_pair
  UNION ALL
  SELECT payment_key, settlement_key, 3 AS rule_rank
  FROM near_ranked
  WHERE of_payment = 1
    AND of_line = 1
),
scope AS (                                          -- what a provider settles shows in what was found
  SELECT DISTINCT tender.source, tender.tender, coalesce(tender.location_id, '') AS location_id, line.provider
  FROM pair
  INNER JOIN tender
    ON pair.payment_key = tender.payment_key
  INNER JOIN line
    ON pair.settlement_key = line.settlement_key
),
refund AS (
  SELECT
    refund_key,
    order_key,
    order_id,
    currency_code,
    min(location_id) AS location_id,
    -sum(net_amount + coalesce(tax_amount, 0)) AS amount,
    min(refunded_at) AS refunded_at,
    min(business_date) AS business_date,
    min(batch) AS batch,
    min(file_no) AS file_no,
    min(source_row) AS source_row
  FROM refund_line
  WHERE EXISTS (SELECT 1 FROM coverage)
  GROUP BY refund_key, order_key, order_id, currency_code
),
settled_order AS (                                  -- orders that a provider was paid for, with its number of the payment
  SELECT DISTINCT tender.order_key, tender.order_id, line.provider, line.payment_ref, line.currency_code
  FROM pair
  INNER JOIN tender
    ON pair.payment_key = tender.payment_key
  INNER JOIN line
    ON pair.settlement_key = line.settlement_key
),
back_named AS (
  SELECT refund.refund_key, line.settlement_key, abs(refund.amount - line.amount) AS apart_amount, CASE WHEN refund.refunded_at > line.settled_at THEN refund.refunded_at - line.settled_at ELSE line.settled_at - refund.refunded_at END AS apart_time
  FROM line
  INNER JOIN refund
    ON line.order_ref = refund.order_id
    AND line.currency_code = refund.currency_code
  WHERE line.kind = 'refund'
  UNION ALL
  SELECT refund.refund_key, line.settlement_key, abs(refund.amount - line.amount) AS apart_amount, CASE WHEN refund.refunded_at > line.settled_at THEN refund.refunded_at - line.settled_at ELSE line.settled_at - refund.refunded_at END AS apart_time
  FROM line
  INNER JOIN settled_order
    ON line.payment_ref = settled_order.payment_ref
    AND line.currency_code = settled_order.currency_code
  INNER JOIN refund
    ON settled_order.order_key = refund.order_key
    AND settled_order.currency_code = refund.currency_code
  WHERE line.kind = 'refund'
),
back_distinct AS (
  SELECT refund_key, settlement_key, min(apart_amount) AS apart_amount, min(apart_time) AS apart_time
  FROM back_named
  GROUP BY refund_key, settlement_key
),
back_ranked AS (
  SELECT
    refund_key,
    settlement_key,
    row_number() OVER (PARTITION BY refund_key ORDER BY apart_amount NULLS LAST, apart_time NULLS LAST, settlement_key NULLS LAST) AS of_refund,
    row_number() OVER (PARTITION BY settlement_key ORDER BY apart_amount NULLS LAST, apart_time NULLS LAST, refund_key NULLS LAST) AS of_line
  FROM back_distinct
),
back_pair AS (
  SELECT refund_key, settlement_key
  FROM back_ranked
  WHERE of_refund = 1
    AND of_line = 1
),
listed AS (
  SELECT
    's/' || line.settlement_key AS match_key,
    line.kind,
    CASE
      WHEN line.kind NOT IN ('payment', 'refund') THEN 'not_income'
      WHEN coalesce(tender.amount, refund.amount) IS NULL THEN 'settlement_only'
      WHEN coalesce(tender.amount, refund.amount) <> line.amount THEN 'amount_differs'
      ELSE 'matched'
    END AS state,
    CASE WHEN refund.refund_key IS NOT NULL THEN 'order number' WHEN pair.rule_rank = 1 THEN 'reference' WHEN pair.rule_rank = 2 THEN 'order number' WHEN pair.rule_rank = 3 THEN 'amount and time' END AS rule,
    CASE
      WHEN pair.rule_rank = 1 THEN 'payment ' || coalesce(line.payment_ref, '')
      WHEN pair.rule_rank = 2 THEN 'order ' || coalesce(line.order_ref, '')
      WHEN pair.rule_rank = 3 THEN 'paid ' || coalesce(CAST(tender.paid_at AS VARCHAR), '') || ', settled ' || coalesce(CAST(line.settled_at AS VARCHAR), '')
      WHEN refund.refund_key IS NOT NULL THEN 'order ' || coalesce(refund.order_id, '')
    END AS evidence,
    line.settlement_key,
    tender.payment_key,
    refund.refund_key,
    coalesce(tender.order_key, refund.order_key) AS order_key,
    line.provider,
    tender.tender,
    coalesce(tender.location_id, refund.location_id, line.location_id) AS location_id,
    coalesce(tender.amount, refund.amount) AS book_amount,
    line.amount AS settlement_amount,
    line.fee_amount,
    line.currency_code,
    coalesce(tender.paid_at, refund.refunded_at) AS booked_at,
    line.settled_at,
    coalesce(tender.business_date, refund.business_date, line.business_date) AS business_date,
    line.batch,
    line.file_no,
    line.source_row
  FROM line
  LEFT JOIN pair
    ON line.settlement_key = pair.settlement_key
  LEFT JOIN tender
    ON pair.payment_key = tender.payment_key
  LEFT JOIN back_pair
    ON line.settlement_key = back_pair.settlement_key
  LEFT JOIN refund
    ON back_pair.refund_key = refund.refund_key
  UNION ALL
  SELECT
    'p/' || tender.payment_key AS match_key,
    'payment' AS kind,
    'book_only' AS state,
    NULL AS rule,
    NULL AS evidence,
    NULL AS settlement_key,
    tender.payment_key,
    NULL AS refund_key,
    tender.order_key,
    min(scope.provider) AS provider,
    tender.tender,
    tender.location_id,
    tender.amount AS book_amount,
    NULL AS settlement_amount,
    NULL AS fee_amount,
    tender.currency_code,
    tender.paid_at AS booked_at,
    NULL AS settled_at,
    tender.business_date,
    tender.batch,
    tender.file_no,
    tender.source_row
  FROM tender
  INNER JOIN scope
    ON tender.source = scope.source
    AND tender.tender = scope.tender
    AND coalesce(tender.location_id, '') = scope.location_id
  INNER JOIN coverage
    ON scope.provider = coverage.provider
    AND tender.business_date BETWEEN coverage.first_date AND coverage.last_date
  WHERE NOT EXISTS (SELECT 1 FROM pair WHERE pair.payment_key = tender.payment_key)
  GROUP BY tender.payment_key, tender.order_key, tender.tender, tender.location_id, tender.amount, tender.currency_code, tender.paid_at, tender.business_date, tender.batch, tender.file_no, tender.source_row
  UNION ALL
  SELECT
    'r/' || refund.refund_key || '/' || coalesce(refund.currency_code, '') AS match_key,
    'refund' AS kind,
    'book_only' AS state,
    NULL AS rule,
    NULL AS evidence,
    NULL AS settlement_key,
    NULL AS payment_key,
    refund.refund_key,
    refund.order_key,
    min(settled_order.provider) AS provider,
    NULL AS tender,
    refund.location_id,
    refund.amount AS book_amount,
    NULL AS settlement_amount,
    NULL AS fee_amount,
    refund.currency_code,
    refund.refunded_at AS booked_at,
    NULL AS settled_at,
    refund.business_date,
    refund.batch,
    refund.file_no,
    refund.source_row
  FROM refund
  INNER JOIN settled_order
    ON refund.order_key = settled_order.order_key
    AND refund.currency_code = settled_order.currency_code
  INNER JOIN coverage
    ON settled_order.provider = coverage.provider
    AND refund.business_date BETWEEN coverage.first_date AND coverage.last_date
  WHERE NOT EXISTS (SELECT 1 FROM back_pair WHERE back_pair.refund_key = refund.refund_key)
  GROUP BY refund.refund_key, refund.order_key, refund.location_id, refund.amount, refund.currency_code, refund.refunded_at, refund.business_date, refund.batch, refund.file_no, refund.source_row
)
SELECT
  match_key,
  kind,
  state,
  rule,
  evidence,
  settlement_key,
  payment_key,
  refund_key,
  order_key,
  provider,
  tender,
  location_id,
  CAST(book_amount AS DECIMAL(18,4)) AS book_amount,
  settlement_amount,
  CAST(CASE WHEN state <> 'not_income' THEN coalesce(settlement_amount, 0) - coalesce(book_amount, 0) END AS DECIMAL(18,4)) AS difference_amount,
  fee_amount,
  currency_code,
  booked_at,
  settled_at,
  business_date,
  batch,
  file_no,
  source_row
FROM listed
ORDER BY
  match_key NULLS LAST
