//! The tables that a version's rows go to, and the connection that writes the first half of it.
//!
//! A large version has two tables of each kind, each with whole pools. The first half is written on
//! a connection beside the one that holds the run lock. While the second half is written, the
//! server indexes the first one. Both transactions stay open until all rows are indexed: a process
//! or a connection that is lost before that leaves nothing.

use std::time::Duration;

use sqlx::PgConnection;
use tokio::task::JoinHandle;

use super::PostgresStore;
use super::cells::literal;
use super::errors::unreadable;
use super::session::{begin_short, execute};
use crate::store::StoreResult;
use crate::store::limits::SECOND_CONNECTION_WAIT_MS;
use crate::store::model::VersionPlan;

/// The table of all versions' summaries.
pub(super) const SUMMARIES: &str = "fifo_parts.fifo_pool_summary";

/// Names of the tables of a version or of one half: allocations, inventory, summaries.
pub(super) struct Tables {
    pub(super) allocations: String,
    pub(super) inventory: String,
    pub(super) summaries: String,
    /// Bounds of the partitions: version, account and asset.
    from: String,
    to: String,
    /// The bounds as a condition, word for word as the server derives it.
    check: String,
}

impl Tables {
    /// Returns the tables of a plan: one set, or those of the two halves.
    pub(super) fn of(plan: &VersionPlan) -> Vec<Self> {
        let version = plan.version;
        let (from, to) = (
            format!("{version}, MINVALUE, MINVALUE"),
            format!("{version}, MAXVALUE, MAXVALUE"),
        );
        let check = format!("allocation_version = {version}");
        if plan.replaces {
            return vec![Self {
                allocations: "public.fifo_allocations".into(),
                inventory: "public.fifo_inventory_snapshot".into(),
                summaries: SUMMARIES.into(),
                from,
                to,
                check,
            }];
        }
        let name = format!("v{version}_r{}", plan.run_id);
        let Some(cut) = &plan.cut else {
            return vec![Self::named(&name, (from, to), check)];
        };
        let account = literal(cut.next.account.as_str());
        let asset = literal(cut.next.asset.as_str());
        let middle = format!("{version}, {account}, {asset}");
        let half = |sign: char, or_at: &str| {
            format!(
                "{check} AND (account {sign} {account} \
                 OR account = {account} AND asset {or_at} {asset})"
            )
        };
        let first = half('<', "<");
        let second = half('>', ">=");
        vec![
            Self::named(&format!("{name}_1"), (from, middle.clone()), first),
            Self::named(&format!("{name}_2"), (middle, to), second),
        ]
    }

    fn named(name: &str, (from, to): (String, String), check: String) -> Self {
        Self {
            allocations: format!("fifo_parts.fifo_allocations_{name}"),
            inventory: format!("fifo_parts.fifo_inventory_snapshot_{name}"),
            summaries: format!("{SUMMARIES}_{name}"),
            from,
            to,
            check,
        }
    }

    /// Makes the tables.
    ///
    /// That a table holds its rows only is checked as they come: to check it afterwards, which
    /// attaching would, reads them all again (0.27 s for a million).
    pub(super) async fn create(&self, connection: &mut PgConnection) -> StoreResult<()> {
        let check = &self.check;
        let table = |part: &str, parent: &str| {
            format!(
                "CREATE TABLE {part} (LIKE public.{parent} INCLUDING DEFAULTS \
                 INCLUDING CONSTRAINTS, CONSTRAINT of_version CHECK ({check}));"
            )
        };
        let mut sql = table(&self.allocations, "fifo_allocations");
        sql.push_str(&table(&self.inventory, "fifo_inventory_snapshot"));
        execute(connection, "make a version's tables", sql).await
    }

    /// Returns the statements that index the tables: the order ids come first, which differ most.
    ///
    /// The names are ours. The server would cut its own to the same text for both halves, and then
    /// make one half wait for the end of the other.
    fn indexes(&self) -> String {
        let (allocations, inventory) = (&self.allocations, &self.inventory);
        let named = |table: &str| table.trim_start_matches("fifo_parts.").to_owned();
        let (rows, lots) = (named(allocations), named(inventory));
        let moved = "(coalesce(buy_movement || chr(31) || coalesce(buy_account, ''), ''))";
        format!(
            "CREATE UNIQUE INDEX {rows}_pair ON {allocations} (sell_order_id, \
                 (coalesce(buy_order_id, '')), account, asset, \
                 (coalesce(sell_leg, '')), (coalesce(buy_leg, '')), {moved}, allocation_version);\
             CREATE INDEX {rows}_buy ON {allocations} \
                 (buy_order_id, account) WHERE buy_order_id IS NOT NULL;\
             CREATE INDEX {rows}_pool ON {allocations} (asset, account, sell_time);\
             CREATE INDEX {rows}_unmatched ON {allocations} (id) WHERE buy_order_id IS NULL;\
             CREATE UNIQUE INDEX {lots}_lot ON {inventory} \
                 (account, asset, buy_order_id, (coalesce(buy_leg, '')), {moved}, \
                 allocation_version)"
        )
    }

    /// Indexes the tables.
    pub(super) async fn index(&self, connection: &mut PgConnection) -> StoreResult<()> {
        index(connection, self.indexes()).await
    }

    /// Attaches the tables. Their indexes and checks exist, so the server reads no row.
    pub(super) async fn attach(&self, connection: &mut PgConnection) -> StoreResult<()> {
        let (from, to) = (&self.from, &self.to);
        let attach = |part: &str, parent: &str| {
            format!(
                "ALTER TABLE {parent} ATTACH PARTITION {part} FOR VALUES FROM ({from}) TO ({to});\
                 ALTER TABLE {part} DROP CONSTRAINT of_version;"
            )
        };
        let mut sql = attach(&self.allocations, "fifo_allocations");
        sql.push_str(&attach(&self.inventory, "fifo_inventory_snapshot"));
        execute(connection, "attach a version", sql).await
    }
}

async fn index(connection: &mut PgConnection, sql: String) -> StoreResult<()> {
    execute(connection, "index a version", sql).await
}

/// The connection beside the one with the run lock. If it is dropped, the server undoes its work.
pub(super) enum Beside {
    /// The connection writes the first half.
    Writing(Box<PgConnection>),
    /// The server indexes the first half.
    Indexing(Task),
}

/// An index that is being made, and the connection it is made on.
pub(super) struct Task(JoinHandle<StoreResult<Box<PgConnection>>>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Connects a second time. `None`: the server has no connection left for that.
pub(super) async fn connect(store: &PostgresStore) -> Option<Box<PgConnection>> {
    let wait = Duration::from_millis(SECOND_CONNECTION_WAIT_MS);
    let connect = || tokio::time::timeout(wait, store.reader());
    let connection = connect().await.ok()?.ok()?.detach();
    // A run asks on another connection while this one writes: this must not be the last one.
    connect().await.ok()?.ok()?;
    Some(Box::new(connection))
}

impl Beside {
    /// Begins the first half on a connection.
    pub(super) async fn begin(
        mut connection: Box<PgConnection>,
        tables: &Tables,
    ) -> StoreResult<Self> {
        begin_short(&mut connection).await?;
        tables.create(&mut connection).await?;
        Ok(Self::Writing(connection))
    }

    /// Has the server index the first half, and returns at once.
    pub(super) fn index(mut connection: Box<PgConnection>, tables: &Tables) -> Self {
        let sql = tables.indexes();
        Self::Indexing(Task(tokio::spawn(async move {
            index(&mut connection, sql).await?;
            Ok(connection)
        })))
    }

    /// Returns the connection when all is indexed. Its transaction is still open.
    pub(super) async fn indexed(self, tables: &Tables) -> StoreResult<Box<PgConnection>> {
        match self {
            Self::Indexing(mut task) => {
                let ended = (&mut task.0).await;
                ended.unwrap_or_else(|error| Err(unreadable("an index", &error.to_string())))
            }
            Self::Writing(mut connection) => {
                tables.index(&mut connection).await?;
                Ok(connection)
            }
        }
    }
}
