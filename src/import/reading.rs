//! State that the rows of a block share while a format reads them.

use std::collections::HashMap;
use std::str::FromStr;

use super::ImportOptions;
use crate::engine::{Account, Symbol};

/// Values that the rows of a block share while they are read.
pub(super) struct Reading<'o> {
    pub options: &'o ImportOptions,
    // A file names few accounts and symbols many times; each is kept once.
    accounts: HashMap<String, Account>,
    symbols: HashMap<String, Symbol>,
}

impl<'o> Reading<'o> {
    pub(super) fn new(options: &'o ImportOptions) -> Self {
        Self {
            options,
            accounts: HashMap::new(),
            symbols: HashMap::new(),
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
}

fn once<T: FromStr + Clone>(kept: &mut HashMap<String, T>, text: &str) -> Result<T, T::Err> {
    if let Some(value) = kept.get(text) {
        return Ok(value.clone());
    }
    let value: T = text.parse()?;
    kept.insert(text.to_owned(), value.clone());
    Ok(value)
}
