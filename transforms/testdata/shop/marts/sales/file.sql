/*
about: Delivered files that count.
owner: test
kind: full
grain: [batch, file_no]
inputs:
  system.file: all
  system.expectation: all
columns:
  batch: {type: VARCHAR, about: batch}
  file_no: {type: INTEGER, about: file}
  expected_qty: {type: BIGINT, about: expectations of its feed}
checks: [unique_grain]
*/
WITH file AS (SELECT * FROM {{ref "system.file"}}),
expectation AS (SELECT source, feed, count(*) AS expected_qty FROM {{ref "system.expectation"}} GROUP BY source, feed)
SELECT file.batch, file.file_no, coalesce(expectation.expected_qty, 0) AS expected_qty
FROM file
LEFT JOIN expectation ON file.source = expectation.source AND file.feed = expectation.feed
WHERE NOT file.is_superseded
ORDER BY file.batch NULLS LAST, file.file_no NULLS LAST
