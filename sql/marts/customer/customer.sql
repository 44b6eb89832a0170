/*
about: "One row per person: the records linked to it and what it bought over all channels. Holds no contact data."
owner: customer
kind: full
grain: [customer_id]
inputs:
  customer.customer_link: all
  customer.month: all
  stg_customer: all
columns:
  customer_id: {type: "VARCHAR", about: "person, see customer.customer_link"}
  first_channel: {type: "VARCHAR", about: "channel of the first purchase"}
  home_location_id: {type: "VARCHAR", about: "home store of the record that names one, earliest registration first"}
  region: {type: "VARCHAR", about: "region of the record that names one, earliest registration first"}
  record_qty: {type: "BIGINT", unit: records, about: "source records and guests linked"}
  source_qty: {type: "BIGINT", unit: sources, about: "sources that know the person"}
  order_qty: {type: "BIGINT", unit: orders, about: "sales"}
  online_order_qty: {type: "BIGINT", unit: orders, about: "sales online"}
  store_order_qty: {type: "BIGINT", unit: orders, about: "sales in stores"}
  unit_qty: {type: "DECIMAL(18,3)", unit: units, about: "units of goods"}
  home_net_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "net bought, refunds not deducted"}
  home_refund_net_amount: {type: "DECIMAL(18,4)", unit: "home currency", about: "net refunded"}
  is_cross_channel: {type: "BOOLEAN", about: "bought online and in a store"}
  is_consented: {type: "BOOLEAN", about: "a record allows marketing and none refuses it"}
  is_deleted: {type: "BOOLEAN", about: "every record of a source is removed there"}
  registered_at: {type: "TIMESTAMP", unit: UTC, about: "when the source registered the person"}
  first_business_date: {type: "DATE", about: "first purchase"}
  last_business_date: {type: "DATE", about: "last purchase"}
checks: [unique_grain]
*/
WITH customer_link AS (SELECT * FROM {{ref "customer.customer_link"}}),
customer_month AS (SELECT * FROM {{ref "customer.month"}}),
stg_customer AS (SELECT * FROM {{ref "stg_customer"}}),
bought AS (
  SELECT
    customer_id,
    sum(order_qty) AS order_qty,
    coalesce(sum(order_qty) FILTER (WHERE channel = 'online'), 0) AS online_order_qty,
    coalesce(sum(order_qty) FILTER (WHERE channel = 'store'), 0) AS store_order_qty,
    sum(unit_qty) AS unit_qty,
    sum(home_net_amount) AS home_net_amount,
    sum(home_refund_net_amount) AS home_refund_net_amount,
    min(first_business_date) AS first_business_date,
    max(last_business_date) AS last_business_date,
    min(channel) FILTER (WHERE channel NOT IN ('online', 'store')) AS other_channel,
    min(first_business_date) FILTER (WHERE channel NOT IN ('online', 'store')) AS first_other_date,
    min(first_business_date) FILTER (WHERE channel = 'online') AS first_online_date,
    min(first_business_date) FILTER (WHERE channel = 'store') AS first_store_date
  FROM customer_month
  GROUP BY customer_id
),
known AS (
  SELECT
    customer_id,
    source,
    count(*) AS record_qty,
    min(registered_at) AS registered_at
  FROM customer_link
  GROUP BY customer_id, source
),
person AS (
  SELECT
    customer_id,
    CAST(sum(record_qty) AS BIGINT) AS record_qty,
    count(source) AS source_qty,
    min(registered_at) AS registered_at
  FROM known
  GROUP BY customer_id
),
record AS (
  SELECT
    customer_link.customer_id,
    customer_link.record_id,
    customer_link.registered_at,
    stg_customer.region,
    stg_customer.home_location_id,
    stg_customer.consent_marketing,
    coalesce(stg_customer.is_deleted, false) AS is_deleted
  FROM customer_link
  INNER JOIN stg_customer
    ON customer_link.source = stg_customer.source
    AND customer_link.source_customer_id = trim(stg_customer.source_customer_id)
),
agreed AS (
  SELECT
    customer_id,
    bool_or(consent_marketing) AND bool_and(coalesce(consent_marketing, true)) AS is_consented,
    bool_and(is_deleted) AS is_deleted
  FROM record
  GROUP BY customer_id
),
region_ranked AS (
  SELECT
    customer_id,
    region,
    row_number() OVER (PARTITION BY customer_id ORDER BY registered_at NULLS LAST, record_id NULLS LAST, region NULLS LAST) AS region_rank
  FROM record
  WHERE region IS NOT NULL
),
location_ranked AS (
  SELECT
    customer_id,
    home_location_id,
    row_number() OVER (PARTITION BY customer_id ORDER BY registered_at NULLS LAST, record_id NULLS LAST, home_location_id NULLS LAST) AS location_rank
  FROM record
  WHERE home_location_id IS NOT NULL
),
final AS (
  SELECT
    person.customer_id,
    CASE bought.first_business_date                 -- of two on one day the first by name
      WHEN bought.first_other_date THEN bought.other_channel
      WHEN bought.first_online_date THEN 'online'
      WHEN bought.first_store_date THEN 'store'
    END AS first_channel,
    location_ranked.home_location_id,
    region_ranked.region,
    person.record_qty,
    person.source_qty,
    coalesce(bought.order_qty, 0) AS order_qty,
    coalesce(bought.online_order_qty, 0) AS online_order_qty,
    coalesce(bought.store_order_qty, 0) AS store_order_qty,
    coalesce(bought.unit_qty, 0) AS unit_qty,
    coalesce(bought.home_net_amount, 0) AS home_net_amount,
    coalesce(bought.home_refund_net_amount, 0) AS home_refund_net_amount,
    coalesce(bought.online_order_qty > 0 AND bought.store_order_qty > 0, false) AS is_cross_channel,
    coalesce(agreed.is_consented, false) AS is_consented,
    coalesce(agreed.is_deleted, false) AS is_deleted,
    person.registered_at,
    bought.first_business_date,
    bought.last_business_date
  FROM person
  LEFT JOIN bought
    ON person.customer_id = bought.customer_id
  LEFT JOIN agreed
    ON person.customer_id = agreed.customer_id
  LEFT JOIN region_ranked
    ON person.customer_id = region_ranked.customer_id
    AND region_ranked.region_rank = 1
  LEFT JOIN location_ranked
    ON person.customer_id = location_ranked.customer_id
    AND location_ranked.location_rank = 1
)
SELECT
  customer_id,
  first_channel,
  home_location_id,
  region,
  record_qty,
  source_qty,
  CAST(order_qty AS BIGINT) AS order_qty,
  CAST(online_order_qty AS BIGINT) AS online_order_qty,
  CAST(store_order_qty AS BIGINT) AS store_order_qty,
  CAST(unit_qty AS DECIMAL(18,3)) AS unit_qty,
  CAST(home_net_amount AS DECIMAL(18,4)) AS home_net_amount,
  CAST(home_refund_net_amount AS DECIMAL(18,4)) AS home_refund_net_amount,
  is_cross_channel,
  is_consented,
  is_deleted,
  registered_at,
  first_business_date,
  last_business_date
FROM final
ORDER BY
  customer_id NULLS LAST
