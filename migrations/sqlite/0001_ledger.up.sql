-- The ledger: imports, trades, voids, the audit trail, and the views through which everything reads. Decimals
-- are canonical TEXT (no exponent, no superfluous zero), times are INTEGER microseconds in UTC.

-- Imports are numbered without gaps by the import itself. The limit leaves room to add 1.
CREATE TABLE imports (
    id          INTEGER PRIMARY KEY CONSTRAINT imports_id_check CHECK (id BETWEEN 1 AND 9007199254740991),
    name        TEXT NOT NULL,
    sha256      TEXT NOT NULL CONSTRAINT imports_sha256_check CHECK (length(sha256) = 64),
    rows        INTEGER NOT NULL CONSTRAINT imports_rows_check CHECK (rows >= 0),
    imported_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER))
) STRICT;
CREATE TRIGGER imports_no_update BEFORE UPDATE ON imports
BEGIN SELECT RAISE(ABORT, 'imports is append-only: UPDATE is refused'); END;
CREATE TRIGGER imports_no_delete BEFORE DELETE ON imports
BEGIN SELECT RAISE(ABORT, 'imports is append-only: DELETE is refused'); END;
CREATE TRIGGER imports_no_replace BEFORE INSERT ON imports
    WHEN EXISTS (SELECT 1 FROM imports WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'imports is append-only: replacing a row is refused'); END;

CREATE TABLE import_rejects (
    id          INTEGER PRIMARY KEY,
    import_id   INTEGER NOT NULL REFERENCES imports (id),
    line        INTEGER NOT NULL,
    order_id    TEXT NOT NULL,
    column_name TEXT NOT NULL,
    found       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    line_text   TEXT NOT NULL
) STRICT;
CREATE TRIGGER import_rejects_no_update BEFORE UPDATE ON import_rejects
BEGIN SELECT RAISE(ABORT, 'import_rejects is append-only: UPDATE is refused'); END;
CREATE TRIGGER import_rejects_no_delete BEFORE DELETE ON import_rejects
BEGIN SELECT RAISE(ABORT, 'import_rejects is append-only: DELETE is refused'); END;
CREATE TRIGGER import_rejects_no_replace BEFORE INSERT ON import_rejects
    WHEN EXISTS (SELECT 1 FROM import_rejects WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'import_rejects is append-only: replacing a row is refused'); END;

-- The primary key of the ledger is (account, order_id). Here it is a unique index, because the
-- integer primary key carries the order of arrival, which VACUUM would otherwise renumber.
CREATE TABLE trade_records (
    account           TEXT NOT NULL DEFAULT 'default' CONSTRAINT trade_records_account_check CHECK (account <> ''),
    order_id          TEXT NOT NULL CONSTRAINT trade_records_order_id_check CHECK (order_id <> ''),
    symbol            TEXT NOT NULL CONSTRAINT trade_records_symbol_check CHECK (symbol <> ''),
    side              TEXT NOT NULL CONSTRAINT trade_records_side_check CHECK (side IN ('buy', 'sell')),
    size              TEXT NOT NULL CONSTRAINT trade_records_size_positive_check CHECK (size <> '0'),
    price             TEXT NOT NULL,
    order_time        INTEGER NOT NULL CONSTRAINT trade_records_order_time_check
        CHECK (order_time BETWEEN -62135596800000000 AND 253402300799999999),
    total_fees_usd    TEXT,
    trade_seq         INTEGER,
    status            TEXT,
    order_type        TEXT,
    source            TEXT,
    ingest_via        TEXT,
    exchange          TEXT,
    exchange_order_id TEXT,
    linked_order_id   TEXT,
    "trigger"         TEXT CONSTRAINT trade_records_trigger_check CHECK ("trigger" IS NULL OR json_valid("trigger")),
    import_id         INTEGER,
    import_line       INTEGER,
    ingested_at       INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)),
    ingest_seq        INTEGER PRIMARY KEY CONSTRAINT trade_records_ingest_seq_check CHECK (ingest_seq > 0),
    -- Facts that few trades have. They stand last, so that reading the others does not pass them.
    base_asset        TEXT CONSTRAINT trade_records_base_asset_check CHECK (base_asset <> ''),
    quote_currency    TEXT CONSTRAINT trade_records_quote_currency_check CHECK (quote_currency <> ''),
    asset_class       TEXT CONSTRAINT trade_records_asset_class_check
        CHECK (asset_class IN ('crypto', 'security', 'fx', 'future')),
    quote_value       TEXT,
    usd_value         TEXT,
    fee_amount        TEXT,
    fee_currency      TEXT CONSTRAINT trade_records_fee_currency_check CHECK (fee_currency <> ''),
    fee_usd_value     TEXT,
    contract_size     TEXT,
    CONSTRAINT trade_records_size_check CHECK (length(size) BETWEEN 1 AND 60
        AND size NOT GLOB '*[^0-9.]*'
        AND size GLOB '[0-9]*'
        AND size NOT GLOB '*.*.*'
        AND size NOT GLOB '*.'
        AND size NOT GLOB '0[0-9]*'
        AND (instr(size, '.') = 0 OR size NOT GLOB '*0')
        AND length(ltrim(replace(size, '.', ''), '0')) <= 28
        AND (instr(size, '.') = 0 OR length(size) - instr(size, '.') <= 28)),
    CONSTRAINT trade_records_price_check CHECK (length(price) BETWEEN 1 AND 60
        AND price NOT GLOB '*[^0-9.]*'
        AND price GLOB '[0-9]*'
        AND price NOT GLOB '*.*.*'
        AND price NOT GLOB '*.'
        AND price NOT GLOB '0[0-9]*'
        AND (instr(price, '.') = 0 OR price NOT GLOB '*0')
        AND length(ltrim(replace(price, '.', ''), '0')) <= 28
        AND (instr(price, '.') = 0 OR length(price) - instr(price, '.') <= 28)),
    CONSTRAINT trade_records_total_fees_usd_check CHECK (length(total_fees_usd) BETWEEN 1 AND 60
        AND ltrim(total_fees_usd, '-') NOT GLOB '*[^0-9.]*'
        AND ltrim(total_fees_usd, '-') GLOB '[0-9]*'
        AND total_fees_usd NOT GLOB '--*'
        AND total_fees_usd NOT GLOB '*.*.*'
        AND total_fees_usd NOT GLOB '*.'
        AND ltrim(total_fees_usd, '-') NOT GLOB '0[0-9]*'
        AND (instr(total_fees_usd, '.') = 0 OR total_fees_usd NOT GLOB '*0')
        AND total_fees_usd <> '-0'
        AND length(ltrim(replace(ltrim(total_fees_usd, '-'), '.', ''), '0')) <= 28
        AND (instr(total_fees_usd, '.') = 0 OR length(total_fees_usd) - instr(total_fees_usd, '.') <= 28)),
    CONSTRAINT trade_records_fee_check CHECK ((fee_amount IS NULL) = (fee_currency IS NULL)
        AND (fee_amount IS NULL OR total_fees_usd IS NULL) AND (fee_amount IS NOT NULL OR fee_usd_value IS NULL)),
    CONSTRAINT trade_records_quote_value_check CHECK (quote_value IS NULL OR
        (length(quote_value) BETWEEN 1 AND 60
        AND quote_value NOT GLOB '*[^0-9.]*'
        AND quote_value GLOB '[0-9]*'
        AND quote_value NOT GLOB '*.*.*'
        AND quote_value NOT GLOB '*.'
        AND quote_value NOT GLOB '0[0-9]*'
        AND (instr(quote_value, '.') = 0 OR quote_value NOT GLOB '*0')
        AND length(ltrim(replace(quote_value, '.', ''), '0')) <= 28
        AND (instr(quote_value, '.') = 0 OR length(quote_value) - instr(quote_value, '.') <= 28))),
    CONSTRAINT trade_records_usd_value_check CHECK (usd_value IS NULL OR
        (length(usd_value) BETWEEN 1 AND 60
        AND usd_value NOT GLOB '*[^0-9.]*'
        AND usd_value GLOB '[0-9]*'
        AND usd_value NOT GLOB '*.*.*'
        AND usd_value NOT GLOB '*.'
        AND usd_value NOT GLOB '0[0-9]*'
        AND (instr(usd_value, '.') = 0 OR usd_value NOT GLOB '*0')
        AND length(ltrim(replace(usd_value, '.', ''), '0')) <= 28
        AND (instr(usd_value, '.') = 0 OR length(usd_value) - instr(usd_value, '.') <= 28))),
    CONSTRAINT trade_records_fee_amount_check CHECK (fee_amount IS NULL OR
        (length(fee_amount) BETWEEN 1 AND 60
        AND ltrim(fee_amount, '-') NOT GLOB '*[^0-9.]*'
        AND ltrim(fee_amount, '-') GLOB '[0-9]*'
        AND fee_amount NOT GLOB '--*'
        AND fee_amount NOT GLOB '*.*.*'
        AND fee_amount NOT GLOB '*.'
        AND ltrim(fee_amount, '-') NOT GLOB '0[0-9]*'
        AND (instr(fee_amount, '.') = 0 OR fee_amount NOT GLOB '*0')
        AND fee_amount <> '-0'
        AND length(ltrim(replace(ltrim(fee_amount, '-'), '.', ''), '0')) <= 28
        AND (instr(fee_amount, '.') = 0 OR length(fee_amount) - instr(fee_amount, '.') <= 28))),
    CONSTRAINT trade_records_fee_usd_value_check CHECK (fee_usd_value IS NULL OR
        (length(fee_usd_value) BETWEEN 1 AND 60
        AND ltrim(fee_usd_value, '-') NOT GLOB '*[^0-9.]*'
        AND ltrim(fee_usd_value, '-') GLOB '[0-9]*'
        AND fee_usd_value NOT GLOB '--*'
        AND fee_usd_value NOT GLOB '*.*.*'
        AND fee_usd_value NOT GLOB '*.'
        AND ltrim(fee_usd_value, '-') NOT GLOB '0[0-9]*'
        AND (instr(fee_usd_value, '.') = 0 OR fee_usd_value NOT GLOB '*0')
        AND fee_usd_value <> '-0'
        AND length(ltrim(replace(ltrim(fee_usd_value, '-'), '.', ''), '0')) <= 28
        AND (instr(fee_usd_value, '.') = 0 OR length(fee_usd_value) - instr(fee_usd_value, '.') <= 28))),
    CONSTRAINT trade_records_contract_size_check CHECK (contract_size IS NULL OR
        (length(contract_size) BETWEEN 1 AND 60
        AND contract_size NOT GLOB '*[^0-9.]*'
        AND contract_size GLOB '[0-9]*'
        AND contract_size NOT GLOB '*.*.*'
        AND contract_size NOT GLOB '*.'
        AND contract_size NOT GLOB '0[0-9]*'
        AND (instr(contract_size, '.') = 0 OR contract_size NOT GLOB '*0')
        AND length(ltrim(replace(contract_size, '.', ''), '0')) <= 28
        AND (instr(contract_size, '.') = 0 OR length(contract_size) - instr(contract_size, '.') <= 28)
        AND contract_size <> '0'))
) STRICT;
-- The order id comes first. Most rows have the same account, so comparing accounts decides little.
CREATE UNIQUE INDEX trade_records_key ON trade_records (order_id, account);
CREATE INDEX trade_records_symbol_order_time_index ON trade_records (symbol, order_time);
-- Every read asks whether the ledger has more facts than its columns for dollars: these few rows.
CREATE INDEX trade_records_more_index ON trade_records (ingest_seq)
    WHERE base_asset IS NOT NULL OR quote_currency IS NOT NULL OR asset_class IS NOT NULL
          OR quote_value IS NOT NULL OR usd_value IS NOT NULL OR fee_amount IS NOT NULL
          OR fee_currency IS NOT NULL OR fee_usd_value IS NOT NULL OR contract_size IS NOT NULL;
CREATE TRIGGER trade_records_no_update BEFORE UPDATE ON trade_records
BEGIN SELECT RAISE(ABORT, 'trade_records is append-only: UPDATE is refused'); END;
CREATE TRIGGER trade_records_no_delete BEFORE DELETE ON trade_records
BEGIN SELECT RAISE(ABORT, 'trade_records is append-only: DELETE is refused'); END;
CREATE TRIGGER trade_records_no_replace BEFORE INSERT ON trade_records
    WHEN EXISTS (SELECT 1 FROM trade_records
                 WHERE ingest_seq = NEW.ingest_seq OR (account = NEW.account AND order_id = NEW.order_id))
BEGIN SELECT RAISE(ABORT, 'trade_records is append-only: replacing a row is refused'); END;
-- A number from outside could end the numbering, or stand before rows that were seen. -1: not given.
CREATE TRIGGER trade_records_number BEFORE INSERT ON trade_records
    WHEN NEW.ingest_seq <> -1 AND NEW.ingest_seq <> 1 + ifnull((SELECT max(ingest_seq) FROM trade_records), 0)
         AND NOT EXISTS (SELECT 1 FROM trade_records WHERE ingest_seq = NEW.ingest_seq)
BEGIN SELECT RAISE(ABORT, 'trade_records: the database sets ingest_seq: leave it out'); END;

-- Takes a trade out of matching, or puts it back (undone = 1). The latest row of a trade wins.
CREATE TABLE trade_voids (
    void_seq  INTEGER PRIMARY KEY CONSTRAINT trade_voids_void_seq_check CHECK (void_seq > 0),
    account   TEXT NOT NULL,
    order_id  TEXT NOT NULL,
    reason    TEXT NOT NULL CONSTRAINT trade_voids_reason_check CHECK (reason <> ''),
    voided_by TEXT NOT NULL,
    voided_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)),
    undone    INTEGER NOT NULL DEFAULT 0 CONSTRAINT trade_voids_undone_check CHECK (undone IN (0, 1)),
    import_id INTEGER REFERENCES imports (id)
) STRICT;
CREATE INDEX trade_voids_import_index ON trade_voids (import_id) WHERE import_id IS NOT NULL;
CREATE INDEX trade_voids_order_index ON trade_voids (account, order_id, void_seq);
CREATE TRIGGER trade_voids_no_update BEFORE UPDATE ON trade_voids
BEGIN SELECT RAISE(ABORT, 'trade_voids is append-only: UPDATE is refused'); END;
CREATE TRIGGER trade_voids_no_delete BEFORE DELETE ON trade_voids
BEGIN SELECT RAISE(ABORT, 'trade_voids is append-only: DELETE is refused'); END;
CREATE TRIGGER trade_voids_no_replace BEFORE INSERT ON trade_voids
    WHEN EXISTS (SELECT 1 FROM trade_voids WHERE void_seq = NEW.void_seq)
BEGIN SELECT RAISE(ABORT, 'trade_voids is append-only: replacing a row is refused'); END;
-- A number from outside could end the numbering, or stand before rows that were seen. -1: not given.
CREATE TRIGGER trade_voids_number BEFORE INSERT ON trade_voids
    WHEN NEW.void_seq <> -1 AND NEW.void_seq <> 1 + ifnull((SELECT max(void_seq) FROM trade_voids), 0)
         AND NOT EXISTS (SELECT 1 FROM trade_voids WHERE void_seq = NEW.void_seq)
BEGIN SELECT RAISE(ABORT, 'trade_voids: the database sets void_seq: leave it out'); END;

-- Takes all rows of an import out, or puts them back (undone = 1): trades, rates, movements. The latest row of an
-- import wins. A row that is voided on its own stays so.
CREATE TABLE import_voids (
    void_seq  INTEGER PRIMARY KEY CONSTRAINT import_voids_void_seq_check CHECK (void_seq > 0),
    import_id INTEGER NOT NULL REFERENCES imports (id),
    reason    TEXT NOT NULL CONSTRAINT import_voids_reason_check CHECK (reason <> ''),
    voided_by TEXT NOT NULL,
    voided_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)),
    undone    INTEGER NOT NULL DEFAULT 0 CONSTRAINT import_voids_undone_check CHECK (undone IN (0, 1))
) STRICT;
CREATE INDEX import_voids_import_index ON import_voids (import_id, void_seq);
CREATE TRIGGER import_voids_no_update BEFORE UPDATE ON import_voids
BEGIN SELECT RAISE(ABORT, 'import_voids is append-only: UPDATE is refused'); END;
CREATE TRIGGER import_voids_no_delete BEFORE DELETE ON import_voids
BEGIN SELECT RAISE(ABORT, 'import_voids is append-only: DELETE is refused'); END;
CREATE TRIGGER import_voids_no_replace BEFORE INSERT ON import_voids
    WHEN EXISTS (SELECT 1 FROM import_voids WHERE void_seq = NEW.void_seq)
BEGIN SELECT RAISE(ABORT, 'import_voids is append-only: replacing a row is refused'); END;
-- A number from outside could end the numbering, or stand before rows that were seen. -1: not given.
CREATE TRIGGER import_voids_number BEFORE INSERT ON import_voids
    WHEN NEW.void_seq <> -1 AND NEW.void_seq <> 1 + ifnull((SELECT max(void_seq) FROM import_voids), 0)
         AND NOT EXISTS (SELECT 1 FROM import_voids WHERE void_seq = NEW.void_seq)
BEGIN SELECT RAISE(ABORT, 'import_voids: the database sets void_seq: leave it out'); END;

-- Rates of assets. A corrected rate is a row with the next revision, and the reason; the last revision counts.
CREATE TABLE rates (
    rate_seq     INTEGER PRIMARY KEY CONSTRAINT rates_rate_seq_check CHECK (rate_seq > 0),
    asset        TEXT NOT NULL CONSTRAINT rates_asset_check CHECK (asset <> ''),
    currency     TEXT NOT NULL CONSTRAINT rates_currency_check CHECK (currency <> '' AND currency <> asset),
    source       TEXT NOT NULL CONSTRAINT rates_source_check CHECK (source <> ''),
    published_at INTEGER NOT NULL CONSTRAINT rates_published_at_check
        CHECK (published_at BETWEEN -62135596800000000 AND 253402300799999999),
    revision     INTEGER NOT NULL CONSTRAINT rates_revision_check CHECK (revision > 0),
    rate         TEXT NOT NULL CONSTRAINT rates_rate_positive_check CHECK (rate <> '0'),
    reason       TEXT CONSTRAINT rates_reason_check CHECK ((reason IS NULL) = (revision = 1) AND reason <> ''),
    import_id    INTEGER NOT NULL REFERENCES imports (id),
    import_line  INTEGER NOT NULL,
    CONSTRAINT rates_rate_check CHECK (length(rate) BETWEEN 1 AND 60
        AND rate NOT GLOB '*[^0-9.]*'
        AND rate GLOB '[0-9]*'
        AND rate NOT GLOB '*.*.*'
        AND rate NOT GLOB '*.'
        AND rate NOT GLOB '0[0-9]*'
        AND (instr(rate, '.') = 0 OR rate NOT GLOB '*0')
        AND length(ltrim(replace(rate, '.', ''), '0')) <= 28
        AND (instr(rate, '.') = 0 OR length(rate) - instr(rate, '.') <= 28))
) STRICT;
CREATE UNIQUE INDEX rates_key ON rates (asset, currency, source, published_at, revision);
CREATE TRIGGER rates_no_update BEFORE UPDATE ON rates
BEGIN SELECT RAISE(ABORT, 'rates is append-only: UPDATE is refused'); END;
CREATE TRIGGER rates_no_delete BEFORE DELETE ON rates
BEGIN SELECT RAISE(ABORT, 'rates is append-only: DELETE is refused'); END;
CREATE TRIGGER rates_no_replace BEFORE INSERT ON rates
    WHEN EXISTS (SELECT 1 FROM rates
                 WHERE rate_seq = NEW.rate_seq OR (asset = NEW.asset AND currency = NEW.currency
                     AND source = NEW.source AND published_at = NEW.published_at AND revision = NEW.revision))
BEGIN SELECT RAISE(ABORT, 'rates is append-only: replacing a row is refused'); END;
-- A number from outside could end the numbering, or stand before rows that were seen. -1: not given.
CREATE TRIGGER rates_number BEFORE INSERT ON rates
    WHEN NEW.rate_seq <> -1 AND NEW.rate_seq <> 1 + ifnull((SELECT max(rate_seq) FROM rates), 0)
         AND NOT EXISTS (SELECT 1 FROM rates WHERE rate_seq = NEW.rate_seq)
BEGIN SELECT RAISE(ABORT, 'rates: the database sets rate_seq: leave it out'); END;

-- Assets that enter or leave an account and are no trade. Matching does not use them yet. One namespace of ids
-- for trades and movements of an account: an import checks it.
CREATE TABLE asset_movements (
    movement_seq INTEGER PRIMARY KEY CONSTRAINT asset_movements_movement_seq_check CHECK (movement_seq > 0),
    account      TEXT NOT NULL CONSTRAINT asset_movements_account_check CHECK (account <> ''),
    movement_id  TEXT NOT NULL CONSTRAINT asset_movements_movement_id_check CHECK (movement_id <> ''),
    asset        TEXT NOT NULL CONSTRAINT asset_movements_asset_check CHECK (asset <> ''),
    direction    TEXT NOT NULL CONSTRAINT asset_movements_direction_check CHECK (direction IN ('in', 'out')),
    size         TEXT NOT NULL,
    fee          TEXT,
    fee_asset    TEXT CONSTRAINT asset_movements_fee_asset_check CHECK (fee_asset <> ''),
    usd_value    TEXT,
    kind         TEXT NOT NULL CONSTRAINT asset_movements_kind_check
        CHECK (kind IN ('deposit', 'withdrawal', 'transfer', 'reward', 'staking', 'interest', 'airdrop',
                        'fork', 'mining', 'dividend', 'gift', 'fee', 'adjustment')),
    moved_at     INTEGER NOT NULL CONSTRAINT asset_movements_moved_at_check
        CHECK (moved_at BETWEEN -62135596800000000 AND 253402300799999999),
    settled_at   INTEGER CONSTRAINT asset_movements_settled_at_check
        CHECK (settled_at BETWEEN -62135596800000000 AND 253402300799999999),
    tx_id        TEXT CONSTRAINT asset_movements_tx_id_check CHECK (tx_id <> ''),
    exchange     TEXT,
    import_id    INTEGER NOT NULL REFERENCES imports (id),
    import_line  INTEGER NOT NULL,
    ingested_at  INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)),
    CONSTRAINT asset_movements_size_check CHECK (length(size) BETWEEN 1 AND 60
        AND size NOT GLOB '*[^0-9.]*'
        AND size GLOB '[0-9]*'
        AND size NOT GLOB '*.*.*'
        AND size NOT GLOB '*.'
        AND size NOT GLOB '0[0-9]*'
        AND (instr(size, '.') = 0 OR size NOT GLOB '*0')
        AND length(ltrim(replace(size, '.', ''), '0')) <= 28
        AND (instr(size, '.') = 0 OR length(size) - instr(size, '.') <= 28)
        AND size <> '0'),
    CONSTRAINT asset_movements_fee_pair_check CHECK ((fee IS NULL) = (fee_asset IS NULL)),
    CONSTRAINT asset_movements_fee_check CHECK (fee IS NULL OR
        (length(fee) BETWEEN 1 AND 60
        AND ltrim(fee, '-') NOT GLOB '*[^0-9.]*'
        AND ltrim(fee, '-') GLOB '[0-9]*'
        AND fee NOT GLOB '--*'
        AND fee NOT GLOB '*.*.*'
        AND fee NOT GLOB '*.'
        AND ltrim(fee, '-') NOT GLOB '0[0-9]*'
        AND (instr(fee, '.') = 0 OR fee NOT GLOB '*0')
        AND fee <> '-0'
        AND length(ltrim(replace(ltrim(fee, '-'), '.', ''), '0')) <= 28
        AND (instr(fee, '.') = 0 OR length(fee) - instr(fee, '.') <= 28))),
    CONSTRAINT asset_movements_usd_value_check CHECK (usd_value IS NULL OR
        (length(usd_value) BETWEEN 1 AND 60
        AND usd_value NOT GLOB '*[^0-9.]*'
        AND usd_value GLOB '[0-9]*'
        AND usd_value NOT GLOB '*.*.*'
        AND usd_value NOT GLOB '*.'
        AND usd_value NOT GLOB '0[0-9]*'
        AND (instr(usd_value, '.') = 0 OR usd_value NOT GLOB '*0')
        AND length(ltrim(replace(usd_value, '.', ''), '0')) <= 28
        AND (instr(usd_value, '.') = 0 OR length(usd_value) - instr(usd_value, '.') <= 28)))
) STRICT;
CREATE UNIQUE INDEX asset_movements_key ON asset_movements (account, movement_id);
CREATE TRIGGER asset_movements_no_update BEFORE UPDATE ON asset_movements
BEGIN SELECT RAISE(ABORT, 'asset_movements is append-only: UPDATE is refused'); END;
CREATE TRIGGER asset_movements_no_delete BEFORE DELETE ON asset_movements
BEGIN SELECT RAISE(ABORT, 'asset_movements is append-only: DELETE is refused'); END;
CREATE TRIGGER asset_movements_no_replace BEFORE INSERT ON asset_movements
    WHEN EXISTS (SELECT 1 FROM asset_movements WHERE movement_seq = NEW.movement_seq
                     OR (account = NEW.account AND movement_id = NEW.movement_id))
BEGIN SELECT RAISE(ABORT, 'asset_movements is append-only: replacing a row is refused'); END;
-- A number from outside could end the numbering, or stand before rows that were seen. -1: not given.
CREATE TRIGGER asset_movements_number BEFORE INSERT ON asset_movements
    WHEN NEW.movement_seq <> -1 AND NEW.movement_seq <> 1 + ifnull((SELECT max(movement_seq) FROM asset_movements), 0)
         AND NOT EXISTS (SELECT 1 FROM asset_movements WHERE movement_seq = NEW.movement_seq)
BEGIN SELECT RAISE(ABORT, 'asset_movements: the database sets movement_seq: leave it out'); END;

-- A person's decisions about transfers: whether a withdrawal and a deposit are one. The latest row of the two wins.
-- A word about one movement names it in both places.
CREATE TABLE transfer_decisions (
    decision_seq       INTEGER PRIMARY KEY
        CONSTRAINT transfer_decisions_decision_seq_check CHECK (decision_seq > 0),
    kind               TEXT NOT NULL CONSTRAINT transfer_decisions_kind_check
        CHECK (kind IN ('pair', 'unpair', 'booked', 'income', 'undecided')),
    withdrawal_account TEXT NOT NULL
        CONSTRAINT transfer_decisions_withdrawal_account_check CHECK (withdrawal_account <> ''),
    withdrawal_id      TEXT NOT NULL CONSTRAINT transfer_decisions_withdrawal_id_check CHECK (withdrawal_id <> ''),
    deposit_account    TEXT NOT NULL
        CONSTRAINT transfer_decisions_deposit_account_check CHECK (deposit_account <> ''),
    deposit_id         TEXT NOT NULL CONSTRAINT transfer_decisions_deposit_id_check CHECK (deposit_id <> ''),
    note               TEXT CONSTRAINT transfer_decisions_note_check CHECK (note <> ''),
    decided_by         TEXT NOT NULL,
    decided_at         INTEGER NOT NULL CONSTRAINT transfer_decisions_decided_at_check
        CHECK (decided_at BETWEEN -62135596800000000 AND 253402300799999999),
    usd_value          TEXT,
    CONSTRAINT transfer_decisions_usd_value_check CHECK (usd_value IS NULL OR (kind = 'income'
        AND length(usd_value) BETWEEN 1 AND 60
        AND usd_value NOT GLOB '*[^0-9.]*'
        AND usd_value GLOB '[0-9]*'
        AND usd_value NOT GLOB '*.*.*'
        AND usd_value NOT GLOB '*.'
        AND usd_value NOT GLOB '0[0-9]*'
        AND (instr(usd_value, '.') = 0 OR usd_value NOT GLOB '*0')
        AND length(ltrim(replace(usd_value, '.', ''), '0')) <= 28
        AND (instr(usd_value, '.') = 0 OR length(usd_value) - instr(usd_value, '.') <= 28))),
    CONSTRAINT transfer_decisions_movement_check CHECK ((kind IN ('booked', 'income', 'undecided'))
        = (withdrawal_account = deposit_account AND withdrawal_id = deposit_id))
) STRICT;
CREATE TRIGGER transfer_decisions_no_update BEFORE UPDATE ON transfer_decisions
BEGIN SELECT RAISE(ABORT, 'transfer_decisions is append-only: UPDATE is refused'); END;
CREATE TRIGGER transfer_decisions_no_delete BEFORE DELETE ON transfer_decisions
BEGIN SELECT RAISE(ABORT, 'transfer_decisions is append-only: DELETE is refused'); END;
CREATE TRIGGER transfer_decisions_no_replace BEFORE INSERT ON transfer_decisions
    WHEN EXISTS (SELECT 1 FROM transfer_decisions WHERE decision_seq = NEW.decision_seq)
BEGIN SELECT RAISE(ABORT, 'transfer_decisions is append-only: replacing a row is refused'); END;
-- A number from outside could end the numbering, or stand before rows that were seen. -1: not given.
CREATE TRIGGER transfer_decisions_number BEFORE INSERT ON transfer_decisions
    WHEN NEW.decision_seq <> -1
         AND NEW.decision_seq <> 1 + ifnull((SELECT max(decision_seq) FROM transfer_decisions), 0)
         AND NOT EXISTS (SELECT 1 FROM transfer_decisions WHERE decision_seq = NEW.decision_seq)
BEGIN SELECT RAISE(ABORT, 'transfer_decisions: the database sets decision_seq: leave it out'); END;

-- Splits, mergers, spin-offs and new names. Matching applies splits, and rejects the pools that the others change.
-- An action without an account is of all accounts. A source states a ratio, or the units that came by a split.
-- A row with voids repeats the action of that id, and takes it out.
CREATE TABLE asset_actions (
    action_seq  INTEGER PRIMARY KEY CONSTRAINT asset_actions_action_seq_check CHECK (action_seq > 0),
    account     TEXT CONSTRAINT asset_actions_account_check CHECK (account <> ''),
    action_id   TEXT NOT NULL CONSTRAINT asset_actions_action_id_check CHECK (action_id <> ''),
    kind        TEXT NOT NULL CONSTRAINT asset_actions_kind_check
        CHECK (kind IN ('split', 'rename', 'spin_off', 'merger')),
    asset       TEXT NOT NULL CONSTRAINT asset_actions_asset_check CHECK (asset <> ''),
    happened_at INTEGER NOT NULL CONSTRAINT asset_actions_happened_at_check
        CHECK (happened_at BETWEEN -62135596800000000 AND 253402300799999999),
    ratio_new   INTEGER,
    ratio_old   INTEGER,
    units       TEXT,
    other_asset TEXT CONSTRAINT asset_actions_other_asset_check CHECK (other_asset <> '' AND other_asset <> asset),
    basis_share TEXT,
    voids       TEXT CONSTRAINT asset_actions_voids_check CHECK (voids <> '' AND voids <> action_id),
    note        TEXT CONSTRAINT asset_actions_note_check CHECK (note <> ''),
    exchange    TEXT,
    import_id   INTEGER NOT NULL REFERENCES imports (id),
    import_line INTEGER NOT NULL,
    ingested_at INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)),
    CONSTRAINT asset_actions_ratio_check CHECK ((ratio_new IS NULL) = (ratio_old IS NULL)
        AND (ratio_new IS NULL OR (ratio_new > 0 AND ratio_old > 0))),
    CONSTRAINT asset_actions_facts_check CHECK (CASE kind
            WHEN 'split' THEN other_asset IS NULL AND (ratio_new IS NULL) <> (units IS NULL)
            WHEN 'rename' THEN other_asset IS NOT NULL AND ratio_new IS NULL AND units IS NULL
            ELSE other_asset IS NOT NULL AND ratio_new IS NOT NULL AND units IS NULL END),
    CONSTRAINT asset_actions_units_check CHECK (units IS NULL OR
        (length(units) BETWEEN 1 AND 60
        AND units NOT GLOB '*[^0-9.]*'
        AND units GLOB '[0-9]*'
        AND units NOT GLOB '*.*.*'
        AND units NOT GLOB '*.'
        AND units NOT GLOB '0[0-9]*'
        AND (instr(units, '.') = 0 OR units NOT GLOB '*0')
        AND length(ltrim(replace(units, '.', ''), '0')) <= 28
        AND (instr(units, '.') = 0 OR length(units) - instr(units, '.') <= 28)
        AND units <> '0')),
    CONSTRAINT asset_actions_basis_share_check CHECK (basis_share IS NULL OR
        (kind = 'spin_off' AND (basis_share IN ('0', '1')
            OR (length(basis_share) BETWEEN 3 AND 30
                AND basis_share GLOB '0.[0-9]*'
                AND substr(basis_share, 3) NOT GLOB '*[^0-9]*'
                AND basis_share NOT GLOB '*0'))))
) STRICT;
CREATE UNIQUE INDEX asset_actions_key ON asset_actions (ifnull(account, ''), action_id);
CREATE TRIGGER asset_actions_no_update BEFORE UPDATE ON asset_actions
BEGIN SELECT RAISE(ABORT, 'asset_actions is append-only: UPDATE is refused'); END;
CREATE TRIGGER asset_actions_no_delete BEFORE DELETE ON asset_actions
BEGIN SELECT RAISE(ABORT, 'asset_actions is append-only: DELETE is refused'); END;
CREATE TRIGGER asset_actions_no_replace BEFORE INSERT ON asset_actions
    WHEN EXISTS (SELECT 1 FROM asset_actions WHERE action_seq = NEW.action_seq
                     OR (ifnull(account, '') = ifnull(NEW.account, '') AND action_id = NEW.action_id))
BEGIN SELECT RAISE(ABORT, 'asset_actions is append-only: replacing a row is refused'); END;
-- A number from outside could end the numbering, or stand before rows that were seen. -1: not given.
CREATE TRIGGER asset_actions_number BEFORE INSERT ON asset_actions
    WHEN NEW.action_seq <> -1 AND NEW.action_seq <> 1 + ifnull((SELECT max(action_seq) FROM asset_actions), 0)
         AND NOT EXISTS (SELECT 1 FROM asset_actions WHERE action_seq = NEW.action_seq)
BEGIN SELECT RAISE(ABORT, 'asset_actions: the database sets action_seq: leave it out'); END;

-- Accounts at venues and brokers. The settings file wins over what is stored here. No password stands here.
CREATE TABLE trading_accounts (
    id                        INTEGER PRIMARY KEY CONSTRAINT trading_accounts_id_check CHECK (id > 0),
    account                   TEXT NOT NULL CONSTRAINT trading_accounts_account_check CHECK (account <> ''),
    user_id                   TEXT,
    platform                  TEXT CONSTRAINT trading_accounts_platform_check CHECK (platform <> ''),
    broker                    TEXT,
    server                    TEXT CONSTRAINT trading_accounts_server_check CHECK (server <> ''),
    login                     TEXT CONSTRAINT trading_accounts_login_check CHECK (login <> ''),
    class                     TEXT CONSTRAINT trading_accounts_class_check
        CHECK (class IN ('crypto', 'security', 'fx', 'future')),
    is_active                 INTEGER NOT NULL DEFAULT 1
        CONSTRAINT trading_accounts_is_active_check CHECK (is_active IN (0, 1)),
    connection_status         TEXT NOT NULL DEFAULT 'pending' CONSTRAINT trading_accounts_connection_status_check
        CHECK (connection_status IN ('pending', 'connected', 'active', 'error', 'disconnected')),
    last_sync_at              INTEGER,
    last_successful_sync_at   INTEGER,
    last_connection_error     TEXT,
    sync_failure_count        INTEGER NOT NULL DEFAULT 0
        CONSTRAINT trading_accounts_sync_failure_count_check CHECK (sync_failure_count >= 0),
    broker_server_time_offset INTEGER CONSTRAINT trading_accounts_broker_server_time_offset_check
        CHECK (broker_server_time_offset BETWEEN -86399 AND 86399),
    mt5_service_account_id    TEXT,
    created_at                INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)),
    updated_at                INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER))
) STRICT;
CREATE UNIQUE INDEX trading_accounts_key ON trading_accounts (account);
CREATE UNIQUE INDEX trading_accounts_login_key ON trading_accounts (platform, server, login);
CREATE INDEX idx_trading_accounts_sync_status
    ON trading_accounts (is_active, connection_status, last_sync_at);

-- How far the clock of an account's server is before UTC, in seconds, from an instant on.
CREATE TABLE account_time_offsets (
    id             INTEGER PRIMARY KEY CONSTRAINT account_time_offsets_id_check CHECK (id > 0),
    account_id     INTEGER NOT NULL REFERENCES trading_accounts (id),
    valid_from     INTEGER NOT NULL CONSTRAINT account_time_offsets_valid_from_check
        CHECK (valid_from BETWEEN -62135596800000000 AND 253402300799999999),
    offset_seconds INTEGER NOT NULL CONSTRAINT account_time_offsets_offset_seconds_check
        CHECK (offset_seconds BETWEEN -86399 AND 86399)
) STRICT;
CREATE UNIQUE INDEX account_time_offsets_key ON account_time_offsets (account_id, valid_from);

-- A row for each try of an import, also for one that failed.
CREATE TABLE sync_logs (
    id               INTEGER PRIMARY KEY CONSTRAINT sync_logs_id_check CHECK (id > 0),
    account_id       INTEGER NOT NULL REFERENCES trading_accounts (id),
    sync_type        TEXT NOT NULL DEFAULT 'manual' CONSTRAINT sync_logs_sync_type_check
        CHECK (sync_type IN ('scheduled', 'manual', 'realtime')),
    started_at       INTEGER NOT NULL,
    completed_at     INTEGER,
    status           TEXT NOT NULL CONSTRAINT sync_logs_status_check
        CHECK (status IN ('success', 'failed', 'partial')),
    trades_synced    INTEGER NOT NULL DEFAULT 0 CONSTRAINT sync_logs_trades_synced_check CHECK (trades_synced >= 0),
    error_message    TEXT,
    duration_ms      INTEGER CONSTRAINT sync_logs_duration_ms_check CHECK (duration_ms >= 0),
    file             TEXT,
    sha256           TEXT,
    format           TEXT,
    import_id        INTEGER REFERENCES imports (id),
    rows_read        INTEGER NOT NULL DEFAULT 0,
    trades_known     INTEGER NOT NULL DEFAULT 0,
    trades_corrected INTEGER NOT NULL DEFAULT 0,
    movements_synced INTEGER NOT NULL DEFAULT 0,
    actions_synced   INTEGER NOT NULL DEFAULT 0,
    rows_rejected    INTEGER NOT NULL DEFAULT 0,
    conflicts        INTEGER NOT NULL DEFAULT 0,
    error_details    TEXT NOT NULL DEFAULT '{}' CONSTRAINT sync_logs_error_details_check
        CHECK (json_valid(error_details)),
    triggered_by     TEXT,
    created_at       INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER))
) STRICT;
CREATE INDEX idx_sync_logs_account ON sync_logs (account_id, started_at DESC);
CREATE INDEX idx_sync_logs_started_at ON sync_logs (started_at DESC);

CREATE TABLE event_log (
    id                 INTEGER PRIMARY KEY CONSTRAINT event_log_id_check CHECK (id > 0),
    event_time         INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)),
    event_type         TEXT NOT NULL CONSTRAINT event_log_event_type_check CHECK (event_type <> ''),
    severity           TEXT NOT NULL DEFAULT 'info' CONSTRAINT event_log_severity_check
        CHECK (severity IN ('info', 'warning', 'error')),
    correlation_id     TEXT,
    account            TEXT,
    asset              TEXT,
    allocation_version INTEGER,
    details            TEXT NOT NULL DEFAULT '{}' CONSTRAINT event_log_details_check CHECK (json_valid(details))
) STRICT;
CREATE INDEX event_log_event_type_index ON event_log (event_type, id);
CREATE TRIGGER event_log_no_update BEFORE UPDATE ON event_log
BEGIN SELECT RAISE(ABORT, 'event_log is append-only: UPDATE is refused'); END;
CREATE TRIGGER event_log_no_delete BEFORE DELETE ON event_log
BEGIN SELECT RAISE(ABORT, 'event_log is append-only: DELETE is refused'); END;
CREATE TRIGGER event_log_no_replace BEFORE INSERT ON event_log
    WHEN EXISTS (SELECT 1 FROM event_log WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'event_log is append-only: replacing a row is refused'); END;
-- A number from outside could end the numbering, or stand before rows that were seen. -1: not given.
CREATE TRIGGER event_log_number BEFORE INSERT ON event_log
    WHEN NEW.id <> -1 AND NEW.id <> 1 + ifnull((SELECT max(id) FROM event_log), 0)
         AND NOT EXISTS (SELECT 1 FROM event_log WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'event_log: the database sets id: leave it out'); END;

-- Active voids: the latest row of each trade, unless it is an undo.
CREATE VIEW active_voids AS
SELECT v.account, v.order_id, v.void_seq
FROM trade_voids v
WHERE v.undone = 0
  AND NOT EXISTS (SELECT 1 FROM trade_voids w
                  WHERE w.account = v.account AND w.order_id = v.order_id AND w.void_seq > v.void_seq);

-- Imports whose rows are out: the latest row of each, unless it is an undo.
CREATE VIEW active_import_voids AS
SELECT v.import_id, v.void_seq
FROM import_voids v
WHERE v.undone = 0
  AND NOT EXISTS (SELECT 1 FROM import_voids w WHERE w.import_id = v.import_id AND w.void_seq > v.void_seq);

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
                  WHERE v.voids = a.action_id AND a.account IS v.account
                    AND v.import_id NOT IN (SELECT import_id FROM active_import_voids));

-- Eligible trades: the executions. A voided one keeps its row and names the void; 0 is that of its import.
CREATE VIEW eligible_trades AS
SELECT t.account, t.order_id, replace(upper(t.symbol), '/', '-') AS symbol, t.side, t.size, t.price,
       t.order_time, t.total_fees_usd, t.trade_seq, t.status,
       t.base_asset, t.quote_currency, t.asset_class, t.quote_value, t.usd_value, t.fee_amount,
       t.fee_currency, t.fee_usd_value, t.contract_size,
       CASE WHEN v.void_seq IS NULL AND t.import_id IN (SELECT import_id FROM active_import_voids) THEN 0
            ELSE v.void_seq END AS void_seq,
       t.ingest_seq, t.import_id, t.import_line
FROM trade_records t
LEFT JOIN active_voids v ON v.account = t.account AND v.order_id = t.order_id
WHERE t.status IS NULL
   OR lower(t.status) NOT IN ('cancelled', 'canceled', 'rejected', 'expired', 'failed',
                              'open', 'pending', 'active', 'placed');

-- What is not an execution, and why. Ledger = eligible + ineligible, always.
CREATE VIEW ineligible_trades AS
SELECT t.account, t.order_id, replace(upper(t.symbol), '/', '-') AS symbol, t.side, t.size, t.price,
       t.order_time, t.total_fees_usd, t.trade_seq, t.status,
       t.base_asset, t.quote_currency, t.asset_class, t.quote_value, t.usd_value, t.fee_amount,
       t.fee_currency, t.fee_usd_value, t.contract_size, t.ingest_seq,
       'status ' || lower(t.status) AS reason
FROM trade_records t
WHERE lower(t.status) IN ('cancelled', 'canceled', 'rejected', 'expired', 'failed',
                          'open', 'pending', 'active', 'placed');
