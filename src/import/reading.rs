//! State that the rows of a block share while a format reads them.

use std::collections::HashMap;
use std::str::FromStr;

use csv::StringRecord;

use super::ImportOptions;
use crate::engine::{Account, Instrument, Symbol, UnknownInstrument};

/// Values that the rows of a block share while they are read.
pub(super) struct Reading<'o> {
    pub options: &'o ImportOptions,
    // A file names few accounts and symbols many times; each is kept once.
    accounts: HashMap<String, Account>,
    symbols: HashMap<String, Symbol>,
    /// Places of the pairs in `found`, by their names.
    pairs: HashMap<String, usize>,
    found: Vec<Option<PairFound>>,
    /// The names of the last pair, in one text.
    names: String,
    /// The numbers are those of a workbook, which may be rounded.
    pub is_of_workbook: bool,
    /// The native row that a format makes of a row; here for its memory.
    pub made: StringRecord,
}

/// The pair of a trade, as a row names it. A text is empty if the row does not say it.
pub(super) struct NamedPair<'t> {
    pub account: &'t str,
    pub symbol: &'t str,
    pub base: &'t str,
    pub quote: &'t str,
}

/// Base and quote by the settings, or why they are unknown.
type PairFound = Result<Instrument, UnknownInstrument>;

impl<'o> Reading<'o> {
    pub(super) fn new(options: &'o ImportOptions) -> Self {
        Self {
            options,
            accounts: HashMap::new(),
            symbols: HashMap::new(),
            pairs: HashMap::new(),
            found: Vec::new(),
            names: String::new(),
            is_of_workbook: false,
            made: StringRecord::new(),
        }
    }

    /// Returns the account of a cell; that of the import if the cell is empty.
    pub(super) fn account(&mut self, text: &str) -> Result<Account, <Account as FromStr>::Err> {
        match text.is_empty() {
            true => Ok(self.options.account_default.clone()),
            false => once(&mut self.accounts, text),
        }
    }

    /// Returns the symbol of a cell.
    pub(super) fn symbol(&mut self, text: &str) -> Result<Symbol, <Symbol as FromStr>::Err> {
        once(&mut self.symbols, text)
    }

    /// Returns base and quote by the settings. `None`: symbol or account are no names.
    pub(super) fn pair(&mut self, names: &NamedPair<'_>) -> &Option<PairFound> {
        self.names.clear();
        for name in [names.account, names.symbol, names.base, names.quote] {
            self.names.push_str(name);
            // In no name that is valid.
            self.names.push('\n');
        }
        let place = match self.pairs.get(&self.names) {
            Some(place) => *place,
            None => {
                self.found.push(names.read(self.options));
                let place = self.found.len() - 1;
                self.pairs.insert(self.names.clone(), place);
                place
            }
        };
        self.found.get(place).unwrap_or(&None)
    }
}

impl NamedPair<'_> {
    fn read(&self, options: &ImportOptions) -> Option<PairFound> {
        let given = |text| Some(text).filter(|text: &&str| !text.is_empty());
        let symbol: Symbol = self.symbol.parse().ok()?;
        let account = match given(self.account) {
            Some(account) => account.parse().ok()?,
            None => options.account_default.clone(),
        };
        let (base, quote) = (given(self.base), given(self.quote));
        Some(
            options
                .assets
                .instrument(&account, &symbol, base, quote, None),
        )
    }
}

fn once<T: FromStr + Clone>(kept: &mut HashMap<String, T>, text: &str) -> Result<T, T::Err> {
    if let Some(value) = kept.get(text) {
        return Ok(value.clone());
    }
    let value: T = text.parse()?;
    kept.insert(text.to_owned(), value.clone());
    Ok(value)
}
