-- What is computed from the ledger: versions of allocations, inventory, runs, review items.

CREATE TABLE allocation_versions (
    version          INTEGER PRIMARY KEY CONSTRAINT allocation_versions_version_check CHECK (version > 0),
    method           TEXT NOT NULL CONSTRAINT allocation_versions_method_check CHECK (method = 'fifo'),
    scope            TEXT NOT NULL CONSTRAINT allocation_versions_scope_check CHECK (scope <> ''),
    status           TEXT NOT NULL CONSTRAINT allocation_versions_status_check
        CHECK (status IN ('running', 'completed', 'partial', 'failed', 'dropped')),
    origin           TEXT NOT NULL,
    ledger_hash      TEXT,
    allocations_hash TEXT,
    rates_hash       TEXT,
    policy           TEXT NOT NULL CONSTRAINT allocation_versions_policy_check CHECK (json_valid(policy)),
    watermark        TEXT NOT NULL CONSTRAINT allocation_versions_watermark_check CHECK (json_valid(watermark)),
    engine_version   TEXT NOT NULL,
    complete_through INTEGER,
    created_at       INTEGER NOT NULL,
    completed_at     INTEGER,
    published_at     INTEGER,
    sealed_at        INTEGER,
    sealed_reason    TEXT,
    CONSTRAINT allocation_versions_sealed_check CHECK ((sealed_at IS NULL) = (sealed_reason IS NULL))
) STRICT;

-- One row: the version that reports read, and whether a person holds it.
CREATE TABLE current_version (
    id         INTEGER PRIMARY KEY CONSTRAINT current_version_id_check CHECK (id = 1),
    version    INTEGER REFERENCES allocation_versions (version),
    held       INTEGER NOT NULL DEFAULT 0 CONSTRAINT current_version_held_check CHECK (held IN (0, 1)),
    changed_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER))
) STRICT;
INSERT INTO current_version (id) VALUES (1);

CREATE TABLE fifo_allocations (
    id                  INTEGER PRIMARY KEY,
    account             TEXT NOT NULL,
    sell_order_id       TEXT NOT NULL,
    buy_order_id        TEXT,
    symbol              TEXT NOT NULL,
    allocated_size      TEXT NOT NULL
        CONSTRAINT fifo_allocations_allocated_size_positive_check CHECK (allocated_size <> '0'),
    buy_price           TEXT,
    sell_price          TEXT,
    buy_fees_per_unit   TEXT,
    sell_fees_per_unit  TEXT,
    cost_basis_usd      TEXT,
    proceeds_usd        TEXT NOT NULL,
    net_proceeds_usd    TEXT NOT NULL,
    pnl_usd             TEXT,
    buy_time            INTEGER,
    sell_time           INTEGER NOT NULL,
    allocation_time     INTEGER NOT NULL,
    allocation_version  INTEGER NOT NULL REFERENCES allocation_versions (version),
    allocation_batch_id TEXT NOT NULL,
    notes               TEXT,
    -- The pool's asset. A leg that is NULL is the base. A direction that is NULL is long. The two columns before
    -- it say where a lot came from: the account that bought it, if it is another one, and the deposit.
    asset               TEXT NOT NULL,
    sell_leg            TEXT CONSTRAINT fifo_allocations_sell_leg_check CHECK (sell_leg IN ('quote', 'fee', 'network')),
    buy_leg             TEXT CONSTRAINT fifo_allocations_buy_leg_check CHECK (buy_leg IN ('quote', 'fee', 'income')),
    buy_account         TEXT,
    buy_movement        TEXT,
    direction           TEXT CONSTRAINT fifo_allocations_direction_check CHECK (direction = 'short'),
    CONSTRAINT fifo_allocations_unmatched_check CHECK (
        (buy_order_id IS NULL) = (cost_basis_usd IS NULL) AND (buy_order_id IS NULL) = (pnl_usd IS NULL)
        AND (buy_order_id IS NULL) = (buy_time IS NULL)
        AND (buy_order_id IS NOT NULL OR buy_fees_per_unit IS NULL AND buy_price IS NULL AND buy_leg IS NULL
            AND buy_movement IS NULL)),
    CONSTRAINT fifo_allocations_moved_check CHECK (buy_account IS NULL OR buy_movement IS NOT NULL),
    CONSTRAINT fifo_allocations_time_check CHECK (buy_time IS NULL OR CASE WHEN direction IS NULL
        THEN buy_time <= sell_time ELSE sell_time <= buy_time END),
    CONSTRAINT fifo_allocations_allocated_size_check CHECK (length(allocated_size) BETWEEN 1 AND 80
        AND allocated_size NOT GLOB '*[^0-9.]*'
        AND allocated_size GLOB '[0-9]*'
        AND allocated_size NOT GLOB '*.*.*'
        AND allocated_size NOT GLOB '*.'
        AND allocated_size NOT GLOB '0[0-9]*'
        AND (instr(allocated_size, '.') = 0 OR allocated_size NOT GLOB '*0')),
    CONSTRAINT fifo_allocations_buy_price_check CHECK (length(buy_price) BETWEEN 1 AND 80
        AND buy_price NOT GLOB '*[^0-9.]*'
        AND buy_price GLOB '[0-9]*'
        AND buy_price NOT GLOB '*.*.*'
        AND buy_price NOT GLOB '*.'
        AND buy_price NOT GLOB '0[0-9]*'
        AND (instr(buy_price, '.') = 0 OR buy_price NOT GLOB '*0')),
    CONSTRAINT fifo_allocations_sell_price_check CHECK (length(sell_price) BETWEEN 1 AND 80
        AND sell_price NOT GLOB '*[^0-9.]*'
        AND sell_price GLOB '[0-9]*'
        AND sell_price NOT GLOB '*.*.*'
        AND sell_price NOT GLOB '*.'
        AND sell_price NOT GLOB '0[0-9]*'
        AND (instr(sell_price, '.') = 0 OR sell_price NOT GLOB '*0')),
    CONSTRAINT fifo_allocations_buy_fees_per_unit_check CHECK (length(buy_fees_per_unit) BETWEEN 1 AND 80
        AND ltrim(buy_fees_per_unit, '-') NOT GLOB '*[^0-9.]*'
        AND ltrim(buy_fees_per_unit, '-') GLOB '[0-9]*'
        AND buy_fees_per_unit NOT GLOB '--*'
        AND buy_fees_per_unit NOT GLOB '*.*.*'
        AND buy_fees_per_unit NOT GLOB '*.'
        AND ltrim(buy_fees_per_unit, '-') NOT GLOB '0[0-9]*'
        AND (instr(buy_fees_per_unit, '.') = 0 OR buy_fees_per_unit NOT GLOB '*0')
        AND buy_fees_per_unit <> '-0'),
    CONSTRAINT fifo_allocations_sell_fees_per_unit_check CHECK (length(sell_fees_per_unit) BETWEEN 1 AND 80
        AND ltrim(sell_fees_per_unit, '-') NOT GLOB '*[^0-9.]*'
        AND ltrim(sell_fees_per_unit, '-') GLOB '[0-9]*'
        AND sell_fees_per_unit NOT GLOB '--*'
        AND sell_fees_per_unit NOT GLOB '*.*.*'
        AND sell_fees_per_unit NOT GLOB '*.'
        AND ltrim(sell_fees_per_unit, '-') NOT GLOB '0[0-9]*'
        AND (instr(sell_fees_per_unit, '.') = 0 OR sell_fees_per_unit NOT GLOB '*0')
        AND sell_fees_per_unit <> '-0'),
    CONSTRAINT fifo_allocations_cost_basis_usd_check CHECK (length(cost_basis_usd) BETWEEN 1 AND 80
        AND ltrim(cost_basis_usd, '-') NOT GLOB '*[^0-9.]*'
        AND ltrim(cost_basis_usd, '-') GLOB '[0-9]*'
        AND cost_basis_usd NOT GLOB '--*'
        AND cost_basis_usd NOT GLOB '*.*.*'
        AND cost_basis_usd NOT GLOB '*.'
        AND ltrim(cost_basis_usd, '-') NOT GLOB '0[0-9]*'
        AND (instr(cost_basis_usd, '.') = 0 OR cost_basis_usd NOT GLOB '*0')
        AND cost_basis_usd <> '-0'),
    CONSTRAINT fifo_allocations_proceeds_usd_check CHECK (length(proceeds_usd) BETWEEN 1 AND 80
        AND proceeds_usd NOT GLOB '*[^0-9.]*'
        AND proceeds_usd GLOB '[0-9]*'
        AND proceeds_usd NOT GLOB '*.*.*'
        AND proceeds_usd NOT GLOB '*.'
        AND proceeds_usd NOT GLOB '0[0-9]*'
        AND (instr(proceeds_usd, '.') = 0 OR proceeds_usd NOT GLOB '*0')),
    CONSTRAINT fifo_allocations_net_proceeds_usd_check CHECK (length(net_proceeds_usd) BETWEEN 1 AND 80
        AND ltrim(net_proceeds_usd, '-') NOT GLOB '*[^0-9.]*'
        AND ltrim(net_proceeds_usd, '-') GLOB '[0-9]*'
        AND net_proceeds_usd NOT GLOB '--*'
        AND net_proceeds_usd NOT GLOB '*.*.*'
        AND net_proceeds_usd NOT GLOB '*.'
        AND ltrim(net_proceeds_usd, '-') NOT GLOB '0[0-9]*'
        AND (instr(net_proceeds_usd, '.') = 0 OR net_proceeds_usd NOT GLOB '*0')
        AND net_proceeds_usd <> '-0'),
    CONSTRAINT fifo_allocations_pnl_usd_check CHECK (length(pnl_usd) BETWEEN 1 AND 80
        AND ltrim(pnl_usd, '-') NOT GLOB '*[^0-9.]*'
        AND ltrim(pnl_usd, '-') GLOB '[0-9]*'
        AND pnl_usd NOT GLOB '--*'
        AND pnl_usd NOT GLOB '*.*.*'
        AND pnl_usd NOT GLOB '*.'
        AND ltrim(pnl_usd, '-') NOT GLOB '0[0-9]*'
        AND (instr(pnl_usd, '.') = 0 OR pnl_usd NOT GLOB '*0')
        AND pnl_usd <> '-0')
) STRICT;
-- Indexes lead with the version and stay: a new version is an append at their end. The order id comes before the
-- account: most rows have the same account, so comparing accounts decides little. The asset is left out: a leg
-- has one.
CREATE UNIQUE INDEX fifo_allocations_pair_key
    ON fifo_allocations (allocation_version, sell_order_id, account, ifnull(buy_order_id, ''),
        ifnull(sell_leg, ''), ifnull(buy_leg, ''),
        ifnull(buy_movement || char(31) || ifnull(buy_account, ''), ''));
CREATE INDEX fifo_allocations_buy_index
    ON fifo_allocations (allocation_version, buy_order_id, account) WHERE buy_order_id IS NOT NULL;
-- A pool by its whole key, whether many accounts share an asset or an account has many assets.
CREATE INDEX fifo_allocations_pool_index
    ON fifo_allocations (allocation_version, asset, account, sell_time);
CREATE INDEX fifo_allocations_unmatched_index
    ON fifo_allocations (allocation_version, id) WHERE buy_order_id IS NULL;

CREATE TABLE fifo_computation_log (
    id                      INTEGER PRIMARY KEY CONSTRAINT fifo_computation_log_id_check CHECK (id > 0),
    symbol                  TEXT,
    allocation_version      INTEGER,
    allocation_batch_id     TEXT NOT NULL,
    computation_start       INTEGER NOT NULL,
    computation_end         INTEGER,
    computation_duration_ms INTEGER,
    status                  TEXT NOT NULL CONSTRAINT fifo_computation_log_status_check
        CHECK (status IN ('running', 'completed', 'partial', 'failed')),
    buys_processed          INTEGER NOT NULL DEFAULT 0,
    sells_processed         INTEGER NOT NULL DEFAULT 0,
    allocations_created     INTEGER NOT NULL DEFAULT 0,
    error_message           TEXT,
    error_traceback         TEXT,
    symbols_processed       INTEGER NOT NULL DEFAULT 0,
    total_pnl_computed      TEXT,
    computation_mode        TEXT NOT NULL,
    triggered_by            TEXT NOT NULL,
    created_at              INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)),
    unmatched_sells         INTEGER NOT NULL DEFAULT 0,
    fees_unknown            INTEGER NOT NULL DEFAULT 0,
    trades_ineligible       INTEGER NOT NULL DEFAULT 0,
    trades_not_matched      INTEGER NOT NULL DEFAULT 0,
    symbols_failed          INTEGER NOT NULL DEFAULT 0,
    error_details           TEXT CONSTRAINT fifo_computation_log_error_details_check
        CHECK (error_details IS NULL OR json_valid(error_details)),
    retry_count             INTEGER NOT NULL DEFAULT 0,
    last_error_at           INTEGER,
    host                    TEXT NOT NULL,
    pid                     INTEGER NOT NULL,
    engine_version          TEXT NOT NULL,
    CONSTRAINT fifo_computation_log_end_check CHECK ((status = 'running') = (computation_end IS NULL))
) STRICT;
-- A number from outside could end the numbering, or stand before rows that were seen. -1: not given.
CREATE TRIGGER fifo_computation_log_number BEFORE INSERT ON fifo_computation_log
    WHEN NEW.id <> -1 AND NEW.id <> 1 + ifnull((SELECT max(id) FROM fifo_computation_log), 0)
         AND NOT EXISTS (SELECT 1 FROM fifo_computation_log WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'fifo_computation_log: the database sets id: leave it out'); END;

CREATE TABLE fifo_pool_summary (
    allocation_version         INTEGER NOT NULL REFERENCES allocation_versions (version),
    account                    TEXT NOT NULL,
    asset                      TEXT NOT NULL,
    status                     TEXT NOT NULL CONSTRAINT fifo_pool_summary_status_check
        CHECK (status IN ('matched', 'stale', 'rejected', 'excluded')),
    trades                     INTEGER NOT NULL,
    legs                       INTEGER NOT NULL,
    buys                       INTEGER NOT NULL,
    sells                      INTEGER NOT NULL,
    allocations                INTEGER NOT NULL,
    sells_matched              INTEGER NOT NULL,
    sells_unmatched            INTEGER NOT NULL,
    buys_used                  INTEGER NOT NULL,
    fees_unknown               INTEGER NOT NULL,
    buys_by_id                 INTEGER NOT NULL,
    sells_by_id                INTEGER NOT NULL,
    rebates                    INTEGER NOT NULL,
    rebates_usd                TEXT NOT NULL,
    matched_size               TEXT NOT NULL,
    cost_basis_usd             TEXT NOT NULL,
    proceeds_usd               TEXT NOT NULL,
    net_proceeds_usd           TEXT NOT NULL,
    pnl_usd                    TEXT NOT NULL,
    unmatched_size             TEXT NOT NULL,
    unmatched_proceeds_usd     TEXT NOT NULL,
    unmatched_net_proceeds_usd TEXT NOT NULL,
    open_lots                  INTEGER NOT NULL,
    open_size                  TEXT NOT NULL,
    open_cost_usd              TEXT NOT NULL,
    first_sell                 INTEGER,
    last_sell                  INTEGER,
    last_order_time            INTEGER,
    last_side                  TEXT,
    last_trade_seq             INTEGER,
    last_order_id              TEXT,
    last_leg                   TEXT,
    -- NULL: the open lots are long. Short lots have net proceeds as their cost.
    open_direction             TEXT
        CONSTRAINT fifo_pool_summary_open_direction_check CHECK (open_direction = 'short'),
    asset_class                TEXT CONSTRAINT fifo_pool_summary_asset_class_check
        CHECK (asset_class IN ('crypto', 'security', 'fx', 'future')),
    -- What says the class. If asset_class is NULL beside it, its rows give several classes.
    asset_class_source         TEXT CONSTRAINT fifo_pool_summary_asset_class_source_check
        CHECK (asset_class_source IN ('column', 'symbol', 'account', 'code', 'spelling', 'payment')),
    -- The symbol of all trades; or NULL, and the totals of each symbol.
    symbol                     TEXT,
    symbols                    TEXT CONSTRAINT fifo_pool_summary_symbols_check CHECK (symbols IS NULL OR json_valid(symbols)),
    ledger_hash                TEXT NOT NULL,
    allocations_hash           TEXT NOT NULL,
    watermark                  TEXT NOT NULL CONSTRAINT fifo_pool_summary_watermark_check CHECK (json_valid(watermark)),
    first_allocation           INTEGER,
    last_allocation            INTEGER,
    duration_us                INTEGER NOT NULL,
    error                      TEXT,
    PRIMARY KEY (allocation_version, account, asset),
    CONSTRAINT fifo_pool_summary_error_check CHECK ((status = 'matched') = (error IS NULL)),
    CONSTRAINT fifo_pool_summary_rebates_usd_check CHECK (length(rebates_usd) BETWEEN 1 AND 80
        AND rebates_usd NOT GLOB '*[^0-9.]*'
        AND rebates_usd GLOB '[0-9]*'
        AND rebates_usd NOT GLOB '*.*.*'
        AND rebates_usd NOT GLOB '*.'
        AND rebates_usd NOT GLOB '0[0-9]*'
        AND (instr(rebates_usd, '.') = 0 OR rebates_usd NOT GLOB '*0')),
    CONSTRAINT fifo_pool_summary_matched_size_check CHECK (length(matched_size) BETWEEN 1 AND 80
        AND matched_size NOT GLOB '*[^0-9.]*'
        AND matched_size GLOB '[0-9]*'
        AND matched_size NOT GLOB '*.*.*'
        AND matched_size NOT GLOB '*.'
        AND matched_size NOT GLOB '0[0-9]*'
        AND (instr(matched_size, '.') = 0 OR matched_size NOT GLOB '*0')),
    CONSTRAINT fifo_pool_summary_cost_basis_usd_check CHECK (length(cost_basis_usd) BETWEEN 1 AND 80
        AND ltrim(cost_basis_usd, '-') NOT GLOB '*[^0-9.]*'
        AND ltrim(cost_basis_usd, '-') GLOB '[0-9]*'
        AND cost_basis_usd NOT GLOB '--*'
        AND cost_basis_usd NOT GLOB '*.*.*'
        AND cost_basis_usd NOT GLOB '*.'
        AND ltrim(cost_basis_usd, '-') NOT GLOB '0[0-9]*'
        AND (instr(cost_basis_usd, '.') = 0 OR cost_basis_usd NOT GLOB '*0')
        AND cost_basis_usd <> '-0'),
    CONSTRAINT fifo_pool_summary_proceeds_usd_check CHECK (length(proceeds_usd) BETWEEN 1 AND 80
        AND proceeds_usd NOT GLOB '*[^0-9.]*'
        AND proceeds_usd GLOB '[0-9]*'
        AND proceeds_usd NOT GLOB '*.*.*'
        AND proceeds_usd NOT GLOB '*.'
        AND proceeds_usd NOT GLOB '0[0-9]*'
        AND (instr(proceeds_usd, '.') = 0 OR proceeds_usd NOT GLOB '*0')),
    CONSTRAINT fifo_pool_summary_net_proceeds_usd_check CHECK (length(net_proceeds_usd) BETWEEN 1 AND 80
        AND ltrim(net_proceeds_usd, '-') NOT GLOB '*[^0-9.]*'
        AND ltrim(net_proceeds_usd, '-') GLOB '[0-9]*'
        AND net_proceeds_usd NOT GLOB '--*'
        AND net_proceeds_usd NOT GLOB '*.*.*'
        AND net_proceeds_usd NOT GLOB '*.'
        AND ltrim(net_proceeds_usd, '-') NOT GLOB '0[0-9]*'
        AND (instr(net_proceeds_usd, '.') = 0 OR net_proceeds_usd NOT GLOB '*0')
        AND net_proceeds_usd <> '-0'),
    CONSTRAINT fifo_pool_summary_pnl_usd_check CHECK (length(pnl_usd) BETWEEN 1 AND 80
        AND ltrim(pnl_usd, '-') NOT GLOB '*[^0-9.]*'
        AND ltrim(pnl_usd, '-') GLOB '[0-9]*'
        AND pnl_usd NOT GLOB '--*'
        AND pnl_usd NOT GLOB '*.*.*'
        AND pnl_usd NOT GLOB '*.'
        AND ltrim(pnl_usd, '-') NOT GLOB '0[0-9]*'
        AND (instr(pnl_usd, '.') = 0 OR pnl_usd NOT GLOB '*0')
        AND pnl_usd <> '-0'),
    CONSTRAINT fifo_pool_summary_unmatched_size_check CHECK (length(unmatched_size) BETWEEN 1 AND 80
        AND unmatched_size NOT GLOB '*[^0-9.]*'
        AND unmatched_size GLOB '[0-9]*'
        AND unmatched_size NOT GLOB '*.*.*'
        AND unmatched_size NOT GLOB '*.'
        AND unmatched_size NOT GLOB '0[0-9]*'
        AND (instr(unmatched_size, '.') = 0 OR unmatched_size NOT GLOB '*0')),
    CONSTRAINT fifo_pool_summary_unmatched_proceeds_usd_check CHECK (length(unmatched_proceeds_usd) BETWEEN 1 AND 80
        AND unmatched_proceeds_usd NOT GLOB '*[^0-9.]*'
        AND unmatched_proceeds_usd GLOB '[0-9]*'
        AND unmatched_proceeds_usd NOT GLOB '*.*.*'
        AND unmatched_proceeds_usd NOT GLOB '*.'
        AND unmatched_proceeds_usd NOT GLOB '0[0-9]*'
        AND (instr(unmatched_proceeds_usd, '.') = 0 OR unmatched_proceeds_usd NOT GLOB '*0')),
   
        CONSTRAINT fifo_pool_summary_unmatched_net_proceeds_usd_check
        CHECK (length(unmatched_net_proceeds_usd) BETWEEN 1 AND 80
        AND ltrim(unmatched_net_proceeds_usd, '-') NOT GLOB '*[^0-9.]*'
        AND ltrim(unmatched_net_proceeds_usd, '-') GLOB '[0-9]*'
        AND unmatched_net_proceeds_usd NOT GLOB '--*'
        AND unmatched_net_proceeds_usd NOT GLOB '*.*.*'
        AND unmatched_net_proceeds_usd NOT GLOB '*.'
        AND ltrim(unmatched_net_proceeds_usd, '-') NOT GLOB '0[0-9]*'
        AND (instr(unmatched_net_proceeds_usd, '.') = 0 OR unmatched_net_proceeds_usd NOT GLOB '*0')
        AND unmatched_net_proceeds_usd <> '-0'),
    CONSTRAINT fifo_pool_summary_open_size_check CHECK (length(open_size) BETWEEN 1 AND 80
        AND open_size NOT GLOB '*[^0-9.]*'
        AND open_size GLOB '[0-9]*'
        AND open_size NOT GLOB '*.*.*'
        AND open_size NOT GLOB '*.'
        AND open_size NOT GLOB '0[0-9]*'
        AND (instr(open_size, '.') = 0 OR open_size NOT GLOB '*0')),
    CONSTRAINT fifo_pool_summary_open_cost_usd_check CHECK (length(open_cost_usd) BETWEEN 1 AND 80
        AND ltrim(open_cost_usd, '-') NOT GLOB '*[^0-9.]*'
        AND ltrim(open_cost_usd, '-') GLOB '[0-9]*'
        AND open_cost_usd NOT GLOB '--*'
        AND open_cost_usd NOT GLOB '*.*.*'
        AND open_cost_usd NOT GLOB '*.'
        AND ltrim(open_cost_usd, '-') NOT GLOB '0[0-9]*'
        AND (instr(open_cost_usd, '.') = 0 OR open_cost_usd NOT GLOB '*0')
        AND open_cost_usd <> '-0')
) STRICT;

-- The entries of each pool by the symbol of their trades.
CREATE VIEW fifo_symbol_summary AS
SELECT allocation_version, account, asset, symbol, trades, buys, sells, allocations, matched_size, pnl_usd,
       first_sell, last_sell, status
FROM fifo_pool_summary
WHERE symbol IS NOT NULL
UNION ALL
SELECT p.allocation_version, p.account, p.asset, s.value ->> 'symbol', s.value ->> 'trades', s.value ->> 'buys',
       s.value ->> 'sells', s.value ->> 'allocations', s.value ->> 'matched_size', s.value ->> 'pnl_usd',
       s.value ->> 'first_sell', s.value ->> 'last_sell', p.status
FROM fifo_pool_summary p
CROSS JOIN json_each(p.symbols) s
WHERE p.symbol IS NULL;

CREATE TABLE fifo_inventory_snapshot (
    id                 INTEGER PRIMARY KEY,
    symbol             TEXT NOT NULL,
    buy_order_id       TEXT NOT NULL,
    remaining_size     TEXT NOT NULL
        CONSTRAINT fifo_inventory_snapshot_remaining_size_positive_check CHECK (remaining_size <> '0'),
    snapshot_time      INTEGER NOT NULL,
    allocation_version INTEGER NOT NULL REFERENCES allocation_versions (version),
    account            TEXT NOT NULL,
    remaining_cost_usd TEXT NOT NULL,
    asset              TEXT NOT NULL,
    buy_leg            TEXT
        CONSTRAINT fifo_inventory_snapshot_buy_leg_check CHECK (buy_leg IN ('quote', 'fee', 'income')),
    -- What the whole lot is made of, if price x size of its trade is not its value.
    lot_size           TEXT,
    lot_value_usd      TEXT,
    lot_fee_usd        TEXT,
    -- Of a short lot the order is the sell that opened it, and the cost is what is left of its net proceeds.
    direction          TEXT CONSTRAINT fifo_inventory_snapshot_direction_check CHECK (direction = 'short'),
    buy_account        TEXT,
    buy_movement       TEXT,
    CONSTRAINT fifo_inventory_snapshot_moved_check CHECK (buy_account IS NULL OR buy_movement IS NOT NULL),
    CONSTRAINT fifo_inventory_snapshot_lot_check CHECK ((lot_size IS NULL) = (lot_value_usd IS NULL)),
    CONSTRAINT fifo_inventory_snapshot_remaining_size_check CHECK (length(remaining_size) BETWEEN 1 AND 80
        AND remaining_size NOT GLOB '*[^0-9.]*'
        AND remaining_size GLOB '[0-9]*'
        AND remaining_size NOT GLOB '*.*.*'
        AND remaining_size NOT GLOB '*.'
        AND remaining_size NOT GLOB '0[0-9]*'
        AND (instr(remaining_size, '.') = 0 OR remaining_size NOT GLOB '*0')),
    CONSTRAINT fifo_inventory_snapshot_remaining_cost_usd_check CHECK (length(remaining_cost_usd) BETWEEN 1 AND 80
        AND ltrim(remaining_cost_usd, '-') NOT GLOB '*[^0-9.]*'
        AND ltrim(remaining_cost_usd, '-') GLOB '[0-9]*'
        AND remaining_cost_usd NOT GLOB '--*'
        AND remaining_cost_usd NOT GLOB '*.*.*'
        AND remaining_cost_usd NOT GLOB '*.'
        AND ltrim(remaining_cost_usd, '-') NOT GLOB '0[0-9]*'
        AND (instr(remaining_cost_usd, '.') = 0 OR remaining_cost_usd NOT GLOB '*0')
        AND remaining_cost_usd <> '-0')
) STRICT;
CREATE UNIQUE INDEX fifo_inventory_snapshot_lot_key
    ON fifo_inventory_snapshot (allocation_version, account, asset, buy_order_id, ifnull(buy_leg, ''),
        ifnull(buy_movement || char(31) || ifnull(buy_account, ''), ''));

-- Units of lots that transfers moved. A lot is named as in the sending account.
CREATE TABLE fifo_lot_moves (
    allocation_version INTEGER NOT NULL REFERENCES allocation_versions (version),
    asset              TEXT NOT NULL,
    from_account       TEXT NOT NULL,
    withdrawal_id      TEXT NOT NULL,
    to_account         TEXT NOT NULL,
    deposit_id         TEXT NOT NULL,
    buy_account        TEXT NOT NULL,
    buy_order_id       TEXT NOT NULL,
    buy_leg            TEXT NOT NULL CONSTRAINT fifo_lot_moves_buy_leg_check
        CHECK (buy_leg IN ('base', 'quote', 'fee', 'income')),
    -- The deposit that brought the lot into the sending account; empty if it was bought there.
    buy_movement       TEXT NOT NULL,
    buy_time           INTEGER NOT NULL,
    size               TEXT NOT NULL CONSTRAINT fifo_lot_moves_size_positive_check CHECK (size <> '0'),
    cost_usd           TEXT NOT NULL,
    PRIMARY KEY (allocation_version, from_account, asset, withdrawal_id, buy_account, buy_order_id, buy_leg,
        buy_movement),
    CONSTRAINT fifo_lot_moves_accounts_check CHECK (from_account <> to_account),
    CONSTRAINT fifo_lot_moves_size_check CHECK (length(size) BETWEEN 1 AND 80
        AND size NOT GLOB '*[^0-9.]*'
        AND size GLOB '[0-9]*'
        AND size NOT GLOB '*.*.*'
        AND size NOT GLOB '*.'
        AND size NOT GLOB '0[0-9]*'
        AND (instr(size, '.') = 0 OR size NOT GLOB '*0')),
    CONSTRAINT fifo_lot_moves_cost_usd_check CHECK (length(cost_usd) BETWEEN 1 AND 80
        AND ltrim(cost_usd, '-') NOT GLOB '*[^0-9.]*'
        AND ltrim(cost_usd, '-') GLOB '[0-9]*'
        AND cost_usd NOT GLOB '--*'
        AND cost_usd NOT GLOB '*.*.*'
        AND cost_usd NOT GLOB '*.'
        AND ltrim(cost_usd, '-') NOT GLOB '0[0-9]*'
        AND (instr(cost_usd, '.') = 0 OR cost_usd NOT GLOB '*0')
        AND cost_usd <> '-0')
) STRICT, WITHOUT ROWID;

-- The rates that gave a version's trades their values. A cross has two steps. A step is of a file's line, or the
-- price of an own trade.
CREATE TABLE fifo_rates_used (
    allocation_version INTEGER NOT NULL REFERENCES allocation_versions (version),
    account            TEXT NOT NULL,
    order_id           TEXT NOT NULL,
    purpose            TEXT NOT NULL CONSTRAINT fifo_rates_used_purpose_check
        CHECK (purpose IN ('value', 'fee')),
    step               INTEGER NOT NULL CONSTRAINT fifo_rates_used_step_check CHECK (step IN (1, 2)),
    asset              TEXT NOT NULL,
    units              TEXT NOT NULL,
    value_usd          TEXT NOT NULL,
    rate               TEXT NOT NULL CONSTRAINT fifo_rates_used_rate_positive_check CHECK (rate <> '0'),
    rate_time          INTEGER NOT NULL,
    source             TEXT NOT NULL,
    step_asset         TEXT NOT NULL,
    step_currency      TEXT NOT NULL,
    step_rate          TEXT NOT NULL CONSTRAINT fifo_rates_used_step_rate_positive_check
        CHECK (step_rate <> '0'),
    import_id          INTEGER REFERENCES imports (id),
    import_line        INTEGER,
    own_order_id       TEXT,
    order_time         INTEGER NOT NULL,
    PRIMARY KEY (allocation_version, account, order_id, purpose, step),
    CONSTRAINT fifo_rates_used_time_check CHECK (rate_time <= order_time),
    CONSTRAINT fifo_rates_used_origin_check CHECK ((import_id IS NULL) = (import_line IS NULL)
        AND CASE source WHEN 'peg' THEN import_id IS NULL AND own_order_id IS NULL
            ELSE (import_id IS NULL) = (own_order_id IS NOT NULL) END),
    CONSTRAINT fifo_rates_used_units_check CHECK (length(units) BETWEEN 1 AND 80
        AND ltrim(units, '-') NOT GLOB '*[^0-9.]*'
        AND ltrim(units, '-') GLOB '[0-9]*'
        AND units NOT GLOB '--*'
        AND units NOT GLOB '*.*.*'
        AND units NOT GLOB '*.'
        AND ltrim(units, '-') NOT GLOB '0[0-9]*'
        AND (instr(units, '.') = 0 OR units NOT GLOB '*0')
        AND units <> '-0'),
    CONSTRAINT fifo_rates_used_value_usd_check CHECK (length(value_usd) BETWEEN 1 AND 80
        AND ltrim(value_usd, '-') NOT GLOB '*[^0-9.]*'
        AND ltrim(value_usd, '-') GLOB '[0-9]*'
        AND value_usd NOT GLOB '--*'
        AND value_usd NOT GLOB '*.*.*'
        AND value_usd NOT GLOB '*.'
        AND ltrim(value_usd, '-') NOT GLOB '0[0-9]*'
        AND (instr(value_usd, '.') = 0 OR value_usd NOT GLOB '*0')
        AND value_usd <> '-0'),
    CONSTRAINT fifo_rates_used_rate_check CHECK (length(rate) BETWEEN 1 AND 80
        AND rate NOT GLOB '*[^0-9.]*'
        AND rate GLOB '[0-9]*'
        AND rate NOT GLOB '*.*.*'
        AND rate NOT GLOB '*.'
        AND rate NOT GLOB '0[0-9]*'
        AND (instr(rate, '.') = 0 OR rate NOT GLOB '*0')),
    CONSTRAINT fifo_rates_used_step_rate_check CHECK (length(step_rate) BETWEEN 1 AND 80
        AND step_rate NOT GLOB '*[^0-9.]*'
        AND step_rate GLOB '[0-9]*'
        AND step_rate NOT GLOB '*.*.*'
        AND step_rate NOT GLOB '*.'
        AND step_rate NOT GLOB '0[0-9]*'
        AND (instr(step_rate, '.') = 0 OR step_rate NOT GLOB '*0'))
) STRICT, WITHOUT ROWID;

CREATE TABLE manual_review_queue (
    id                 INTEGER PRIMARY KEY CONSTRAINT manual_review_queue_id_check CHECK (id > 0),
    order_id           TEXT NOT NULL,
    issue_type         TEXT NOT NULL CONSTRAINT manual_review_queue_issue_type_check
        CHECK (issue_type IN ('unmatched_sell', 'invalid_trade', 'missing_fx', 'unapplied_action', 'unapplied_transfer',
                              'allocation_error')),
    severity           TEXT NOT NULL CONSTRAINT manual_review_queue_severity_check
        CHECK (severity IN ('low', 'medium', 'high', 'critical')),
    status             TEXT NOT NULL CONSTRAINT manual_review_queue_status_check
        CHECK (status IN ('pending', 'in_progress', 'resolved', 'dismissed')),
    description        TEXT NOT NULL,
    resolution         TEXT,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL,
    resolved_at        INTEGER,
    resolved_by        TEXT,
    account            TEXT NOT NULL,
    symbol             TEXT NOT NULL,
    allocation_version INTEGER NOT NULL,
    details            TEXT NOT NULL CONSTRAINT manual_review_queue_details_check CHECK (json_valid(details)),
    asset              TEXT NOT NULL,
    leg                TEXT NOT NULL DEFAULT 'base'
        CONSTRAINT manual_review_queue_leg_check CHECK (leg IN ('base', 'quote', 'fee', 'network', 'income')),
    CONSTRAINT manual_review_queue_key UNIQUE (account, asset, order_id, leg, issue_type),
    CONSTRAINT manual_review_queue_resolved_check
        CHECK ((status IN ('resolved', 'dismissed')) = (resolved_at IS NOT NULL))
) STRICT;
CREATE INDEX manual_review_queue_open_index
    ON manual_review_queue (severity, account) WHERE status IN ('pending', 'in_progress');
-- A number from outside could end the numbering, or stand before rows that were seen. -1: not given.
CREATE TRIGGER manual_review_queue_number BEFORE INSERT ON manual_review_queue
    WHEN NEW.id <> -1 AND NEW.id <> 1 + ifnull((SELECT max(id) FROM manual_review_queue), 0)
         AND NOT EXISTS (SELECT 1 FROM manual_review_queue WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'manual_review_queue: the database sets id: leave it out'); END;

-- Pools that a person took out of matching, or back in. The latest row of a pool wins.
CREATE TABLE review_exclusions (
    id         INTEGER PRIMARY KEY CONSTRAINT review_exclusions_id_check CHECK (id > 0),
    account    TEXT NOT NULL,
    asset      TEXT NOT NULL,
    excluded   INTEGER NOT NULL CONSTRAINT review_exclusions_excluded_check CHECK (excluded IN (0, 1)),
    reason     TEXT NOT NULL CONSTRAINT review_exclusions_reason_check CHECK (reason <> ''),
    decided_by TEXT NOT NULL,
    decided_at INTEGER NOT NULL
) STRICT;
CREATE INDEX review_exclusions_pool_index ON review_exclusions (account, asset, id);
CREATE TRIGGER review_exclusions_no_update BEFORE UPDATE ON review_exclusions
BEGIN SELECT RAISE(ABORT, 'review_exclusions is append-only: UPDATE is refused'); END;
CREATE TRIGGER review_exclusions_no_delete BEFORE DELETE ON review_exclusions
BEGIN SELECT RAISE(ABORT, 'review_exclusions is append-only: DELETE is refused'); END;
CREATE TRIGGER review_exclusions_no_replace BEFORE INSERT ON review_exclusions
    WHEN EXISTS (SELECT 1 FROM review_exclusions WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'review_exclusions is append-only: replacing a row is refused'); END;
-- A number from outside could end the numbering, or stand before rows that were seen. -1: not given.
CREATE TRIGGER review_exclusions_number BEFORE INSERT ON review_exclusions
    WHEN NEW.id <> -1 AND NEW.id <> 1 + ifnull((SELECT max(id) FROM review_exclusions), 0)
         AND NOT EXISTS (SELECT 1 FROM review_exclusions WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'review_exclusions: the database sets id: leave it out'); END;
