//! Collects the rows of a file, joins those of one key, and replays the balances.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use jiff::tz::TimeZone;

use super::lost::{LostRow, RowGroups, incomplete};
use super::lots::{name_all_symbols, read_lots};
use super::profits::check_profits;
use super::trades::trade_of;
use super::{CellFault, JoinedFile, JoinedRow, NamedCells, RowMeaning, RowSays, TradeId};
use crate::engine::{Movement, MovementKind, OrderId, SignedAmount, Timestamp, shown};
use crate::import::balances::{BalanceForm, BalanceLine, BalanceLines, Balances, prove};
use crate::import::bounds;
use crate::import::formats::made_ids::made_movement_id;
use crate::import::formats::shape::table_fault;
use crate::import::formats::template::{fold, is_named};
use crate::import::formats::{Record, RowOutcome};
use crate::import::movements::{MovementColumn, read_movement};
use crate::import::reading::Reading;
use crate::import::rejected::{Fault, Hint, ROW_COLUMN, RejectedRow};
use crate::import::rows::Row;
use crate::import::times::read_time_of_export;

/// Most lines that a message lists.
const LINES_MAX: usize = 5;

/// The rows of a file.
pub(in crate::import) struct JoinedRows<'t, 'f> {
    file: &'f JoinedFile,
    rows: Vec<JoinedRow<'t>>,
    /// Line and text of the row that has an id.
    ids: HashMap<String, Row<'t>>,
    done: JoinedReading<'t>,
    /// Rejected rows, which may be parts of trades.
    lost: Vec<LostRow>,
    /// Times of the first row and the last one.
    times: Option<(Timestamp, Timestamp)>,
}

/// Outcomes of all rows of a file.
#[derive(Debug, Default)]
pub(in crate::import) struct JoinedReading<'t> {
    /// Order: as the first row of each stands in the file.
    pub outcomes: Vec<JoinedOutcome<'t>>,
    /// Rows of trades beside the first one of each.
    pub joined: u64,
    /// Rows that repeat an earlier row in all cells.
    pub duplicates: u64,
    pub balances: Option<Balances>,
}

/// The outcome of one row, or of the rows of a trade.
#[derive(Debug)]
pub(in crate::import) struct JoinedOutcome<'t> {
    pub row: Row<'t>,
    pub outcome: RowOutcome,
}

impl<'t, 'f> JoinedRows<'t, 'f> {
    pub(in crate::import) fn new(file: &'f JoinedFile) -> Self {
        Self {
            file,
            rows: Vec::new(),
            ids: HashMap::new(),
            done: JoinedReading::default(),
            lost: Vec::new(),
            times: None,
        }
    }

    /// Takes the next row. `rejected`: its outcome, if nobody can read it.
    pub(in crate::import) fn push(
        &mut self,
        record: &Record<'_, 't>,
        reading: &mut Reading<'_>,
        rejected: Option<RowOutcome>,
    ) {
        let row = *record.row;
        if let Some(outcome) = rejected {
            self.lost.push(LostRow::of(self.file, record, reading));
            self.done.outcomes.push(JoinedOutcome { row, outcome });
            return;
        }
        let read = self.read(record, reading).and_then(|read| {
            match is_repeated(&mut self.ids, &read)? {
                true => self.done.duplicates += 1,
                false => self.rows.push(read),
            }
            Ok(())
        });
        if let Err(rejected) = read {
            self.lost.push(LostRow::of(self.file, record, reading));
            let outcome = RowOutcome::Rejected(rejected);
            self.done.outcomes.push(JoinedOutcome { row, outcome });
        }
    }

    fn read(
        &mut self,
        record: &Record<'_, 't>,
        reading: &mut Reading<'_>,
    ) -> Result<JoinedRow<'t>, Box<RejectedRow>> {
        let row = *record.row;
        let names = &self.file.names;
        if let Some((found, fault)) = table_fault(&row, record.cells, names, record.is_cut) {
            let row = RejectedRow::new((row.line, row.text), ROW_COLUMN, found, fault);
            return Err(Box::new(row));
        }
        let cells = NamedCells {
            names: &self.file.folded,
            cells: record.cells,
        };
        let rejected = |(column, fault): CellFault| {
            let found = bounds::kept(cells.text(column));
            let name = names.iter().zip(&self.file.folded);
            let mut name = name.filter(|(_, folded)| is_named(&fold(column), folded));
            let column = name.next().map_or(column, |(name, _)| name.as_str());
            Box::new(RejectedRow::new((row.line, row.text), column, found, fault))
        };
        let says = self.file.format.read(&cells).map_err(rejected)?;
        let column = self.file.format.time_column(&cells);
        let now = reading.options.now;
        let zone = self.file.zone.of(reading.options);
        let time = self.file.format.time_of(&cells);
        let at = read_time_of_export(&time, zone, now);
        // Totals have no time, and rows that are not used need no zone.
        let lacks_zone = |fault: &Fault| fault.hint == Some(Hint::ZoneOfTimes);
        let lacks_time = time.is_empty() || at.as_ref().is_err_and(lacks_zone);
        if lacks_time && matches!(says.meaning, RowMeaning::Ignored(_)) {
            let (at, alone) = (Timestamp::EPOCH, Vec::new());
            return Ok(JoinedRow {
                row,
                at,
                says,
                alone,
            });
        }
        let at = at.map_err(|fault| rejected((column, self.time_fault(fault))))?;
        let first = self.times.map_or(at, |(first, _)| first);
        self.times = Some((first, at));
        let alone = self
            .alone_of(&says, row.line, zone, reading)
            .unwrap_or_else(|fault| {
                let mut row = rejected(fault);
                row.order_id = bounds::kept(&says.id);
                vec![RowOutcome::Rejected(row)]
            });
        Ok(JoinedRow {
            row,
            at,
            says,
            alone,
        })
    }

    /// Returns the fault of a time, with the remedy that the format has for it.
    fn time_fault(&self, fault: Fault) -> Fault {
        let is_of_server = self.file.format.source().is_of_server;
        let hint = match fault.hint {
            Some(Hint::ZoneOfTimes) if is_of_server => Some(Hint::ClockOfTimes),
            hint => hint,
        };
        Fault {
            hint,
            write: None,
            ..fault
        }
    }

    /// Returns the trades that a row states in full. Errors: one of them is at fault, or the row is
    /// refused.
    fn alone_of(
        &self,
        says: &RowSays,
        line: u64,
        zone: Option<&TimeZone>,
        reading: &mut Reading<'_>,
    ) -> Result<Vec<RowOutcome>, CellFault> {
        let trades = match &says.meaning {
            RowMeaning::Refused(fault) => return Err(fault.clone()),
            RowMeaning::Lots(trades) => trades.as_slice(),
            _ => &[],
        };
        let exchange = self.file.format.source().exchange;
        let trades = trades.iter();
        let trades = trades.map(|trade| read_lots(trade, exchange, line, reading, zone));
        trades.map(|trade| trade.map(RowOutcome::Trade)).collect()
    }

    /// Joins the rows, and replays the balances.
    pub(in crate::import) fn finish(mut self, reading: &mut Reading<'_>) -> JoinedReading<'t> {
        let form = BalanceForm {
            is_newest_first: self.times.is_some_and(|(first, last)| last < first),
            is_rounded: reading.is_of_workbook,
        };
        self.file.format.settle(&mut self.rows);
        self.done.balances = prove(self.balance_lines(), form);
        let before = self.done.balances.as_ref().map(|it| it.before.as_slice());
        let is_whole = before.is_some_and(<[_]>::is_empty);
        check_profits(&mut self.rows, is_whole, reading);
        name_all_symbols(&mut self.rows);
        for of in &mut self.rows {
            let (row, outcomes) = (of.row, std::mem::take(&mut of.alone));
            let outcomes = outcomes.into_iter();
            let outcomes = outcomes.map(|outcome| JoinedOutcome { row, outcome });
            self.done.outcomes.extend(outcomes);
        }
        let mut groups: Vec<Vec<&JoinedRow<'t>>> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut made = HashMap::new();
        for row in &self.rows {
            let place = match &row.says.meaning {
                RowMeaning::Part { key, .. } => *places.entry(key).or_insert(groups.len()),
                RowMeaning::Whole(_) => groups.len(),
                RowMeaning::Lots(_) | RowMeaning::Refused(_) => continue,
                RowMeaning::Movement { .. } | RowMeaning::Ignored(_) => {
                    let outcome = self.alone(row, &mut made, reading);
                    let row = row.row;
                    self.done.outcomes.push(JoinedOutcome { row, outcome });
                    continue;
                }
            };
            match groups.get_mut(place) {
                Some(rows) => rows.push(row),
                None => groups.push(vec![row]),
            }
        }
        let known = RowGroups {
            rows: &self.rows,
            groups: &groups,
            places: &places,
        };
        let incomplete = incomplete(&self.lost, &known);
        for (place, rows) in groups.iter().enumerate() {
            let lost = incomplete.get(&place).copied();
            join((self.file, lost), rows, reading, &mut self.done);
        }
        self.done.outcomes.sort_by_key(|of| of.row.line);
        self.done
    }

    fn balance_lines(&self) -> BalanceLines {
        let mut lines = BalanceLines::new();
        for row in &self.rows {
            for posting in &row.says.postings {
                let line = BalanceLine {
                    line: row.row.line,
                    at: row.at,
                    change: posting.booked,
                    balance: posting.balance,
                };
                match lines.get_mut(&posting.place) {
                    Some(of) => of.push(line),
                    None => drop(lines.insert(posting.place.clone(), vec![line])),
                }
            }
        }
        lines
    }

    /// Returns the outcome of a row outside of trades. `made`: the ids that were made, and how many
    /// of each.
    fn alone(
        &self,
        row: &JoinedRow<'t>,
        made: &mut HashMap<OrderId, u64>,
        reading: &mut Reading<'_>,
    ) -> RowOutcome {
        let (kind, id, tx_id, usd_value) = match &row.says.meaning {
            RowMeaning::Ignored(kind) => return RowOutcome::Ignored(kind),
            RowMeaning::Movement {
                kind,
                id,
                tx_id,
                usd_value,
            } => (*kind, id.clone(), tx_id.as_str(), usd_value.as_str()),
            RowMeaning::Part { .. }
            | RowMeaning::Whole(_)
            | RowMeaning::Lots(_)
            | RowMeaning::Refused(_) => return RowOutcome::Ignored(""),
        };
        let source = self.file.format.source();
        let by = source.ids.unwrap_or(source.exchange);
        let is_made = id.is_empty();
        let id = if is_made { by.to_owned() } else { id };
        match self.movement(kind, &id, (tx_id, usd_value), row, reading) {
            Ok(mut movement) => {
                let facts = match source.has_labels {
                    true => Movement {
                        kind: MovementKind::Adjustment,
                        ..movement.clone()
                    },
                    false => movement.clone(),
                };
                if is_made && let Some(id) = made_movement_id(by, &facts) {
                    movement.movement_id = id;
                }
                // Otherwise the caller numbers all movements of the file.
                if is_made && source.ids.is_none() {
                    let nth = made.entry(movement.movement_id.clone()).or_default();
                    *nth = nth.saturating_add(1);
                    let id = format!("{}-{nth}", movement.movement_id).parse();
                    movement.movement_id = id.unwrap_or(movement.movement_id);
                }
                RowOutcome::Movement(Box::new(movement))
            }
            Err(fault) => {
                let found = format!("is of kind {kind}");
                let (line, text) = (row.row.line, row.row.text);
                RowOutcome::Rejected(Box::new(RejectedRow {
                    order_id: bounds::kept(&id),
                    ..RejectedRow::new((line, text), ROW_COLUMN, found, fault)
                }))
            }
        }
    }

    fn movement(
        &self,
        kind: MovementKind,
        id: &str,
        (tx_id, usd_value): (&str, &str),
        row: &JoinedRow<'t>,
        reading: &mut Reading<'_>,
    ) -> Result<Movement, Fault> {
        let [posting] = row.says.postings.as_slice() else {
            return Err(Fault::new("expected an amount of one asset"));
        };
        // The amount of a fee alone is the fee.
        let is_fee = kind == MovementKind::Fee && posting.amount.is_zero();
        let (amount, fee) = match is_fee {
            true => (posting.fee.negated(), SignedAmount::ZERO),
            false => (posting.amount, posting.fee),
        };
        let way = if amount.is_negative() { "out" } else { "in" };
        let (size, fee) = (amount.size().to_string(), fee.to_string());
        let at = row.at.to_string();
        let text = |column: MovementColumn| match column {
            MovementColumn::MovementId => id,
            MovementColumn::Asset => posting.asset.as_str(),
            MovementColumn::Direction => way,
            MovementColumn::Size => size.as_str(),
            MovementColumn::Fee => fee.as_str(),
            MovementColumn::FeeAsset => posting.fee_asset.as_str(),
            MovementColumn::UsdValue => usd_value,
            MovementColumn::MovedAt => at.as_str(),
            MovementColumn::TxId => tx_id,
            MovementColumn::Account | MovementColumn::SettledAt => "",
        };
        let place = (self.file.format.source().exchange, row.row.line);
        let read = read_movement(kind, text, (reading, None), place);
        read.map_err(|(_, fault)| Fault {
            write: None,
            ..fault
        })
    }
}

/// Joins the rows of one key to a trade, or rejects each of them.
/// `lost`: the line of a rejected row of the trade.
fn join<'t>(
    (file, lost): (&JoinedFile, Option<u64>),
    rows: &[&JoinedRow<'t>],
    reading: &mut Reading<'_>,
    done: &mut JoinedReading<'t>,
) {
    let Some(first) = rows.first() else { return };
    let id = id_of(rows);
    let trade = match lost {
        None => trade_of(file, rows, &id, reading),
        Some(line) => {
            let why = format!("expected all rows of the trade, and line {line} is rejected");
            Err(Fault::new(why))
        }
    };
    match trade {
        Ok(trade) => {
            done.joined += rows.len() as u64 - 1;
            let (row, outcome) = (first.row, RowOutcome::Trade(trade));
            done.outcomes.push(JoinedOutcome { row, outcome });
        }
        Err(fault) => {
            let id = match &id {
                TradeId::Own(id) | TradeId::OfPair(id) | TradeId::OfRows(id) => Some(id.as_str()),
                TradeId::Made => None,
            };
            let found = lines_of(rows, id);
            let rejected = rows.iter().map(|of| {
                let row = (of.row.line, of.row.text);
                let rejected = RejectedRow {
                    order_id: bounds::kept(id.unwrap_or_default()),
                    ..RejectedRow::new(row, ROW_COLUMN, found.clone(), fault.clone())
                };
                let (row, outcome) = (of.row, RowOutcome::Rejected(Box::new(rejected)));
                JoinedOutcome { row, outcome }
            });
            done.outcomes.extend(rejected);
        }
    }
}

/// Returns the id of the trade of some rows.
fn id_of(rows: &[&JoinedRow<'_>]) -> TradeId {
    let ids = rows.iter().filter_map(|row| match &row.says.meaning {
        RowMeaning::Part { id, .. } | RowMeaning::Whole(id) => Some(id),
        _ => None,
    });
    let lowest = |id: &&TradeId| match id {
        TradeId::OfRows(id) => (id.len(), id.clone()),
        _ => (0, String::new()),
    };
    ids.min_by_key(lowest).cloned().unwrap_or(TradeId::Made)
}

/// Names the lines of the rows of one key.
fn lines_of(rows: &[&JoinedRow<'_>], id: Option<&str>) -> String {
    let lines: Vec<String> = rows
        .iter()
        .take(LINES_MAX)
        .map(|row| row.row.line.to_string())
        .collect();
    let more = match rows.len().saturating_sub(LINES_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let of = id.map_or_else(String::new, |id| format!(" of {}", shown(id).quoted()));
    match lines.as_slice() {
        [_] => format!("is the only one{of}"),
        lines => format!("is one of the lines {}{more}{of}", lines.join(", ")),
    }
}

/// Tells whether a row repeats an earlier one in all cells. Errors: an earlier row has its id.
fn is_repeated<'t>(
    ids: &mut HashMap<String, Row<'t>>,
    read: &JoinedRow<'t>,
) -> Result<bool, Box<RejectedRow>> {
    if read.says.id.is_empty() {
        return Ok(false);
    }
    let first = match ids.entry(read.says.id.clone()) {
        Entry::Vacant(entry) => {
            entry.insert(read.row);
            return Ok(false);
        }
        Entry::Occupied(entry) => *entry.get(),
    };
    if first.text == read.row.text {
        return Ok(true);
    }
    let id = &read.says.id;
    let found = format!("has the id {} of line {}", shown(id).quoted(), first.line);
    let fault = Fault::new("expected an id of its own");
    let row = (read.row.line, read.row.text);
    Err(Box::new(RejectedRow {
        order_id: bounds::kept(id),
        ..RejectedRow::new(row, ROW_COLUMN, found, fault)
    }))
}
