//! The database of a bot, as it was before: its ledger, what its bot does, and its old answers.

use crate::site::Site;

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
