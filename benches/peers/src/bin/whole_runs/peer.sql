-- Sets instead of a program: the exact matches of all pools, without amounts of money. A pool's units are
-- numbered through. A buy owns the numbers up to all that was bought, a sell those up to all that was sold
-- and found a lot. Where either ends, a slice ends, and belongs to the first buy and the first sell that end
-- there or later. Nothing is joined; an id comes after its trade's place in the pool, so the smallest text is
-- the first trade.
\set ON_ERROR_STOP on
CREATE UNLOGGED TABLE fifo_parts.peer AS
WITH summed AS (
    SELECT account, symbol, order_id, side, row_number() OVER so_far AS n,
           coalesce(sum(size) FILTER (WHERE side = 'buy') OVER so_far, 0) AS bought,
           coalesce(sum(size) FILTER (WHERE side = 'sell') OVER so_far, 0) AS sold
    FROM eligible_trades
    WHERE void_seq IS NULL
    WINDOW so_far AS (PARTITION BY account, symbol
                      ORDER BY order_time, side, trade_seq NULLS LAST, order_id COLLATE "C"
                      ROWS UNBOUNDED PRECEDING)
), found AS (
    -- What found no lot so far: as deep as the inventory would have gone below zero.
    SELECT account, symbol, side, lpad(n::text, 12, '0') || order_id COLLATE "C" AS trade, bought,
           sold - greatest(0, -min(bought - sold) OVER so_far) AS matched
    FROM summed
    WINDOW so_far AS (PARTITION BY account, symbol ORDER BY n ROWS UNBOUNDED PRECEDING)
), ends AS (
    SELECT account, symbol, CASE side WHEN 'buy' THEN bought ELSE matched END AS upto,
           min(trade) FILTER (WHERE side = 'buy') AS buy,
           min(trade) FILTER (WHERE side = 'sell') AS sell
    FROM found
    GROUP BY 1, 2, 3
), slices AS (
    SELECT account, symbol, upto - lag(upto, 1, 0::numeric) OVER up AS size,
           min(buy) OVER down AS buy, min(sell) OVER down AS sell
    FROM ends
    WINDOW up AS (PARTITION BY account, symbol ORDER BY upto),
           down AS (PARTITION BY account, symbol ORDER BY upto DESC)
)
SELECT account, symbol, substr(sell, 13) AS sell_order_id, substr(buy, 13) AS buy_order_id,
       size AS allocated_size
FROM slices
WHERE sell IS NOT NULL AND buy IS NOT NULL AND size > 0;
