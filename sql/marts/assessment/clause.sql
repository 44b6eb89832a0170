/*
about: "The clauses that assessment.compliance checks: duties of a location that leave a trace in the data."
owner: assessment
kind: full
grain: [clause_id]
inputs: {}
columns:
  clause_id: {type: "VARCHAR", about: "name of the clause"}
  name_zh: {type: "VARCHAR", about: "Chinese name"}
  name_en: {type: "VARCHAR", about: "English name"}
  evidence: {type: "VARCHAR", about: "table that holds the trace"}
  about_zh: {type: "VARCHAR", about: "what has to be so, in Chinese"}
  about_en: {type: "VARCHAR", about: "what has to be so, in English"}
  position: {type: "BIGINT", about: "place in a list"}
  is_gate: {type: "BOOLEAN", about: "a breach keeps the location out of any ranking"}
  binds_store: {type: "BOOLEAN", about: "a duty of stores"}
  binds_warehouse: {type: "BOOLEAN", about: "a duty of warehouses"}
  binds_online: {type: "BOOLEAN", about: "a duty of online shops"}
checks: [unique_grain]
*/
WITH final AS (
  SELECT
    clause_id,
    name_zh,
    name_en,
    evidence,
    about_zh,
    about_en,
    position,
    is_gate,
    binds_store,
    binds_warehouse,
    binds_online
  FROM (
    VALUES
      ('delivered', '数据齐全', 'Data delivered', 'assessment.completeness', '该地点应交的数据均已收到', 'every delivery that was due from the location came', 1, FALSE, TRUE, TRUE, TRUE),
      ('on_time', '数据按时', 'Data on time', 'assessment.completeness', '收到的数据没有晚于同一数据流之后日期的数据', 'no delivery that came had been overtaken by a later day of its feed', 2, FALSE, TRUE, TRUE, TRUE),
      ('till', '日结对账', 'Tills closed and tied', 'finance.till_day', '每日均有日结，且与小票一致', 'each day has its end-of-day report, and it agrees with the receipts', 3, FALSE, TRUE, FALSE, FALSE),
      ('visitors', '客流完整', 'Visitors counted', 'conversion.store_day', '客流计数器每日全程正常', 'the door counter worked through every day', 4, FALSE, TRUE, FALSE, FALSE),
      ('stocktake', '按期盘点', 'Stock counted in time', 'inventory.count_duty', '按盘点政策，没有任何一天逾期', 'on no day was a count overdue under the stocktake policy', 5, TRUE, TRUE, TRUE, FALSE)
  ) AS listed (clause_id, name_zh, name_en, evidence, about_zh, about_en, position, is_gate, binds_store, binds_warehouse, binds_online)
)
SELECT
  clause_id,
  name_zh,
  name_en,
  evidence,
  about_zh,
  about_en,
  CAST(position AS BIGINT) AS position,
  is_gate,
  binds_store,
  binds_warehouse,
  binds_online
FROM final
ORDER BY
  clause_id NULLS LAST
