-- What is computed from the ledger: versions of allocations, inventory, runs, review items.
-- Rows of a version are partitions in schema fifo_parts; tables and views stand in public.

CREATE SCHEMA fifo_parts;

-- The last ids given to rows of fifo_allocations and fifo_inventory_snapshot. Only a run moves them.
CREATE SEQUENCE fifo_parts.allocation_ids;
CREATE SEQUENCE fifo_parts.lot_ids;

CREATE TABLE allocation_versions (
    version          BIGINT PRIMARY KEY CONSTRAINT allocation_versions_version_check CHECK (version > 0),
    method           TEXT NOT NULL CONSTRAINT allocation_versions_method_check CHECK (method = 'fifo'),
    scope            TEXT NOT NULL CONSTRAINT allocation_versions_scope_check CHECK (scope <> ''),
    status           TEXT NOT NULL CONSTRAINT allocation_versions_status_check
        CHECK (status IN ('running', 'completed', 'partial', 'failed', 'dropped')),
    origin           TEXT NOT NULL,
    ledger_hash      TEXT,
    allocations_hash TEXT,
    rates_hash       TEXT,
    policy           JSONB NOT NULL,
    watermark        JSONB NOT NULL,
    engine_version   TEXT NOT NULL,
    complete_through TIMESTAMPTZ,
    created_at       TIMESTAMPTZ NOT NULL,
    completed_at     TIMESTAMPTZ,
    published_at     TIMESTAMPTZ,
    sealed_at        TIMESTAMPTZ,
    sealed_reason    TEXT,
    CONSTRAINT allocation_versions_sealed_check CHECK ((sealed_at IS NULL) = (sealed_reason IS NULL))
);

-- One row: the version that reports read, and whether a person holds it.
CREATE TABLE current_version (
    id         BIGINT PRIMARY KEY CONSTRAINT current_version_id_check CHECK (id = 1),
    version    BIGINT REFERENCES allocation_versions (version),
    held       BOOLEAN NOT NULL DEFAULT FALSE,
    changed_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
INSERT INTO current_version (id) VALUES (1);

CREATE TABLE fifo_allocations (
    id                  BIGINT NOT NULL,
    account             TEXT COLLATE "C" NOT NULL,
    sell_order_id       TEXT COLLATE "C" NOT NULL,
    buy_order_id        TEXT COLLATE "C",
    symbol              TEXT COLLATE "C" NOT NULL,
    allocated_size      NUMERIC NOT NULL
        CONSTRAINT fifo_allocations_allocated_size_positive_check CHECK (allocated_size <> 0),
    buy_price           NUMERIC,
    sell_price          NUMERIC,
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
    -- The pool's asset. A leg that is NULL is the base. A direction that is NULL is long. The two columns before
    -- it say where a lot came from: the account that bought it, if it is another one, and the deposit.
    asset               TEXT COLLATE "C" NOT NULL,
    sell_leg            TEXT COLLATE "C" CONSTRAINT fifo_allocations_sell_leg_check CHECK (sell_leg IN ('quote', 'fee', 'network')),
    buy_leg             TEXT COLLATE "C" CONSTRAINT fifo_allocations_buy_leg_check CHECK (buy_leg IN ('quote', 'fee', 'income')),
    buy_account         TEXT COLLATE "C",
    buy_movement        TEXT COLLATE "C",
    direction           TEXT COLLATE "C" CONSTRAINT fifo_allocations_direction_check CHECK (direction = 'short'),
    CONSTRAINT fifo_allocations_unmatched_check CHECK (
        (buy_order_id IS NULL) = (cost_basis_usd IS NULL) AND (buy_order_id IS NULL) = (pnl_usd IS NULL)
        AND (buy_order_id IS NULL) = (buy_time IS NULL)
        AND (buy_order_id IS NOT NULL OR buy_fees_per_unit IS NULL AND buy_price IS NULL AND buy_leg IS NULL
            AND buy_movement IS NULL)),
    CONSTRAINT fifo_allocations_moved_check CHECK (buy_account IS NULL OR buy_movement IS NOT NULL),
    CONSTRAINT fifo_allocations_time_check CHECK (buy_time IS NULL OR CASE WHEN direction IS NULL
        THEN buy_time <= sell_time ELSE sell_time <= buy_time END),
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
) PARTITION BY RANGE (allocation_version, account, asset);
-- A partition has these before it is attached; attaching then takes them over without a scan. A partition
-- holds one version, or the pools of one half of it. So no index begins with the version. Nor do two indexes
-- begin with the account: without statistics the server would take each of them for as good as the one that
-- has a whole key. Where many rows share an index's first columns, each comparison reads them in vain.
CREATE UNIQUE INDEX fifo_allocations_pair_key
    ON fifo_allocations (sell_order_id, (coalesce(buy_order_id, '')), account, asset, (coalesce(sell_leg, '')),
        (coalesce(buy_leg, '')),
        (coalesce(buy_movement || chr(31) || coalesce(buy_account, ''), '')), allocation_version);
CREATE INDEX fifo_allocations_buy_index
    ON fifo_allocations (buy_order_id, account) WHERE buy_order_id IS NOT NULL;
-- A pool by its whole key, whether many accounts share an asset or an account has many assets.
CREATE INDEX fifo_allocations_pool_index
    ON fifo_allocations (asset, account, sell_time);
CREATE INDEX fifo_allocations_unmatched_index
    ON fifo_allocations (id) WHERE buy_order_id IS NULL;

CREATE TABLE fifo_computation_log (
    id                      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY
        CONSTRAINT fifo_computation_log_id_check CHECK (id > 0),
    symbol                  TEXT,
    allocation_version      BIGINT,
    allocation_batch_id     UUID NOT NULL,
    computation_start       TIMESTAMPTZ NOT NULL,
    computation_end         TIMESTAMPTZ,
    computation_duration_ms BIGINT,
    status                  TEXT NOT NULL CONSTRAINT fifo_computation_log_status_check
        CHECK (status IN ('running', 'completed', 'partial', 'failed')),
    buys_processed          BIGINT NOT NULL DEFAULT 0,
    sells_processed         BIGINT NOT NULL DEFAULT 0,
    allocations_created     BIGINT NOT NULL DEFAULT 0,
    error_message           TEXT,
    error_traceback         TEXT,
    symbols_processed       BIGINT NOT NULL DEFAULT 0,
    total_pnl_computed      NUMERIC,
    computation_mode        TEXT NOT NULL,
    triggered_by            TEXT NOT NULL,
    created_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    unmatched_sells         BIGINT NOT NULL DEFAULT 0,
    fees_unknown            BIGINT NOT NULL DEFAULT 0,
    trades_ineligible       BIGINT NOT NULL DEFAULT 0,
    trades_not_matched      BIGINT NOT NULL DEFAULT 0,
    symbols_failed          BIGINT NOT NULL DEFAULT 0,
    error_details           JSONB,
    retry_count             BIGINT NOT NULL DEFAULT 0,
    last_error_at           TIMESTAMPTZ,
    host                    TEXT NOT NULL,
    pid                     BIGINT NOT NULL,
    engine_version          TEXT NOT NULL,
    CONSTRAINT fifo_computation_log_end_check CHECK ((status = 'running') = (computation_end IS NULL))
);

-- The summaries stand in fifo_parts beside the rows they sum up; a view shows them in public.
CREATE TABLE fifo_parts.fifo_pool_summary (
    allocation_version         BIGINT NOT NULL REFERENCES allocation_versions (version),
    account                    TEXT COLLATE "C" NOT NULL,
    asset                      TEXT COLLATE "C" NOT NULL,
    status                     TEXT NOT NULL CONSTRAINT fifo_pool_summary_status_check
        CHECK (status IN ('matched', 'stale', 'rejected', 'excluded')),
    trades                     BIGINT NOT NULL,
    legs                       BIGINT NOT NULL,
    buys                       BIGINT NOT NULL,
    sells                      BIGINT NOT NULL,
    allocations                BIGINT NOT NULL,
    sells_matched              BIGINT NOT NULL,
    sells_unmatched            BIGINT NOT NULL,
    buys_used                  BIGINT NOT NULL,
    fees_unknown               BIGINT NOT NULL,
    buys_by_id                 BIGINT NOT NULL,
    sells_by_id                BIGINT NOT NULL,
    rebates                    BIGINT NOT NULL,
    rebates_usd                NUMERIC NOT NULL,
    matched_size               NUMERIC NOT NULL,
    cost_basis_usd             NUMERIC NOT NULL,
    proceeds_usd               NUMERIC NOT NULL,
    net_proceeds_usd           NUMERIC NOT NULL,
    pnl_usd                    NUMERIC NOT NULL,
    unmatched_size             NUMERIC NOT NULL,
    unmatched_proceeds_usd     NUMERIC NOT NULL,
    unmatched_net_proceeds_usd NUMERIC NOT NULL,
    open_lots                  BIGINT NOT NULL,
    open_size                  NUMERIC NOT NULL,
    open_cost_usd              NUMERIC NOT NULL,
    first_sell                 TIMESTAMPTZ,
    last_sell                  TIMESTAMPTZ,
    last_order_time            TIMESTAMPTZ,
    last_side                  TEXT,
    last_trade_seq             BIGINT,
    last_order_id              TEXT,
    last_leg                   TEXT COLLATE "C",
    -- NULL: the open lots are long. Short lots have net proceeds as their cost.
    open_direction             TEXT COLLATE "C"
        CONSTRAINT fifo_pool_summary_open_direction_check CHECK (open_direction = 'short'),
    asset_class                TEXT COLLATE "C" CONSTRAINT fifo_pool_summary_asset_class_check
        CHECK (asset_class IN ('crypto', 'security', 'fx', 'future')),
    -- What says the class. If asset_class is NULL beside it, its rows give several classes.
    asset_class_source         TEXT COLLATE "C" CONSTRAINT fifo_pool_summary_asset_class_source_check
        CHECK (asset_class_source IN ('column', 'symbol', 'account', 'code', 'spelling', 'payment')),
    -- The symbol of all trades; or NULL, and the totals of each symbol.
    symbol                     TEXT COLLATE "C",
    symbols                    JSONB,
    ledger_hash                TEXT NOT NULL,
    allocations_hash           TEXT NOT NULL,
    watermark                  JSONB NOT NULL,
    first_allocation           TIMESTAMPTZ,
    last_allocation            TIMESTAMPTZ,
    duration_us                BIGINT NOT NULL,
    error                      TEXT,
    PRIMARY KEY (allocation_version, account, asset),
    CONSTRAINT fifo_pool_summary_error_check CHECK ((status = 'matched') = (error IS NULL)),
    CONSTRAINT fifo_pool_summary_rebates_usd_check CHECK (rebates_usd >= 0 AND rebates_usd < 'Infinity'),
    CONSTRAINT fifo_pool_summary_matched_size_check CHECK (matched_size >= 0 AND matched_size < 'Infinity'),
   
        CONSTRAINT fifo_pool_summary_cost_basis_usd_check
        CHECK (cost_basis_usd > '-Infinity' AND cost_basis_usd < 'Infinity'),
    CONSTRAINT fifo_pool_summary_proceeds_usd_check CHECK (proceeds_usd >= 0 AND proceeds_usd < 'Infinity'),
   
        CONSTRAINT fifo_pool_summary_net_proceeds_usd_check
        CHECK (net_proceeds_usd > '-Infinity' AND net_proceeds_usd < 'Infinity'),
    CONSTRAINT fifo_pool_summary_pnl_usd_check CHECK (pnl_usd > '-Infinity' AND pnl_usd < 'Infinity'),
    CONSTRAINT fifo_pool_summary_unmatched_size_check CHECK (unmatched_size >= 0 AND unmatched_size < 'Infinity'),
   
        CONSTRAINT fifo_pool_summary_unmatched_proceeds_usd_check
        CHECK (unmatched_proceeds_usd >= 0 AND unmatched_proceeds_usd < 'Infinity'),
   
        CONSTRAINT fifo_pool_summary_unmatched_net_proceeds_usd_check
        CHECK (unmatched_net_proceeds_usd > '-Infinity' AND unmatched_net_proceeds_usd < 'Infinity'),
    CONSTRAINT fifo_pool_summary_open_size_check CHECK (open_size >= 0 AND open_size < 'Infinity'),
    CONSTRAINT fifo_pool_summary_open_cost_usd_check CHECK (open_cost_usd > '-Infinity' AND open_cost_usd < 'Infinity')
);
CREATE VIEW fifo_pool_summary AS SELECT * FROM fifo_parts.fifo_pool_summary;

-- The entries of each pool by the symbol of their trades.
CREATE VIEW fifo_symbol_summary AS
SELECT allocation_version, account, asset, symbol, trades, buys, sells, allocations, matched_size, pnl_usd,
       first_sell, last_sell, status
FROM fifo_parts.fifo_pool_summary
WHERE symbol IS NOT NULL
UNION ALL
SELECT p.allocation_version, p.account, p.asset, s.symbol, s.trades, s.buys, s.sells, s.allocations,
       s.matched_size, s.pnl_usd,
       'epoch'::timestamptz + s.first_sell * interval '1 microsecond',
       'epoch'::timestamptz + s.last_sell * interval '1 microsecond', p.status
FROM fifo_parts.fifo_pool_summary p
CROSS JOIN LATERAL jsonb_to_recordset(p.symbols) AS s (symbol text, trades bigint, buys bigint, sells bigint,
    allocations bigint, matched_size numeric, pnl_usd numeric, first_sell bigint, last_sell bigint)
WHERE p.symbol IS NULL;

CREATE TABLE fifo_inventory_snapshot (
    id                 BIGINT NOT NULL,
    symbol             TEXT COLLATE "C" NOT NULL,
    buy_order_id       TEXT COLLATE "C" NOT NULL,
    remaining_size     NUMERIC NOT NULL
        CONSTRAINT fifo_inventory_snapshot_remaining_size_positive_check CHECK (remaining_size <> 0),
    snapshot_time      TIMESTAMPTZ NOT NULL,
    allocation_version BIGINT NOT NULL,
    account            TEXT COLLATE "C" NOT NULL,
    remaining_cost_usd NUMERIC NOT NULL,
    asset              TEXT COLLATE "C" NOT NULL,
    buy_leg            TEXT COLLATE "C"
        CONSTRAINT fifo_inventory_snapshot_buy_leg_check CHECK (buy_leg IN ('quote', 'fee', 'income')),
    -- What the whole lot is made of, if price x size of its trade is not its value.
    lot_size           NUMERIC,
    lot_value_usd      NUMERIC,
    lot_fee_usd        NUMERIC,
    -- Of a short lot the order is the sell that opened it, and the cost is what is left of its net proceeds.
    direction          TEXT COLLATE "C" CONSTRAINT fifo_inventory_snapshot_direction_check CHECK (direction = 'short'),
    buy_account        TEXT COLLATE "C",
    buy_movement       TEXT COLLATE "C",
    CONSTRAINT fifo_inventory_snapshot_moved_check CHECK (buy_account IS NULL OR buy_movement IS NOT NULL),
    CONSTRAINT fifo_inventory_snapshot_lot_check CHECK ((lot_size IS NULL) = (lot_value_usd IS NULL)),
    CONSTRAINT fifo_inventory_snapshot_remaining_size_check CHECK (remaining_size >= 0 AND remaining_size < 'Infinity'),
   
        CONSTRAINT fifo_inventory_snapshot_remaining_cost_usd_check
        CHECK (remaining_cost_usd > '-Infinity' AND remaining_cost_usd < 'Infinity')
) PARTITION BY RANGE (allocation_version, account, asset);
CREATE UNIQUE INDEX fifo_inventory_snapshot_lot_key
    ON fifo_inventory_snapshot (account, asset, buy_order_id, (coalesce(buy_leg, '')),
        (coalesce(buy_movement || chr(31) || coalesce(buy_account, ''), '')), allocation_version);

-- Units of lots that transfers moved. A lot is named as in the sending account.
CREATE TABLE fifo_lot_moves (
    allocation_version BIGINT NOT NULL REFERENCES allocation_versions (version),
    asset              TEXT COLLATE "C" NOT NULL,
    from_account       TEXT COLLATE "C" NOT NULL,
    withdrawal_id      TEXT COLLATE "C" NOT NULL,
    to_account         TEXT COLLATE "C" NOT NULL,
    deposit_id         TEXT COLLATE "C" NOT NULL,
    buy_account        TEXT COLLATE "C" NOT NULL,
    buy_order_id       TEXT COLLATE "C" NOT NULL,
    buy_leg            TEXT COLLATE "C" NOT NULL CONSTRAINT fifo_lot_moves_buy_leg_check
        CHECK (buy_leg IN ('base', 'quote', 'fee', 'income')),
    -- The deposit that brought the lot into the sending account; empty if it was bought there.
    buy_movement       TEXT COLLATE "C" NOT NULL,
    buy_time           TIMESTAMPTZ NOT NULL,
    size               NUMERIC NOT NULL CONSTRAINT fifo_lot_moves_size_positive_check CHECK (size <> 0),
    cost_usd           NUMERIC NOT NULL,
    PRIMARY KEY (allocation_version, from_account, asset, withdrawal_id, buy_account, buy_order_id, buy_leg,
        buy_movement),
    CONSTRAINT fifo_lot_moves_accounts_check CHECK (from_account <> to_account),
    CONSTRAINT fifo_lot_moves_size_check CHECK (size >= 0 AND size < 'Infinity'),
    CONSTRAINT fifo_lot_moves_cost_usd_check CHECK (cost_usd > '-Infinity' AND cost_usd < 'Infinity')
);

-- The rates that gave a version's trades their values. A cross has two steps. A step is of a file's line, or the
-- price of an own trade.
CREATE TABLE fifo_rates_used (
    allocation_version BIGINT NOT NULL,
    account            TEXT COLLATE "C" NOT NULL,
    order_id           TEXT COLLATE "C" NOT NULL,
    purpose            TEXT COLLATE "C" NOT NULL CONSTRAINT fifo_rates_used_purpose_check
        CHECK (purpose IN ('value', 'fee')),
    step               BIGINT NOT NULL CONSTRAINT fifo_rates_used_step_check CHECK (step IN (1, 2)),
    asset              TEXT COLLATE "C" NOT NULL,
    units              NUMERIC NOT NULL,
    value_usd          NUMERIC NOT NULL,
    rate               NUMERIC NOT NULL CONSTRAINT fifo_rates_used_rate_positive_check CHECK (rate <> 0),
    rate_time          TIMESTAMPTZ NOT NULL,
    source             TEXT COLLATE "C" NOT NULL,
    step_asset         TEXT COLLATE "C" NOT NULL,
    step_currency      TEXT COLLATE "C" NOT NULL,
    step_rate          NUMERIC NOT NULL CONSTRAINT fifo_rates_used_step_rate_positive_check
        CHECK (step_rate <> 0),
    import_id          BIGINT,
    import_line        BIGINT,
    own_order_id       TEXT COLLATE "C",
    order_time         TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (allocation_version, account, order_id, purpose, step),
    CONSTRAINT fifo_rates_used_time_check CHECK (rate_time <= order_time),
    CONSTRAINT fifo_rates_used_origin_check CHECK ((import_id IS NULL) = (import_line IS NULL)
        AND CASE source WHEN 'peg' THEN import_id IS NULL AND own_order_id IS NULL
            ELSE (import_id IS NULL) = (own_order_id IS NOT NULL) END),
    CONSTRAINT fifo_rates_used_units_check CHECK (units > '-Infinity' AND units < 'Infinity'),
    CONSTRAINT fifo_rates_used_value_usd_check CHECK (value_usd > '-Infinity' AND value_usd < 'Infinity'),
    CONSTRAINT fifo_rates_used_rate_check CHECK (rate >= 0 AND rate < 'Infinity'),
    CONSTRAINT fifo_rates_used_step_rate_check CHECK (step_rate >= 0 AND step_rate < 'Infinity')
);
-- Each row's version and import must exist. With foreign keys the server takes four times as long: it looks up
-- both for each row. This trigger looks up each number once a statement. Imports are append-only. A version
-- can't be deleted while its summaries refer to it.
CREATE FUNCTION fifo_parts.require_parents() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    no_version BIGINT;
    no_import BIGINT;
BEGIN
    SELECT min(w.allocation_version) FILTER (WHERE v.version IS NULL),
        min(w.import_id) FILTER (WHERE i.id IS NULL)
    INTO no_version, no_import
    FROM (SELECT DISTINCT allocation_version, import_id FROM written) w
    LEFT JOIN public.allocation_versions v ON v.version = w.allocation_version
    LEFT JOIN public.imports i ON i.id = w.import_id;
    IF no_version IS NOT NULL THEN
        RAISE EXCEPTION 'fifo_rates_used: there is no allocation version %', no_version
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    IF no_import IS NOT NULL THEN
        RAISE EXCEPTION 'fifo_rates_used: there is no import %', no_import
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fifo_rates_used_parents AFTER INSERT ON fifo_rates_used
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION fifo_parts.require_parents();
CREATE TRIGGER fifo_rates_used_parents_of_update AFTER UPDATE ON fifo_rates_used
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION fifo_parts.require_parents();

CREATE TABLE manual_review_queue (
    id                 BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY
        CONSTRAINT manual_review_queue_id_check CHECK (id > 0),
    order_id           TEXT COLLATE "C" NOT NULL,
    issue_type         TEXT NOT NULL CONSTRAINT manual_review_queue_issue_type_check
        CHECK (issue_type IN ('unmatched_sell', 'invalid_trade', 'missing_fx', 'unapplied_action', 'unapplied_transfer',
                              'allocation_error')),
    severity           TEXT NOT NULL CONSTRAINT manual_review_queue_severity_check
        CHECK (severity IN ('low', 'medium', 'high', 'critical')),
    status             TEXT NOT NULL CONSTRAINT manual_review_queue_status_check
        CHECK (status IN ('pending', 'in_progress', 'resolved', 'dismissed')),
    description        TEXT NOT NULL,
    resolution         TEXT,
    created_at         TIMESTAMPTZ NOT NULL,
    updated_at         TIMESTAMPTZ NOT NULL,
    resolved_at        TIMESTAMPTZ,
    resolved_by        TEXT,
    account            TEXT COLLATE "C" NOT NULL,
    symbol             TEXT COLLATE "C" NOT NULL,
    allocation_version BIGINT NOT NULL,
    details            JSONB NOT NULL,
    asset              TEXT COLLATE "C" NOT NULL,
    leg                TEXT COLLATE "C" NOT NULL DEFAULT 'base'
        CONSTRAINT manual_review_queue_leg_check CHECK (leg IN ('base', 'quote', 'fee', 'network', 'income')),
    CONSTRAINT manual_review_queue_key UNIQUE (account, asset, order_id, leg, issue_type),
    CONSTRAINT manual_review_queue_resolved_check
        CHECK ((status IN ('resolved', 'dismissed')) = (resolved_at IS NOT NULL))
);
CREATE INDEX manual_review_queue_open_index
    ON manual_review_queue (severity, account) WHERE status IN ('pending', 'in_progress');

-- Pools that a person took out of matching, or back in. The latest row of a pool wins.
CREATE TABLE review_exclusions (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY
        CONSTRAINT review_exclusions_id_check CHECK (id > 0),
    account    TEXT COLLATE "C" NOT NULL,
    asset      TEXT COLLATE "C" NOT NULL,
    excluded   BOOLEAN NOT NULL,
    reason     TEXT NOT NULL CONSTRAINT review_exclusions_reason_check CHECK (reason <> ''),
    decided_by TEXT NOT NULL,
    decided_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX review_exclusions_pool_index ON review_exclusions (account, asset, id);
CREATE TRIGGER review_exclusions_no_change BEFORE UPDATE OR DELETE ON review_exclusions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER review_exclusions_no_truncate BEFORE TRUNCATE ON review_exclusions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
