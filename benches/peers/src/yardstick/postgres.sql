-- The fixed yardstick: what psql took for a run in the tables and indexes of 2026-11-26, before the
-- physical design changed. It never follows the migrations. FOLDER is replaced.
\set ON_ERROR_STOP on
COPY (SELECT account, order_id, symbol, side, size, price, order_time, total_fees_usd, trade_seq,
             void_seq, ingest_xid
      FROM eligible_trades) TO STDOUT (FORMAT binary) \g '/dev/null'
BEGIN;
CREATE TABLE fifo_parts.floor_a (
    id                  BIGINT NOT NULL,
    account             TEXT COLLATE "C" NOT NULL,
    sell_order_id       TEXT COLLATE "C" NOT NULL,
    buy_order_id        TEXT COLLATE "C",
    symbol              TEXT COLLATE "C" NOT NULL,
    allocated_size      NUMERIC NOT NULL
        CONSTRAINT fifo_allocations_allocated_size_positive_check CHECK (allocated_size <> 0),
    buy_price           NUMERIC,
    sell_price          NUMERIC NOT NULL,
    buy_fees_per_unit   NUMERIC,
    sell_fees_per_unit  NUMERIC,
    cost_basis_usd      NUMERIC,
    proceeds_usd        NUMERIC NOT NULL,
    net_proceeds_usd    NUMERIC NOT NULL,
    pnl_usd             NUMERIC,
    buy_time            TIMESTAMPTZ,
    sell_time           TIMESTAMPTZ NOT NULL,
    allocation_time     TIMESTAMPTZ NOT NULL,
    allocation_version  BIGINT NOT NULL,
    allocation_batch_id UUID NOT NULL,
    notes               TEXT,
    CONSTRAINT fifo_allocations_unmatched_check CHECK (
        (buy_order_id IS NULL) = (cost_basis_usd IS NULL) AND (buy_order_id IS NULL) = (pnl_usd IS NULL)
        AND (buy_order_id IS NULL) = (buy_price IS NULL) AND (buy_order_id IS NULL) = (buy_time IS NULL)
        AND (buy_order_id IS NOT NULL OR buy_fees_per_unit IS NULL)),
    CONSTRAINT fifo_allocations_time_check CHECK (buy_time IS NULL OR buy_time <= sell_time),
    CONSTRAINT fifo_allocations_allocated_size_check CHECK (allocated_size >= 0 AND allocated_size < 'Infinity'),
    CONSTRAINT fifo_allocations_buy_price_check CHECK (buy_price >= 0 AND buy_price < 'Infinity'),
    CONSTRAINT fifo_allocations_sell_price_check CHECK (sell_price >= 0 AND sell_price < 'Infinity'),
        CONSTRAINT fifo_allocations_buy_fees_per_unit_check
        CHECK (buy_fees_per_unit > '-Infinity' AND buy_fees_per_unit < 'Infinity'),
        CONSTRAINT fifo_allocations_sell_fees_per_unit_check
        CHECK (sell_fees_per_unit > '-Infinity' AND sell_fees_per_unit < 'Infinity'),
        CONSTRAINT fifo_allocations_cost_basis_usd_check
        CHECK (cost_basis_usd > '-Infinity' AND cost_basis_usd < 'Infinity'),
    CONSTRAINT fifo_allocations_proceeds_usd_check CHECK (proceeds_usd >= 0 AND proceeds_usd < 'Infinity'),
        CONSTRAINT fifo_allocations_net_proceeds_usd_check
        CHECK (net_proceeds_usd > '-Infinity' AND net_proceeds_usd < 'Infinity'),
    CONSTRAINT fifo_allocations_pnl_usd_check CHECK (pnl_usd > '-Infinity' AND pnl_usd < 'Infinity')
);
CREATE TABLE fifo_parts.floor_l (
    id                 BIGINT NOT NULL,
    symbol             TEXT COLLATE "C" NOT NULL,
    buy_order_id       TEXT COLLATE "C" NOT NULL,
    remaining_size     NUMERIC NOT NULL
        CONSTRAINT fifo_inventory_snapshot_remaining_size_positive_check CHECK (remaining_size <> 0),
    snapshot_time      TIMESTAMPTZ NOT NULL,
    allocation_version BIGINT NOT NULL,
    account            TEXT COLLATE "C" NOT NULL,
    remaining_cost_usd NUMERIC NOT NULL,
    CONSTRAINT fifo_inventory_snapshot_remaining_size_check CHECK (remaining_size >= 0 AND remaining_size < 'Infinity'),
        CONSTRAINT fifo_inventory_snapshot_remaining_cost_usd_check
        CHECK (remaining_cost_usd > '-Infinity' AND remaining_cost_usd < 'Infinity')
);
\copy fifo_parts.floor_a from 'FOLDER/allocations' (format binary)
\copy fifo_parts.floor_l from 'FOLDER/lots' (format binary)
CREATE UNIQUE INDEX ON fifo_parts.floor_a
    (allocation_version, account, sell_order_id, (coalesce(buy_order_id, '')));
CREATE INDEX ON fifo_parts.floor_a
    (allocation_version, account, buy_order_id) WHERE buy_order_id IS NOT NULL;
CREATE INDEX ON fifo_parts.floor_a (allocation_version, symbol, sell_time);
CREATE INDEX ON fifo_parts.floor_a (allocation_version, id) WHERE buy_order_id IS NULL;
CREATE UNIQUE INDEX ON fifo_parts.floor_l (allocation_version, account, symbol, buy_order_id);
COMMIT;
