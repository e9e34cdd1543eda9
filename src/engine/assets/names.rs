//! The reading of a symbol's text: separators, known codes, share classes.

use super::codes::{CodeKind, find_code};
use super::unknown::{Proposal, UnknownInstrument, UnknownWhy};
use super::{AssetRules, Instrument, InstrumentSettings};
use crate::engine::class::{AssetClass, ClassSource};
use crate::engine::ids::{Asset, Symbol};
use crate::engine::policy::USD;

/// Characters between base and quote. A symbol's `/` is a `-` by now.
const SEPARATORS: [char; 4] = ['-', '_', '.', ':'];

/// Fewest characters of a known code that makes a longer symbol look like a pair.
const RESEMBLING_CHARS_MIN: usize = 3;

/// Letters of share classes. More letters would take `VOD.L`, priced in pence, for dollars.
const SHARE_CLASSES: [&str; 2] = ["A", "B"];

/// A trade's own columns, none of them empty.
pub(super) struct Stated<'a> {
    pub(super) base: Option<&'a str>,
    pub(super) quote: Option<&'a str>,
    pub(super) class: Option<&'a str>,
}

/// A symbol in the light of the settings.
pub(super) struct SymbolReading<'a> {
    pub(super) rules: &'a AssetRules,
    pub(super) symbol: &'a Symbol,
    pub(super) settings: Option<&'a InstrumentSettings>,
    pub(super) account_class: Option<AssetClass>,
}

/// Base and quote as the symbol names them, before aliases.
struct NamePair<'a> {
    base: &'a str,
    /// `None`: the symbol names no quote.
    quote: Option<&'a str>,
}

impl<'a> SymbolReading<'a> {
    /// Returns the trade's asset, quote and class. Errors: nothing says them.
    pub(super) fn instrument(&self, stated: &Stated<'_>) -> Result<Instrument, UnknownInstrument> {
        let column = |column, text: Option<&str>| {
            let parsed = text.map(|text| text.parse::<Asset>().map_err(|error| (text, error)));
            parsed.transpose().map_err(|(text, error)| {
                let text = text.to_owned();
                self.unknown(
                    UnknownWhy::BadCode {
                        column,
                        text,
                        error,
                    },
                    [],
                )
            })
        };
        let settings = self.settings;
        let base_column = column("base_asset", stated.base)?;
        if let Some(base) = &base_column {
            self.check_columns(base, column("quote_currency", stated.quote)?.as_ref())?;
        }
        let base = base_column.or_else(|| settings?.base.clone());
        let of_column = column("quote_currency", stated.quote)?;
        let quote = of_column.clone().or_else(|| settings?.quote.clone());
        let (base, quote, is_pair) = match (base, quote) {
            (Some(base), Some(quote)) => {
                let is_pair = self.names_quote(&quote);
                (base, quote, is_pair)
            }
            (None, Some(quote)) => {
                let base = self.base_beside(&quote, of_column.is_some())?;
                let is_pair = base != self.text() || self.names_quote(&quote);
                (Asset::unreadable(base), quote, is_pair)
            }
            (Some(base), None) => {
                let quote = self.quote_beside(&base)?;
                let is_pair = quote.is_some();
                (base, usd_unless(quote), is_pair)
            }
            (None, None) => {
                let named = self.named()?;
                let is_pair = named.quote.is_some();
                (
                    Asset::unreadable(named.base),
                    usd_unless(named.quote),
                    is_pair,
                )
            }
        };
        let (base, quote) = (self.asset(&base), self.rules.asset_named(quote.as_str()));
        if base == quote {
            return Err(self.unknown(UnknownWhy::SameAsset(base), []));
        }
        let (class, class_source) = self.class(stated.class, &base, is_pair)?;
        let is_usd = self.rules.is_usd(&quote);
        Ok(Instrument {
            base,
            quote,
            class,
            class_source,
            is_usd,
            is_pair,
        })
    }

    /// Tells whether the symbol ends in the code of a quote.
    fn names_quote(&self, quote: &Asset) -> bool {
        let wanted = self.rules.asset_named(quote.as_str());
        halves(self.text()).any(|(_, code)| self.rules.asset_named(code) == wanted)
    }

    fn text(&self) -> &'a str {
        self.symbol.as_str()
    }

    /// Returns the base after aliases. A ticker of a security account is no coin's spelling.
    fn asset(&self, base: &Asset) -> Asset {
        match self.is_ticker() && base.as_str() == self.text() {
            true => match self.rules.aliases.get(base.as_str()) {
                Some(asset) => asset.clone(),
                None => share_class(base.as_str())
                    .map_or_else(|| base.clone(), |name| Asset::unreadable(&name)),
            },
            false => self.rules.asset_named(base.as_str()),
        }
    }

    /// Tells whether the account's symbols are tickers that are never split.
    fn is_ticker(&self) -> bool {
        self.account_class == Some(AssetClass::Security)
    }

    fn kind(&self, code: &str) -> Option<CodeKind> {
        self.rules.kind_of(code)
    }

    /// Reads the class: column, symbol, account, known code, spelling.
    fn class(
        &self,
        column: Option<&str>,
        base: &Asset,
        is_pair: bool,
    ) -> Result<(AssetClass, ClassSource), UnknownInstrument> {
        if let Some(text) = column {
            let class = text.parse();
            let class =
                class.map_err(|_| self.unknown(UnknownWhy::BadClass(text.to_owned()), []))?;
            return Ok((class, ClassSource::Column));
        }
        if let Some(class) = self.settings.and_then(|settings| settings.class) {
            return Ok((class, ClassSource::Symbol));
        }
        if let Some(class) = self.account_class {
            return Ok((class, ClassSource::Account));
        }
        Ok(match self.kind(base.as_str()) {
            Some(CodeKind::Currency | CodeKind::Metal) => (AssetClass::Fx, ClassSource::Code),
            Some(_) => (AssetClass::Crypto, ClassSource::Code),
            None if is_pair => (AssetClass::Crypto, ClassSource::Spelling),
            None => (AssetClass::Security, ClassSource::Spelling),
        })
    }

    /// Reads base and quote from the symbol alone.
    fn named(&self) -> Result<NamePair<'a>, UnknownInstrument> {
        let text = self.text();
        let whole = NamePair {
            base: text,
            quote: None,
        };
        if let Some((base, quote)) = text.rsplit_once(SEPARATORS) {
            return self.separated(base, quote);
        }
        if self.is_ticker() {
            return self.check_ticker(text).map(|()| whole);
        }
        match self.kind(text) {
            Some(CodeKind::Currency | CodeKind::Metal) => {
                let mut proposals = vec![self.share(text), proposal(text, USD, AssetClass::Fx)];
                // Dollars are not priced in dollars: such settings would be refused.
                proposals.retain(|_| self.rules.asset_named(text).as_str() != USD);
                return Err(self.unknown(UnknownWhy::BareCurrency, proposals));
            }
            Some(CodeKind::SharedCoin) => {
                let coin = proposal(text, USD, AssetClass::Crypto);
                return Err(self.unknown(UnknownWhy::CoinOrShare, [coin, self.share(text)]));
            }
            Some(_) => return Ok(whole),
            None => {}
        }
        let splits = self.splits(text);
        match splits.as_slice() {
            [(base, quote)] => self.pair(base, quote),
            [] => self.check_plain(text).map(|()| whole),
            many => Err(self.many_splits(many, None)),
        }
    }

    /// Reads a symbol with a separator.
    fn separated(&self, base: &'a str, quote: &'a str) -> Result<NamePair<'a>, UnknownInstrument> {
        let text = self.text();
        let whole = NamePair {
            base: text,
            quote: None,
        };
        if self.kind(quote).is_some() {
            self.check_one_quote(base, quote)?;
            return match base.is_empty() {
                true => Err(self.unknown(UnknownWhy::NoBase, [])),
                false => self.pair(base, quote),
            };
        }
        if self.is_ticker() {
            return Ok(whole);
        }
        if share_class(text).is_some() && self.kind(base).is_none() {
            return self.check_plain(base).map(|()| whole);
        }
        let mut proposals: Vec<Proposal> = self.marked_pair(base).into_iter().collect();
        proposals.push(self.share(text));
        if !base.is_empty() && quote.chars().count() >= RESEMBLING_CHARS_MIN {
            proposals.push(self.pair_proposal(base, quote));
        }
        Err(self.unknown(UnknownWhy::UnknownQuote(quote.into()), proposals))
    }

    /// Checks that one known code follows the base. Errors: two do, as in BTC-EUR-USD. Nobody knows
    /// which of the two is the price.
    fn check_one_quote(&self, base: &str, quote: &str) -> Result<(), UnknownInstrument> {
        let inner = base.rsplit_once(SEPARATORS);
        match inner.filter(|(_, code)| self.kind(code).is_some()) {
            Some((first, code)) => {
                let splits = vec![(first.into(), code.into()), (base.into(), quote.into())];
                Err(self.unknown(UnknownWhy::ManySplits(splits), []))
            }
            None => Ok(()),
        }
    }

    /// Returns a pair of two names. Errors: it is written with its quote first.
    fn pair(&self, base: &'a str, quote: &'a str) -> Result<NamePair<'a>, UnknownInstrument> {
        if self.is_quote_first(base, quote) {
            let why = UnknownWhy::QuoteFirst(base.into(), quote.into());
            let turned = proposal(quote, base, AssetClass::Crypto);
            return Err(self.unknown(why, [turned, self.pair_proposal(base, quote)]));
        }
        Ok(NamePair {
            base,
            quote: Some(quote),
        })
    }

    /// Tells whether money would be priced in a coin. Some exchanges write `USDT_BTC` or `KRW-BTC`
    /// for a price of BTC.
    fn is_quote_first(&self, base: &str, quote: &str) -> bool {
        let asset = self.rules.asset_named(base);
        let is_money = self.kind(base) == Some(CodeKind::Currency)
            || self.rules.is_usd(&asset)
            || self.rules.is_pegged(asset.as_str());
        is_money
            && matches!(
                self.kind(quote),
                Some(CodeKind::Coin | CodeKind::SharedCoin)
            )
    }

    /// Returns each split into two known codes.
    fn splits(&self, text: &'a str) -> Vec<(&'a str, &'a str)> {
        let known = halves(text).filter(|(base, quote)| {
            // USDTUSD is USDT in USD: nothing is priced in TUSD by the dollar.
            let is_dollar_by_coin = *base == USD && self.kind(quote) == Some(CodeKind::DollarCoin);
            self.kind(base).is_some() && self.kind(quote).is_some() && !is_dollar_by_coin
        });
        known.collect()
    }

    /// Checks that a ticker is no pair of two known codes with another quote than the dollar: no
    /// share has such a name. Errors: it is one, so its price may be in another currency.
    fn check_ticker(&self, text: &'a str) -> Result<(), UnknownInstrument> {
        let is_long = |half: &str| half.chars().count() >= RESEMBLING_CHARS_MIN;
        let splits = self.splits(text).into_iter();
        let is_other = |quote: &str| !self.rules.is_usd(&self.rules.asset_named(quote));
        let mut pairs =
            splits.filter(|(base, quote)| is_long(base) && is_long(quote) && is_other(quote));
        match pairs.next() {
            None => Ok(()),
            Some((base, quote)) => {
                let proposals = [self.pair_proposal(base, quote), self.share(text)];
                let codes = vec![base.to_owned(), quote.to_owned()];
                Err(self.unknown(UnknownWhy::Resembles(codes), proposals))
            }
        }
    }

    /// Checks that a name resembles no known code. Errors: it begins or ends with one.
    fn check_plain(&self, name: &'a str) -> Result<(), UnknownInstrument> {
        let is_known =
            |code: &str| code.chars().count() >= RESEMBLING_CHARS_MIN && self.kind(code).is_some();
        let (mut codes, mut proposals) = (Vec::new(), Vec::new());
        for (first, last) in halves(name) {
            let known = [first, last].into_iter().filter(|code| is_known(code));
            let before = codes.len();
            codes.extend(known.map(str::to_owned));
            // No quote has a code of one or two letters.
            if codes.len() > before && last.chars().count() >= RESEMBLING_CHARS_MIN {
                proposals.push(self.pair_proposal(first, last));
            }
        }
        if codes.is_empty() {
            return Ok(());
        }
        // A half of one or two letters is more likely the beginning or end of a name.
        let is_half = |half: &String| half.chars().count() >= RESEMBLING_CHARS_MIN;
        let is_pair = proposals
            .iter()
            .any(|pair| is_half(&pair.base) && is_half(&pair.quote));
        let share = if is_pair { proposals.len() } else { 0 };
        proposals.insert(share, self.share(self.text()));
        let mark = name.char_indices().next_back();
        let unmarked = mark.map_or("", |(at, _)| name.split_at(at).0);
        if let Some(pair) = self.marked_pair(unmarked) {
            let is_sign = mark.is_some_and(|(_, mark)| !mark.is_alphanumeric());
            proposals.insert(if is_sign { 0 } else { 1 }, pair);
        }
        Err(self.unknown(UnknownWhy::Resembles(codes), proposals))
    }

    /// Finds the base of a symbol whose quote is stated.
    ///
    /// `is_column`: a column of the trade states the quote, so the symbol may not name another one.
    /// A setting is about this symbol alone, and may.
    fn base_beside(&self, quote: &Asset, is_column: bool) -> Result<&'a str, UnknownInstrument> {
        let (text, wanted) = (self.text(), self.rules.asset_named(quote.as_str()));
        let is_wanted = |code: &str| self.rules.asset_named(code) == wanted;
        let mut pairs = match text.rsplit_once(SEPARATORS) {
            Some((base, code)) => {
                self.check_one_quote(base, code)?;
                vec![(base, code)]
            }
            None if self.is_ticker() || self.kind(text).is_some() => Vec::new(),
            None => self.splits(text),
        };
        pairs.retain(|(base, code)| {
            !base.is_empty() && (is_wanted(code) || self.kind(code).is_some())
        });
        if let Some((base, _)) = pairs.iter().find(|(_, code)| is_wanted(code)) {
            return Ok(base);
        }
        let is_dollar = |code: &str| self.rules.is_usd(&self.rules.asset_named(code));
        match pairs.as_slice() {
            [(base, code)] if is_column => match is_dollar(code) && self.rules.is_usd(&wanted) {
                true => Ok(base),
                false => Err(self.other_quote(code, quote)),
            },
            [(base, code)] => Ok(self.pair(base, code)?.base),
            [] if self.is_ticker() || self.kind(text).is_some() => Ok(text),
            // BTCIDRT beside IDRT: the code need not be a known one.
            [] => Ok(text
                .strip_suffix(quote.as_str())
                .filter(|base| !base.is_empty() && !base.ends_with(SEPARATORS))
                .unwrap_or(text)),
            many => Err(self.many_splits(many, Some(quote))),
        }
    }

    /// Returns the refusal of a symbol that has several splits. `quote` is stated elsewhere.
    fn many_splits(&self, many: &[(&str, &str)], quote: Option<&Asset>) -> UnknownInstrument {
        let quoted = |code| quote.map_or(code, Asset::as_str);
        let pairs = many
            .iter()
            .map(|(base, code)| self.pair_proposal(base, quoted(code)));
        let proposals: Vec<Proposal> = pairs.collect();
        let splits = many
            .iter()
            .map(|(base, code)| ((*base).into(), (*code).into()));
        self.unknown(UnknownWhy::ManySplits(splits.collect()), proposals)
    }

    /// Finds the quote that a symbol names beside a stated base. `None`: it names none.
    fn quote_beside(&self, base: &Asset) -> Result<Option<&'a str>, UnknownInstrument> {
        let (text, wanted) = (self.text(), self.rules.asset_named(base.as_str()));
        let is_wanted = |code: &str| self.rules.asset_named(code) == wanted;
        if is_wanted(text) {
            return match self.kind(text) {
                Some(CodeKind::Currency | CodeKind::Metal) => {
                    Err(self.unknown(UnknownWhy::BareCurrency, []))
                }
                _ => Ok(None),
            };
        }
        let mut quotes = halves(text)
            .filter(|(first, _)| is_wanted(first))
            .map(|(_, rest)| rest.strip_prefix(SEPARATORS).unwrap_or(rest))
            .filter(|quote| self.kind(quote).is_some());
        match quotes.next() {
            Some(quote) => Ok(Some(quote)),
            None => Ok(self.named()?.quote),
        }
    }

    /// Checks that the columns of a trade name the pair that its symbol names. Errors: they name
    /// other codes, so nobody knows the currency of the price.
    fn check_columns(&self, base: &Asset, quote: Option<&Asset>) -> Result<(), UnknownInstrument> {
        let Ok(NamePair {
            base: named,
            quote: Some(code),
        }) = self.named()
        else {
            return Ok(());
        };
        let of = |code: &str| self.rules.asset_named(code);
        let are_known = self.kind(named).is_some() && self.kind(base.as_str()).is_some();
        if are_known && of(named) != of(base.as_str()) {
            let (symbol, column) = (named.to_owned(), base.clone());
            return Err(self.unknown(UnknownWhy::OtherBase { symbol, column }, []));
        }
        let Some(quote) = quote else { return Ok(()) };
        let (code_of, quote_of) = (of(code), of(quote.as_str()));
        let are_dollars = self.rules.is_usd(&code_of) && self.rules.is_usd(&quote_of);
        match code_of == quote_of || are_dollars {
            true => Ok(()),
            false => Err(self.other_quote(code, quote)),
        }
    }

    fn other_quote(&self, symbol: &str, column: &Asset) -> UnknownInstrument {
        let (symbol, column) = (symbol.to_owned(), column.clone());
        self.unknown(UnknownWhy::OtherQuote { symbol, column }, [])
    }

    /// Proposes the pair that a broker's mark follows: `USDJPY` of `USDJPY.R` and `USDJPYM`.
    fn marked_pair(&self, name: &'a str) -> Option<Proposal> {
        match self.splits(name).as_slice() {
            [(base, quote)] => Some(self.pair_proposal(base, quote)),
            _ => None,
        }
    }

    fn share(&self, name: &str) -> Proposal {
        proposal(name, USD, AssetClass::Security)
    }

    fn pair_proposal(&self, base: &str, quote: &str) -> Proposal {
        let class = match self.kind(base) {
            Some(CodeKind::Currency | CodeKind::Metal) => AssetClass::Fx,
            _ => AssetClass::Crypto,
        };
        proposal(base, quote, class)
    }

    fn unknown(
        &self,
        why: UnknownWhy,
        proposals: impl IntoIterator<Item = Proposal>,
    ) -> UnknownInstrument {
        UnknownInstrument {
            symbol: self.symbol.clone(),
            why,
            proposals: proposals.into_iter().collect(),
        }
    }
}

/// Returns each way to cut a text in two that are not empty.
fn halves(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let places = text.char_indices().skip(1);
    places.filter_map(|(at, _)| text.split_at_checked(at))
}

fn proposal(base: &str, quote: &str, class: AssetClass) -> Proposal {
    Proposal {
        base: base.into(),
        quote: quote.into(),
        class,
    }
}

fn usd_unless(quote: Option<&str>) -> Asset {
    Asset::unreadable(quote.unwrap_or(USD))
}

/// Returns the one spelling of a share of a class: `BRK-B` for `BRK.B`. `None`: it is no such
/// share.
pub(super) fn share_class(name: &str) -> Option<String> {
    let (base, class) = name.rsplit_once(['-', '.'])?;
    let is_base = !base.is_empty() && !base.contains(SEPARATORS) && find_code(base).is_none();
    (is_base && SHARE_CLASSES.contains(&class)).then(|| format!("{base}-{class}"))
}
