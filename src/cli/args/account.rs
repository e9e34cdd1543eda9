//! The command line of `account`.

use clap::{Args, Subcommand};

/// `account`
#[derive(Debug, Clone, Args)]
pub struct AccountArgs {
    /// The action.
    #[command(subcommand)]
    pub command: AccountCommand,
}

/// The commands of `account`.
#[derive(Debug, Clone, Subcommand)]
pub enum AccountCommand {
    /// Store facts about an account; options that you leave out change nothing
    Add(AccountAddArgs),
    /// List the accounts with the state of their imports
    List,
    /// Show an account and its last imports
    Show {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// `account add`
#[derive(Debug, Clone, Args)]
pub struct AccountAddArgs {
    /// Its name, as imports use it
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Platform or exchange, like kraken. With mt4 or mt5 the account may go short: a sell beyond
    /// its lots opens a short lot
    #[arg(long, value_name = "NAME")]
    pub platform: Option<String>,
    /// Broker
    #[arg(long, value_name = "NAME")]
    pub broker: Option<String>,
    /// Server of the platform
    #[arg(long, value_name = "NAME")]
    pub server: Option<String>,
    /// Number of the account there; no password is stored
    #[arg(long, value_name = "NUMBER")]
    pub login: Option<String>,
    /// Class of what it trades: crypto, security, fx or future; [accounts.NAME] of the settings
    /// wins
    #[arg(long, value_name = "CLASS")]
    pub class: Option<String>,
    /// How far the server's clock is ahead of UTC, like +02:00, or +03:00@2025-03-30 from a day or
    /// instant on (may be repeated)
    #[arg(long, value_name = "OFFSET[@TIME]", allow_hyphen_values = true)]
    pub server_time: Vec<String>,
}
