-- The time that PostgreSQL itself needs for a run. Reads the same columns, and writes the same rows with the
-- same constraints and indexes. FOLDER is replaced.
\set ON_ERROR_STOP on
COPY (SELECT account, order_id, symbol, side, size, price, order_time, total_fees_usd, trade_seq,
             void_seq, ingest_xid
      FROM eligible_trades) TO STDOUT (FORMAT binary) \g '/dev/null'
BEGIN;
CREATE TABLE fifo_parts.floor_a
    (LIKE fifo_allocations INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
CREATE TABLE fifo_parts.floor_l
    (LIKE fifo_inventory_snapshot INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
\copy fifo_parts.floor_a from 'FOLDER/allocations' (format binary)
\copy fifo_parts.floor_l from 'FOLDER/lots' (format binary)
CREATE UNIQUE INDEX ON fifo_parts.floor_a
    (sell_order_id, (coalesce(buy_order_id, '')), account, symbol, allocation_version);
CREATE INDEX ON fifo_parts.floor_a (buy_order_id, account) WHERE buy_order_id IS NOT NULL;
CREATE INDEX ON fifo_parts.floor_a (symbol, account, sell_time);
CREATE INDEX ON fifo_parts.floor_a (id) WHERE buy_order_id IS NULL;
CREATE UNIQUE INDEX ON fifo_parts.floor_l (account, symbol, buy_order_id, allocation_version);
COMMIT;
