//! Trades that two files have under other ids: they count twice.
//!
//! Formats say which of them may have the same trades (`import/formats/same_trades.rs`). In one
//! account, all such files are compared. Files of any formats are compared by all facts but the id
//! (`equal.rs`). Between accounts, only the files of tax programs are
//! compared with others: such a program copies the trades of exchanges, and two accounts do not
//! have them by chance.

mod across;
mod compared;
mod equal;
mod turned;

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde_json::{Value, json};

use self::across::counted_across;
use self::compared::{compared, cut_inside};
use self::equal::counted_equal;
pub(super) use self::equal::{EQUAL, equal_trades};
use super::error::PipelineResult;
use super::job::Context;
use crate::engine::{
    Account, Asset, AssetRules, LedgerTrade, MoreText, Side, Size, Symbol, Timestamp,
};
use crate::import::{adds_up_a_second, is_of_tax_program, may_have_same_trades};
use crate::store::Store;
use crate::store::model::{Event, EventKind, ImportedTrade, SyncStatus};

/// Most tries of an account that are searched for its imports.
pub(super) const TRIES_MAX: u64 = 10_000;

const SECOND_MICROS: i64 = 1_000_000;
const MINUTE_MICROS: i64 = 60 * SECOND_MICROS;
const DAY_MICROS: i64 = 86_400 * SECOND_MICROS;

/// Two files that have the same trades.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedTwice {
    /// The file that came last.
    pub last: FileOfTrades,
    /// Another file.
    pub other: FileOfTrades,
    /// The trades that they have in common.
    pub common: Common,
}

/// A file of trades.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOfTrades {
    /// The account of its trades.
    pub account: Account,
    /// Number of its import. `None`: it is not imported yet.
    pub import_id: Option<i64>,
    /// Its name.
    pub file: String,
    /// Its format.
    pub format: String,
}

/// The trades that two files have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Common {
    /// Trades of the last file that the other one has, too.
    Trades {
        /// How many.
        both: u64,
        /// How many trades the last file has.
        of: u64,
    },
    /// No equal trades, and trades of one asset and side on one day, perhaps with other sizes.
    Days,
    /// Sums of one second that differ: a file was cut inside it.
    Second {
        /// The second.
        at: Timestamp,
        /// The trade with the smaller size.
        smaller: String,
    },
}

/// The trades of one file.
#[derive(Debug, Clone)]
pub(super) struct TradesOfFile {
    pub(super) of: FileOfTrades,
    trades: Vec<Brief>,
    /// Trades of the file. `trades` may have fewer: those that another file may have, too.
    count: u64,
}

impl TradesOfFile {
    fn new(of: FileOfTrades) -> Self {
        Self {
            of,
            trades: Vec::new(),
            count: 0,
        }
    }

    /// Makes a file of a preview, without its trades.
    pub(super) fn of_preview(account: &Account, file: &str, format: &str) -> Self {
        Self::new(FileOfTrades {
            account: account.clone(),
            import_id: None,
            file: file.to_owned(),
            format: format.to_owned(),
        })
    }

    /// Adds a trade, if it is of the file's account.
    pub(super) fn add(&mut self, row: &LedgerTrade, rules: &AssetRules) {
        if row.account == self.of.account {
            self.push(Brief::of(row, rules));
        }
    }

    fn push(&mut self, trade: Brief) {
        self.trades.push(trade);
        self.count += 1;
    }

    /// Returns its place among the files: one that is not imported yet is the last.
    fn place(&self) -> i64 {
        self.of.import_id.unwrap_or(i64::MAX)
    }
}

/// The facts of a trade that are compared.
#[derive(Debug, Clone)]
struct Brief {
    order_id: String,
    at: Timestamp,
    asset: Asset,
    /// `None`: nothing says it.
    quote: Option<Asset>,
    pair: String,
    side: Side,
    size: Size,
    price: Option<Decimal>,
}

impl Brief {
    fn of(row: &LedgerTrade, rules: &AssetRules) -> Self {
        let texts = row.trade.more.as_deref().map(|more| more.texts());
        let texts = texts.unwrap_or_default();
        let names = MoreText(texts.each_ref().map(Option::as_deref)).names();
        let stored = ImportedTrade {
            import_id: 0,
            account: row.account.to_string(),
            order_id: row.trade.order_id.to_string(),
            symbol: row.symbol.to_string(),
            stated: names.map(|text| text.map(str::to_owned)),
            side: row.trade.side,
            size: row.trade.size,
            price: row.trade.price,
            order_time: row.trade.order_time,
        };
        Self::of_stored(stored, &row.account, rules)
    }

    fn of_stored(row: ImportedTrade, account: &Account, rules: &AssetRules) -> Self {
        let pool = rules.pool_of_row(account.as_str(), &row.symbol, &row.stated);
        let [base, quote, class, _] = row.stated.each_ref().map(Option::as_deref);
        let symbol = Symbol::unreadable(&row.symbol);
        let instrument = rules.instrument(account, &symbol, base, quote, class);
        Self {
            pair: pair_of(&row.symbol, quote),
            quote: instrument.ok().map(|of| of.quote),
            order_id: row.order_id,
            at: row.order_time,
            asset: pool.asset,
            side: row.side,
            size: row.size,
            price: row.price.to_string().parse().ok(),
        }
    }

    fn second(&self) -> i64 {
        self.at.as_micros().div_euclid(SECOND_MICROS)
    }

    fn minute(&self) -> TimeKey<'_> {
        let minute = self.at.as_micros().div_euclid(MINUTE_MICROS);
        (minute, &self.asset, self.side)
    }

    fn day(&self) -> TimeKey<'_> {
        let day = self.at.as_micros().div_euclid(DAY_MICROS);
        (day, &self.asset, self.side)
    }
}

/// A minute or a day, with asset and side.
type TimeKey<'b> = (i64, &'b Asset, Side);

/// Returns the letters and digits of a symbol, and its quote.
fn pair_of(symbol: &str, quote: Option<&str>) -> String {
    let letters = symbol.chars().filter(|of| of.is_alphanumeric());
    letters.chain(quote.unwrap_or_default().chars()).collect()
}

fn decimal(size: Size) -> Option<Decimal> {
    size.to_string().parse().ok()
}

/// Returns the files that have the same trades, or that were cut inside a second. One of each two
/// is of the account; without an account, all files are compared. An import that a person kept is
/// not compared.
///
/// Errors: the store fails.
pub async fn counted_twice(
    store: &dyn Store,
    rules: &AssetRules,
    account: Option<&Account>,
) -> PipelineResult<Vec<CountedTwice>> {
    let accounts = match account {
        Some(account) => vec![account.clone()],
        None => accounts(store).await?,
    };
    let mut found = Vec::new();
    for account in &accounts {
        let files = files_of(store, rules, (account, None)).await?;
        found.extend(counted_in_account(&files));
        let pair = |it: &CountedTwice| {
            let ids = [it.last.import_id, it.other.import_id];
            (ids.into_iter().max(), ids.into_iter().min())
        };
        for equal in counted_equal(store, account).await? {
            if !found.iter().any(|it| pair(it) == pair(&equal)) {
                found.push(equal);
            }
        }
    }
    found.extend(counted_across(store, rules, account).await?);
    Ok(found)
}

pub(super) async fn accounts(store: &dyn Store) -> PipelineResult<Vec<Account>> {
    let accounts = store.accounts().await?.into_iter();
    Ok(accounts.map(|of| of.account).collect())
}

/// Compares the files of one account.
fn counted_in_account(files: &[TradesOfFile]) -> Vec<CountedTwice> {
    let mut formats: Vec<&str> = files.iter().map(|file| file.of.format.as_str()).collect();
    formats.sort_unstable();
    formats.dedup();
    let mut found = Vec::new();
    for (place, one) in formats.iter().enumerate() {
        let of = |format: &str| {
            let files = files.iter().filter(|file| file.of.format == format);
            files.collect::<Vec<&TradesOfFile>>()
        };
        let ones = of(one);
        if adds_up_a_second(one) {
            found.extend(cut_inside(&ones));
        }
        for other in formats.iter().skip(place + 1) {
            if may_have_same_trades(one, other) {
                found.extend(compared(&ones, &of(other)));
            }
        }
    }
    found
}

/// Finds the files that have the trades of a file that is not imported.
pub(super) fn twice_with(file: &TradesOfFile, others: &[TradesOfFile]) -> Vec<CountedTwice> {
    let format = file.of.format.as_str();
    let mut groups: BTreeMap<(&Account, &str), Vec<&TradesOfFile>> = BTreeMap::new();
    for other in others {
        let group = groups.entry((&other.of.account, &other.of.format));
        group.or_default().push(other);
    }
    let mut found = Vec::new();
    for ((account, other), files) in groups {
        let is_elsewhere = *account != file.of.account;
        if !is_elsewhere && other == format && adds_up_a_second(format) {
            let all: Vec<&TradesOfFile> = files.iter().copied().chain([file]).collect();
            found.extend(cut_inside(&all));
        } else if may_have_same_trades(format, other) {
            found.extend(compared(&files, &[file]));
        }
    }
    found
}

/// Returns the files that a file of a preview is compared with. Files of other accounts are among
/// them if one of the two is of a tax program. Order: by account and import.
pub(super) async fn files_beside(
    store: &dyn Store,
    rules: &AssetRules,
    (account, format): (&Account, &str),
) -> PipelineResult<Vec<TradesOfFile>> {
    let mut files = files_of(store, rules, (account, Some(format))).await?;
    files.extend(across::files_elsewhere(store, rules, (account, format)).await?);
    Ok(files)
}

/// Returns the files of an account. Those whose formats may have the trades of another file, or of
/// a file of a format, have their trades. Order: by import.
async fn files_of(
    store: &dyn Store,
    rules: &AssetRules,
    (account, format): (&Account, Option<&str>),
) -> PipelineResult<Vec<TradesOfFile>> {
    let names = names_of(store, account).await?;
    let names = that_count(store, names).await?;
    let wanted = wanted(&names, format);
    let mut files: BTreeMap<i64, TradesOfFile> = BTreeMap::new();
    for (id, of) in names {
        files.insert(id, TradesOfFile::new(of));
    }
    for trade in store.trades_of_imports(&wanted).await? {
        if trade.account == account.as_str()
            && let Some(file) = files.get_mut(&trade.import_id)
        {
            file.push(Brief::of_stored(trade, account, rules));
        }
    }
    Ok(files.into_values().collect())
}

/// Returns the names of the files that an account has trades of, by import.
async fn names_of(
    store: &dyn Store,
    account: &Account,
) -> PipelineResult<BTreeMap<i64, FileOfTrades>> {
    let mut names = BTreeMap::new();
    for sync in store.syncs(account, TRIES_MAX).await? {
        let has_trades = sync.status != SyncStatus::Failed && sync.counts.trades > 0;
        if let (true, Some(id), Some(format)) = (has_trades, sync.import_id, sync.format) {
            let of = FileOfTrades {
                account: account.clone(),
                import_id: Some(id),
                file: sync.file,
                format,
            };
            names.insert(id, of);
        }
    }
    Ok(names)
}

/// Returns the imports that are neither undone nor kept by a person.
pub(super) async fn that_count(
    store: &dyn Store,
    mut names: BTreeMap<i64, FileOfTrades>,
) -> PipelineResult<BTreeMap<i64, FileOfTrades>> {
    if !names.is_empty() {
        let (out, kept) = (store.imports_out(None).await?, kept(store).await?);
        names.retain(|id, _| !out.contains(id) && !kept.contains(id));
    }
    Ok(names)
}

/// Returns the imports whose trades are compared.
fn wanted(names: &BTreeMap<i64, FileOfTrades>, format: Option<&str>) -> BTreeSet<i64> {
    let mut formats: BTreeMap<&str, u64> = BTreeMap::new();
    let of_files = names.values().map(|file| file.format.as_str());
    of_files
        .chain(format)
        .for_each(|of| *formats.entry(of).or_default() += 1);
    let is_wanted = |file: &FileOfTrades| {
        let of = file.format.as_str();
        let is_cut = adds_up_a_second(of) && formats.get(of).is_some_and(|files| *files > 1);
        is_cut || formats.keys().any(|other| may_have_same_trades(of, other))
    };
    let wanted = names.iter().filter(|(_, file)| is_wanted(file));
    wanted.map(|(id, _)| *id).collect()
}

/// Says that all trades of an import are right, beside equal ones of other files; or takes that
/// back, if they are kept. Returns whether anything changed. A later word counts before an earlier
/// one: nothing is deleted.
///
/// Errors: the store fails.
pub async fn keep_import(
    store: &dyn Store,
    (import_id, is_kept): (i64, bool),
    reason: &str,
    context: &Context,
) -> PipelineResult<bool> {
    if kept(store).await?.contains(&import_id) == is_kept {
        return Ok(false);
    }
    let details = json!({ "import_id": import_id, "reason": reason, "by": context.user,
        "undone": !is_kept });
    let event = Event::info(EventKind::ImportKept, context.clock.now(), details);
    store.log_event(&event).await?;
    Ok(true)
}

/// Returns the imports that a person kept.
async fn kept(store: &dyn Store) -> PipelineResult<BTreeSet<i64>> {
    let events = store.events_of(&[EventKind::ImportKept]).await?;
    let mut kept = BTreeSet::new();
    for event in &events {
        let details = &event.details;
        let is_undone = details.get("undone").and_then(Value::as_bool) == Some(true);
        match details.get("import_id").and_then(Value::as_i64) {
            Some(id) if is_undone => kept.remove(&id),
            Some(id) => kept.insert(id),
            None => false,
        };
    }
    Ok(kept)
}
