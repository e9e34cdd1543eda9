//! The search for movements that fit: by equal size or by asset, in a window of time.
//!
//! Lists are sorted by time. A part skips those of its own account in one step, and stops at the
//! first few that fit. So the search takes n log n steps, also if all sizes are equal.

use std::collections::{BTreeMap, BTreeSet};

use super::halves::Half;
use crate::engine::ids::Asset;
use crate::engine::money::mul_sizes;
use crate::engine::number::Size;

/// More parts that fit are not looked for: two are too many to decide.
const FITS_MAX: usize = 3;

/// A window with more movements than this is not searched for sizes that are only near.
const NEAR_SIZES_MAX: usize = 200;

/// The first and the last time from a withdrawal to its deposit. Units: microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window(pub(super) i64, pub(super) i64);

/// Parts of one asset, or of one asset and size, by time: where each stands, and where the next of
/// another account stands.
#[derive(Debug, Default)]
struct List {
    parts: Vec<usize>,
    next_other: Vec<usize>,
}

/// An asset, and a size if it has to be equal; and whether the parts are withdrawals.
type ListKey<'p> = (&'p Asset, Option<Size>, bool);

/// Lists of the parts that are searched.
pub(super) struct Lists<'p, 'm> {
    parts: &'p [Half<'m>],
    lists: BTreeMap<ListKey<'p>, List>,
    is_listed: BTreeSet<usize>,
}

impl<'p, 'm> Lists<'p, 'm> {
    /// Makes lists of parts by asset and size. A withdrawal stands under its size, and under its
    /// size without the fee. `of` is in the order of time.
    pub(super) fn by_size(parts: &'p [Half<'m>], of: Vec<usize>) -> Self {
        Self::make(parts, of, |part| {
            let less = part
                .less_fee()
                .filter(|less| part.is_out() && *less != part.units);
            [Some(Some(part.units)), less.map(Some)]
        })
    }

    /// Makes lists of parts by asset. `of` is in the order of time.
    pub(super) fn by_asset(parts: &'p [Half<'m>], of: Vec<usize>) -> Self {
        Self::make(parts, of, |_| [Some(None), None])
    }

    fn make(
        parts: &'p [Half<'m>],
        of: Vec<usize>,
        sizes: impl Fn(&Half<'m>) -> [Option<Option<Size>>; 2],
    ) -> Self {
        let mut lists: BTreeMap<ListKey<'p>, List> = BTreeMap::new();
        for at in &of {
            let Some(part) = parts.get(*at) else { continue };
            for size in sizes(part).into_iter().flatten() {
                let list = lists.entry((&part.asset, size, part.is_out()));
                list.or_default().parts.push(*at);
            }
        }
        let account =
            |at: Option<&usize>| at.and_then(|at| parts.get(*at)).map(|it| &it.row.account);
        for list in lists.values_mut() {
            list.next_other = vec![list.parts.len(); list.parts.len()];
            let mut next = list.parts.len();
            for place in (0..list.parts.len()).rev() {
                let after = place.saturating_add(1);
                if account(list.parts.get(place)) != account(list.parts.get(after)) {
                    next = after;
                }
                if let Some(other) = list.next_other.get_mut(place) {
                    *other = next;
                }
            }
        }
        Self {
            parts,
            lists,
            is_listed: of.into_iter().collect(),
        }
    }

    /// Returns the first parts of other accounts that go the other way with an equal size.
    pub(super) fn equal(
        &self,
        at: usize,
        window: Window,
        apart: &BTreeSet<(usize, usize)>,
    ) -> Vec<usize> {
        let Some(part) = self.listed(at) else {
            return Vec::new();
        };
        let less = part
            .less_fee()
            .filter(|less| part.is_out() && *less != part.units);
        let sizes = [Some(part.units), less];
        let mut found = Vec::new();
        for size in sizes.into_iter().flatten() {
            self.search((at, part), Some(size), window, |other, _| {
                if !is_apart(apart, part, (at, other)) {
                    found.push(other);
                }
                found.len() < FITS_MAX
            });
        }
        found.sort_unstable();
        found
    }

    /// Returns the first parts of other accounts that go the other way, if a little less arrived
    /// than left. Returns none if too many move in that window.
    pub(super) fn a_little_less(
        &self,
        at: usize,
        window: Window,
        apart: &BTreeSet<(usize, usize)>,
    ) -> Vec<usize> {
        let Some(part) = self.listed(at) else {
            return Vec::new();
        };
        let (mut seen, mut found) = (0_usize, Vec::new());
        self.search((at, part), None, window, |other, it| {
            seen = seen.saturating_add(1);
            let (out, into) = match part.is_out() {
                true => (part, it),
                false => (it, part),
            };
            if found.len() < FITS_MAX
                && is_a_little_less(into.units, out.left())
                && !is_apart(apart, part, (at, other))
            {
                found.push(other);
            }
            seen <= NEAR_SIZES_MAX
        });
        match seen > NEAR_SIZES_MAX {
            true => Vec::new(),
            false => found,
        }
    }

    fn listed(&self, at: usize) -> Option<&'p Half<'m>> {
        self.parts.get(at).filter(|_| self.is_listed.contains(&at))
    }

    /// Passes the parts of other accounts in a window to `take`, by time, until it returns false.
    fn search(
        &self,
        (_, part): (usize, &'p Half<'m>),
        size: Option<Size>,
        window: Window,
        mut take: impl FnMut(usize, &'p Half<'m>) -> bool,
    ) {
        let Some(list) = self.lists.get(&(&part.asset, size, !part.is_out())) else {
            return;
        };
        let at = part.row.moved_at.as_micros();
        let (from, until) = match part.is_out() {
            true => (at.saturating_add(window.0), at.saturating_add(window.1)),
            false => (at.saturating_sub(window.1), at.saturating_sub(window.0)),
        };
        let time = |at: &usize| self.parts.get(*at).map(|it| it.row.moved_at.as_micros());
        let mut place = list.parts.partition_point(|at| time(at) < Some(from));
        while let Some(other) = list.parts.get(place) {
            let Some(it) = self.parts.get(*other) else {
                return;
            };
            if it.row.moved_at.as_micros() > until {
                return;
            }
            if it.row.account == part.row.account {
                place = list.next_other.get(place).copied().unwrap_or(usize::MAX);
                continue;
            }
            if !take(*other, it) {
                return;
            }
            place = place.saturating_add(1);
        }
    }
}

/// Tells whether a person set two parts apart.
fn is_apart(
    apart: &BTreeSet<(usize, usize)>,
    part: &Half<'_>,
    (at, other): (usize, usize),
) -> bool {
    match part.is_out() {
        true => apart.contains(&(at, other)),
        false => apart.contains(&(other, at)),
    }
}

/// Tells whether less arrived than left, and at least nine tenths of it.
fn is_a_little_less(arrived: Size, left: Size) -> bool {
    arrived < left && !is_far_less(arrived, left)
}

/// Tells whether less than nine tenths of what left arrived.
pub(super) fn is_far_less(arrived: Size, left: Size) -> bool {
    let times = |size: Size, tenths: i64| {
        let tenths = Size::try_from_word(tenths, 0).ok()?;
        mul_sizes(size, tenths).ok()
    };
    let near = times(arrived, 10).zip(times(left, 9));
    near.is_none_or(|(arrived, least)| arrived < least)
}
