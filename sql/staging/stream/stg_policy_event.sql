/*
about: "Newest version of each meeting, decision, action, document, training, inspection or appeal."
owner: data
kind: partition
grain: [source, policy_event_id]
partition: month(business_date)
undated: true
inputs:
  staged.policy_event: same
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  policy_event_id: {type: "VARCHAR", about: "policy event id"}
  kind: {type: "VARCHAR", about: "kind"}
  subject: {type: "VARCHAR", about: "subject"}
  department: {type: "VARCHAR", about: "department"}
  person: {type: "VARCHAR", about: "person", pii: true}
  due_at: {type: "TIMESTAMP", unit: UTC, about: "UTC"}
  done_at: {type: "TIMESTAMP", unit: UTC, about: "UTC"}
  evidence: {type: "VARCHAR", about: "evidence"}
  version: {type: "VARCHAR", about: "version"}
  status: {type: "VARCHAR", about: "status"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.policy_event"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, policy_event_id
      ORDER BY source_version DESC NULLS LAST,
        batch_seq DESC NULLS LAST,
        feed NULLS LAST,
        batch NULLS LAST,
        file_no DESC NULLS LAST,
        source_row DESC NULLS LAST
    ) AS version_rank
  FROM staged
),
final AS (
  SELECT
    source,
    source_record_id,
    source_version,
    batch,
    file_no,
    source_row,
    event_at,
    business_date,
    policy_event_id,
    kind,
    subject,
    department,
    person,
    due_at,
    done_at,
    evidence,
    version,
    status,
    attributes
  FROM ranked
  WHERE version_rank = 1
)
SELECT
  source,
  source_record_id,
  source_version,
  batch,
  file_no,
  source_row,
  event_at,
  business_date,
  policy_event_id,
  kind,
  subject,
  department,
  person,
  due_at,
  done_at,
  evidence,
  version,
  status,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  policy_event_id NULLS LAST
