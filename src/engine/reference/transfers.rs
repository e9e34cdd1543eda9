//! The second matcher for pools that transfers tie together.
//!
//! It goes from instant to instant, through all accounts of the group, and keeps one list of lots
//! for each, in the order of their first acquisition. The first matcher finds what moves first, and
//! then matches each pool alone.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::action::Split;
use super::super::ids::Account;
use super::super::leg::Leg;
use super::super::number::{Fee, Price, Size, Usd};
use super::super::origin::MovedFrom;
use super::super::side::Side;
use super::super::time::Timestamp;
use super::super::trade::Trade;
use super::super::transfer::Transfer;
use super::splits::{Holding, after_split, sell};
use super::{Exact, ReferenceError, ReferenceMatching, Share, compare_places, order_in_pool};

/// One account of a group: its trades and its splits, in any order.
#[derive(Debug, Clone, Default)]
pub struct AccountHistory {
    /// The trades of the pool.
    pub trades: Vec<Trade>,
    /// The splits that change its lots.
    pub splits: Vec<Split>,
}

/// An event of a pool, by places in the lists of its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// A split.
    Split(Split),
    /// A lot came: its place among the trades.
    Came(usize),
    /// A buy or a sell: its place among the trades.
    Traded(usize),
    /// A transfer left: its place in the matcher's input.
    Left(usize),
}

/// Units of a lot that left a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceMove {
    /// The place of the transfer in the matcher's input.
    pub transfer: usize,
    /// The place of the lot among [`AccountMatching::trades`].
    pub lot: usize,
    /// Units that left.
    pub size: Size,
    /// Their cost.
    pub cost_usd: Usd,
}

/// The second matcher's result for one pool of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountMatching {
    /// The trades of the pool, and after them the lots that came.
    pub trades: Vec<Trade>,
    /// The rows, and the open lots.
    pub matching: ReferenceMatching,
    /// Units that left, in order.
    pub moves: Vec<ReferenceMove>,
    /// All that happened, in order.
    pub happened: Vec<Happened>,
    /// Units that should have left, by transfer.
    pub missing: BTreeMap<usize, Size>,
}

/// Matches the pools of a group. Errors: an amount beyond 128 bits; a split that can't be
/// computed. Source: docs/SPEC-matching.md, "Transfers".
pub fn match_group(
    accounts: BTreeMap<Account, AccountHistory>,
    transfers: &[Transfer],
) -> Result<BTreeMap<Account, AccountMatching>, ReferenceError> {
    let mut books: BTreeMap<Account, Book> = BTreeMap::new();
    for (account, history) in accounts {
        books.insert(account, Book::new(history));
    }
    let mut instants: BTreeMap<Timestamp, SentAndDue> = BTreeMap::new();
    for (nth, it) in transfers.iter().enumerate() {
        for account in [&it.from, &it.to] {
            let nothing = || Book::new(AccountHistory::default());
            books.entry(account.clone()).or_insert_with(nothing);
        }
        instants.entry(it.sent_at).or_default().sent.push(nth);
        if it.received_at > it.sent_at {
            let arrives = instants.entry(it.received_at).or_default();
            arrives.arriving.push(nth);
        }
    }
    let mut group = Group {
        books,
        transfers,
        under_way: BTreeMap::new(),
    };
    for (now, instant) in instants {
        group.instant(now, instant)?;
    }
    let ended = group.books.into_iter();
    ended
        .map(|(account, book)| Ok((account, book.end()?)))
        .collect()
}

/// The transfers that are sent at an instant, and those of before that arrive.
#[derive(Default)]
struct SentAndDue {
    sent: Vec<usize>,
    arriving: Vec<usize>,
}

/// All accounts, and the lots that left one and did not arrive yet.
struct Group<'a> {
    books: BTreeMap<Account, Book>,
    transfers: &'a [Transfer],
    under_way: BTreeMap<usize, Vec<Trade>>,
}

impl Group<'_> {
    /// Moves all lots of one instant: arrivals come before trades, departures after them.
    fn instant(&mut self, now: Timestamp, instant: SentAndDue) -> Result<(), ReferenceError> {
        for nth in instant.arriving {
            self.arrive(nth, now)?;
        }
        let mut senders: BTreeMap<Account, Vec<usize>> = BTreeMap::new();
        for nth in instant.sent {
            if let Some(it) = self.transfers.get(nth) {
                senders.entry(it.from.clone()).or_default().push(nth);
            }
        }
        while !senders.is_empty() {
            let ways = self.ways_at_once(now, &senders);
            // Each other account that sends to it gets lots from it, too: they are in one ring.
            let is_next = |it: &&Account| {
                let mut others = senders.keys();
                others.all(|other| {
                    other == *it || !ways.contains(&(other, *it)) || ways.contains(&(*it, other))
                })
            };
            let Some(account) = senders.keys().find(is_next).cloned() else {
                break;
            };
            let leaving = senders.remove(&account).unwrap_or_default();
            self.send_all(now, &account, leaving)?;
        }
        Ok(())
    }

    /// Returns from which sender lots may get to which other one at an instant, also by way of
    /// others.
    fn ways_at_once<'b>(
        &'b self,
        now: Timestamp,
        senders: &'b BTreeMap<Account, Vec<usize>>,
    ) -> BTreeSet<(&'b Account, &'b Account)> {
        let sent = senders.values().flatten();
        let sent = sent.filter_map(|nth| self.transfers.get(*nth));
        let at_once = sent.filter(|it| it.received_at <= now && senders.contains_key(&it.to));
        let mut ways: BTreeSet<_> = at_once.map(|it| (&it.from, &it.to)).collect();
        for middle in senders.keys() {
            let (from, to): (Vec<_>, Vec<_>) = (
                ways.iter()
                    .filter(|way| way.1 == middle)
                    .map(|way| way.0)
                    .collect(),
                ways.iter()
                    .filter(|way| way.0 == middle)
                    .map(|way| way.1)
                    .collect(),
            );
            ways.extend(
                from.iter()
                    .flat_map(|from| to.iter().map(|to| (*from, *to))),
            );
        }
        ways
    }

    /// Matches the trades of an account up to an instant, then sends what leaves it.
    fn send_all(
        &mut self,
        now: Timestamp,
        account: &Account,
        mut leaving: Vec<usize>,
    ) -> Result<(), ReferenceError> {
        let withdrawal = |nth: &usize| {
            self.transfers
                .get(*nth)
                .map_or("", |it| it.withdrawal.as_str())
        };
        leaving.sort_by(|left, right| {
            let ids = super::compare_ids(withdrawal(left), withdrawal(right));
            ids.then_with(|| self.transfers.get(*left).cmp(&self.transfers.get(*right)))
        });
        let Some(book) = self.books.get_mut(account) else {
            return Ok(());
        };
        book.run_before(now)?;
        book.run_at(now)?;
        for nth in &leaving {
            if let Some(it) = self.transfers.get(*nth) {
                self.under_way
                    .insert(*nth, book.take_out(*nth, it.received)?);
            }
        }
        for nth in leaving {
            let sent = self.transfers.get(nth);
            if sent.is_some_and(|it| it.received_at <= now) {
                self.arrive(nth, now)?;
            }
        }
        Ok(())
    }

    fn arrive(&mut self, nth: usize, now: Timestamp) -> Result<(), ReferenceError> {
        let lots = self.under_way.remove(&nth).unwrap_or_default();
        let Some(transfer) = self.transfers.get(nth) else {
            return Ok(());
        };
        let Some(book) = self.books.get_mut(&transfer.to) else {
            return Ok(());
        };
        book.run_before(now)?;
        book.put_in(lots, transfer)
    }
}

/// The list of lots of one account, and what was matched.
struct Book {
    /// The trades of the pool, and after them the lots that came.
    trades: Vec<Trade>,
    /// Trades to come, the next one last.
    next: Vec<usize>,
    splits: Vec<Split>,
    lots: Vec<Holding>,
    oldest: usize,
    matching: ReferenceMatching,
    moves: Vec<ReferenceMove>,
    happened: Vec<Happened>,
    missing: BTreeMap<usize, Size>,
}

impl Book {
    fn new(history: AccountHistory) -> Self {
        let AccountHistory { trades, mut splits } = history;
        splits.sort_by_key(|split| std::cmp::Reverse(split.happened_at));
        let mut order = order_in_pool(&trades);
        order.reverse();
        Self {
            trades,
            next: order,
            splits,
            lots: Vec::new(),
            oldest: 0,
            matching: ReferenceMatching {
                order: Vec::new(),
                allocations: Vec::new(),
                open_lots: Vec::new(),
                changed: Vec::new(),
            },
            moves: Vec::new(),
            happened: Vec::new(),
            missing: BTreeMap::new(),
        }
    }

    /// Matches all trades before an instant. Splits of the instant happen, too.
    fn run_before(&mut self, now: Timestamp) -> Result<(), ReferenceError> {
        self.run(|trade| trade.order_time < now)?;
        self.split_until(now)
    }

    /// Matches the trades of an instant. What the network took comes after what leaves.
    fn run_at(&mut self, now: Timestamp) -> Result<(), ReferenceError> {
        self.run(|trade| trade.order_time == now && trade.entry.leg != Leg::Network)
    }

    fn split_until(&mut self, now: Timestamp) -> Result<(), ReferenceError> {
        while let Some(split) = self.splits.pop_if(|split| split.happened_at <= now) {
            self.happened.push(Happened::Split(split));
            let changed = &mut self.matching.changed;
            self.lots = after_split(&split, &self.lots, &self.trades, changed)?;
            self.oldest = 0;
        }
        Ok(())
    }

    fn run(&mut self, is_due: impl Fn(&Trade) -> bool) -> Result<(), ReferenceError> {
        while let Some(at) = self.next.last().copied() {
            let Some(time) = self.trades.get(at).filter(|it| is_due(it)) else {
                break;
            };
            self.split_until(time.order_time)?;
            self.next.pop();
            self.happened.push(Happened::Traded(at));
            let Some(trade) = self.trades.get(at) else {
                break;
            };
            match trade.side {
                Side::Buy => {
                    let lot = Holding::of(at, trade);
                    insert(&mut self.lots, self.oldest, lot, &self.trades);
                }
                Side::Sell => {
                    if let Some(share) = Share::of(&self.trades, at) {
                        let lots = (self.lots.as_mut_slice(), self.oldest);
                        self.oldest = sell(share, &self.trades, lots, &mut self.matching)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes units from the oldest lots. Returns the parts, each as a trade of its own.
    fn take_out(&mut self, nth: usize, units: Size) -> Result<Vec<Trade>, ReferenceError> {
        self.happened.push(Happened::Left(nth));
        let mut wanted = Exact::of_size(units);
        let mut parts = Vec::new();
        let mut name = String::new();
        for lot in self.lots.iter_mut().skip(self.oldest) {
            let units = wanted.clone().min(lot.size.minus(&lot.used));
            if units == Exact::ZERO {
                continue;
            }
            let mut share = lot.share(&self.trades, &self.matching.changed)?;
            let (gross, fees) = share.take(&units);
            let cost_usd = share.usd(&gross.plus(&fees))?;
            let size = size_of(&units, share.trade)?;
            name = share.trade.order_id.to_string();
            let mut part = share.trade.clone();
            (part.size, part.price, part.more) = (size, Price::ZERO, None);
            part.fee = part.fee.map(|_| Fee::ZERO);
            part.entry.value = Some(cost_usd);
            parts.push(part);
            self.moves.push(ReferenceMove {
                transfer: nth,
                lot: lot.buy,
                size,
                cost_usd,
            });
            lot.used = lot.used.plus(&units);
            wanted = wanted.minus(&units);
        }
        if wanted > Exact::ZERO {
            let missing = Size::try_from_wide_text(&wanted.size_text());
            let missing = missing.map_err(|_| ReferenceError::Beyond(name))?;
            self.missing.insert(nth, missing);
        }
        Ok(parts)
    }

    /// Puts lots at their places. Units of one buy that come together are one lot.
    fn put_in(&mut self, lots: Vec<Trade>, transfer: &Transfer) -> Result<(), ReferenceError> {
        let mut joined: Vec<(Trade, Account)> = Vec::new();
        for lot in lots {
            let bought_in = match lot.entry.moved.as_deref() {
                Some(MovedFrom {
                    account: Some(account),
                    ..
                }) => account.clone(),
                _ => transfer.from.clone(),
            };
            let id = |lot: &Trade| (lot.order_id.clone(), lot.entry.leg);
            let known = joined.iter_mut();
            let mut known =
                known.filter(|(it, account)| id(it) == id(&lot) && *account == bought_in);
            match known.next() {
                Some((it, _)) => {
                    let size = Exact::of_size(it.size).plus(&Exact::of_size(lot.size));
                    let value = |lot: &Trade| lot.entry.value.map_or(Exact::ZERO, Exact::of_usd);
                    let value = value(it).plus(&value(&lot)).to_i128();
                    let beyond = || ReferenceError::Beyond(lot.order_id.to_string());
                    it.size = size_of(&size, &lot)?;
                    it.entry.value = Some(Usd::from_units(value.ok_or_else(beyond)?));
                }
                None => joined.push((lot, bought_in)),
            }
        }
        self.lots.drain(..self.oldest);
        self.oldest = 0;
        for (mut lot, bought_in) in joined {
            lot.entry.moved = Some(Arc::new(MovedFrom {
                account: (bought_in != transfer.to).then_some(bought_in),
                movement: transfer.deposit.clone(),
            }));
            self.happened.push(Happened::Came(self.trades.len()));
            let held = Holding::of(self.trades.len(), &lot);
            self.trades.push(lot);
            insert(&mut self.lots, 0, held, &self.trades);
        }
        Ok(())
    }

    fn end(mut self) -> Result<AccountMatching, ReferenceError> {
        self.run(|_| true)?;
        while let Some(split) = self.splits.last().map(|split| split.happened_at) {
            self.split_until(split)?;
        }
        for lot in &self.lots {
            let open = lot.open(&self.trades, &self.matching.changed)?;
            self.matching.open_lots.extend(open);
        }
        self.matching.order = (0..self.trades.len()).collect();
        let trades = &self.trades;
        self.matching
            .order
            .sort_by(|left, right| compare(trades, *left, *right));
        Ok(AccountMatching {
            trades: self.trades,
            matching: self.matching,
            moves: self.moves,
            happened: self.happened,
            missing: self.missing,
        })
    }
}

/// Puts a lot after all that were acquired before it.
fn insert(lots: &mut Vec<Holding>, oldest: usize, lot: Holding, trades: &[Trade]) {
    let is_before = |it: &Holding| compare(trades, it.buy, lot.buy).is_lt();
    let behind = lots.get(oldest..).unwrap_or_default();
    let place = oldest.saturating_add(behind.partition_point(is_before));
    lots.insert(place, lot);
}

/// The order of a pool's trades and of the lots that came; of equal ones those of the pool itself
/// first, then by account and deposit.
fn compare(trades: &[Trade], left: usize, right: usize) -> Ordering {
    let (Some(left), Some(right)) = (trades.get(left), trades.get(right)) else {
        return Ordering::Equal;
    };
    let from = |lot: &Trade| {
        let moved = lot.entry.moved.as_deref()?;
        let account = moved.account.as_ref().map(Account::as_str).unwrap_or("");
        Some((account.to_owned(), moved.movement.as_str().to_owned()))
    };
    compare_places(left, right).then_with(|| from(left).cmp(&from(right)))
}

fn size_of(units: &Exact, of: &Trade) -> Result<Size, ReferenceError> {
    let size = Size::try_from_wide_text(&units.size_text());
    size.map_err(|_| ReferenceError::Beyond(of.order_id.to_string()))
}
