-- Compares the matches of peer.sql with those of version 1: rows and size of either, and how many
-- of the peer's slices the version does not have.
SELECT p.n, p.size, v.n, v.size, missing.n
FROM (SELECT count(*) AS n, trim_scale(sum(allocated_size)) AS size FROM fifo_parts.peer) p,
     (SELECT count(*) AS n, trim_scale(sum(allocated_size)) AS size FROM fifo_allocations
      WHERE allocation_version = 1 AND buy_order_id IS NOT NULL) v,
     (SELECT count(*) AS n FROM (
          SELECT account, symbol, sell_order_id, buy_order_id, allocated_size FROM fifo_parts.peer
          EXCEPT
          SELECT account, symbol, sell_order_id, buy_order_id, allocated_size FROM fifo_allocations
          WHERE allocation_version = 1) x) missing
