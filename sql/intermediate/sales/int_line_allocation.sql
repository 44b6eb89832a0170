/*
about: "Discount and included tax that only the order states, shared over its goods lines by largest remainder; ties go to the smaller line_key. Orders whose lines state their own are left out."
owner: data
kind: partition
grain: [order_key, line_key]
partition: month(business_date)
inputs:
  int_order_head: same
  stg_order_line: same
  int_order_line_dated: same
  int_currency: all
columns:
  order_key: {type: "VARCHAR", about: "source / order_id"}
  line_key: {type: "VARCHAR", about: "identity of the line in its order or refund"}
  discount_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "share of the order discount; null when the lines state theirs"}
  tax_amount: {type: "DECIMAL(18,4)", unit: currency_code, about: "share of the included tax; null when the lines state theirs"}
  business_date: {type: "DATE", about: "day it belongs to, by the location's clock and cut-over"}
checks: [unique_grain]
allow:
  tie_break in discount_ranked: "a line is dated or undated, not both; unique_grain refuses one that is"
  tie_break in tax_ranked: "a line is dated or undated, not both; unique_grain refuses one that is"
*/
WITH int_order_head AS (SELECT * FROM {{ref "int_order_head"}}),
stg_order_line AS (SELECT * FROM {{ref "stg_order_line"}}),
int_order_line_dated AS (SELECT * FROM {{ref "int_order_line_dated"}}),
int_currency AS (SELECT * FROM {{ref "int_currency"}}),
head AS (
  SELECT
    int_order_head.order_key,
    int_order_head.source,
    int_order_head.order_id,
    int_order_head.gross_amount,
    coalesce(int_order_head.discount_amount, 0) AS discount_amount,
    CASE WHEN int_order_head.tax_included THEN coalesce(int_order_head.tax_amount, 0) ELSE 0 END AS tax_amount,
    CASE WHEN int_order_head.shipping_amount > 0 THEN int_order_head.shipping_amount ELSE 0 END AS shipping_amount,
    CASE int_currency.minor_unit WHEN 0 THEN 1 WHEN 3 THEN 1000 ELSE 100 END AS unit_factor,
    int_order_head.business_date
  FROM int_order_head
  LEFT JOIN int_currency
    ON int_order_head.currency_code = int_currency.currency_code
  WHERE int_order_head.discount_amount <> 0
    OR (int_order_head.tax_included AND int_order_head.tax_amount <> 0)
),
goods_line AS (
  SELECT source, order_id, line_key, quantity, unit_price, gross_amount, discount_amount, tax_amount, tax_rate, net_amount
  FROM stg_order_line
  WHERE coalesce(line_kind, 'product') IN ('product', 'other')
  UNION ALL
  SELECT source, order_id, line_key, quantity, unit_price, gross_amount, discount_amount, tax_amount, tax_rate, net_amount
  FROM int_order_line_dated
  WHERE coalesce(line_kind, 'product') IN ('product', 'other')
),
line AS (
  SELECT
    head.order_key,
    goods_line.line_key,
    coalesce(goods_line.gross_amount, CAST({{mul "goods_line.unit_price" "goods_line.quantity" 4}} AS DECIMAL(18,4)), 0) AS gross_amount,
    goods_line.discount_amount,
    goods_line.tax_amount,
    goods_line.tax_rate,
    goods_line.net_amount
  FROM head
  INNER JOIN goods_line
    ON head.source = goods_line.source
    AND head.order_id = goods_line.order_id
),
line_total AS (
  SELECT
    order_key,
    sum(gross_amount) AS gross_amount,
    coalesce(sum(discount_amount), 0) AS discount_amount,
    count(tax_amount) + count(tax_rate) + count(net_amount) AS taxed_count,
    count(net_amount) AS net_count
  FROM line
  GROUP BY order_key
),
need AS (                                           -- lines already after discount: their sum is nearer to gross less discount
  SELECT
    head.order_key,
    head.discount_amount,
    head.tax_amount,
    head.shipping_amount,
    head.unit_factor,
    head.business_date,
    head.discount_amount <> 0
      AND line_total.discount_amount = 0
      AND line_total.net_count = 0
      AND (
        head.gross_amount IS NULL
        OR abs(line_total.gross_amount - head.gross_amount) <= abs(line_total.gross_amount - (head.gross_amount - head.discount_amount))
      ) AS has_discount,
    head.tax_amount <> 0 AND line_total.taxed_count = 0 AS has_tax
  FROM head
  INNER JOIN line_total
    ON head.order_key = line_total.order_key
),
discount_line AS (
  SELECT
    line.order_key,
    line.line_key,
    line.gross_amount,
    need.discount_amount,
    need.unit_factor
  FROM line
  INNER JOIN need
    ON line.order_key = need.order_key
  WHERE need.has_discount
),
discount_weight AS (
  SELECT
    order_key,
    line_key,
    unit_factor,
    discount_amount AS whole_amount,
    CAST(round(discount_amount * unit_factor, 0) AS BIGINT) AS whole_unit,
    CAST(CASE WHEN gross_amount > 0 THEN round(gross_amount * unit_factor, 0) ELSE 0 END AS BIGINT) AS weight
  FROM discount_line
),
discount_total AS (
  SELECT
    order_key,
    {{sum_int "weight"}} AS weight_total
  FROM discount_weight
  GROUP BY order_key
  HAVING sum(weight) > 0
),
discount_floor AS (
  SELECT
    discount_weight.order_key,
    discount_weight.line_key,
    discount_weight.unit_factor,
    discount_weight.whole_amount,
    discount_weight.whole_unit,
    {{int_div "discount_weight.whole_unit * discount_weight.weight" "discount_total.weight_total"}} AS share_unit,
    (discount_weight.whole_unit * discount_weight.weight) % nullif(discount_total.weight_total, 0) AS remainder
  FROM discount_weight
  INNER JOIN discount_total
    ON discount_weight.order_key = discount_total.order_key
),
discount_ranked AS (                                  -- largest remainder, ties by line: the parts sum to the whole
  SELECT
    order_key,
    line_key,
    unit_factor,
    whole_amount,
    whole_unit,
    share_unit,
    whole_unit - sum(share_unit) OVER (PARTITION BY order_key) AS left_unit,
    row_number() OVER (PARTITION BY order_key ORDER BY abs(remainder) DESC NULLS LAST, line_key NULLS LAST) AS remainder_rank
  FROM discount_floor
),
discount_share AS (
  SELECT
    order_key,
    line_key,
    CAST(
      CAST(share_unit + CASE WHEN remainder_rank <= abs(left_unit) THEN sign(left_unit) ELSE 0 END AS DECIMAL(18,4))
      * CASE unit_factor WHEN 1 THEN 1.000 WHEN 1000 THEN 0.001 ELSE 0.010 END
      AS DECIMAL(18,4))
      + CASE
        WHEN remainder_rank = 1
        THEN whole_amount - CAST(CAST(whole_unit AS DECIMAL(18,4)) * CASE unit_factor WHEN 1 THEN 1.000 WHEN 1000 THEN 0.001 ELSE 0.010 END AS DECIMAL(18,4))
        ELSE 0
      END AS share_amount
  FROM discount_ranked
),
tax_paid AS (
  SELECT
    line.order_key,
    line.line_key,
    need.unit_factor,
    need.tax_amount,
    need.shipping_amount,
    line.gross_amount - coalesce(discount_share.share_amount, line.discount_amount, 0) AS paid_amount
  FROM line
  INNER JOIN need
    ON line.order_key = need.order_key
  LEFT JOIN discount_share
    ON line.order_key = discount_share.order_key
    AND line.line_key = discount_share.line_key
  WHERE need.has_tax
),
tax_goods AS (                                      -- delivery bears its part of the tax
  SELECT
    order_key,
    max(tax_amount) - round(coalesce({{ratio "max(tax_amount) * max(shipping_amount)" "sum(paid_amount) + max(shipping_amount)" 6}}, 0), 2) AS tax_amount
  FROM tax_paid
  GROUP BY order_key
),
tax_line AS (
  SELECT
    tax_paid.order_key,
    tax_paid.line_key,
    tax_paid.unit_factor,
    tax_paid.paid_amount,
    CAST(tax_goods.tax_amount AS DECIMAL(18,4)) AS tax_amount
  FROM tax_paid
  INNER JOIN tax_goods
    ON tax_paid.order_key = tax_goods.order_key
),
tax_weight AS (
  SELECT
    order_key,
    line_key,
    unit_factor,
    tax_amount AS whole_amount,
    CAST(round(tax_amount * unit_factor, 0) AS BIGINT) AS whole_unit,
    CAST(CASE WHEN paid_amount > 0 THEN round(paid_amount * unit_factor, 0) ELSE 0 END AS BIGINT) AS weight
  FROM tax_line
),
tax_total AS (
  SELECT
    order_key,
    {{sum_int "weight"}} AS weight_total
  FROM tax_weight
  GROUP BY order_key
  HAVING sum(weight) > 0
),
tax_floor AS (
  SELECT
    tax_weight.order_key,
    tax_weight.line_key,
    tax_weight.unit_factor,
    tax_weight.whole_amount,
    tax_weight.whole_unit,
    {{int_div "tax_weight.whole_unit * tax_weight.weight" "tax_total.weight_total"}} AS share_unit,
    (tax_weight.whole_unit * tax_weight.weight) % nullif(tax_total.weight_total, 0) AS remainder
  FROM tax_weight
  INNER JOIN tax_total
    ON tax_weight.order_key = tax_total.order_key
),
tax_ranked AS (                                  -- largest remainder, ties by line: the parts sum to the whole
  SELECT
    order_key,
    line_key,
    unit_factor,
    whole_amount,
    whole_unit,
    share_unit,
    whole_unit - sum(share_unit) OVER (PARTITION BY order_key) AS left_unit,
    row_number() OVER (PARTITION BY order_key ORDER BY abs(remainder) DESC NULLS LAST, line_key NULLS LAST) AS remainder_rank
  FROM tax_floor
),
tax_share AS (
  SELECT
    order_key,
    line_key,
    CAST(
      CAST(share_unit + CASE WHEN remainder_rank <= abs(left_unit) THEN sign(left_unit) ELSE 0 END AS DECIMAL(18,4))
      * CASE unit_factor WHEN 1 THEN 1.000 WHEN 1000 THEN 0.001 ELSE 0.010 END
      AS DECIMAL(18,4))
      + CASE
        WHEN remainder_rank = 1
        THEN whole_amount - CAST(CAST(whole_unit AS DECIMAL(18,4)) * CASE unit_factor WHEN 1 THEN 1.000 WHEN 1000 THEN 0.001 ELSE 0.010 END AS DECIMAL(18,4))
        ELSE 0
      END AS share_amount
  FROM tax_ranked
),
final AS (
  SELECT
    line.order_key,
    line.line_key,
    discount_share.share_amount AS discount_amount,
    tax_share.share_amount AS tax_amount,
    need.business_date
  FROM line
  INNER JOIN need
    ON line.order_key = need.order_key
  LEFT JOIN discount_share
    ON line.order_key = discount_share.order_key
    AND line.line_key = discount_share.line_key
  LEFT JOIN tax_share
    ON line.order_key = tax_share.order_key
    AND line.line_key = tax_share.line_key
  WHERE discount_share.order_key IS NOT NULL
    OR tax_share.order_key IS NOT NULL
)
SELECT
  order_key,
  line_key,
  discount_amount,
  tax_amount,
  business_date
FROM final
ORDER BY
  order_key NULLS LAST,
  line_key NULLS LAST
