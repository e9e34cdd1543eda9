//! The look-up: the nearest rate on or before an instant, by the preference of sources.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::age::SourceZones;
use super::{
    FoundRate, OwnRate, Rate, RateOrigin, RateRules, RateSource, RateStep, RateValue, WantedRate,
};
use crate::engine::class::AssetClass;
use crate::engine::fact::Fact;
use crate::engine::ids::{Account, Asset};
use crate::engine::money::{ratio, ratio_of_products};
use crate::engine::policy::{RATE_WAY, USD};
use crate::engine::time::Timestamp;

/// All rates that a run may use.
///
/// The answers do not depend on the order in which rates come. Memory: some 50 bytes a rate.
///
/// ```
/// use fifo_pnl::engine::{
///     Rate, RateBook, AssetClass, RateRules, RateSource, Timestamp, WantedRate,
/// };
/// let rate = |currency: &str, value: &str| -> Result<Rate, Box<dyn std::error::Error>> {
///     Ok(Rate {
///         asset: "EUR".parse()?,
///         currency: currency.parse()?,
///         at: "2025-03-07T15:00:00Z".parse()?,
///         value: value.parse()?,
///         source: RateSource::Ecb,
///         import_id: 1,
///         import_line: 2,
///     })
/// };
/// let rates = vec![rate("USD", "1.0857")?, rate("GBP", "0.8328")?];
/// let book = RateBook::try_new(RateRules::default(), rates)?;
/// let found = book.look_up(&WantedRate {
///     asset: &"GBP".parse()?,
///     currency: &"USD".parse()?,
///     at: "2025-03-09T12:00:00Z".parse()?, // a Sunday
///     class: AssetClass::Fx,
///     own: None,
/// });
/// assert_eq!(found.unwrap().value.to_string(), "1.30367435158501441");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct RateBook {
    rules: RateRules,
    zones: SourceZones,
    /// Those of [`BASES`] that have a rate.
    bases: Vec<(RateSource, Asset)>,
    /// The first key is the asset, the second the currency.
    series: BTreeMap<Asset, BTreeMap<Asset, Vec<Series>>>,
    /// Order: that of pools; a look-up takes the last one.
    own: BTreeMap<Account, BTreeMap<Asset, Vec<OwnRate>>>,
}

/// Sources whose rates are all of one asset. Only their rates make a cross: both are of one row.
const BASES: [(RateSource, &str); 1] = [(RateSource::Ecb, RATE_WAY)];

/// Two rates of one source for one instant that are not equal: none of them counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{source_name} has two rates for {} in {} at {}: {} and {}",
    first.asset, first.currency, first.at, first.value, second.value
)]
pub struct RatesDiffer {
    /// The source.
    pub source_name: RateSource,
    /// One rate.
    pub first: Rate,
    /// The other rate.
    pub second: Rate,
}

/// The rates of one asset in one currency by one source. Order: ascending.
#[derive(Debug, Clone)]
struct Series {
    source: RateSource,
    points: Vec<Point>,
}

#[derive(Debug, Clone, Copy)]
struct Point {
    at: Timestamp,
    value: RateValue,
    import_id: i64,
    import_line: u64,
}

/// How a rate answers a question. Order: of several at one instant, the first counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum RateForm {
    /// The rate of the asset in the currency.
    Direct,
    /// The rate of the currency in the asset.
    Inverse,
    /// Two rates of the source's base for one instant.
    Cross,
    /// The price of an own trade.
    Own,
}

impl RateBook {
    /// Sorts rates for look-ups. Equal rates count once.
    ///
    /// Errors: a source has two rates for one instant that differ.
    pub fn try_new(rules: RateRules, mut rates: Vec<Rate>) -> Result<Self, Box<RatesDiffer>> {
        rates.sort_by(|left, right| key_of(left).cmp(&key_of(right)));
        for pair in rates.windows(2) {
            if let [first, second] = pair
                && (&first.asset, &first.currency, first.source, first.at)
                    == (&second.asset, &second.currency, second.source, second.at)
                && first.value != second.value
            {
                return Err(Box::new(RatesDiffer {
                    source_name: first.source,
                    first: first.clone(),
                    second: second.clone(),
                }));
            }
        }
        let mut book = Self {
            rules,
            ..Self::default()
        };
        for rate in rates {
            let all = book.series.entry(rate.asset).or_default();
            let all = all.entry(rate.currency).or_default();
            if all.last().is_none_or(|last| last.source != rate.source) {
                all.push(Series {
                    source: rate.source,
                    points: Vec::new(),
                });
            }
            let Some(last) = all.last_mut() else { continue };
            // Of equal rates the first import counts.
            if last.points.last().is_none_or(|point| point.at != rate.at) {
                last.points.push(Point {
                    at: rate.at,
                    value: rate.value,
                    import_id: rate.import_id,
                    import_line: rate.import_line,
                });
            }
        }
        let bases = BASES.iter().filter_map(|(source, base)| {
            let base = base.parse::<Asset>().ok()?;
            book.series.contains_key(&base).then_some((*source, base))
        });
        book.bases = bases.collect();
        Ok(book)
    }

    /// Adds prices of the ledger's own trades for dollars. Unless the rules forbid, they count as
    /// rates for trades of the same account.
    pub fn add_own(&mut self, rates: Vec<OwnRate>) {
        for rate in rates {
            let of_account = self.own.entry(rate.account.clone()).or_default();
            let of_asset = of_account.entry(rate.asset.clone()).or_default();
            of_asset.push(rate);
        }
        for rates in self.own.values_mut().flat_map(BTreeMap::values_mut) {
            rates.sort_by(OwnRate::cmp_in_pool);
        }
    }

    /// Returns the rate that counts at an instant. `None`: no rate is near enough.
    ///
    /// Order: the preferred source; the nearest rate; a direct rate before an inverse, before a
    /// cross, before an own trade; the name of the source. Without any of them, two rates by way of
    /// the euro count. A pegged coin without a rate counts as one dollar.
    pub fn look_up(&self, wanted: &WantedRate<'_>) -> Option<FoundRate> {
        let (asset, currency) = (wanted.asset, wanted.currency);
        let crosses = self.bases.iter().filter_map(|(source, base)| {
            let of = |asset| {
                let mut all = self.given(base, asset).iter();
                all.find(|series| series.source == *source)
            };
            let (numerator, denominator) = self.cross(of(currency)?, of(asset)?, wanted)?;
            let steps = vec![
                step(base, currency, numerator),
                step(base, asset, denominator),
            ];
            found(RateForm::Cross, (*source, numerator.at), steps)
        });
        let single = self.single(wanted);
        let nearest = self.first(single.chain(crosses).chain(self.own(wanted)));
        let nearest = nearest.map(|(_, found)| found);
        let nearest = nearest.or_else(|| self.by_euro(wanted));
        nearest.or_else(|| self.peg(wanted))
    }

    /// Returns the rate that counts of several.
    fn first(
        &self,
        all: impl Iterator<Item = (RateForm, FoundRate)>,
    ) -> Option<(RateForm, FoundRate)> {
        all.min_by_key(|(form, found)| {
            let rank = self.rules.rank(found.source);
            (rank, Reverse(found.at), *form, found.source)
        })
    }

    /// Returns the last rate of each series of two assets, in both directions.
    fn single<'w>(
        &'w self,
        wanted: &'w WantedRate<'w>,
    ) -> impl Iterator<Item = (RateForm, FoundRate)> + 'w {
        let (asset, currency) = (wanted.asset, wanted.currency);
        let ways = [
            (RateForm::Direct, (asset, currency)),
            (RateForm::Inverse, (currency, asset)),
        ];
        let of = move |(form, (asset, currency)): (RateForm, (&'w Asset, &'w Asset))| {
            let series = self.given(asset, currency).iter();
            series.filter_map(move |series| {
                let point = self.nearest(series, wanted)?;
                let steps = vec![step(asset, currency, point)];
                found(form, (series.source, point.at), steps)
            })
        };
        ways.into_iter().flat_map(of)
    }

    /// Returns two rates by way of the euro: one of the asset in euros, and one of the euro. Each
    /// is the one that a look-up of its own takes. The result has the older instant of the two.
    fn by_euro(&self, wanted: &WantedRate<'_>) -> Option<FoundRate> {
        let euro: Asset = RATE_WAY.parse().ok()?;
        let of_euro = WantedRate {
            asset: &euro,
            class: AssetClass::Fx,
            ..*wanted
        };
        let (form, first) = self.in_euro(wanted, &euro)?;
        let (second_form, second) = self.first(self.single(&of_euro))?;
        let numbers = [(form, &first), (second_form, &second)];
        let of = |wanted: RateForm| -> Vec<Fact> {
            let all = numbers.iter().filter(|(form, _)| *form == wanted);
            let all = all.flat_map(|(_, found)| &found.steps);
            all.map(|step| step.value.fact()).collect()
        };
        let value = ratio_of_products(&of(RateForm::Direct), &of(RateForm::Inverse))?;
        Some(FoundRate {
            value: RateValue::of_fact(value),
            at: first.at.min(second.at),
            source: first.source,
            steps: first.steps.into_iter().chain(second.steps).collect(),
        })
    }

    /// Returns the rate of an asset in euros.
    fn in_euro(&self, wanted: &WantedRate<'_>, euro: &Asset) -> Option<(RateForm, FoundRate)> {
        let wanted = WantedRate {
            currency: euro,
            ..*wanted
        };
        // Two rates of a source with a base are of one row, or none.
        let has_base = |found: &FoundRate| BASES.iter().any(|(of, _)| *of == found.source);
        let rates = self.single(&wanted);
        self.first(rates.filter(|(_, found)| !has_base(found)))
    }

    /// Returns the asset whose rate a look-up without result lacks. It is the euro if there is a
    /// price of the asset in euros.
    pub fn lacking(&self, wanted: &WantedRate<'_>) -> Asset {
        match RATE_WAY.parse::<Asset>() {
            Ok(euro) if euro != *wanted.asset && self.in_euro(wanted, &euro).is_some() => euro,
            _ => wanted.asset.clone(),
        }
    }

    /// Returns one dollar for a coin that the settings peg.
    fn peg(&self, wanted: &WantedRate<'_>) -> Option<FoundRate> {
        let is_dollar = wanted.currency.as_str() == USD;
        (is_dollar && self.rules.pegs.contains(wanted.asset)).then(|| FoundRate {
            value: RateValue::PAR,
            at: wanted.at,
            source: RateSource::Peg,
            steps: vec![RateStep {
                asset: wanted.asset.clone(),
                currency: wanted.currency.clone(),
                value: RateValue::PAR,
                origin: RateOrigin::Peg,
            }],
        })
    }

    fn given(&self, asset: &Asset, currency: &Asset) -> &[Series] {
        let all = self.series.get(asset).and_then(|all| all.get(currency));
        all.map_or(&[][..], Vec::as_slice)
    }

    /// Returns the last rate on or before an instant, if it is not too old.
    fn nearest(&self, series: &Series, wanted: &WantedRate<'_>) -> Option<Point> {
        let point = before(&series.points, wanted.at).last()?;
        let is_fresh = self.is_fresh(series.source, point.at, wanted);
        is_fresh.then_some(*point)
    }

    fn is_fresh(&self, source: RateSource, at: Timestamp, wanted: &WantedRate<'_>) -> bool {
        self.zones.is_fresh(wanted.class, source, (at, wanted.at))
    }

    /// Returns the last two rates of a base for one instant, if they are not too old.
    ///
    /// A source has no rate of a currency on some days: then both rates are of the day before.
    fn cross(
        &self,
        numerators: &Series,
        denominators: &Series,
        wanted: &WantedRate<'_>,
    ) -> Option<(Point, Point)> {
        let points = before(&denominators.points, wanted.at).iter().rev();
        let is_fresh = |point: &&Point| self.is_fresh(denominators.source, point.at, wanted);
        points.take_while(is_fresh).find_map(|point| {
            let all = &numerators.points;
            let place = all.binary_search_by_key(&point.at, |other| other.at);
            Some((*all.get(place.ok()?)?, *point))
        })
    }

    /// Returns the last own trade on or before an instant, if it is not too old.
    fn own(&self, wanted: &WantedRate<'_>) -> Option<(RateForm, FoundRate)> {
        let (account, order_id) = wanted.own.filter(|_| self.rules.own_trades)?;
        let points = self.own.get(account)?.get(wanted.asset)?;
        let end = points.partition_point(|point| point.at <= wanted.at);
        let mut points = points.get(..end)?.iter().rev();
        let point = points.find(|point| point.order_id != *order_id)?;
        let is_usable =
            wanted.currency.as_str() == USD && self.is_fresh(RateSource::Own, point.at, wanted);
        let step = RateStep {
            asset: wanted.asset.clone(),
            currency: wanted.currency.clone(),
            value: point.value,
            origin: RateOrigin::Trade(point.order_id.clone()),
        };
        let source = (RateSource::Own, point.at);
        is_usable.then(|| found(RateForm::Own, source, vec![step]))?
    }
}

impl RateRules {
    /// Returns the place of a source; all that are not listed share the last one.
    fn rank(&self, source: RateSource) -> usize {
        let place = self.sources.iter().position(|listed| *listed == source);
        place.unwrap_or(self.sources.len())
    }
}

/// Order of rates in a book; equal rates stand in the order of their imports.
fn key_of(rate: &Rate) -> impl Ord + '_ {
    let series = (&rate.asset, &rate.currency, rate.source);
    (series, rate.at, rate.import_id, rate.import_line)
}

/// Returns the points on or before an instant.
fn before(points: &[Point], at: Timestamp) -> &[Point] {
    let end = points.partition_point(|point| point.at <= at);
    points.get(..end).unwrap_or_default()
}

/// Computes a rate. `None`: it is beyond the limits of a fact.
fn found(
    form: RateForm,
    (source, at): (RateSource, Timestamp),
    steps: Vec<RateStep>,
) -> Option<(RateForm, FoundRate)> {
    let mut facts = steps.iter().map(|step| step.value.fact());
    let (one, first) = (Fact::of_parts(1, 0), facts.next()?);
    let value = match form {
        RateForm::Direct | RateForm::Own => ratio(first, one),
        RateForm::Inverse => ratio(one, first),
        RateForm::Cross => ratio(first, facts.next()?),
    };
    let found = FoundRate {
        value: RateValue::of_fact(value?),
        at,
        source,
        steps,
    };
    Some((form, found))
}

fn step(asset: &Asset, currency: &Asset, point: Point) -> RateStep {
    RateStep {
        asset: asset.clone(),
        currency: currency.clone(),
        value: point.value,
        origin: RateOrigin::Line {
            import_id: point.import_id,
            line: point.import_line,
        },
    }
}
