//! The ledger in memory: imports, voids, and reads of eligible trades.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde_json::json;

use super::{MemoryStore, MemoryTables, broken_constraint, check};
use crate::engine::{
    Account, AssetAction, AssetRules, CORRECTION_MARK, Carried, Intake, LedgerTrade, MORE_COLUMNS,
    MoreText, Movement, Pool, RowPlace, StatedNames, Timestamp, Trade, TradeText, TransferDecision,
    is_never_executed,
};
use crate::store::corrections::{Forms, Relative};
use crate::store::model::{
    Arrivals, Event, EventKind, ImportFile, ImportMode, ImportReceipt, ImportedFile, ImportedTrade,
    LedgerCounts, LedgerRead, NamedTrade, PoolSizes, Reject, Scope, StoredRate, TradeIds,
    VoidChange, Watermark,
};
use crate::store::rules::{
    ImportPlan, KnownBeside, KnownTrade, KnownTrades, TradeKey, check_voidable, correction_number,
    import_event, plan_beside,
};
use crate::store::trades::TradeSource;
use crate::store::{LedgerStore, Seen, StoreError, StoreResult, cells, corrections, more};

#[async_trait]
impl LedgerStore for MemoryStore {
    fn location(&self) -> String {
        "memory".into()
    }

    async fn import_file(
        &self,
        file: &ImportFile,
        trades: &mut dyn TradeSource,
    ) -> StoreResult<ImportReceipt> {
        let mut batches = Vec::new();
        trades.rewind();
        while let Some(batch) = trades.next_batch().await? {
            batches.push(batch);
        }
        let mut rejects = Vec::new();
        while let Some(batch) = trades.next_rejects().await? {
            rejects.extend(batch);
        }
        let beside = (trades.movements(), trades.actions());
        let given = (batches, rejects, beside);
        self.write(|state| import(state, file, given)).await
    }

    async fn void(&self, change: &VoidChange) -> StoreResult<()> {
        self.write(|state| {
            let (account, order_id) = (change.account.as_str(), change.order_id.as_str());
            let key = (account.to_owned(), order_id.to_owned());
            let ledger = &mut state.ledger;
            let voided = ledger.voided(END);
            let on_its_own = ledger.voided_alone(i64::MAX);
            let is_voided = ledger.by_key.contains_key(&key);
            let is_voided = is_voided.then_some(on_its_own.contains(&key));
            let relatives = ledger.relatives(account, order_id, &[], &voided);
            check_voidable(change, is_voided, &relatives)?;
            let has_reason = !change.reason.is_empty();
            check(has_reason, "void a trade", "trade_voids_reason_check")?;
            let undone = change.undo;
            let import = None;
            ledger.push_void(VoidRow {
                key,
                undone,
                import,
            });
            let details = json!({ "account": account, "order_id": order_id, "undo": change.undo,
                "reason": change.reason, "by": change.voided_by });
            let event = Event::info(EventKind::Void, change.voided_at, details);
            state.events.push(event);
            Ok(())
        })
        .await
    }

    async fn voided_as_of(&self, as_of: &Watermark) -> StoreResult<BTreeSet<(String, String)>> {
        self.read().ledger.voided_as_of(as_of)
    }

    async fn trade_origin(
        &self,
        account: &Account,
        order_id: &str,
    ) -> StoreResult<Option<(String, i64, Timestamp)>> {
        Ok(self.read().ledger.origin(account.as_str(), order_id))
    }

    async fn trades_named(
        &self,
        ids: &TradeIds,
        as_of: Option<&Watermark>,
    ) -> StoreResult<Vec<NamedTrade>> {
        self.read().ledger.trades_named(ids, as_of)
    }

    async fn ledger_counts(&self) -> StoreResult<LedgerCounts> {
        Ok(self.read().ledger.counts())
    }

    async fn ledger_rows_about(&self) -> StoreResult<Option<u64>> {
        Ok(Some(self.read().ledger.counts().rows))
    }

    async fn pool_sizes(&self, scope: &Scope) -> StoreResult<Option<PoolSizes>> {
        Ok(Some(self.read().ledger.pool_sizes(scope)))
    }

    async fn slice_times(
        &self,
        _pool: &Pool,
        _symbols: &BTreeSet<String>,
        _rows: u64,
    ) -> StoreResult<Option<Vec<Timestamp>>> {
        // Slices would save no memory: the whole ledger is in it already.
        Ok(None)
    }

    async fn read_ledger_seen(
        &self,
        scope: &Scope,
        as_of: Option<&Watermark>,
        seen: Seen<'_>,
    ) -> StoreResult<LedgerRead> {
        let read = self.read().ledger.read(scope, as_of);
        let rows = read.pools.values().map(|pool| pool.trades.len() as u64);
        if seen(rows.sum()) {
            Ok(read)
        } else {
            Err(StoreError::Stopped)
        }
    }

    async fn arrivals(&self, scope: &Scope, since: &Watermark) -> StoreResult<Arrivals> {
        Ok(self.read().ledger.arrivals(scope, since))
    }
}

/// A row of the ledger as text, with anything that a source may have written.
///
/// It may hold a size that is not a number, an unknown side, or an infinite time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawTrade {
    /// Account of the trade.
    pub account: String,
    /// Order id, unique in its account.
    pub order_id: String,
    /// Symbol, as the source spells it.
    pub symbol: String,
    /// Side: `buy` or `sell`, if it is valid.
    pub side: String,
    /// Size: a number above zero, if it is valid.
    pub size: String,
    /// Price: a number, zero or more, if it is valid.
    pub price: String,
    /// Execution time in microseconds since 1970, or infinite: `i64::MAX`, `i64::MIN`.
    pub order_time: Option<i64>,
    /// Fee: a number, if it is valid; `None` is unknown.
    pub total_fees_usd: Option<String>,
    /// The venue's own sequence number.
    pub trade_seq: Option<i64>,
    /// The order's state, as the source spells it.
    pub status: Option<String>,
    /// More facts, in the order of [`MORE_COLUMNS`].
    pub more: [Option<String>; MORE_COLUMNS.len()],
}

impl RawTrade {
    /// Makes a row of the default account, executed in 1970, without fee, sequence and status.
    pub fn new(order_id: &str, symbol: &str, side: &str, size: &str, price: &str) -> Self {
        Self {
            account: Account::default().as_str().into(),
            order_id: order_id.into(),
            symbol: symbol.into(),
            side: side.into(),
            size: size.into(),
            price: price.into(),
            order_time: Some(0),
            total_fees_usd: None,
            trade_seq: None,
            status: None,
            more: Default::default(),
        }
    }

    pub(super) fn key(&self) -> Key {
        (self.account.clone(), self.order_id.clone())
    }

    /// Finds the row's place. `None`: nobody wants its pools.
    fn place(&self, intake: &mut Intake<'_>) -> Option<RowPlace> {
        let more = MoreText(self.more.each_ref().map(Option::as_deref));
        let more = Some(&more).filter(|more| !more.is_empty());
        intake.place(&self.account, &self.symbol(), more)
    }

    /// Lends the facts as the engine reads them.
    fn read<R>(&self, read: impl FnOnce(&TradeText<'_>) -> R) -> R {
        let more = MoreText(self.more.each_ref().map(Option::as_deref));
        read(&TradeText {
            order_id: &self.order_id,
            side: &self.side,
            size: &self.size,
            price: &self.price,
            fee: self.total_fees_usd.as_deref(),
            order_time_micros: self.order_time,
            trade_seq: self.trade_seq,
            more: Some(&more).filter(|more| !more.is_empty()),
        })
    }

    /// Returns the pools in which the row may have legs, the base first.
    fn pools(&self, rules: &AssetRules) -> Vec<Pool> {
        let names = (self.account.clone(), self.symbol(), self.stated());
        more::pools_of(rules, &names)
    }

    /// Returns the symbol in its one spelling.
    fn symbol(&self) -> String {
        self.symbol.to_ascii_uppercase().replace('/', "-")
    }

    fn stated(&self) -> StatedNames {
        let more = MoreText(self.more.each_ref().map(Option::as_deref));
        more.names().map(|text| text.map(str::to_owned))
    }

    pub(super) fn is_eligible(&self) -> bool {
        !is_never_executed(self.status.as_deref())
    }

    /// Returns the row as a trade of an import. `None`: a fact can't be read.
    pub(super) fn imported(&self, import_id: i64) -> Option<ImportedTrade> {
        Some(ImportedTrade {
            import_id,
            account: self.account.clone(),
            order_id: self.order_id.clone(),
            symbol: self.symbol(),
            stated: self.stated(),
            side: self.side.parse().ok()?,
            size: self.size.parse().ok()?,
            price: self.price.parse().ok()?,
            order_time: Timestamp::try_from_micros(self.order_time?).ok()?,
        })
    }
}

impl From<&LedgerTrade> for RawTrade {
    fn from(row: &LedgerTrade) -> Self {
        let trade = &row.trade;
        Self {
            account: row.account.to_string(),
            order_id: trade.order_id.to_string(),
            symbol: row.symbol_text.clone(),
            side: trade.side.to_string(),
            size: trade.size.to_string(),
            price: trade.price.to_string(),
            order_time: Some(trade.order_time.as_micros()),
            total_fees_usd: trade.fee.map(|fee| fee.to_string()),
            trade_seq: trade.trade_seq,
            status: row.status.clone(),
            more: trade
                .more
                .as_ref()
                .map_or_else(Default::default, |more| more.texts()),
        }
    }
}

/// Account and order id.
pub(super) type Key = (String, String);

#[derive(Debug)]
pub(super) struct LedgerRow {
    pub(super) text: RawTrade,
    carried: Carried,
    /// Number of the import and line in its file; `None` for a row that no import appended.
    pub(super) import: Option<(i64, u64)>,
}

#[derive(Debug)]
pub(super) struct Import {
    pub(super) name: String,
    sha256: String,
    rows: i64,
    pub(super) imported_at: Timestamp,
}

/// A void of a trade, or an undo of one.
#[derive(Debug)]
pub(super) struct VoidRow {
    pub(super) key: Key,
    pub(super) undone: bool,
    /// The import that it belongs to, if any.
    pub(super) import: Option<i64>,
}

/// Numbers of the last void and of the last void of an import.
pub(super) type Voids = (i64, i64);

/// After all voids.
pub(super) const END: Voids = (i64::MAX, i64::MAX);

/// Append-only lists. A place, from 1, is a number (`ingest_seq`, `void_seq`, `import_id`).
#[derive(Debug)]
pub(super) struct MemoryLedger {
    /// The settings that name the pools of trades.
    pub(super) rules: AssetRules,
    pub(super) rows: Vec<LedgerRow>,
    /// Place in `rows` of each trade.
    by_key: BTreeMap<Key, usize>,
    pub(super) imports: Vec<Import>,
    pub(super) rejects: Vec<(i64, Reject)>,
    pub(super) voids: Vec<VoidRow>,
    /// Imports undone, and put back (true).
    pub(super) import_voids: Vec<(i64, bool)>,
    /// Rates in the order of their arrival.
    pub(super) rates: Vec<StoredRate>,
    /// Movements with the numbers of their imports, in the order of their arrival.
    pub(super) movements: Vec<(i64, Movement)>,
    /// Actions, likewise.
    pub(super) actions: Vec<(i64, AssetAction)>,
    /// Decisions about transfers, in the order of their arrival.
    pub(super) transfer_decisions: Vec<TransferDecision>,
}

impl Default for MemoryLedger {
    fn default() -> Self {
        Self {
            rules: AssetRules::by_symbol(),
            rows: Vec::new(),
            by_key: BTreeMap::new(),
            imports: Vec::new(),
            rejects: Vec::new(),
            voids: Vec::new(),
            import_voids: Vec::new(),
            rates: Vec::new(),
            movements: Vec::new(),
            actions: Vec::new(),
            transfer_decisions: Vec::new(),
        }
    }
}

/// Returns the number of a row: its place, from 1.
pub(super) fn number_of(place: usize) -> i64 {
    i64::try_from(place).map_or(i64::MAX, |place| place.saturating_add(1))
}

/// The trades, rejected rows, movements and actions of a file.
type Given<'g> = (
    Vec<Vec<LedgerTrade>>,
    Vec<Reject>,
    (&'g [Movement], &'g [AssetAction]),
);

/// Imports a file: looks up known trades, plans, and writes.
pub(super) fn import(
    state: &mut MemoryTables,
    file: &ImportFile,
    (batches, rejects, (movements, actions)): Given<'_>,
) -> StoreResult<ImportReceipt> {
    let ledger = &mut state.ledger;
    let mut plan = ImportPlan::new(&file.mode);
    for batch in &batches {
        let known = ledger.known_trades(batch)?;
        plan.decide_batch(batch.clone(), &known);
    }
    let mut receipt = plan.receipt();
    let out = ledger.imports_out(i64::MAX);
    let planned = plan_beside(movements, &known_beside(&ledger.movements, &out));
    receipt.movements = planned.receipt.clone();
    let mut known = known_beside(&ledger.actions, &out);
    ledger.keep_voided_out(&mut known);
    let planned_actions = plan_beside(actions, &known);
    receipt.actions = planned_actions.receipt.clone();
    let rejected = rejects.len() as u64;
    let stopped = receipt.stops(file) || receipt.leaves_nothing(file, rejected);
    if stopped || (file.preview && !plan.names_corrections()) {
        return Ok(receipt);
    }
    let rows = plan.rows_of(0, batches.into_iter().flatten().collect());
    if plan.names_corrections() {
        ledger.check_corrections(&rows, &plan.void)?;
    }
    if file.preview {
        return Ok(receipt);
    }
    let keys: Vec<Key> = rows.iter().map(|row| RawTrade::from(row).key()).collect();
    ledger.check_ids(&keys, &planned.rows)?;
    let import_id = ledger.write_import(file, &rows, &plan.void)?;
    let movements = planned.rows.into_iter().map(|row| (import_id, row));
    ledger.movements.extend(movements);
    let actions = planned_actions.rows.into_iter();
    ledger.actions.extend(actions.map(|row| (import_id, row)));
    receipt.import_id = Some(import_id);
    let event = import_event(file, &receipt, rejected);
    state.events.push(event);
    let rejects = rejects.into_iter().map(|reject| (import_id, reject));
    ledger.rejects.extend(rejects);
    Ok(receipt)
}

/// Returns stored records with the state of their imports.
fn known_beside<R: Clone>(rows: &[(i64, R)], out: &BTreeSet<i64>) -> Vec<KnownBeside<R>> {
    let known = |(import_id, row): &(i64, R)| KnownBeside {
        row: row.clone(),
        is_undone: out.contains(import_id),
    };
    rows.iter().map(known).collect()
}

impl MemoryLedger {
    /// Appends a row as it is. Errors: its id is there already.
    pub(super) fn push_raw(&mut self, text: RawTrade) -> StoreResult<()> {
        self.push(LedgerRow {
            text,
            carried: Carried::default(),
            import: None,
        })
    }

    fn push(&mut self, row: LedgerRow) -> StoreResult<()> {
        match self.by_key.entry(row.text.key()) {
            Entry::Occupied(_) => Err(broken_constraint("append trades", "trade_records_key")),
            Entry::Vacant(place) => {
                place.insert(self.rows.len());
                self.rows.push(row);
                Ok(())
            }
        }
    }

    /// Returns the rows that may be forms of the same execution as an order, and rows being added.
    pub(super) fn relatives(
        &self,
        account: &str,
        order_id: &str,
        added: &[LedgerTrade],
        voided: &BTreeSet<Key>,
    ) -> Vec<Relative> {
        let Forms { original, from, to } = Forms::of(order_id);
        let key = |id: &str| (account.to_owned(), id.to_owned());
        let places = self.by_key.range(key(&from)..key(&to));
        let places = places.chain(self.by_key.get_key_value(&key(&original)));
        let there = places.filter_map(|(_, place)| self.rows.get(*place));
        let there = there.map(|row| (row.text.key(), row.text.is_eligible()));
        let added = added
            .iter()
            .map(|row| (RawTrade::from(row), row.account.as_str()));
        let added = added.filter(|(_, of)| *of == account);
        let added = added.map(|(row, _)| (row.key(), row.is_eligible()));
        let corrections = from..to;
        let is_form = |id: &String| *id == original || corrections.contains(id);
        there
            .chain(added)
            .filter(|((_, id), _)| is_form(id))
            .map(|(key, is_eligible)| Relative {
                counts: is_eligible && !voided.contains(&key),
                order_id: key.1,
            })
            .collect()
    }

    /// Checks the rows of an import that have ids of corrections.
    ///
    /// Errors: an execution would count twice.
    fn check_corrections(&self, rows: &[LedgerTrade], void: &[TradeKey]) -> StoreResult<()> {
        let mut voided = self.voided(END);
        let void = void.iter();
        voided.extend(void.map(|(account, id)| (account.to_string(), id.to_string())));
        let named = rows.iter().filter(|row| corrections::is_named_as_one(row));
        let keys = named.map(|row| (row.account.as_str(), row.trade.order_id.as_str()));
        for (account, id) in keys.collect::<BTreeSet<_>>() {
            let relatives = self.relatives(account, id, rows, &voided);
            corrections::check_appended(account, id, &relatives)?;
        }
        Ok(())
    }

    /// Looks up trades by id. Returns the rows of each known id, and of its corrections.
    fn known_trades(&self, trades: &[LedgerTrade]) -> StoreResult<KnownTrades> {
        let mut known = KnownTrades::new();
        let (voided, alone) = (self.voided(END), self.voided_alone(i64::MAX));
        for trade in trades {
            let key = (trade.account.clone(), trade.trade.order_id.clone());
            let mut places = self.places_of(key.0.as_str(), key.1.as_str());
            places.sort_unstable();
            let rows = places.iter().filter_map(|place| self.rows.get(*place));
            let form = |row: &LedgerRow| -> StoreResult<KnownTrade> {
                let key = row.text.key();
                let is_voided = voided.contains(&key);
                let import = row.import.map(|(id, _)| id);
                let is_undone = import.is_some() && is_voided && !alone.contains(&key);
                let row = ledger_trade(row)?;
                Ok(KnownTrade {
                    row,
                    is_voided,
                    is_undone,
                })
            };
            let chain: Vec<KnownTrade> = rows.map(form).collect::<StoreResult<_>>()?;
            if !chain.is_empty() {
                known.insert(key, chain);
            }
        }
        Ok(known)
    }

    /// Returns the places in `rows` of an execution and its corrections.
    fn places_of(&self, account: &str, id: &str) -> Vec<usize> {
        let key = |id: &str| (account.to_owned(), id.to_owned());
        let mark = format!("{id}{CORRECTION_MARK}");
        let corrections = self.by_key.range(key(&mark)..);
        let corrections = corrections
            .take_while(|((other, row_id), _)| other == account && row_id.starts_with(&mark))
            .filter(|((_, row_id), _)| correction_number(row_id, id).is_some());
        let itself = self.by_key.get(&key(id)).copied();
        corrections.map(|(_, place)| *place).chain(itself).collect()
    }

    fn write_import(
        &mut self,
        file: &ImportFile,
        rows: &[LedgerTrade],
        void: &[TradeKey],
    ) -> StoreResult<i64> {
        let reason = match &file.mode {
            ImportMode::Correct { reason } => reason,
            ImportMode::Append => "",
        };
        let voids_have_reason = void.is_empty() || !reason.is_empty();
        check(
            voids_have_reason,
            "append trades",
            "trade_voids_reason_check",
        )?;
        let mut added = BTreeSet::new();
        for row in rows {
            let key = RawTrade::from(row).key();
            let is_new = !self.by_key.contains_key(&key) && added.insert(key);
            check(is_new, "append trades", "trade_records_key")?;
        }
        let import_id = self.add_import(file, rows.len(), "append trades")?;
        for row in rows {
            self.push(LedgerRow {
                text: row.into(),
                carried: row.carried.clone(),
                import: Some((import_id, row.import_line)),
            })?;
        }
        self.voids.extend(void.iter().map(|(account, id)| VoidRow {
            key: (account.to_string(), id.to_string()),
            undone: false,
            import: Some(import_id),
        }));
        Ok(import_id)
    }

    /// Appends the row of an import. Returns its number.
    pub(super) fn add_import(
        &mut self,
        file: &ImportFile,
        rows: usize,
        action: &'static str,
    ) -> StoreResult<i64> {
        let has_hash = file.sha256.chars().count() == 64;
        check(has_hash, action, "imports_sha256_check")?;
        self.imports.push(Import {
            name: file.name.clone(),
            sha256: file.sha256.clone(),
            rows: i64::try_from(rows).unwrap_or(i64::MAX),
            imported_at: file.imported_at,
        });
        Ok(number_of(self.imports.len().saturating_sub(1)))
    }

    /// Returns executions by account and order id.
    pub(super) fn trades_named(
        &self,
        ids: &TradeIds,
        as_of: Option<&Watermark>,
    ) -> StoreResult<Vec<NamedTrade>> {
        let voided = match as_of {
            Some(as_of) => self.voided_as_of(as_of)?,
            None => self.voided(END),
        };
        let last = as_of.and_then(Watermark::sequence);
        let last = last.map_or(i64::MAX, |(ingest_seq, _)| ingest_seq);
        let place = |key: &Key| self.by_key.get(key).copied();
        let places = ids.iter().filter_map(place);
        let rows = places
            .filter(|place| number_of(*place) <= last)
            .filter_map(|place| self.rows.get(place))
            .map(|row| &row.text)
            .filter(|text| text.is_eligible());
        let trade = |text: &RawTrade| {
            let (symbol, stated) = (text.symbol(), text.stated());
            let pool = self.rules.pool_of_row(&text.account, &symbol, &stated);
            let names = (pool, &*text.order_id);
            let is_voided = voided.contains(&text.key());
            cells::named_trade(names, &text.side, text.order_time, is_voided)
        };
        Ok(rows.filter_map(trade).collect())
    }

    /// Counts the rows; each is eligible or not, and never both.
    pub(super) fn counts(&self) -> LedgerCounts {
        let rows = self.rows.len() as u64;
        let eligible = self.rows.iter().filter(|row| row.text.is_eligible());
        let eligible = eligible.count() as u64;
        LedgerCounts {
            rows,
            eligible,
            ineligible: rows - eligible,
            voided: self.voids_in_force(),
            in_neither: 0,
            in_both: 0,
        }
    }

    /// Counts the rows of each pool of a scope.
    pub(super) fn pool_sizes(&self, scope: &Scope) -> PoolSizes {
        let mut sizes = PoolSizes {
            watermark: self.read(&Scope::default(), None).watermark,
            ..PoolSizes::default()
        };
        for row in &self.rows {
            let names = (
                row.text.account.clone(),
                row.text.symbol(),
                row.text.stated(),
            );
            let rows = i64::from(row.text.is_eligible());
            more::add_size(&mut sizes, (scope, &self.rules), &names, rows);
        }
        sizes
    }

    /// Returns the currencies that columns of executions name, with the accounts.
    pub(super) fn currencies_named(&self) -> BTreeSet<(String, String)> {
        let rows = self.rows.iter().map(|row| &row.text);
        let named = rows.filter(|text| text.is_eligible()).flat_map(|text| {
            let [_, quote, _, fee] = text.stated();
            let currencies = [quote, fee].into_iter().flatten();
            currencies.map(|currency| (text.account.clone(), currency))
        });
        named.collect()
    }

    /// Reads the pools of a scope as of a watermark.
    pub(super) fn read(&self, scope: &Scope, as_of: Option<&Watermark>) -> LedgerRead {
        let newest = Watermark::Sequence {
            ingest_seq: self.rows.len() as i64,
            void_seq: self.voids.len() as i64,
            cursors: self.cursors(),
        };
        let watermark = as_of.unwrap_or(&newest).clone();
        let (ingest_seq, void_seq) = watermark.sequence().unwrap_or_default();
        let voided = self.voided((void_seq, watermark.cursors().import_void_seq));
        let mut read = LedgerRead {
            watermark,
            ..LedgerRead::default()
        };
        let until = usize::try_from(ingest_seq).unwrap_or(0);
        let mut intake = Intake::new(&self.rules, |pool| scope.contains(pool));
        for row in self.rows.iter().take(until) {
            let Some(place) = row.text.place(&mut intake) else {
                continue;
            };
            if !row.text.is_eligible() {
                let base = row.text.pools(&self.rules).swap_remove(0);
                if scope.contains(&base) {
                    *read.ineligible.entry(reason(&row.text)).or_default() += 1;
                }
            } else if voided.contains(&row.text.key()) {
                read.voided += u64::from(intake.is_base_wanted(place));
            } else {
                row.text.read(|text| intake.push_text(place, text));
            }
        }
        (read.pools, read.pending) = intake.end().into_parts();
        read
    }

    /// Reads the rows and voids that came into the ledger since a watermark.
    pub(super) fn arrivals(&self, scope: &Scope, since: &Watermark) -> Arrivals {
        let (ingest_since, void_since) = since.sequence().unwrap_or_default();
        let mut arrivals = Arrivals {
            watermark: self.read(&Scope::default(), None).watermark,
            ..Arrivals::default()
        };
        let since = (void_since, since.cursors().import_void_seq);
        let (before, now) = (self.voided(since), self.voided(END));
        let mut intake = Intake::new(&self.rules, |pool| scope.contains(pool));
        for (number, row) in self.rows.iter().enumerate() {
            let (pools, key) = (row.text.pools(&self.rules), row.text.key());
            let is_new = number_of(number) > ingest_since;
            let Some(place) = row.text.place(&mut intake) else {
                continue;
            };
            let is_voided = now.contains(&key);
            match (row.text.is_eligible(), is_new) {
                (false, true) if pools.first().is_some_and(|base| scope.contains(base)) => {
                    *arrivals.ineligible.entry(reason(&row.text)).or_default() += 1;
                }
                (false, _) => {}
                (true, true) if is_voided => {
                    arrivals.voided += u64::from(intake.is_base_wanted(place));
                }
                (true, true) => row.text.read(|text| intake.push_text(place, text)),
                (true, false) if is_voided != before.contains(&key) => {
                    for pool in pools.into_iter().filter(|pool| scope.contains(pool)) {
                        let ids = arrivals.revised.entry(pool).or_default();
                        ids.insert(key.1.clone());
                    }
                }
                (true, false) => {}
            }
        }
        (arrivals.pools, arrivals.pending) = intake.end().into_parts();
        arrivals
    }

    /// Returns the row of a trade.
    pub(super) fn row(&self, key: &Key) -> Option<&LedgerRow> {
        self.by_key.get(key).and_then(|place| self.rows.get(*place))
    }

    /// Returns a trade of the ledger; `None` if it is missing or unreadable.
    pub(super) fn trade(&self, account: &str, id: &str) -> Option<Trade> {
        let place = self.by_key.get(&(account.to_owned(), id.to_owned()))?;
        self.rows.get(*place)?.text.read(Trade::try_from_text).ok()
    }

    /// Returns which system reported a trade.
    pub(super) fn source(&self, account: &str, id: &str) -> Option<&str> {
        let place = self.by_key.get(&(account.to_owned(), id.to_owned()))?;
        self.rows.get(*place)?.carried.source.as_deref()
    }

    /// Lists the imported files.
    pub(super) fn imported_files(&self) -> Vec<ImportedFile> {
        let file = |(id, import): (i64, &Import)| ImportedFile {
            id,
            name: import.name.clone(),
            sha256: import.sha256.clone(),
            rows: import.rows,
            imported_at: import.imported_at,
        };
        (1..).zip(&self.imports).map(file).collect()
    }

    /// Returns the file, the line and the instant that a trade was imported from.
    pub(super) fn origin(&self, account: &str, id: &str) -> Option<(String, i64, Timestamp)> {
        let place = self.by_key.get(&(account.to_owned(), id.to_owned()))?;
        let (import_id, line) = self.rows.get(*place)?.import?;
        let import_place = usize::try_from(import_id).ok()?.checked_sub(1)?;
        let import = self.imports.get(import_place)?;
        let line = i64::try_from(line).unwrap_or(i64::MAX);
        Some((import.name.clone(), line, import.imported_at))
    }
}

/// Returns why a row is not an execution.
fn reason(row: &RawTrade) -> String {
    let status = row.status.as_deref().unwrap_or_default();
    format!("status {}", status.to_ascii_lowercase())
}

fn ledger_trade(row: &LedgerRow) -> StoreResult<LedgerTrade> {
    let text = &row.text;
    let unreadable = |column, found: &str| StoreError::Unreadable {
        table: "trade_records",
        column,
        found: found.to_owned(),
    };
    Ok(LedgerTrade {
        account: text
            .account
            .parse()
            .map_err(|_| unreadable("account", &text.account))?,
        symbol: text
            .symbol
            .parse()
            .map_err(|_| unreadable("symbol", &text.symbol))?,
        trade: text
            .read(Trade::try_from_text)
            .map_err(|invalid| unreadable(invalid.column, &invalid.to_string()))?,
        symbol_text: text.symbol.clone(),
        status: text.status.clone(),
        carried: row.carried.clone(),
        import_line: 0,
    })
}
