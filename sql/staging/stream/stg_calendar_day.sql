/*
about: "Newest version of each day of a calendar."
owner: data
kind: full
grain: [source, calendar_id, calendar_date]
inputs:
  staged.calendar_day: all
columns:
  source: {type: "VARCHAR", about: "configured name of the source"}
  source_record_id: {type: "VARCHAR", about: "key of the record in its source"}
  source_version: {type: "VARCHAR", about: "orders versions of one key; empty when the source has none"}
  batch: {type: "VARCHAR", about: "batch id"}
  file_no: {type: "INTEGER", about: "file of the batch, from 0"}
  source_row: {type: "BIGINT", about: "record of the file, from 1"}
  event_at: {type: "TIMESTAMP", unit: UTC, about: "when it happened, UTC"}
  business_date: {type: "DATE", about: "the day it belongs to, by the location's clock and cut-over"}
  calendar_id: {type: "VARCHAR", about: "calendar id"}
  calendar_date: {type: "DATE", about: "calendar date"}
  holiday_id: {type: "VARCHAR", about: "holiday id"}
  holiday_offset: {type: "BIGINT", about: "days from the holiday's first day"}
  is_workday: {type: "BOOLEAN", about: "is workday"}
  attributes: {type: "VARCHAR", about: "unmapped source columns as a JSON object"}
checks: [unique_grain]
*/
WITH staged AS (SELECT * FROM {{ref "staged.calendar_day"}}),
ranked AS (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY source, calendar_id, calendar_date
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
    calendar_id,
    calendar_date,
    holiday_id,
    holiday_offset,
    is_workday,
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
  calendar_id,
  calendar_date,
  holiday_id,
  holiday_offset,
  is_workday,
  attributes
FROM final
ORDER BY
  source NULLS LAST,
  calendar_id NULLS LAST,
  calendar_date NULLS LAST
