/*
about: "Every delivered file and what became of its records: read = accepted + duplicate + quarantined + ignored."
owner: data
kind: full
grain: [batch, file_no]
inputs:
  system.file: all
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  feed: {type: "VARCHAR", about: "configured name of the feed"}
  batch: {type: "VARCHAR", about: "batch that took it in"}
  batch_seq: {type: "BIGINT", about: "place of the batch in its log"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  name: {type: "VARCHAR", about: "name as delivered"}
  sha256: {type: "VARCHAR", about: "hash of the delivered bytes"}
  read_qty: {type: "BIGINT", unit: records, about: "records in the file"}
  accepted_qty: {type: "BIGINT", unit: records, about: "records staged"}
  duplicate_qty: {type: "BIGINT", unit: records, about: "records of a file whose bytes were taken in before"}
  quarantined_qty: {type: "BIGINT", unit: records, about: "records refused and kept"}
  ignored_qty: {type: "BIGINT", unit: records, about: "rows that a profile rule declares not to be records, such as totals"}
  is_refused: {type: "BOOLEAN", about: "the whole file was refused; its bytes are kept"}
  is_superseded: {type: "BOOLEAN", about: "a later file of the same name replaced it"}
  modified_at: {type: "TIMESTAMP", unit: UTC, about: "time stamp of the file where it was picked up"}
checks: [unique_grain]
*/
WITH system_file AS (SELECT * FROM {{ref "system.file"}})
SELECT
  source,
  feed,
  batch,
  batch_seq,
  file_no,
  name,
  sha256,
  read_qty,
  accepted_qty,
  duplicate_qty,
  quarantined_qty,
  ignored_qty,
  is_refused,
  is_superseded,
  modified_at
FROM system_file
ORDER BY batch NULLS LAST, file_no NULLS LAST
