//! Decides which trades of a file an import appends, and under which ids.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{
    Account, CORRECTION_MARK, LedgerTrade, MADE_HASH_DIGITS, OrderId, Timestamp, split_correction,
};
use crate::store::corrections;
use crate::store::limits::{CONFLICTS_KEPT_MAX, CUTS_KEPT_MAX};
use crate::store::model::{Conflict, ImportMode, ImportReceipt, MovementReceipt};

/// Account and order id of an execution.
pub type TradeKey = (Account, OrderId);

/// The forms of each known execution: the row under its own id, then its corrections as appended.
pub type KnownTrades = BTreeMap<TradeKey, Vec<KnownTrade>>;

/// A row of the ledger, and whether a void takes it out of matching.
#[derive(Debug, Clone)]
pub struct KnownTrade {
    /// The row.
    pub row: LedgerTrade,
    /// A void takes the row out of matching.
    pub is_voided: bool,
    /// Its import is undone, and nothing else takes it out.
    pub is_undone: bool,
}

/// In [`ImportPlan`]: the row of the file is left out.
const LEFT_OUT: u8 = 0;

/// In [`ImportPlan`]: the row comes in under its own id.
const OWN_ID: u8 = 1;

/// In [`ImportPlan`]: the row is in `renamed`.
const RENAMED: u8 = u8::MAX;

/// Decides batch by batch what an import does with each row of a file, without keeping a batch.
///
/// For every batch, `known` is looked up in the ledger as it was before the file.
#[derive(Debug)]
pub struct ImportPlan<'m> {
    mode: &'m ImportMode,
    /// For each trade of the file in turn, whether it is appended, and as what: the number n of
    /// its id `ID~n`, or one of the three above.
    appended_as: Vec<u8>,
    /// Each correction, by the place of the corrected trade in the file.
    renamed: BTreeMap<usize, LedgerTrade>,
    /// Rows of the file that later rows are compared with: those that this batch appends. If the
    /// import corrects, rows of all batches.
    rows: Vec<LedgerTrade>,
    /// Places in `rows`, by the id of the execution and by the id of its correction.
    places: BTreeMap<TradeKey, Vec<usize>>,
    /// Executions that the import voids, because it appends a correction of each.
    pub void: Vec<TradeKey>,
    /// The same executions as in `void`, as a set.
    is_void: BTreeSet<TradeKey>,
    known: u64,
    known_voided: u64,
    /// How many executions the import corrects.
    corrections: u64,
    /// How many trades came before with imports that are undone.
    renewed: u64,
    conflicts: Vec<Conflict>,
    /// An id in the file has the form of a correction's id.
    names_corrections: bool,
    conflicts_by_column: BTreeMap<&'static str, u64>,
    cut_at: BTreeSet<Timestamp>,
}

impl<'m> ImportPlan<'m> {
    /// Makes the plan of an import, before the file's first trade.
    pub fn new(mode: &'m ImportMode) -> Self {
        Self {
            mode,
            appended_as: Vec::new(),
            renamed: BTreeMap::new(),
            rows: Vec::new(),
            places: BTreeMap::new(),
            void: Vec::new(),
            is_void: BTreeSet::new(),
            known: 0,
            known_voided: 0,
            corrections: 0,
            renewed: 0,
            conflicts: Vec::new(),
            names_corrections: false,
            conflicts_by_column: BTreeMap::new(),
            cut_at: BTreeSet::new(),
        }
    }

    /// Decides for each row of a batch: append, skip as known, report a conflict, or correct.
    ///
    /// A row is known to later rows: a repeated id counts as if it came in two files.
    pub fn decide_batch(&mut self, batch: Vec<LedgerTrade>, known: &KnownTrades) {
        if !is_correction(self.mode) {
            self.rows.clear();
            self.places.clear();
        }
        for trade in batch {
            self.names_corrections |= corrections::is_named_as_one(&trade);
            let key = (trade.account.clone(), trade.trade.order_id.clone());
            let of_file = self.places.get(&key).map(Vec::as_slice).unwrap_or_default();
            let of_file = of_file.iter().filter_map(|place| self.rows.get(*place));
            let of_ledger = known.get(&key).map(Vec::as_slice).unwrap_or_default();
            let of_ledger = of_ledger
                .iter()
                .map(|it| (&it.row, it.is_voided, it.is_undone));
            let forms = of_ledger.chain(of_file.map(|row| (row, false, false)));
            let mut chain = Vec::new();
            for (row, is_voided, is_undone) in forms {
                chain.push(Form {
                    row,
                    counts: !is_voided && !self.is_void.contains(&key_of(row)),
                    is_undone,
                });
            }
            let is_voided = !chain.iter().any(|form| form.counts);
            let decision = decide(trade, &chain, &self.places, self.mode);
            let appended_as = match decision {
                Decision::Known => {
                    self.known += 1;
                    self.known_voided += u64::from(is_voided);
                    LEFT_OUT
                }
                Decision::Conflict(conflict) => {
                    self.keep_conflict(conflict);
                    LEFT_OUT
                }
                Decision::Append(row) => {
                    self.note_cut(&row, known);
                    self.keep([key].into(), row);
                    OWN_ID
                }
                Decision::Renew(row) => {
                    self.renewed += 1;
                    self.keep_renamed(key, row)
                }
                Decision::Correct(voided, row) => {
                    self.corrections += 1;
                    self.is_void.extend(voided.iter().cloned());
                    self.void.extend(voided);
                    self.keep_renamed(key, row)
                }
            };
            self.appended_as.push(appended_as);
        }
    }

    /// Keeps a row whose id gets a number. Returns what it is appended as.
    fn keep_renamed(&mut self, key: TradeKey, row: LedgerTrade) -> u8 {
        let number = correction_number(row.trade.order_id.as_str(), key.1.as_str());
        let number = number.and_then(|number| u8::try_from(number).ok());
        let is_plain = !is_correction(self.mode);
        let appended_as = match number.filter(|number| is_plain && *number < RENAMED) {
            Some(number) => number,
            None => {
                self.renamed.insert(self.appended_as.len(), row.clone());
                RENAMED
            }
        };
        self.keep(vec![key, key_of(&row)], row);
        appended_as
    }

    /// Notes a row that is new beside an equal one of the ledger.
    fn note_cut(&mut self, row: &LedgerTrade, known: &KnownTrades) {
        let before = before_in_instant(row.trade.order_id.as_str());
        let is_known = |id: OrderId| {
            let forms = known.get(&(row.account.clone(), id));
            forms.is_some_and(|forms| forms.iter().any(|form| !form.is_undone))
        };
        let has_room = self.cut_at.len() < CUTS_KEPT_MAX;
        if has_room && before.and_then(|id| id.parse().ok()).is_some_and(is_known) {
            self.cut_at.insert(row.trade.order_time);
        }
    }

    fn keep_conflict(&mut self, conflict: Conflict) {
        let count = self.conflicts_by_column.entry(conflict.column).or_default();
        *count += 1;
        if *count <= CONFLICTS_KEPT_MAX {
            self.conflicts.push(conflict);
        }
    }

    fn keep(&mut self, keys: Vec<TradeKey>, row: LedgerTrade) {
        for key in keys {
            self.places.entry(key).or_default().push(self.rows.len());
        }
        self.rows.push(row);
    }

    /// Tells whether the file has ids of the form of a correction's id. If so, the store checks
    /// that no execution counts twice.
    pub fn names_corrections(&self) -> bool {
        self.names_corrections
    }

    /// Counts the rows that the import appends, corrections included.
    pub fn appended(&self) -> u64 {
        let appended = self.appended_as.iter().filter(|it| **it != LEFT_OUT);
        appended.count() as u64
    }

    /// Returns the rows to append of a batch, after [`Self::decide_batch`]. `first` is the place of
    /// the batch's first trade in the file.
    pub fn rows_of(&self, first: usize, batch: Vec<LedgerTrade>) -> Vec<LedgerTrade> {
        let chosen = (first..).zip(batch).filter_map(|(nth, trade)| {
            match self.appended_as.get(nth).copied().unwrap_or(LEFT_OUT) {
                LEFT_OUT => None,
                OWN_ID => Some(trade),
                RENAMED => self.renamed.get(&nth).cloned(),
                number => {
                    let own = trade.trade.order_id.clone();
                    let id = format!("{own}{CORRECTION_MARK}{number}").parse();
                    Some(with_id(trade, id.unwrap_or(own)))
                }
            }
        });
        chosen.collect()
    }

    /// Returns the result of the import, or of its preview.
    pub fn receipt(&self) -> ImportReceipt {
        ImportReceipt {
            import_id: None,
            appended: self.appended() - self.corrections,
            known: self.known,
            known_voided: self.known_voided,
            corrected: self.corrections,
            renewed: self.renewed,
            conflicts: self.conflicts.clone(),
            conflicts_by_column: self.conflicts_by_column.clone(),
            cut_at: self.cut_at.iter().copied().collect(),
            movements: MovementReceipt::default(),
            actions: MovementReceipt::default(),
        }
    }
}

/// Returns the id of the equal row before this one, if an import made the id: `kraken-<hash>-1` of
/// `kraken-<hash>-2`.
fn before_in_instant(id: &str) -> Option<String> {
    let (made, nth) = id.rsplit_once('-')?;
    let nth = nth.parse::<u64>().ok().filter(|nth| *nth > 1)?;
    let (_, hash) = made.rsplit_once('-')?;
    let is_hash = hash.len() == MADE_HASH_DIGITS && hash.bytes().all(|b| b.is_ascii_hexdigit());
    is_hash.then(|| format!("{made}-{}", nth - 1))
}

fn is_correction(mode: &ImportMode) -> bool {
    matches!(mode, ImportMode::Correct { .. })
}

/// Decision about a row of a file.
enum Decision {
    Append(LedgerTrade),
    Known,
    Conflict(Conflict),
    /// Append the row under a new id, as its own is that of a trade of an undone import.
    Renew(LedgerTrade),
    /// Void the named forms of the execution, and append the corrected row.
    Correct(Vec<TradeKey>, LedgerTrade),
}

/// One form of an execution: the row under its own id, or a correction.
struct Form<'a> {
    row: &'a LedgerTrade,
    counts: bool,
    /// Its import is undone, and nothing else takes it out.
    is_undone: bool,
}

fn key_of(row: &LedgerTrade) -> TradeKey {
    (row.account.clone(), row.trade.order_id.clone())
}

fn decide(
    trade: LedgerTrade,
    chain: &[Form<'_>],
    places: &BTreeMap<TradeKey, Vec<usize>>,
    mode: &ImportMode,
) -> Decision {
    // Without a row under this very id, ids that look like its corrections are other executions.
    let is_itself = |form: &Form<'_>| form.row.trade.order_id == trade.trade.order_id;
    // The file's row is compared with the form that counts or, if all are voided, the newest form.
    if !chain.iter().any(is_itself) {
        return Decision::Append(trade);
    }
    // Rows of undone imports are out, as if they had never come.
    let mut left = chain.iter().rev().filter(|form| !form.is_undone);
    let newest = left.clone().next();
    let Some(latest) = left.find(|form| form.counts).or(newest) else {
        let text = next_correction_id(&trade, chain, places);
        return match text.parse() {
            Ok(id) => Decision::Renew(with_id(trade, id)),
            Err(_) => conflict(&trade, ("order_id", text, trade.trade.order_id.to_string())),
        };
    };
    let Some(differs) = trade.fact_that_differs(latest.row) else {
        return Decision::Known;
    };
    let is_same = |form: &Form<'_>| !form.is_undone && trade.fact_that_differs(form.row).is_none();
    match mode {
        ImportMode::Append if chain.iter().any(is_same) => Decision::Known,
        ImportMode::Append => conflict(&trade, differs),
        ImportMode::Correct { .. } => {
            let text = next_correction_id(&trade, chain, places);
            match text.parse::<OrderId>() {
                // Only one form may count, so the import voids all others.
                Ok(id) if split_correction(id.as_str()).is_some() => {
                    let voided = chain.iter().filter(|form| form.counts);
                    // A set: several rows of the file may correct one execution.
                    let voided: BTreeSet<TradeKey> = voided.map(|form| key_of(form.row)).collect();
                    Decision::Correct(voided.into_iter().collect(), corrected(trade, id, chain))
                }
                // The id with a larger number would be too long, or no id of a correction.
                _ => {
                    let in_ledger = latest.row.trade.order_id.to_string();
                    conflict(&trade, ("order_id", text, in_ledger))
                }
            }
        }
    }
}

/// Returns the conflict of a row, of a fact: its column, its value in the file, and in the ledger.
fn conflict(
    trade: &LedgerTrade,
    (column, in_file, in_ledger): (&'static str, String, String),
) -> Decision {
    Decision::Conflict(Conflict {
        line: trade.import_line,
        account: trade.account.to_string(),
        order_id: trade.trade.order_id.to_string(),
        column,
        in_file,
        in_ledger,
    })
}

/// Returns the number of a correction: 2 of `A-1~2`, if that is one of `A-1`.
pub fn correction_number(order_id: &str, of: &str) -> Option<u32> {
    let (original, number) = split_correction(order_id)?;
    (original == of).then_some(number)
}

/// Returns the next free id of an execution.
fn next_correction_id(
    trade: &LedgerTrade,
    chain: &[Form<'_>],
    places: &BTreeMap<TradeKey, Vec<usize>>,
) -> String {
    let id = trade.trade.order_id.as_str();
    let numbers = chain
        .iter()
        .filter_map(|form| correction_number(form.row.trade.order_id.as_str(), id));
    let first = u64::from(numbers.max().unwrap_or(1)) + 1;
    let text = |number: u64| format!("{id}{CORRECTION_MARK}{number}");
    let is_free = |text: &String| {
        let id = text.parse::<OrderId>();
        id.map_or(true, |id| {
            !places.contains_key(&(trade.account.clone(), id))
        })
    };
    let free = (first..).map(text).find(is_free);
    free.unwrap_or_else(|| text(first))
}

fn with_id(mut trade: LedgerTrade, id: OrderId) -> LedgerTrade {
    trade.trade.order_id = id;
    trade
}

/// Returns the corrected row, under its own id.
fn corrected(trade: LedgerTrade, id: OrderId, chain: &[Form<'_>]) -> LedgerTrade {
    let mut trade = with_id(trade, id);
    if trade.carried.exchange_order_id.is_none() {
        trade.carried.exchange_order_id = chain
            .first()
            .and_then(|first| first.row.carried.exchange_order_id.clone());
    }
    trade
}
