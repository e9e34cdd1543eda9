//! The command line of `transfers`.

use clap::{Args, Subcommand};

/// `transfers`
#[derive(Debug, Clone, Args)]
pub struct TransfersArgs {
    /// The action.
    #[command(subcommand)]
    pub command: TransfersCommand,
}

/// The commands of `transfers`.
#[derive(Debug, Clone, Subcommand)]
pub enum TransfersCommand {
    /// List transfers, proposed pairs, and deposits and withdrawals that are alone
    List {
        /// The movements.
        #[command(flatten)]
        of: WantedArgs,
        /// All rows, also movements that can be no part of a transfer
        #[arg(long)]
        all: bool,
    },
    /// Say that a withdrawal and a deposit are one transfer
    Pair(DecideArgs),
    /// Say that a withdrawal and a deposit are no transfer; no rule pairs them again
    Unpair(DecideArgs),
    /// Say what a movement is that is in no transfer
    Decide(DecideOneArgs),
    /// Accept all proposed pairs
    Apply {
        /// The movements.
        #[command(flatten)]
        of: WantedArgs,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Store a deposit or a withdrawal that no file has
    Add(AddMovementArgs),
}

/// The asset and the account that a list is about.
#[derive(Debug, Clone, Args)]
pub struct WantedArgs {
    /// This asset only
    #[arg(long, value_name = "ASSET")]
    pub asset: Option<String>,
    /// This account only
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
}

/// A withdrawal and a deposit.
#[derive(Debug, Clone, Args)]
pub struct DecideArgs {
    /// The withdrawal: ACCOUNT/ID, or its ID if only one account has it
    #[arg(value_name = "OUT", allow_hyphen_values = true)]
    pub withdrawal: String,
    /// The deposit, likewise
    #[arg(value_name = "IN", allow_hyphen_values = true)]
    pub deposit: String,
    /// Why, for a later audit
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

/// `transfers decide`
#[derive(Debug, Clone, Args)]
pub struct DecideOneArgs {
    /// The movement: ACCOUNT/ID, or its ID if only one account has it
    #[arg(value_name = "ID", allow_hyphen_values = true)]
    pub movement: String,
    /// "booked": trades or lots of the ledger have its units. "income": it is a lot for its value.
    /// "undecided": takes that back
    #[arg(long, value_name = "KIND", value_parser = ["booked", "income", "undecided"])]
    pub kind: String,
    /// Value of income in USD [default: by a rate]
    #[arg(long, value_name = "USD", allow_negative_numbers = true)]
    pub value: Option<String>,
    /// Why, for a later audit
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// `transfers add`
#[derive(Debug, Clone, Args)]
pub struct AddMovementArgs {
    /// The way, seen from the account
    #[arg(value_name = "in|out", value_parser = ["in", "out"])]
    pub way: String,
    /// The account
    #[arg(long, value_name = "NAME")]
    pub account: String,
    /// The asset
    #[arg(long, value_name = "ASSET")]
    pub asset: String,
    /// Units that went in or out, without the fee
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true)]
    pub size: String,
    /// When, with the zone: 2025-03-01T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub at: String,
    /// The fee
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true)]
    pub fee: Option<String>,
    /// Asset of the fee [default: the asset that moves]
    #[arg(long, value_name = "ASSET", requires = "fee")]
    pub fee_asset: Option<String>,
    /// Id of the transaction on a chain
    #[arg(long, value_name = "ID")]
    pub tx: Option<String>,
    /// Id of the movement in the account [default: made of its facts]
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
}
