//! Words that the registry, the run log and the audit trail hold, each spelled in one place.

/// Makes an enum whose variants are words in the database.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// Returns the word that the database holds.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// Reads the word.
            pub fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

pub(super) use words;

words! {
    /// The reason why a version was made.
    #[derive(Default)]
    VersionOrigin {
        /// A person asked for some pools.
        #[default]
        Hand = "hand",
        /// A run of all pools.
        Full = "full",
        /// An incremental run that could not append; prune drops old ones.
        LateArrival = "late-arrival",
        /// An earlier system made it.
        Legacy = "legacy",
    }
}

words! {
    /// How a run works, as its log row says.
    RunMode {
        /// All pools.
        Full = "full",
        /// Some pools.
        Scoped = "scoped",
        /// The rows that arrived since the newest version.
        Incremental = "incremental",
    }
}

words! {
    /// A kind of event in the audit trail.
    EventKind {
        /// A file was imported.
        Import = "import",
        /// An import was undone, or put back.
        ImportUndo = "import_undo",
        /// A person said that all trades of an import are right beside those of other files.
        ImportKept = "import_kept",
        /// A person stated facts of an account.
        Account = "account",
        /// A trade was voided, or a void undone.
        Void = "void",
        /// A person decided about transfers.
        Transfer = "transfer",
        /// A run ended.
        Run = "run",
        /// A run looked new rates up, and they change nothing of a version.
        RatesSeen = "rates_seen",
        /// A version became current.
        Publish = "publish",
        /// A version was sealed.
        Seal = "seal",
        /// A version was dropped.
        Drop = "drop",
        /// A prune could not drop all that it chose.
        Prune = "prune",
        /// A version was written to a file.
        Export = "export",
        /// A tax year was filed.
        TaxFiled = "tax_filed",
        /// Figures of an earlier system were stored.
        History = "history",
        /// A review item was opened.
        ReviewOpened = "review_opened",
        /// A person decided a review item by a trade.
        ReviewDecided = "review_decided",
        /// A review item has other facts.
        ReviewRefreshed = "review_refreshed",
        /// A person works on a review item.
        ReviewStarted = "review_started",
        /// A review item is settled.
        ReviewResolved = "review_resolved",
        /// A person dismissed a review item.
        ReviewDismissed = "review_dismissed",
        /// A settled review item is open again.
        ReviewReopened = "review_reopened",
        /// A person excluded a pool.
        ReviewExcluded = "review_excluded",
        /// A person included a pool again.
        ReviewIncluded = "review_included",
    }
}
