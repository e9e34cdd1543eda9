//! First in, first out: each sell takes from the oldest lot with something left.
//!
//! The matching loop, on integers at one scale. Read it beside docs/SPEC-matching.md, "Matching".
//! The caller chooses the source of the lots: `parts.rs` walks over a whole pool, `matcher.rs`
//! follows a market. The second matcher, which shares no code with this file, is `reference.rs`.

use super::lots::OpenLot;
use super::money::{MoneyError, Terms, Units};
use super::number::{Size, Usd};

/// A sell that is being matched: its size, and what is left of it.
#[derive(Debug, Clone)]
pub(super) struct Selling<N> {
    terms: Terms,
    size: N,
    sold: N,
    gross_sold: Usd,
    fee_sold: Usd,
}

impl<N: Units> Selling<N> {
    pub(super) fn new((size, terms): (N, Terms)) -> Self {
        Self {
            terms,
            size,
            sold: N::ZERO,
            gross_sold: Usd::ZERO,
            fee_sold: Usd::ZERO,
        }
    }

    /// Returns the sell after earlier buys closed `used` units of the lot that it opened. `None`:
    /// the number does not fit.
    pub(super) fn used_before(mut self, used: Size, scale: u8) -> Option<Self> {
        self.sold = N::try_from_size(used, scale)?;
        if self.sold > N::ZERO {
            let worth = self.terms.worth(self.sold, self.size, scale).ok()?;
            (self.gross_sold, self.fee_sold) = worth;
        }
        Some(self)
    }

    /// Returns the short lot that is left of the sell. `handle`: its place.
    pub(super) fn open(&self, handle: u32, scale: u8) -> Result<OpenLot, MoneyError> {
        let left = self.size.sub(self.sold).ok_or(MoneyError::OutOfRange)?;
        let (gross, fee) = self.terms.worth(self.size, self.size, scale)?;
        let sold = self.gross_sold.checked_sub(self.fee_sold)?;
        Ok(OpenLot {
            buy: handle,
            remaining_size: left.to_size(scale)?,
            remaining_cost: gross.checked_sub(fee)?.checked_sub(sold)?,
        })
    }

    pub(super) fn is_done(&self) -> bool {
        self.sold == self.size
    }

    /// Matches the next part, from the oldest lot.
    #[inline(always)]
    pub(super) fn next_part(
        &mut self,
        kernel: &mut Kernel<N>,
        lots: &mut impl LotSource,
    ) -> Result<SellPart<N>, MoneyError> {
        let wanted = self.size.sub(self.sold).ok_or(MoneyError::OutOfRange)?;
        let taken = kernel.take_from_oldest(wanted, lots)?;
        let size = taken.map_or(wanted, |(_, size, _)| size);
        debug_assert!(
            size > N::ZERO,
            "each part brings the sell nearer to its end"
        );
        self.sold = self.sold.add(size).ok_or(MoneyError::OutOfRange)?;
        debug_assert!(self.sold <= self.size, "no sell is matched beyond its size");
        let (gross, fee) = self.terms.worth(self.sold, self.size, kernel.scale)?;
        let proceeds = gross.checked_sub(self.gross_sold)?;
        let net_proceeds = proceeds.checked_sub(fee.checked_sub(self.fee_sold)?)?;
        (self.gross_sold, self.fee_sold) = (gross, fee);
        Ok(SellPart {
            lot: taken.map(|(handle, _, cost)| (handle, cost)),
            size,
            proceeds,
            net_proceeds,
        })
    }
}

/// The state of matching, at one scale: the lot that sells take from. The caller has the later
/// lots, from which no sell took anything.
#[derive(Debug, Clone)]
pub(super) struct Kernel<N> {
    pub(super) scale: u8,
    pub(super) oldest: Option<Lot<N>>,
}

impl<N: Units> Kernel<N> {
    pub(super) fn new(scale: u8) -> Self {
        Self {
            scale,
            oldest: None,
        }
    }

    /// Tells whether a lot has something left.
    pub(super) fn has_lot(&mut self, lots: &mut impl LotSource) -> bool {
        if self.oldest.is_none() {
            self.oldest = lots.next_lot(self.scale);
        }
        self.oldest.is_some()
    }

    /// Takes up to `wanted` units from the oldest lot: its handle, the units, their cost.
    #[inline(always)]
    fn take_from_oldest(
        &mut self,
        wanted: N,
        lots: &mut impl LotSource,
    ) -> Result<Option<(u32, N, Usd)>, MoneyError> {
        let scale = self.scale;
        let lot = match &mut self.oldest {
            Some(lot) => lot,
            None => match lots.next_lot(scale) {
                Some(lot) => self.oldest.insert(lot),
                None => return Ok(None),
            },
        };
        let (taken, cost) = lot.take(wanted, scale)?;
        let handle = lot.handle;
        if lot.used == lot.size {
            self.oldest = None;
        }
        Ok(Some((handle, taken, cost)))
    }

    /// Returns the lots with something left, oldest first.
    pub(super) fn open_lots(&self, lots: &mut impl LotSource) -> Result<Vec<OpenLot>, MoneyError> {
        let mut open = Vec::new();
        if let Some(oldest) = &self.oldest {
            open.push(oldest.open(self.scale)?);
        }
        while let Some(lot) = lots.next_lot::<N>(self.scale) {
            open.push(lot.open(self.scale)?);
        }
        Ok(open)
    }
}

/// Source of the next lot, once the oldest is used up.
pub(super) trait LotSource {
    /// Returns the oldest lot from which no sell took anything.
    fn next_lot<N: Units>(&mut self, scale: u8) -> Option<Lot<N>>;
}

/// The lot that sells take from.
#[derive(Debug, Clone)]
pub(super) struct Lot<N> {
    handle: u32,
    terms: Terms,
    size: N,
    used: N,
    /// Cost of the units used up to now. The cost of the next slice is the new cost less this one.
    cost_used: Usd,
}

impl<N: Units> Lot<N> {
    /// `handle`: the caller's number for the lot.
    pub(super) fn new(handle: u32, (size, terms): (N, Terms)) -> Self {
        Self {
            handle,
            terms,
            size,
            used: N::ZERO,
            cost_used: Usd::ZERO,
        }
    }

    /// Returns the lot after earlier sells took `used` units of it. `None`: the number does not
    /// fit.
    pub(super) fn used_before(mut self, used: Size, scale: u8) -> Option<Self> {
        self.used = N::try_from_size(used, scale)?;
        if self.used > N::ZERO {
            self.cost_used = self.cost_of_first(self.used, scale).ok()?;
        }
        Some(self)
    }

    fn left(&self) -> Result<N, MoneyError> {
        self.size.sub(self.used).ok_or(MoneyError::OutOfRange)
    }

    #[inline(always)]
    fn cost_of_first(&self, used: N, scale: u8) -> Result<Usd, MoneyError> {
        let (gross, fee) = self.terms.worth(used, self.size, scale)?;
        gross.checked_add(fee)
    }

    /// Uses up to `wanted` units: returns them, and their cost.
    #[inline(always)]
    fn take(&mut self, wanted: N, scale: u8) -> Result<(N, Usd), MoneyError> {
        let taken = self.left()?.min(wanted);
        debug_assert!(taken > N::ZERO, "an open lot has something left");
        self.used = self.used.add(taken).ok_or(MoneyError::OutOfRange)?;
        debug_assert!(self.used <= self.size, "no lot gives more than it has");
        let cost = self.cost_of_first(self.used, scale)?;
        let slice_cost = cost.checked_sub(self.cost_used)?;
        self.cost_used = cost;
        Ok((taken, slice_cost))
    }

    fn open(&self, scale: u8) -> Result<OpenLot, MoneyError> {
        let cost = self.cost_of_first(self.size, scale)?;
        Ok(OpenLot {
            buy: self.handle,
            remaining_size: self.left()?.to_size(scale)?,
            remaining_cost: cost.checked_sub(self.cost_used)?,
        })
    }
}

/// A part of a sell: units from one lot, or the unmatched rest.
#[derive(Debug, Clone, Copy)]
pub(super) struct SellPart<N> {
    /// The handle of the lot that the part was taken from, and the part's cost. `None`: unmatched.
    pub(super) lot: Option<(u32, Usd)>,
    pub(super) size: N,
    pub(super) proceeds: Usd,
    pub(super) net_proceeds: Usd,
}

impl<N: Units> SellPart<N> {
    /// Returns the pnl. Errors: beyond 128 bits.
    pub(super) fn pnl(&self) -> Result<Option<Usd>, MoneyError> {
        let pnl = |(_, cost)| self.net_proceeds.checked_sub(cost);
        self.lot.map(pnl).transpose()
    }
}
