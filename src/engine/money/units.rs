//! The integers that count the base units of a pool, by width.

use super::{MoneyError, power, terms};
use crate::engine::fact::Fact;
use crate::engine::number::Size;
use crate::engine::wide::{self, I256, I512};

/// An integer that counts base units at a pool's common scale. It has 64, 128 or 256 bits.
pub trait Units: Copy + Ord + std::fmt::Debug + Send + Sync {
    /// Nothing.
    const ZERO: Self;
    /// This width.
    const WIDTH: Width;
    /// Converts a size to the scale, exactly. `None`: it does not fit.
    fn try_from_size(size: Size, scale: u8) -> Option<Self>;
    /// Converts a trade's size to the scale, exactly. `None`: it does not fit.
    fn try_from_fact(size: Fact, scale: u8) -> Option<Self>;
    /// Converts a trade's size, units and scale, to the scale, exactly. `None`: it does not fit.
    fn try_from_word(units: i64, own: u8, scale: u8) -> Option<Self> {
        Self::try_from_fact(Fact::of_parts(units.into(), own), scale)
    }
    /// Converts back.
    fn to_size(self, scale: u8) -> Result<Size, MoneyError>;
    /// Exact sum; `None` beyond the width.
    fn add(self, other: Self) -> Option<Self>;
    /// Exact difference; `None` below zero.
    fn sub(self, other: Self) -> Option<Self>;
    /// As a machine word, if it fits.
    fn word(self) -> Option<u64>;
    /// As 128 bits, if it fits.
    fn narrow(self) -> Option<i128>;
    /// As 512 bits.
    fn wide(self) -> I512;
}

/// How many bits the sizes of a pool take at their common scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Width {
    /// 64: most pools.
    Word,
    /// 128.
    Narrow,
    /// 256: any pool.
    Wide,
}

impl Units for i64 {
    const ZERO: Self = 0;
    const WIDTH: Width = Width::Word;

    fn try_from_size(size: Size, scale: u8) -> Option<Self> {
        i128::try_from_size(size, scale)?.try_into().ok()
    }

    fn try_from_fact(size: Fact, scale: u8) -> Option<Self> {
        Self::try_from_word(size.units().try_into().ok()?, size.scale(), scale)
    }

    #[inline]
    fn try_from_word(units: i64, own: u8, scale: u8) -> Option<Self> {
        units.checked_mul(
            terms::word_power(scale.checked_sub(own)?)?
                .try_into()
                .ok()?,
        )
    }

    fn to_size(self, scale: u8) -> Result<Size, MoneyError> {
        Size::try_from_word(self, scale).map_err(|_| MoneyError::OutOfRange)
    }

    fn add(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }

    fn sub(self, other: Self) -> Option<Self> {
        self.checked_sub(other).filter(|left| *left >= 0)
    }

    fn word(self) -> Option<u64> {
        u64::try_from(self).ok()
    }

    fn narrow(self) -> Option<i128> {
        Some(self.into())
    }

    fn wide(self) -> I512 {
        wide::from_i128_to_512(self.into())
    }
}

impl Units for i128 {
    const ZERO: Self = 0;
    const WIDTH: Width = Width::Narrow;

    fn try_from_size(size: Size, scale: u8) -> Option<Self> {
        let units = wide::to_i128(size.units())?;
        units.checked_mul(power(scale.checked_sub(size.scale())?.into())?)
    }

    fn try_from_fact(size: Fact, scale: u8) -> Option<Self> {
        size.units()
            .checked_mul(power(scale.checked_sub(size.scale())?.into())?)
    }

    fn to_size(self, scale: u8) -> Result<Size, MoneyError> {
        Size::try_from_units(wide::from_i128(self), scale).map_err(|_| MoneyError::OutOfRange)
    }

    fn add(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }

    fn sub(self, other: Self) -> Option<Self> {
        self.checked_sub(other).filter(|left| *left >= 0)
    }

    fn word(self) -> Option<u64> {
        u64::try_from(self).ok()
    }

    fn narrow(self) -> Option<i128> {
        Some(self)
    }

    fn wide(self) -> I512 {
        wide::from_i128_to_512(self)
    }
}

impl Units for I256 {
    const ZERO: Self = wide::ZERO;
    const WIDTH: Width = Width::Wide;

    fn try_from_size(size: Size, scale: u8) -> Option<Self> {
        size.units_at(scale)
    }

    fn try_from_fact(size: Fact, scale: u8) -> Option<Self> {
        let missing = scale.checked_sub(size.scale())?;
        let power = wide::TEN.checked_pow(missing.into())?;
        power.checked_mul(wide::from_i128(size.units()))
    }

    fn to_size(self, scale: u8) -> Result<Size, MoneyError> {
        Size::try_from_units(self, scale).map_err(|_| MoneyError::OutOfRange)
    }

    fn add(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }

    fn sub(self, other: Self) -> Option<Self> {
        self.checked_sub(other).filter(|left| *left >= wide::ZERO)
    }

    fn word(self) -> Option<u64> {
        u64::try_from(wide::to_i128(self)?).ok()
    }

    fn narrow(self) -> Option<i128> {
        wide::to_i128(self)
    }

    fn wide(self) -> I512 {
        wide::to_512(self)
    }
}
