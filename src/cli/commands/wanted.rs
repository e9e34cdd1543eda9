//! The asset and the account that a list is about.

use std::fmt::Display;
use std::str::FromStr;

use super::read_account;
use crate::cli::args::WantedArgs;
use crate::cli::error::{CliError, CliResult};
use crate::cli::session::Session;
use crate::engine::{Account, Asset, shown};

/// The asset and the account that a command names.
pub(super) struct Wanted {
    asset: Option<Asset>,
    account: Option<Account>,
}

impl Wanted {
    /// Reads the arguments. Errors: a value that can't be read.
    pub(super) fn read(args: &WantedArgs) -> CliResult<Self> {
        let asset = args.asset.as_deref();
        Ok(Self {
            asset: asset.map(|it| read_value("--asset", it)).transpose()?,
            account: read_account(args.account.as_deref())?,
        })
    }

    /// Gives the asset the name that settings give it.
    pub(super) fn named(self, session: &Session) -> Self {
        let rules = session.context.rules.as_rules();
        Self {
            asset: self.asset.map(|asset| rules.asset_named(asset.as_str())),
            ..self
        }
    }

    /// Tells whether an asset is wanted.
    pub(super) fn has_asset(&self, asset: &Asset) -> bool {
        self.asset.as_ref().is_none_or(|wanted| wanted == asset)
    }

    /// Tells whether an account is wanted.
    pub(super) fn has_account(&self, account: &Account) -> bool {
        self.account.as_ref().is_none_or(|wanted| wanted == account)
    }
}

/// Reads a typed value. Errors: it can't be read; the message has the name that the user knows.
pub(super) fn read_value<T: FromStr<Err: Display>>(name: &str, text: &str) -> CliResult<T> {
    let bad = |error: T::Err| {
        let text = shown(text).quoted();
        CliError::usage(format!("{name} is {text}: it {error}"), "")
    };
    text.parse().map_err(bad)
}
