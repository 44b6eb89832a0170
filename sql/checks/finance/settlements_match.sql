/*
about: "Every tender and refund that a provider settles is in its settlement with the same amount, and the other way round."
owner: finance
severity: warn
inputs:
  finance.settlement_match: all
*/
WITH settlement_match AS (SELECT * FROM {{ref "finance.settlement_match"}})
SELECT
  match_key,
  state,
  provider,
  difference_amount,
  CASE state
    WHEN 'book_only' THEN 'the provider settled the day but not this: ask the provider, or look for a file that is missing'
    WHEN 'settlement_only' THEN 'no tender or refund goes with the line: look for a receipt or an order that is missing'
    ELSE 'the amounts differ: compare the receipt with the provider''s detail'
  END AS reason
FROM settlement_match
WHERE state IN ('book_only', 'settlement_only', 'amount_differs')
ORDER BY match_key NULLS LAST
