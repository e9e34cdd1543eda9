//! Decisions about transfers that can't be.

use super::Case;

const OUT: &str = "fifo-pnl transfers add out --quiet --account kraken --asset BTC \
                   --size 0.51234567 --at 2025-01-02T10:00:00Z --id w-1";
const IN: &str = "fifo-pnl transfers add in --quiet --account ledger --asset BTC \
                  --size 0.51234567 --at 2025-01-02T10:20:00Z --id d-1";
const OTHER_IN: &str = "fifo-pnl transfers add in --quiet --account base --asset BTC \
                        --size 0.6 --at 2025-01-02T10:30:00Z --id d-2";
const OWN_IN: &str = "fifo-pnl transfers add in --quiet --account base --asset BTC --size 0.5 \
                      --at 2025-01-02T10:30:00Z --id d-2";
const WETH: &str = "fifo-pnl transfers add in --quiet --account base --asset WETH --size 2 \
                    --at 2025-01-04T10:01:00Z --id d-3";
const EURO: &str = "fifo-pnl transfers add in --quiet --account base --asset EUR --size 2 \
                    --at 2025-01-04T10:01:00Z --id d-4";
const OWN: &str = "fifo-pnl transfers add in --quiet --account kraken --asset BTC --size 0.5 \
                   --at 2025-01-02T10:01:00Z --id d-5";

pub const TRANSFERS: &[Case] = &[
    Case {
        title: "A movement that is not known",
        before: &[OUT],
        command: "fifo-pnl transfers pair kraken/w-1 ledger/d-1",
        after: &[
            IN,
            "fifo-pnl transfers pair kraken/w-1 ledger/d-1 --note 'my own wallet'",
        ],
        ..Case::NONE
    },
    Case {
        title: "A movement of an undone import",
        before: &[
            OUT,
            IN,
            "fifo-pnl import undo 2 --quiet --reason 'no such deposit'",
        ],
        command: "fifo-pnl transfers pair w-1 d-1",
        exit: 3,
        after: &[
            "fifo-pnl import undo 2 --quiet --reason 'it was there' --undo",
            "fifo-pnl transfers pair w-1 d-1",
        ],
        ..Case::NONE
    },
    Case {
        title: "A deposit in the place of a withdrawal",
        before: &[OUT, IN],
        command: "fifo-pnl transfers pair d-1 w-1",
        same: &["fifo-pnl transfers unpair d-1 w-1"],
        after: &["fifo-pnl transfers unpair w-1 d-1"],
        ..Case::NONE
    },
    Case {
        title: "A withdrawal that is paired with another deposit",
        before: &[OUT, IN, OWN_IN],
        command: "fifo-pnl transfers pair w-1 d-2",
        exit: 3,
        after: &["fifo-pnl transfers unpair w-1 d-1"],
        ..Case::NONE
    },
    Case {
        title: "More arrived than left",
        before: &[OUT, OTHER_IN],
        command: "fifo-pnl transfers pair w-1 d-2",
        exit: 3,
        after: &["fifo-pnl transfers list"],
        ..Case::NONE
    },
    Case {
        title: "A pair of two assets",
        before: &[OUT, WETH],
        command: "fifo-pnl transfers pair w-1 d-3",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A pair in one account",
        before: &[OUT, OWN],
        command: "fifo-pnl transfers pair w-1 d-5",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "The money of a state",
        before: &[OUT, EURO],
        command: "fifo-pnl transfers pair w-1 d-4",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A decision that stands already",
        before: &[OUT, IN, "fifo-pnl transfers unpair w-1 d-1 --quiet"],
        command: "fifo-pnl transfers unpair w-1 d-1",
        exit: 3,
        after: &["fifo-pnl transfers pair w-1 d-1"],
        ..Case::NONE
    },
    Case {
        title: "One id in two accounts",
        before: &[
            OUT,
            IN,
            "fifo-pnl transfers add in --quiet --account base --asset BTC --size 0.5 \
             --at 2025-01-02T10:01:00Z --id d-1",
        ],
        command: "fifo-pnl transfers pair w-1 d-1",
        after: &["fifo-pnl transfers pair w-1 ledger/d-1"],
        ..Case::NONE
    },
    Case {
        title: "Proposed pairs without a terminal to ask on",
        before: &[
            "fifo-pnl transfers add out --quiet --account kraken --asset SOL --size 100 \
             --at 2025-01-02T10:00:00Z --id w-1",
            "fifo-pnl transfers add in --quiet --account base --asset SOL --size 100 \
             --at 2025-01-02T10:01:00Z --id d-1",
        ],
        command: "fifo-pnl transfers apply",
        exit: 3,
        after: &["fifo-pnl transfers apply --yes"],
        ..Case::NONE
    },
    Case {
        title: "A movement that is known with another size",
        before: &[OUT],
        command: "fifo-pnl transfers add out --account kraken --asset BTC --size 0.5 \
                  --at 2025-01-02T10:00:00Z --id w-1",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A movement without a zone",
        command: "fifo-pnl transfers add in --account ledger --asset BTC --size 1 \
                  --at '2025-01-02 10:00'",
        after: &[
            "fifo-pnl transfers add in --account ledger --asset BTC --size 1 \
                  --at 2025-01-02T10:00:00Z",
        ],
        ..Case::NONE
    },
];
