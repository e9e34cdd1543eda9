//! The database of a bot, as it was before: its ledger, what its bot does, and its old answers.

use crate::support::site::Site;

/// The ledger's table and indexes, as the bot made them.
pub const LEDGER: &str = "CREATE TABLE trade_records (
    order_id varchar PRIMARY KEY, parent_id varchar, parent_ids varchar[],
    symbol varchar NOT NULL, side varchar NOT NULL, order_time timestamptz NOT NULL,
    price float8 NOT NULL, size float8 NOT NULL, pnl_usd float8, total_fees_usd float8,
    trigger jsonb, order_type varchar, status varchar, source varchar, ingest_via varchar,
    last_reconciled_at timestamptz, last_reconciled_via varchar,
    cost_basis_usd float8, sale_proceeds_usd float8, net_sale_proceeds_usd float8,
    remaining_size float8, realized_profit float8);
CREATE INDEX idx_trade_records_symbol ON trade_records (symbol);
CREATE INDEX idx_trade_records_symbol_time ON trade_records (symbol, order_time);";

/// An execution of the bot.
pub struct Row<'a> {
    pub id: &'a str,
    pub symbol: &'a str,
    pub side: &'a str,
    pub size: &'a str,
    pub price: &'a str,
    pub fee: &'a str,
    /// Minutes after the first day began.
    pub minute: u32,
    pub status: &'a str,
}

impl Row<'_> {
    /// Returns the statement that the bot writes the row with.
    pub fn insert(&self) -> String {
        format!(
            "INSERT INTO trade_records (order_id, symbol, side, order_time, price, size, \
             total_fees_usd, status, source, ingest_via, trigger) VALUES ('{}', '{}', '{}', \
             timestamptz '2025-11-01 00:00+00' + interval '{} minutes', {}, {}, {}, {}, \
             'websocket', 'websocket', '{{\"trigger\": \"limit\"}}');",
            self.id,
            self.symbol,
            self.side,
            self.minute,
            self.price,
            self.size,
            self.fee,
            match self.status {
                "" => "NULL".to_owned(),
                status => format!("'{status}'"),
            }
        )
    }
}

/// An order that was executed.
pub fn row<'a>(id: &'a str, side: &'a str, size: &'a str, price: &'a str, minute: u32) -> Row<'a> {
    Row {
        id,
        symbol: "BTC-USD",
        side,
        size,
        price,
        fee: "0.1",
        minute,
        status: "filled",
    }
}

/// Makes a database with a bot's ledger.
pub fn database(server: &str, rows: &[Row<'_>]) -> Site {
    let site = Site::empty(server);
    site.sql(LEDGER);
    for row in rows {
        site.sql(&row.insert());
    }
    site
}

/// Fees of 0.1 % of the value, as a float has them, and an execution with them.
fn with_fee(id: &str, side: &str, size: &str, price: &str, minute: u32) -> String {
    let fee = format!("round(({size} * {price} * 0.001)::numeric, 8)");
    Row {
        symbol: "AVAX-USD",
        fee: &fee,
        ..row(id, side, size, price, minute)
    }
    .insert()
}

/// The statements of fixture X2. 13 pairs were closed, but their remaining size is full again. In
/// four later round trips the bot took the sells to close those old lots.
pub fn phantom_lots() -> String {
    let mut sql = String::new();
    for nth in 1..=13_u32 {
        let (buy, sell) = (format!("old-b-{nth}"), format!("old-s-{nth}"));
        sql.push_str(&with_fee(&buy, "buy", "150", "0.46", 2 * nth));
        sql.push_str(&with_fee(&sell, "sell", "150", "0.47", 2 * nth + 1));
        sql.push_str(&format!(
            "UPDATE trade_records SET remaining_size = 150 WHERE order_id = '{buy}'; \
             UPDATE trade_records SET parent_id = '{buy}', pnl_usd = 1.3605 \
             WHERE order_id = '{sell}';"
        ));
    }
    let trips = [
        ("220", "0.1370", "0.1355", "-71.52101"),
        ("230", "0.1360", "0.1361", "-74.634103"),
        ("240", "0.1275", "0.1279", "-79.845096"),
        ("270", "0.1230", "0.1222", "-91.363194"),
    ];
    for (nth, (size, bought, sold, pnl)) in (1..).zip(trips) {
        let (buy, sell) = (format!("new-b-{nth}"), format!("new-s-{nth}"));
        sql.push_str(&with_fee(&buy, "buy", size, bought, 50_000 + 2 * nth));
        sql.push_str(&with_fee(&sell, "sell", size, sold, 50_001 + 2 * nth));
        sql.push_str(&format!(
            "UPDATE trade_records SET parent_id = 'old-b-{nth}', \
             parent_ids = ARRAY['old-b-{nth}', 'old-b-{}'], pnl_usd = {pnl} \
             WHERE order_id = '{sell}';",
            nth + 1
        ));
    }
    sql
}

/// The first step of the earlier system: plain tables, four views, a snapshot.
pub const FIRST_STEP: &str = "CREATE TABLE fifo_allocations (
    id bigserial PRIMARY KEY, sell_order_id varchar NOT NULL REFERENCES trade_records (order_id)
        ON DELETE CASCADE, buy_order_id varchar REFERENCES trade_records (order_id)
        ON DELETE CASCADE, symbol varchar NOT NULL, allocated_size numeric(20,8) NOT NULL,
    buy_price numeric(20,8), sell_price numeric(20,8) NOT NULL, buy_fees_per_unit numeric(20,8),
    sell_fees_per_unit numeric(20,8), cost_basis_usd numeric(20,8), proceeds_usd numeric(20,8),
    net_proceeds_usd numeric(20,8), pnl_usd numeric(20,8), buy_time timestamptz,
    sell_time timestamptz NOT NULL, allocation_time timestamptz DEFAULT now(),
    allocation_version integer NOT NULL, allocation_batch_id uuid, notes text,
    UNIQUE (sell_order_id, buy_order_id, allocation_version));
CREATE TABLE fifo_computation_log (id bigserial PRIMARY KEY, symbol varchar,
    allocation_version integer, status varchar);
CREATE TABLE fifo_inventory_snapshot (id bigserial PRIMARY KEY, symbol varchar,
    buy_order_id varchar, remaining_size numeric, allocation_version integer);
CREATE TABLE manual_review_queue (id bigserial PRIMARY KEY, order_id varchar,
    issue_type varchar, status varchar, UNIQUE (order_id, issue_type));
CREATE VIEW v_allocation_health AS SELECT allocation_version, count(*) AS total_allocations
    FROM fifo_allocations GROUP BY 1;
CREATE VIEW v_unmatched_sells AS SELECT * FROM fifo_allocations WHERE buy_order_id IS NULL;
CREATE VIEW v_pnl_by_symbol AS SELECT symbol, sum(pnl_usd) AS total_pnl
    FROM fifo_allocations GROUP BY symbol;
CREATE VIEW v_allocation_discrepancies AS SELECT t.order_id AS sell_order_id,
    t.size - coalesce(sum(a.allocated_size), 0)::float8 AS discrepancy FROM trade_records t
    LEFT JOIN fifo_allocations a ON a.sell_order_id = t.order_id WHERE t.side = 'sell'
    GROUP BY t.order_id, t.size;
CREATE TABLE historical_pnl_snapshot_20251120 AS SELECT order_id, parent_id AS old_parent_id,
    parent_ids AS old_parent_ids, pnl_usd AS old_pnl_usd, now() AS snapshot_time
    FROM trade_records WHERE side = 'sell' AND parent_id IS NOT NULL;
INSERT INTO fifo_allocations (sell_order_id, buy_order_id, symbol, allocated_size, buy_price,
        sell_price, cost_basis_usd, proceeds_usd, net_proceeds_usd, pnl_usd, buy_time, sell_time,
        allocation_version)
    SELECT s.order_id, b.order_id, s.symbol, s.size, b.price, s.price,
        b.size * b.price + b.total_fees_usd, s.size * s.price,
        s.size * s.price - s.total_fees_usd,
        s.size * s.price - s.total_fees_usd - b.size * b.price - b.total_fees_usd
            + CASE WHEN v = 2 AND s.order_id = 'new-s-2' THEN 1 ELSE 0 END,
        b.order_time, s.order_time, v
    FROM trade_records s JOIN trade_records b ON b.order_id = replace(s.order_id, '-s-', '-b-'),
        generate_series(1, 2) v WHERE s.side = 'sell';";

/// Fills a ledger with doubles that need all their digits: half buys, half sells, 20 symbols.
pub fn fill(site: &Site, rows: u32) {
    site.sql(&format!(
        "SELECT setseed(0.42); INSERT INTO trade_records (order_id, symbol, side, order_time, \
         price, size, total_fees_usd, status, source, ingest_via) \
         SELECT 'o-' || i, 'S' || (i * 7 % 20) || '-USD', \
         CASE WHEN random() < 0.55 THEN 'buy' ELSE 'sell' END, \
         timestamptz '2025-01-01 00:00+00' + i * interval '13 seconds', \
         random() * 1000, random() * 10 + 0.001, random(), \
         (ARRAY['filled', 'done', NULL, 'cancelled', 'open'])[1 + (i % 7 % 5)], \
         'websocket', 'websocket' FROM generate_series(1, {rows}) i"
    ));
}

/// Returns all that the ledger holds, and the state of its table, as one text.
pub fn fingerprint(site: &Site) -> String {
    site.value(
        "SELECT count(*) || ' ' || md5(coalesce(string_agg(t::text, ',' ORDER BY order_id), '')) \
         || ' ' || (SELECT string_agg(attname || ' ' || atttypid::regtype || ' ' || attnotnull, \
                    ',' ORDER BY attnum) FROM pg_attribute \
                    WHERE attrelid = 'trade_records'::regclass) \
         || ' ' || (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'trade_records'::regclass) \
         || ' ' || (SELECT count(*) FROM pg_constraint WHERE conrelid = 'trade_records'::regclass) \
         || ' ' || (SELECT count(*) FROM pg_index WHERE indrelid = 'trade_records'::regclass) \
         || ' ' || (SELECT relfilenode FROM pg_class WHERE oid = 'trade_records'::regclass) \
         FROM trade_records t",
    )
}
