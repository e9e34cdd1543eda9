//! The rates that a run used in little memory: 56 bytes a record, and the bytes of the order id.
//!
//! A [`RateUsed`] owns its id and its rate: about 330 bytes. A run may use millions, and keeps them
//! until the version is written. So numbers are machine words, ids follow each other in one piece
//! of memory, and records share names and rates.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::FoundRate;
use super::used::{RatePurpose, RateUsed, RateUsedKey, RateUsedRef};
use crate::engine::fact::Fact;
use crate::engine::ids::{Account, Asset};
use crate::engine::number::Usd;
use crate::engine::time::Timestamp;

/// Account of a trade, and asset of an amount.
type AccountAsset = (Account, Asset);

/// Records of the rates that a run used. Two lists are equal if they have the same records in the
/// same order.
#[derive(Clone, Default)]
pub struct RatesUsed {
    records: Vec<Packed>,
    ids: String,
    /// Amounts and values beyond machine words.
    beyond: Vec<(i128, Usd)>,
    /// Names of the records, each with the last rate: the next trade often has the same one.
    last: BTreeMap<AccountAsset, (Arc<AccountAsset>, Arc<FoundRate>)>,
}

#[derive(Debug, Clone)]
struct Packed {
    names: Arc<AccountAsset>,
    rate: Arc<FoundRate>,
    traded_at: Timestamp,
    /// The amount; its place in `beyond` if that is set.
    units: i64,
    /// Units: USD, 12 decimals.
    usd: i64,
    id_start: usize,
    id_bytes: u32,
    scale: u8,
    purpose: RatePurpose,
    is_beyond: bool,
}

const _: () = assert!(size_of::<Packed>() == 56);

impl RatesUsed {
    /// Makes room at once for records that will come, and for the bytes of their ids. A list that
    /// grows by copies takes twice its memory while it is copied.
    pub fn reserve(&mut self, records: usize, id_bytes: usize) {
        self.records.reserve_exact(records);
        self.ids.reserve_exact(id_bytes);
    }

    /// Adds a record.
    pub fn push(&mut self, used: &RateUsedRef<'_>) {
        let (names, rate) = self.shared(used);
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
        self.records.push(Packed {
            names,
            rate,
            traded_at: used.traded_at,
            units,
            usd,
            id_start: self.ids.len(),
            id_bytes: u32::try_from(used.order_id.len()).unwrap_or(u32::MAX),
            scale: used.units.scale(),
            purpose: used.purpose,
            is_beyond,
        });
        self.ids.push_str(used.order_id);
    }

    /// Returns names and rate, which are in memory once if the last record of the names has them.
    fn shared(&mut self, used: &RateUsedRef<'_>) -> (Arc<AccountAsset>, Arc<FoundRate>) {
        let names = (used.account.clone(), used.asset.clone());
        if let Some((names, last)) = self.last.get_mut(&names) {
            if **last != *used.rate {
                *last = Arc::new(used.rate.clone());
            }
            return (Arc::clone(names), Arc::clone(last));
        }
        let shared = (Arc::new(names.clone()), Arc::new(used.rate.clone()));
        self.last.insert(names, shared.clone());
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
        let Self { records, ids, .. } = self;
        records.sort_unstable_by(|left, right| left.key(ids).cmp(&right.key(ids)));
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
        let beyond = beyond.filter(|_| record.is_beyond);
        let beyond = beyond.and_then(|place| self.beyond.get(place)).copied();
        debug_assert_eq!(beyond.is_some(), record.is_beyond, "the amount is there");
        let (units, usd) =
            beyond.unwrap_or((record.units.into(), Usd::from_units(record.usd.into())));
        RateUsedRef {
            account: &record.names.0,
            order_id: record.id_in(&self.ids),
            purpose: record.purpose,
            asset: &record.names.1,
            units: Fact::of_parts(units, record.scale),
            usd,
            traded_at: record.traded_at,
            rate: &record.rate,
        }
    }
}

impl Packed {
    fn key<'r>(&'r self, ids: &'r str) -> RateUsedKey<'r> {
        let (account, _) = &*self.names;
        (account.as_str(), self.id_in(ids), self.purpose)
    }

    fn id_in<'i>(&self, ids: &'i str) -> &'i str {
        let bytes = usize::try_from(self.id_bytes).unwrap_or(usize::MAX);
        let id = ids.get(self.id_start..self.id_start.saturating_add(bytes));
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
