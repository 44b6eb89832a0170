/*
about: "The KPIs that kpi_fact holds: one definition each."
owner: assessment
kind: full
grain: [kpi_id]
inputs: {}
columns:
  kpi_id: {type: "VARCHAR", about: "name of the KPI"}
  kpi_version: {type: "BIGINT", about: "version of the definition"}
  name_zh: {type: "VARCHAR", about: "Chinese name"}
  name_en: {type: "VARCHAR", about: "English name"}
  unit: {type: "VARCHAR", about: "money, percent, count, ratio or days"}
  basis: {type: "VARCHAR", about: "D paid date, R recognised, A recognised less refunds on their date; empty for a state"}
  direction: {type: "VARCHAR", about: "up, down or none: which way is good"}
  area: {type: "VARCHAR", about: "sales, conversion, customer or inventory"}
  about: {type: "VARCHAR", about: "the formula in words"}
checks: [unique_grain]
*/
WITH final AS (
  SELECT
    kpi_id,
    1 AS kpi_version,
    name_zh,
    name_en,
    unit,
    basis,
    direction,
    area,
    about
  FROM (
    VALUES
      ('net_sales', '净销售额', 'Net sales ex-tax', 'money', 'A', 'up', 'sales', 'net of sales of the period less net refunded in it, without tax'),
      ('gross_demand', '成交额', 'Gross demand', 'money', 'D', 'up', 'sales', 'goods after discount, as priced, of paid orders, later cancellations included; not revenue'),
      ('discount_rate', '折扣率', 'Discount rate', 'percent', 'D', 'none', 'sales', 'discount / goods before discount'),
      ('gm', '毛利', 'Gross margin', 'money', 'A', 'up', 'sales', 'net less cost, over lines whose cost is known, refunds deducted'),
      ('gm_pct', '毛利率', 'Margin rate', 'percent', 'A', 'up', 'sales', 'gm / net of the lines whose cost is known'),
      ('atv', '客单价', 'Net per receipt', 'money', 'D', 'up', 'sales', 'net of sales / orders that count as a sale'),
      ('upt', '连带率', 'Units per receipt', 'ratio', 'D', 'up', 'sales', 'units that were not gifts / orders'),
      ('asp', '件单价', 'Net per unit', 'money', 'D', 'up', 'sales', 'net of sales / units that were not gifts'),
      ('return_rate_acc', '退货率(发生制)', 'Returns, by refund date', 'percent', 'A', 'down', 'sales', 'net refunded in the period / net of its sales'),
      ('cancel_rate', '取消率', 'Cancellations', 'percent', 'D', 'down', 'sales', 'orders cancelled after payment / paid orders'),
      ('boris', '线上单门店退占比', 'Online returned in store', 'percent', 'A', 'none', 'sales', 'refund lines of online orders handled in a store / all of online orders'),
      ('yoy', '同比', 'Year on year', 'percent', 'A', 'up', 'sales', 'net sales / net sales of the comparable days a year before, less 1'),
      ('budget_att', '预算达成率', 'Budget attainment', 'percent', 'A', 'up', 'sales', 'net sales to date / budget of the whole period'),
      ('traffic', '客流', 'Traffic', 'count', '', 'up', 'conversion', 'visitors on days with a healthy count; by channel and location'),
      ('conv_store', '门店成交率', 'Store conversion', 'percent', 'D', 'up', 'conversion', 'receipts / entries of counted store days'),
      ('conv_online', '线上转化率', 'Online conversion', 'percent', 'D', 'up', 'conversion', 'orders / visitors of counted platform days'),
      ('bopis_share', '自提占比', 'Pick-up share', 'percent', 'D', 'none', 'conversion', 'online orders picked up / online orders'),
      ('sfs_share', '店发占比', 'Ship-from-store', 'percent', 'D', 'none', 'conversion', 'online orders shipped by a store / online orders'),
      ('active_cust', '活跃客户', 'Active customers', 'count', 'D', 'up', 'customer', 'identified buyers of the period'),
      ('new_cust', '新客', 'New customers', 'count', 'D', 'up', 'customer', 'identified buyers whose first purchase ever falls in the period'),
      ('repeat_rate', '复购率', 'Repeat rate', 'percent', 'D', 'up', 'customer', 'buyers with purchases on two days or more / buyers'),
      ('match_rate', '识别率', 'Matched', 'percent', 'D', 'up', 'customer', 'orders linked to a person / orders'),
      ('xch_cust', '跨渠道客户占比', 'Cross-channel share', 'percent', 'D', 'up', 'customer', 'buyers online and in a store / buyers, over twelve months'),
      ('arpu', '客均消费', 'Net per customer', 'money', 'D', 'up', 'customer', 'net of sales to identified buyers / identified buyers'),
      ('sell_through', '售罄率', 'Sell-through', 'percent', 'R', 'up', 'inventory', 'units sold less returned / units received'),
      ('active_sku', '动销率', 'Active SKU rate', 'percent', 'R', 'up', 'inventory', 'articles sold / articles ever available'),
      ('no_sale_stock', '不动销库存', 'No-sale stock', 'money', '', 'down', 'inventory', 'stock at cost without sale and receipt for 60 days, on the last day'),
      ('inv_turn', '周转率', 'Turns', 'ratio', 'A', 'up', 'inventory', 'cost of goods sold / mean daily stock at cost, of the period'),
      ('doh', '库存周转天数', 'Days on hand', 'days', 'A', 'down', 'inventory', 'daily stock at cost summed over the period / cost of goods sold'),
      ('gmroi', '库存毛利回报', 'GMROI', 'ratio', 'A', 'up', 'inventory', 'gm x 364 / days / mean daily stock at cost'),
      ('oos', '缺货率', 'Out of stock', 'percent', '', 'down', 'inventory', 'ranged location-article days with nothing on hand / all; not weighted'),
      ('ira', '库存准确率', 'Record accuracy', 'percent', '', 'up', 'inventory', 'counted records that equal the book / counted records'),
      ('shrink', '损耗率', 'Shrink', 'percent', '', 'down', 'inventory', 'book less counted at cost / net sales')
  ) AS listed (kpi_id, name_zh, name_en, unit, basis, direction, area, about)
)
SELECT
  kpi_id,
  CAST(kpi_version AS BIGINT) AS kpi_version,
  name_zh,
  name_en,
  unit,
  basis,
  direction,
  area,
  about
FROM final
ORDER BY
  kpi_id NULLS LAST
