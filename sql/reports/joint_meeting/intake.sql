/*
about: What became of the records of each feed, over everything the release holds; the data-quality ledger of a document.
owner: data
kind: full
grain: [source, feed]
inputs:
  intake.file: all
columns:
  source: {type: VARCHAR, about: "source system"}
  feed: {type: VARCHAR, about: "feed of the source"}
  file_qty: {type: BIGINT, about: "files delivered"}
  refused_file_qty: {type: BIGINT, about: "files of which nothing was taken"}
  superseded_file_qty: {type: BIGINT, about: "files that a later delivery corrected"}
  read_qty: {type: BIGINT, about: "records read"}
  accepted_qty: {type: BIGINT, about: "records accepted"}
  duplicate_qty: {type: BIGINT, about: "records delivered before"}
  quarantined_qty: {type: BIGINT, about: "records refused"}
  ignored_qty: {type: BIGINT, about: "rows that are not records, such as totals"}
checks: [unique_grain]
*/
WITH file AS (
    SELECT * FROM {{ref "intake.file"}}
),
final AS (
    SELECT
        source,
        feed,
        count(*) AS file_qty,
        count(*) FILTER (WHERE is_refused) AS refused_file_qty,
        count(*) FILTER (WHERE is_superseded) AS superseded_file_qty,
        {{sum_int "read_qty"}} AS read_qty,
        {{sum_int "accepted_qty"}} AS accepted_qty,
        {{sum_int "duplicate_qty"}} AS duplicate_qty,
        {{sum_int "quarantined_qty"}} AS quarantined_qty,
        {{sum_int "ignored_qty"}} AS ignored_qty
    FROM file
    GROUP BY source, feed
)
SELECT
    source,
    feed,
    file_qty,
    refused_file_qty,
    superseded_file_qty,
    read_qty,
    accepted_qty,
    duplicate_qty,
    quarantined_qty,
    ignored_qty
FROM final
ORDER BY source NULLS LAST, feed NULLS LAST
