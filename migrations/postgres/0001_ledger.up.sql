-- The ledger: imports, voids, the audit trail, trades, and the views through which everything reads. Decimals
-- are unconstrained NUMERIC with checks that refuse NaN and Infinity; times are TIMESTAMPTZ. Names are
-- compared as bytes ("C"), so that no locale of a server changes an order or a spelling.

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

-- When a row came is the server's to say: a value from outside could stop every run, or hide a row.
CREATE FUNCTION refuse_arrival() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%: the server sets %: leave it out', TG_TABLE_NAME, TG_ARGV[0]
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

-- For a ledger that was there before us: its bot may name every column that it finds.
CREATE FUNCTION set_arrival() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.ingest_xid := pg_catalog.pg_current_xact_id();
    NEW.ingested_at := pg_catalog.now();
    RETURN NEW;
END $$;

-- Imports are numbered without gaps by the import itself. The limit leaves room to add 1.
CREATE TABLE imports (
    id          BIGINT PRIMARY KEY CONSTRAINT imports_id_check CHECK (id BETWEEN 1 AND 9007199254740991),
    name        TEXT NOT NULL,
    sha256      TEXT NOT NULL CONSTRAINT imports_sha256_check CHECK (length(sha256) = 64),
    rows        BIGINT NOT NULL CONSTRAINT imports_rows_check CHECK (rows >= 0),
    imported_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE TRIGGER imports_no_change BEFORE UPDATE OR DELETE ON imports
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER imports_no_truncate BEFORE TRUNCATE ON imports
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE import_rejects (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    import_id   BIGINT NOT NULL REFERENCES imports (id),
    line        BIGINT NOT NULL,
    order_id    TEXT NOT NULL,
    column_name TEXT NOT NULL,
    found       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    line_text   TEXT NOT NULL
);
CREATE TRIGGER import_rejects_no_change BEFORE UPDATE OR DELETE ON import_rejects
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER import_rejects_no_truncate BEFORE TRUNCATE ON import_rejects
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Takes a trade out of matching, or puts it back (undone). The latest row of a trade wins, so its
-- number and its arrival are the server's.
CREATE TABLE trade_voids (
    void_seq  BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY
        CONSTRAINT trade_voids_void_seq_check CHECK (void_seq > 0),
    account   TEXT COLLATE "C" NOT NULL,
    order_id  TEXT COLLATE "C" NOT NULL,
    reason    TEXT NOT NULL CONSTRAINT trade_voids_reason_check CHECK (reason <> ''),
    voided_by TEXT NOT NULL,
    voided_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    undone    BOOLEAN NOT NULL DEFAULT FALSE,
    void_xid  XID8 NOT NULL DEFAULT pg_current_xact_id(),
    import_id BIGINT REFERENCES imports (id)
);
CREATE INDEX trade_voids_import_index ON trade_voids (import_id) WHERE import_id IS NOT NULL;
CREATE INDEX trade_voids_order_index ON trade_voids (account, order_id, void_seq);
CREATE TRIGGER trade_voids_no_change BEFORE UPDATE OR DELETE ON trade_voids
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER trade_voids_no_truncate BEFORE TRUNCATE ON trade_voids
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER trade_voids_arrival AFTER INSERT ON trade_voids FOR EACH ROW
    WHEN (NEW.void_xid IS DISTINCT FROM pg_current_xact_id())
    EXECUTE FUNCTION refuse_arrival('void_xid');

-- Takes all rows of an import out, or puts them back (undone): trades, rates, movements. The latest row of an import
-- wins. A row that is voided on its own stays so. One writer at a time: the numbers are in the order of the
-- commits.
CREATE TABLE import_voids (
    void_seq  BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY
        CONSTRAINT import_voids_void_seq_check CHECK (void_seq > 0),
    import_id BIGINT NOT NULL REFERENCES imports (id),
    reason    TEXT NOT NULL CONSTRAINT import_voids_reason_check CHECK (reason <> ''),
    voided_by TEXT NOT NULL,
    voided_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    undone    BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX import_voids_import_index ON import_voids (import_id, void_seq);
CREATE TRIGGER import_voids_no_change BEFORE UPDATE OR DELETE ON import_voids
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER import_voids_no_truncate BEFORE TRUNCATE ON import_voids
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Rates of assets. A corrected rate is a row with the next revision, and the reason; the last revision counts.
-- One import writes at a time, so the numbers are in the order of commits.
CREATE TABLE rates (
    rate_seq     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY
        CONSTRAINT rates_rate_seq_check CHECK (rate_seq > 0),
    asset        TEXT COLLATE "C" NOT NULL CONSTRAINT rates_asset_check CHECK (asset <> ''),
    currency     TEXT COLLATE "C" NOT NULL CONSTRAINT rates_currency_check CHECK (currency <> '' AND currency <> asset),
    source       TEXT COLLATE "C" NOT NULL CONSTRAINT rates_source_check CHECK (source <> ''),
    published_at TIMESTAMPTZ NOT NULL CONSTRAINT rates_published_at_check
        CHECK (published_at >= '0001-01-01 00:00:00+00' AND published_at < '10000-01-01 00:00:00+00'),
    revision     BIGINT NOT NULL CONSTRAINT rates_revision_check CHECK (revision > 0),
    rate         NUMERIC NOT NULL CONSTRAINT rates_rate_positive_check CHECK (rate <> 0),
    reason       TEXT CONSTRAINT rates_reason_check CHECK ((reason IS NULL) = (revision = 1) AND reason <> ''),
    import_id    BIGINT NOT NULL REFERENCES imports (id),
    import_line  BIGINT NOT NULL,
    CONSTRAINT rates_rate_check CHECK (rate >= 0 AND rate < 'Infinity'
        AND scale(trim_scale(rate)) <= 28
        AND abs(rate) * power(10::numeric, scale(trim_scale(rate))) < 1e28)
);
CREATE UNIQUE INDEX rates_key ON rates (asset, currency, source, published_at, revision);
CREATE TRIGGER rates_no_change BEFORE UPDATE OR DELETE ON rates
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER rates_no_truncate BEFORE TRUNCATE ON rates
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Assets that enter or leave an account and are no trade. Matching does not use them yet. One namespace of ids
-- for trades and movements of an account: an import checks it.
CREATE TABLE asset_movements (
    movement_seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY
        CONSTRAINT asset_movements_movement_seq_check CHECK (movement_seq > 0),
    account      TEXT COLLATE "C" NOT NULL CONSTRAINT asset_movements_account_check CHECK (account <> ''),
    movement_id  TEXT COLLATE "C" NOT NULL CONSTRAINT asset_movements_movement_id_check CHECK (movement_id <> ''),
    asset        TEXT COLLATE "C" NOT NULL CONSTRAINT asset_movements_asset_check CHECK (asset <> ''),
    direction    TEXT NOT NULL CONSTRAINT asset_movements_direction_check CHECK (direction IN ('in', 'out')),
    size         NUMERIC NOT NULL,
    fee          NUMERIC,
    fee_asset    TEXT COLLATE "C" CONSTRAINT asset_movements_fee_asset_check CHECK (fee_asset <> ''),
    usd_value    NUMERIC,
    kind         TEXT NOT NULL CONSTRAINT asset_movements_kind_check
        CHECK (kind IN ('deposit', 'withdrawal', 'transfer', 'reward', 'staking', 'interest', 'airdrop',
                        'fork', 'mining', 'dividend', 'gift', 'fee', 'adjustment')),
    moved_at     TIMESTAMPTZ NOT NULL CONSTRAINT asset_movements_moved_at_check
        CHECK (moved_at >= '0001-01-01 00:00:00+00' AND moved_at < '10000-01-01 00:00:00+00'),
    settled_at   TIMESTAMPTZ CONSTRAINT asset_movements_settled_at_check
        CHECK (settled_at >= '0001-01-01 00:00:00+00' AND settled_at < '10000-01-01 00:00:00+00'),
    tx_id        TEXT CONSTRAINT asset_movements_tx_id_check CHECK (tx_id <> ''),
    exchange     TEXT,
    import_id    BIGINT NOT NULL REFERENCES imports (id),
    import_line  BIGINT NOT NULL,
    ingested_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT asset_movements_size_check CHECK (size > 0 AND size < 'Infinity'
        AND scale(trim_scale(size)) <= 28
        AND abs(size) * power(10::numeric, scale(trim_scale(size))) < 1e28),
    CONSTRAINT asset_movements_fee_pair_check CHECK ((fee IS NULL) = (fee_asset IS NULL)),
    CONSTRAINT asset_movements_fee_check CHECK (fee IS NULL OR
        (fee > '-Infinity' AND fee < 'Infinity'
        AND scale(trim_scale(fee)) <= 28
        AND abs(fee) * power(10::numeric, scale(trim_scale(fee))) < 1e28)),
    CONSTRAINT asset_movements_usd_value_check CHECK (usd_value IS NULL OR
        (usd_value >= 0 AND usd_value < 'Infinity'
        AND scale(trim_scale(usd_value)) <= 28
        AND abs(usd_value) * power(10::numeric, scale(trim_scale(usd_value))) < 1e28))
);
CREATE UNIQUE INDEX asset_movements_key ON asset_movements (account, movement_id);
CREATE TRIGGER asset_movements_no_change BEFORE UPDATE OR DELETE ON asset_movements
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER asset_movements_no_truncate BEFORE TRUNCATE ON asset_movements
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A person's decisions about transfers: whether a withdrawal and a deposit are one. The latest row of the two wins.
-- A word about one movement names it in both places.
-- One writer at a time: the numbers are in the order of the commits.
CREATE TABLE transfer_decisions (
    decision_seq       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY
        CONSTRAINT transfer_decisions_decision_seq_check CHECK (decision_seq > 0),
    kind               TEXT NOT NULL CONSTRAINT transfer_decisions_kind_check
        CHECK (kind IN ('pair', 'unpair', 'booked', 'income', 'undecided')),
    withdrawal_account TEXT COLLATE "C" NOT NULL
        CONSTRAINT transfer_decisions_withdrawal_account_check CHECK (withdrawal_account <> ''),
    withdrawal_id      TEXT COLLATE "C" NOT NULL
        CONSTRAINT transfer_decisions_withdrawal_id_check CHECK (withdrawal_id <> ''),
    deposit_account    TEXT COLLATE "C" NOT NULL
        CONSTRAINT transfer_decisions_deposit_account_check CHECK (deposit_account <> ''),
    deposit_id         TEXT COLLATE "C" NOT NULL
        CONSTRAINT transfer_decisions_deposit_id_check CHECK (deposit_id <> ''),
    note               TEXT CONSTRAINT transfer_decisions_note_check CHECK (note <> ''),
    decided_by         TEXT NOT NULL,
    decided_at         TIMESTAMPTZ NOT NULL CONSTRAINT transfer_decisions_decided_at_check
        CHECK (decided_at >= '0001-01-01 00:00:00+00' AND decided_at < '10000-01-01 00:00:00+00'),
    usd_value          NUMERIC,
    CONSTRAINT transfer_decisions_usd_value_check CHECK (usd_value IS NULL OR (kind = 'income'
        AND usd_value >= 0 AND usd_value < 'Infinity'
        AND scale(trim_scale(usd_value)) <= 28
        AND abs(usd_value) * power(10::numeric, scale(trim_scale(usd_value))) < 1e28)),
    CONSTRAINT transfer_decisions_movement_check CHECK ((kind IN ('booked', 'income', 'undecided'))
        = (withdrawal_account = deposit_account AND withdrawal_id = deposit_id))
);
CREATE TRIGGER transfer_decisions_no_change BEFORE UPDATE OR DELETE ON transfer_decisions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER transfer_decisions_no_truncate BEFORE TRUNCATE ON transfer_decisions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Splits, mergers, spin-offs and new names. Matching applies splits, and rejects the pools that the others change.
-- An action without an account is of all accounts. A source states a ratio, or the units that came by a split.
-- A row with voids repeats the action of that id, and takes it out.
CREATE TABLE asset_actions (
    action_seq  BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY
        CONSTRAINT asset_actions_action_seq_check CHECK (action_seq > 0),
    account     TEXT COLLATE "C" CONSTRAINT asset_actions_account_check CHECK (account <> ''),
    action_id   TEXT COLLATE "C" NOT NULL CONSTRAINT asset_actions_action_id_check CHECK (action_id <> ''),
    kind        TEXT NOT NULL CONSTRAINT asset_actions_kind_check
        CHECK (kind IN ('split', 'rename', 'spin_off', 'merger')),
    asset       TEXT COLLATE "C" NOT NULL CONSTRAINT asset_actions_asset_check CHECK (asset <> ''),
    happened_at TIMESTAMPTZ NOT NULL CONSTRAINT asset_actions_happened_at_check
        CHECK (happened_at >= '0001-01-01 00:00:00+00' AND happened_at < '10000-01-01 00:00:00+00'),
    ratio_new   BIGINT,
    ratio_old   BIGINT,
    units       NUMERIC,
    other_asset TEXT COLLATE "C" CONSTRAINT asset_actions_other_asset_check
        CHECK (other_asset <> '' AND other_asset <> asset),
    basis_share NUMERIC,
    voids       TEXT COLLATE "C" CONSTRAINT asset_actions_voids_check CHECK (voids <> '' AND voids <> action_id),
    note        TEXT CONSTRAINT asset_actions_note_check CHECK (note <> ''),
    exchange    TEXT,
    import_id   BIGINT NOT NULL REFERENCES imports (id),
    import_line BIGINT NOT NULL,
    ingested_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT asset_actions_ratio_check CHECK ((ratio_new IS NULL) = (ratio_old IS NULL)
        AND (ratio_new IS NULL OR (ratio_new > 0 AND ratio_old > 0))),
    CONSTRAINT asset_actions_facts_check CHECK (CASE kind
            WHEN 'split' THEN other_asset IS NULL AND (ratio_new IS NULL) <> (units IS NULL)
            WHEN 'rename' THEN other_asset IS NOT NULL AND ratio_new IS NULL AND units IS NULL
            ELSE other_asset IS NOT NULL AND ratio_new IS NOT NULL AND units IS NULL END),
    CONSTRAINT asset_actions_units_check CHECK (units IS NULL OR
        (units > 0 AND units < 'Infinity'
        AND scale(trim_scale(units)) <= 28
        AND abs(units) * power(10::numeric, scale(trim_scale(units))) < 1e28)),
    CONSTRAINT asset_actions_basis_share_check CHECK (basis_share IS NULL OR
        (kind = 'spin_off' AND basis_share BETWEEN 0 AND 1 AND scale(trim_scale(basis_share)) <= 28))
);
CREATE UNIQUE INDEX asset_actions_key ON asset_actions (coalesce(account, ''), action_id);
CREATE TRIGGER asset_actions_no_change BEFORE UPDATE OR DELETE ON asset_actions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER asset_actions_no_truncate BEFORE TRUNCATE ON asset_actions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Accounts at venues and brokers. The settings file wins over what is stored here. No password stands here.
CREATE TABLE trading_accounts (
    id                        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY
        CONSTRAINT trading_accounts_id_check CHECK (id > 0),
    account                   TEXT COLLATE "C" NOT NULL
        CONSTRAINT trading_accounts_account_check CHECK (account <> ''),
    user_id                   TEXT,
    platform                  TEXT CONSTRAINT trading_accounts_platform_check CHECK (platform <> ''),
    broker                    TEXT,
    server                    TEXT CONSTRAINT trading_accounts_server_check CHECK (server <> ''),
    login                     TEXT CONSTRAINT trading_accounts_login_check CHECK (login <> ''),
    class                     TEXT CONSTRAINT trading_accounts_class_check
        CHECK (class IN ('crypto', 'security', 'fx', 'future')),
    is_active                 BOOLEAN NOT NULL DEFAULT TRUE,
    connection_status         TEXT NOT NULL DEFAULT 'pending' CONSTRAINT trading_accounts_connection_status_check
        CHECK (connection_status IN ('pending', 'connected', 'active', 'error', 'disconnected')),
    last_sync_at              TIMESTAMPTZ,
    last_successful_sync_at   TIMESTAMPTZ,
    last_connection_error     TEXT,
    sync_failure_count        BIGINT NOT NULL DEFAULT 0
        CONSTRAINT trading_accounts_sync_failure_count_check CHECK (sync_failure_count >= 0),
    broker_server_time_offset BIGINT CONSTRAINT trading_accounts_broker_server_time_offset_check
        CHECK (broker_server_time_offset BETWEEN -86399 AND 86399),
    mt5_service_account_id    TEXT,
    created_at                TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at                TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX trading_accounts_key ON trading_accounts (account);
CREATE UNIQUE INDEX trading_accounts_login_key ON trading_accounts (platform, server, login);
CREATE INDEX idx_trading_accounts_sync_status
    ON trading_accounts (is_active, connection_status, last_sync_at);

-- How far the clock of an account's server is before UTC, in seconds, from an instant on.
CREATE TABLE account_time_offsets (
    id             BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY
        CONSTRAINT account_time_offsets_id_check CHECK (id > 0),
    account_id     BIGINT NOT NULL REFERENCES trading_accounts (id),
    valid_from     TIMESTAMPTZ NOT NULL CONSTRAINT account_time_offsets_valid_from_check
        CHECK (valid_from >= '0001-01-01 00:00:00+00' AND valid_from < '10000-01-01 00:00:00+00'),
    offset_seconds BIGINT NOT NULL CONSTRAINT account_time_offsets_offset_seconds_check
        CHECK (offset_seconds BETWEEN -86399 AND 86399)
);
CREATE UNIQUE INDEX account_time_offsets_key ON account_time_offsets (account_id, valid_from);

-- A row for each try of an import, also for one that failed.
CREATE TABLE sync_logs (
    id               BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY
        CONSTRAINT sync_logs_id_check CHECK (id > 0),
    account_id       BIGINT NOT NULL REFERENCES trading_accounts (id),
    sync_type        TEXT NOT NULL DEFAULT 'manual' CONSTRAINT sync_logs_sync_type_check
        CHECK (sync_type IN ('scheduled', 'manual', 'realtime')),
    started_at       TIMESTAMPTZ NOT NULL,
    completed_at     TIMESTAMPTZ,
    status           TEXT NOT NULL CONSTRAINT sync_logs_status_check
        CHECK (status IN ('success', 'failed', 'partial')),
    trades_synced    BIGINT NOT NULL DEFAULT 0 CONSTRAINT sync_logs_trades_synced_check CHECK (trades_synced >= 0),
    error_message    TEXT,
    duration_ms      BIGINT CONSTRAINT sync_logs_duration_ms_check CHECK (duration_ms >= 0),
    file             TEXT,
    sha256           TEXT,
    format           TEXT,
    import_id        BIGINT REFERENCES imports (id),
    rows_read        BIGINT NOT NULL DEFAULT 0,
    trades_known     BIGINT NOT NULL DEFAULT 0,
    trades_corrected BIGINT NOT NULL DEFAULT 0,
    movements_synced BIGINT NOT NULL DEFAULT 0,
    actions_synced   BIGINT NOT NULL DEFAULT 0,
    rows_rejected    BIGINT NOT NULL DEFAULT 0,
    conflicts        BIGINT NOT NULL DEFAULT 0,
    error_details    JSONB NOT NULL DEFAULT '{}',
    triggered_by     TEXT,
    created_at       TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX idx_sync_logs_account ON sync_logs (account_id, started_at DESC);
CREATE INDEX idx_sync_logs_started_at ON sync_logs (started_at DESC);

CREATE TABLE event_log (
    id                 BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY
        CONSTRAINT event_log_id_check CHECK (id > 0),
    event_time         TIMESTAMPTZ NOT NULL DEFAULT now(),
    event_type         TEXT NOT NULL CONSTRAINT event_log_event_type_check CHECK (event_type <> ''),
    severity           TEXT NOT NULL DEFAULT 'info' CONSTRAINT event_log_severity_check
        CHECK (severity IN ('info', 'warning', 'error')),
    correlation_id     TEXT,
    account            TEXT COLLATE "C",
    asset              TEXT COLLATE "C",
    allocation_version BIGINT,
    details            JSONB NOT NULL DEFAULT '{}'
);
CREATE INDEX event_log_event_type_index ON event_log (event_type, id);
CREATE TRIGGER event_log_no_change BEFORE UPDATE OR DELETE ON event_log
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER event_log_no_truncate BEFORE TRUNCATE ON event_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Active voids: the latest row of each trade, unless it is an undo. Grouped by its key, so that the server
-- knows that it is one. Then it looks up voids for each row as it comes. Otherwise it would first hash the
-- whole ledger to join it with a table that may be empty.
CREATE VIEW active_voids AS
SELECT account, order_id, max(void_seq) AS void_seq
FROM trade_voids
GROUP BY account, order_id
HAVING max(void_seq) = max(void_seq) FILTER (WHERE NOT undone);

-- Imports whose rows are out: the latest row of each, unless it is an undo.
CREATE VIEW active_import_voids AS
SELECT import_id, max(void_seq) AS void_seq
FROM import_voids
GROUP BY import_id
HAVING max(void_seq) = max(void_seq) FILTER (WHERE NOT undone);

-- Movements whose imports are not undone.
CREATE VIEW eligible_movements AS
SELECT movement_seq, account, movement_id, asset, direction, size, fee, fee_asset, usd_value, kind,
       moved_at, settled_at, tx_id, exchange, import_id, import_line
FROM asset_movements
WHERE import_id NOT IN (SELECT import_id FROM active_import_voids);

-- Actions whose imports are not undone, and that nobody took out.
CREATE VIEW eligible_actions AS
SELECT action_seq, account, action_id, kind, asset, happened_at, ratio_new, ratio_old, units, other_asset,
       basis_share, note, exchange, import_id, import_line
FROM asset_actions a
WHERE voids IS NULL
  AND import_id NOT IN (SELECT import_id FROM active_import_voids)
  AND NOT EXISTS (SELECT 1 FROM asset_actions v
                  WHERE v.voids = a.action_id AND a.account IS NOT DISTINCT FROM v.account
                    AND v.import_id NOT IN (SELECT import_id FROM active_import_voids));

-- The ledger of our own, and its views. If a ledger was there before us, the program creates nothing of
-- this: it writes the views for the columns that it finds there.
-- begin: a ledger of our own
CREATE TABLE trade_records (
    account           TEXT COLLATE "C" NOT NULL DEFAULT 'default'
        CONSTRAINT trade_records_account_check CHECK (account <> ''),
    order_id          TEXT COLLATE "C" NOT NULL CONSTRAINT trade_records_order_id_check CHECK (order_id <> ''),
    symbol            TEXT COLLATE "C" NOT NULL CONSTRAINT trade_records_symbol_check CHECK (symbol <> ''),
    side              TEXT NOT NULL CONSTRAINT trade_records_side_check CHECK (side IN ('buy', 'sell')),
    size              NUMERIC NOT NULL CONSTRAINT trade_records_size_positive_check CHECK (size <> 0),
    price             NUMERIC NOT NULL,
    order_time        TIMESTAMPTZ NOT NULL CONSTRAINT trade_records_order_time_check
        CHECK (order_time >= '0001-01-01 00:00:00+00' AND order_time < '10000-01-01 00:00:00+00'),
    total_fees_usd    NUMERIC,
    trade_seq         BIGINT,
    status            TEXT,
    order_type        TEXT,
    source            TEXT,
    ingest_via        TEXT,
    exchange          TEXT,
    exchange_order_id TEXT,
    linked_order_id   TEXT,
    trigger           JSONB,
    import_id         BIGINT,
    import_line       BIGINT,
    ingested_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    ingest_xid        XID8 NOT NULL DEFAULT pg_current_xact_id(),
    -- Facts that few trades have.
    base_asset        TEXT COLLATE "C" CONSTRAINT trade_records_base_asset_check CHECK (base_asset <> ''),
    quote_currency    TEXT COLLATE "C" CONSTRAINT trade_records_quote_currency_check CHECK (quote_currency <> ''),
    asset_class       TEXT COLLATE "C" CONSTRAINT trade_records_asset_class_check
        CHECK (asset_class IN ('crypto', 'security', 'fx', 'future')),
    quote_value       NUMERIC,
    usd_value         NUMERIC,
    fee_amount        NUMERIC,
    fee_currency      TEXT COLLATE "C" CONSTRAINT trade_records_fee_currency_check CHECK (fee_currency <> ''),
    fee_usd_value     NUMERIC,
    contract_size     NUMERIC,
    CONSTRAINT trade_records_key PRIMARY KEY (account, order_id),
    CONSTRAINT trade_records_size_check CHECK (size >= 0 AND size < 'Infinity'
        AND scale(trim_scale(size)) <= 28
        AND abs(size) * power(10::numeric, scale(trim_scale(size))) < 1e28),
    CONSTRAINT trade_records_price_check CHECK (price >= 0 AND price < 'Infinity'
        AND scale(trim_scale(price)) <= 28
        AND abs(price) * power(10::numeric, scale(trim_scale(price))) < 1e28),
    CONSTRAINT trade_records_total_fees_usd_check CHECK (total_fees_usd > '-Infinity' AND total_fees_usd < 'Infinity'
        AND scale(trim_scale(total_fees_usd)) <= 28
        AND abs(total_fees_usd) * power(10::numeric, scale(trim_scale(total_fees_usd))) < 1e28),
    CONSTRAINT trade_records_fee_check CHECK ((fee_amount IS NULL) = (fee_currency IS NULL)
        AND (fee_amount IS NULL OR total_fees_usd IS NULL) AND (fee_amount IS NOT NULL OR fee_usd_value IS NULL)),
    CONSTRAINT trade_records_quote_value_check CHECK (quote_value IS NULL OR
        (quote_value >= 0 AND quote_value < 'Infinity'
        AND scale(trim_scale(quote_value)) <= 28
        AND abs(quote_value) * power(10::numeric, scale(trim_scale(quote_value))) < 1e28)),
    CONSTRAINT trade_records_usd_value_check CHECK (usd_value IS NULL OR
        (usd_value >= 0 AND usd_value < 'Infinity'
        AND scale(trim_scale(usd_value)) <= 28
        AND abs(usd_value) * power(10::numeric, scale(trim_scale(usd_value))) < 1e28)),
    CONSTRAINT trade_records_fee_amount_check CHECK (fee_amount IS NULL OR
        (fee_amount > '-Infinity' AND fee_amount < 'Infinity'
        AND scale(trim_scale(fee_amount)) <= 28
        AND abs(fee_amount) * power(10::numeric, scale(trim_scale(fee_amount))) < 1e28)),
    CONSTRAINT trade_records_fee_usd_value_check CHECK (fee_usd_value IS NULL OR
        (fee_usd_value > '-Infinity' AND fee_usd_value < 'Infinity'
        AND scale(trim_scale(fee_usd_value)) <= 28
        AND abs(fee_usd_value) * power(10::numeric, scale(trim_scale(fee_usd_value))) < 1e28)),
    CONSTRAINT trade_records_contract_size_check CHECK (contract_size IS NULL OR
        (contract_size > 0 AND contract_size < 'Infinity'
        AND scale(trim_scale(contract_size)) <= 28
        AND abs(contract_size) * power(10::numeric, scale(trim_scale(contract_size))) < 1e28))
);
CREATE INDEX trade_records_symbol_order_time_index ON trade_records (symbol, order_time);
-- What is new since a snapshot is found without a look at the rest.
CREATE INDEX trade_records_ingest_xid_index ON trade_records (ingest_xid);
-- Every read asks whether the ledger has more facts than its columns for dollars: these few rows.
CREATE INDEX trade_records_more_index ON trade_records (ingest_xid)
    WHERE base_asset IS NOT NULL OR quote_currency IS NOT NULL OR asset_class IS NOT NULL
          OR quote_value IS NOT NULL OR usd_value IS NOT NULL OR fee_amount IS NOT NULL
          OR fee_currency IS NOT NULL OR fee_usd_value IS NOT NULL OR contract_size IS NOT NULL;
-- Every run counts what is not an execution: these few, as the view below tells them.
CREATE INDEX trade_records_ineligible_index ON trade_records (ingest_xid)
    WHERE lower(status COLLATE "C") IN ('cancelled', 'canceled', 'rejected', 'expired', 'failed',
                                        'open', 'pending', 'active', 'placed');
CREATE TRIGGER trade_records_no_change BEFORE UPDATE OR DELETE ON trade_records
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER trade_records_no_truncate BEFORE TRUNCATE ON trade_records
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- After the row and by a condition: a trigger before it would make COPY insert row by row.
CREATE TRIGGER trade_records_arrival AFTER INSERT ON trade_records FOR EACH ROW
    WHEN (NEW.ingest_xid IS DISTINCT FROM pg_current_xact_id() OR NEW.ingested_at IS DISTINCT FROM now())
    EXECUTE FUNCTION refuse_arrival('ingest_xid and ingested_at');

-- Eligible trades: the executions. A voided one keeps its row and names the void; 0 is that of its import.
-- The imports that are out are few, and the server lists them once.
CREATE VIEW eligible_trades AS
SELECT t.account, t.order_id, replace(upper(t.symbol), '/', '-') AS symbol, t.side, t.size, t.price,
       t.order_time, t.total_fees_usd, t.trade_seq, t.status,
       t.base_asset, t.quote_currency, t.asset_class, t.quote_value, t.usd_value, t.fee_amount,
       t.fee_currency, t.fee_usd_value, t.contract_size,
       CASE WHEN v.void_seq IS NULL AND t.import_id = ANY (ARRAY(SELECT import_id FROM active_import_voids))
            THEN 0 ELSE v.void_seq END AS void_seq,
       t.ingest_xid, t.import_id, t.import_line
FROM trade_records t
LEFT JOIN active_voids v ON v.account = t.account AND v.order_id = t.order_id
WHERE t.status IS NULL
   OR lower(t.status COLLATE "C") NOT IN ('cancelled', 'canceled', 'rejected', 'expired', 'failed',
                                          'open', 'pending', 'active', 'placed');

-- What is not an execution, and why. Ledger = eligible + ineligible, always.
CREATE VIEW ineligible_trades AS
SELECT t.account, t.order_id, replace(upper(t.symbol), '/', '-') AS symbol, t.side, t.size, t.price,
       t.order_time, t.total_fees_usd, t.trade_seq, t.status,
       t.base_asset, t.quote_currency, t.asset_class, t.quote_value, t.usd_value, t.fee_amount,
       t.fee_currency, t.fee_usd_value, t.contract_size, t.ingest_xid,
       'status ' || lower(t.status COLLATE "C") AS reason
FROM trade_records t
WHERE lower(t.status COLLATE "C") IN ('cancelled', 'canceled', 'rejected', 'expired', 'failed',
                                      'open', 'pending', 'active', 'placed');
-- end: a ledger of our own
