//! The rates that a run used in little memory: 40 bytes a record, and the bytes of the order id.
//!
//! A [`RateUsed`] owns its id and its rate: about 330 bytes. A run may use millions, and keeps them
//! until the version is written. So numbers are machine words, ids follow each other in one piece
//! of memory, and records share names and rates.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::FoundRate;
use super::used::{RatePurpose, RateUsed, RateUsedKey, RateUsedRef};
use crate::engine::fact::Fact;
use crate::engine::ids::{Pool, PoolNames};
use crate::engine::number::Usd;
use crate::engine::time::Timestamp;

/// Records of the rates that a run used. Two lists are equal if they have the same records in the
/// same order.
#[derive(Clone, Default)]
pub struct RatesUsed {
    records: Vec<Packed>,
    ids: String,
    /// Amounts and values beyond machine words.
    beyond: Vec<(i128, Usd)>,
    /// The last rate by the account of the trade and the asset of the amount: the next trade often
    /// has the same one.
    last: BTreeMap<Pool, Arc<NamedRate>>,
}

/// A rate, with the account of the trades that used it and the asset of the amounts.
#[derive(Debug)]
struct NamedRate {
    names: Pool,
    rate: FoundRate,
}

#[derive(Debug, Clone)]
struct Packed {
    rate: Arc<NamedRate>,
    traded_at: Timestamp,
    /// The amount; its place in `beyond` if the flag is set.
    units: i64,
    /// Units: USD, 12 decimals.
    usd: i64,
    /// The start of the id, and its bits above 32.
    id_start: u32,
    id_start_high: u8,
    /// The scale of the amount, and flags.
    scale: u8,
    id_bytes: u16,
}

/// The amount and its value are among those beyond machine words.
const IS_BEYOND: u8 = 1 << 7;
/// The amount is a fee.
const IS_FEE: u8 = 1 << 6;
const SCALE: u8 = IS_FEE - 1;

const _: () = assert!(size_of::<Packed>() == 40);

impl RatesUsed {
    /// Makes room at once for records that will come, and for the bytes of their ids. A list that
    /// grows by copies takes twice its memory while it is copied.
    pub fn reserve(&mut self, records: usize, id_bytes: usize) {
        self.records.reserve_exact(records);
        self.ids.reserve_exact(id_bytes);
    }

    /// Adds a record.
    pub fn push(&mut self, used: &RateUsedRef<'_>) {
        let rate = self.shared(used);
        let (amount, value) = (used.units.units(), used.usd.units());
        let words = (i64::try_from(amount), i64::try_from(value));
        let (units, usd, is_beyond) = match words {
            (Ok(units), Ok(usd)) => (units, usd, false),
            _ => {
                let place = i64::try_from(self.beyond.len()).unwrap_or(i64::MAX);
                self.beyond.push((amount, used.usd));
                (place, 0, true)
            }
        };
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let is_fee = used.purpose == RatePurpose::Fee;
        let start = self.ids.len();
        self.records.push(Packed {
            rate,
            traded_at: used.traded_at,
            units,
            usd,
            id_start: start as u32,
            id_start_high: u8::try_from(start >> 32).unwrap_or(u8::MAX),
            scale: used.units.scale() | flag(is_beyond, IS_BEYOND) | flag(is_fee, IS_FEE),
            id_bytes: u16::try_from(used.order_id.len()).unwrap_or(u16::MAX),
        });
        self.ids.push_str(used.order_id);
    }

    /// Returns names and rate, which are in memory once if the last record of the names has them.
    fn shared(&mut self, used: &RateUsedRef<'_>) -> Arc<NamedRate> {
        let names = (used.account.as_str(), used.asset.as_str());
        let named = |names| {
            let rate = used.rate.clone();
            Arc::new(NamedRate { names, rate })
        };
        if let Some(last) = self.last.get_mut(&names as &dyn PoolNames) {
            if last.rate != *used.rate {
                *last = named(last.names.clone());
            }
            return Arc::clone(last);
        }
        let names = Pool::new(used.account.clone(), used.asset.clone());
        let shared = named(names.clone());
        self.last.insert(names, Arc::clone(&shared));
        shared
    }

    /// Adds all records of another list.
    pub fn append(&mut self, other: Self) {
        match self.is_empty() {
            true => *self = other,
            false => other.iter().for_each(|used| self.push(&used)),
        }
    }

    /// Returns the number of records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Tells whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Puts the records into the order of the stored rows: by [`RateUsedRef::key`]. Leaves each one
    /// once: two parts of a ledger may have pools of one trade.
    pub fn sort_once(&mut self) {
        let Self {
            records, ids, last, ..
        } = self;
        if records.is_sorted_by(|left, right| left.key(ids) < right.key(ids)) {
            return;
        }
        let accounts: BTreeSet<&str> = last.keys().map(|names| names.account.as_str()).collect();
        let accounts: Vec<&str> = accounts.into_iter().collect();
        // The ids lie all over the memory. Nearly all differ in their first bytes, which are sorted
        // without a look at the ids.
        let start = |record: &Packed| {
            let account = record.rate.names.account.as_str();
            let account = accounts.binary_search(&account);
            let mut first = [0; 8];
            for (byte, of_id) in first.iter_mut().zip(record.id_in(ids).bytes()) {
                *byte = of_id;
            }
            (account, u64::from_be_bytes(first))
        };
        records.sort_by_cached_key(start);
        for same in records.chunk_by_mut(|left, right| start(left) == start(right)) {
            same.sort_unstable_by(|left, right| left.key(ids).cmp(&right.key(ids)));
        }
        records.dedup_by(|left, right| left.key(ids) == right.key(ids));
    }

    /// Returns all records as owned values.
    pub fn to_vec(&self) -> Vec<RateUsed> {
        self.iter().map(RateUsedRef::to_owned).collect()
    }

    /// Returns the records in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = RateUsedRef<'_>> + Clone {
        self.records.iter().map(|record| self.look_at(record))
    }

    fn look_at<'r>(&'r self, record: &'r Packed) -> RateUsedRef<'r> {
        let beyond = usize::try_from(record.units).ok();
        let is_beyond = record.scale & IS_BEYOND != 0;
        let beyond = beyond.filter(|_| is_beyond);
        let beyond = beyond.and_then(|place| self.beyond.get(place)).copied();
        debug_assert_eq!(beyond.is_some(), is_beyond, "the amount is there");
        let (units, usd) =
            beyond.unwrap_or((record.units.into(), Usd::from_units(record.usd.into())));
        RateUsedRef {
            account: &record.rate.names.account,
            order_id: record.id_in(&self.ids),
            purpose: record.purpose(),
            asset: &record.rate.names.asset,
            units: Fact::of_parts(units, record.scale & SCALE),
            usd,
            traded_at: record.traded_at,
            rate: &record.rate.rate,
        }
    }
}

impl Packed {
    fn key<'r>(&'r self, ids: &'r str) -> RateUsedKey<'r> {
        let account = self.rate.names.account.as_str();
        (account, self.id_in(ids), self.purpose())
    }

    fn purpose(&self) -> RatePurpose {
        match self.scale & IS_FEE {
            0 => RatePurpose::Value,
            _ => RatePurpose::Fee,
        }
    }

    fn id_in<'i>(&self, ids: &'i str) -> &'i str {
        let start = u64::from(self.id_start_high) << 32 | u64::from(self.id_start);
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let id = ids.get(start..start.saturating_add(self.id_bytes.into()));
        debug_assert!(id.is_some(), "the id of a record is there");
        id.unwrap_or_default()
    }
}

impl Extend<RateUsed> for RatesUsed {
    fn extend<I: IntoIterator<Item = RateUsed>>(&mut self, all: I) {
        all.into_iter().for_each(|used| self.push(&used.view()));
    }
}

impl FromIterator<RateUsed> for RatesUsed {
    fn from_iter<I: IntoIterator<Item = RateUsed>>(all: I) -> Self {
        let mut list = Self::default();
        list.extend(all);
        list
    }
}

impl PartialEq for RatesUsed {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for RatesUsed {}

impl std::fmt::Debug for RatesUsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
