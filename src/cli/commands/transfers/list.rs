//! `transfers list`: the pairs, and why a movement has none.

use serde_json::{Value, json};

use super::open::Lacking;
use crate::cli::format::{plural, table, time_in_utc};
use crate::cli::next::Next;
use crate::engine::{
    Alone, AloneWhy, Direction, MovementKey, NoPart, PairedBy, Pairing, Proposed, ProposedWhy,
    Transfer,
};
use crate::pipeline::{Transfers, no_pair, no_part};

/// Most rows that the text shows without `--all`.
const ROWS_SHOWN_MAX: usize = 50;

/// Describes pairs and movements that are alone.
pub(super) fn describe((pairing, lacking): (&Pairing, &Lacking), all: bool, next: &Next) -> String {
    let (paired, proposed, alone) = Transfers::counts(pairing);
    let income = income_of(pairing);
    let others = pairing.alone.len() as u64 - alone - income;
    let rows = paired
        + proposed
        + if all {
            pairing.alone.len() as u64
        } else {
            alone
        };
    let mut text = match rows {
        0 => String::new(),
        _ => table_of(pairing, Some(lacking), all) + "\n",
    };
    let hidden = rows.saturating_sub(ROWS_SHOWN_MAX as u64);
    if hidden > 0 && !all {
        text.push_str(&format!(
            "  and {}; --all shows them\n",
            plural(hidden, "more row", "more rows")
        ));
    }
    let mut counts = format!(
        "{}, {proposed} proposed, {alone} alone",
        plural(paired, "transfer", "transfers")
    );
    for (count, what) in [(income, "income"), (others, "not used")] {
        if count > 0 {
            counts.push_str(&format!(", {count} {what}"));
        }
    }
    if income + others > 0 && !all {
        counts.push_str("; --all lists them all");
    }
    text.push_str(&format!("{counts}\n"));
    if proposed > 0 {
        let apply = next.command("fifo-pnl transfers apply");
        text.push_str(&format!("`{apply}` accepts all proposed pairs.\n"));
    }
    if proposed + alone > 0 {
        let pair = next.command("fifo-pnl transfers pair OUT IN");
        text.push_str(&format!("`{pair}` makes a transfer of two movements.\n"));
        let decide = next.command("fifo-pnl transfers decide ID --kind booked --reason TEXT");
        text.push_str(&format!(
            "`{decide}` says that trades or lots of the ledger have one.\n"
        ));
    }
    text
}

/// Counts the movements that are income.
pub(super) fn income_of(pairing: &Pairing) -> u64 {
    let is_income = |it: &&Alone| it.why == AloneWhy::NoPart(NoPart::Income);
    pairing.alone.iter().filter(is_income).count() as u64
}

/// Makes the table: what a person may decide first, and then the transfers.
pub(super) fn table_of(pairing: &Pairing, lacking: Option<&Lacking>, all: bool) -> String {
    let proposed = pairing.proposed.iter();
    let proposed = proposed.map(|it| row_of(&it.transfer, proposed_words(it)));
    let alone = pairing.alone.iter().filter(|it| all || it.may_be_half());
    let paired = pairing.transfers.iter();
    let paired = paired.map(|it| row_of(&it.transfer, paired_words(it.by).to_owned()));
    let rows = proposed
        .chain(alone.map(|it| alone_row(it, lacking)))
        .chain(paired);
    let shown = if all { usize::MAX } else { ROWS_SHOWN_MAX };
    let header = ["Sent (UTC)", "Asset", "Size", "Fee", "From", "To", "State"];
    table(&header, &[2], rows.take(shown).collect())
}

fn row_of(it: &Transfer, state: String) -> Vec<String> {
    let fee = it.fee.as_ref().map(|(fee, of)| format!("{fee} {of}"));
    vec![
        time_in_utc(it.sent_at),
        it.asset.to_string(),
        it.sent.to_string(),
        fee.unwrap_or_default(),
        format!("{}/{}", it.from, it.withdrawal),
        format!("{}/{}", it.to, it.deposit),
        state,
    ]
}

fn alone_row(it: &Alone, lacking: Option<&Lacking>) -> Vec<String> {
    let row = &it.movement;
    let fee = row.fee.as_ref().map(|(fee, of)| format!("{fee} {of}"));
    let key = MovementKey::of(row).to_string();
    let (from, to) = match row.direction {
        Direction::Out => (key, String::new()),
        Direction::In => (String::new(), key),
    };
    let sells = lacking.map(|lacking| lacking.after(it));
    let state = match it.why {
        AloneWhy::NoPart(NoPart::Income) => "income: a lot of its own".to_owned(),
        AloneWhy::Booked => "booked: trades or lots of the ledger have it".to_owned(),
        AloneWhy::NoPart(why) => format!("not used: {}", no_part(why)),
        _ => format!("alone: {}{}", alone_words(it), sells.unwrap_or_default()),
    };
    let asset = it.asset.to_string();
    let (at, size) = (time_in_utc(row.moved_at), row.size.to_string());
    vec![at, asset, size, fee.unwrap_or_default(), from, to, state]
}

fn paired_words(by: PairedBy) -> &'static str {
    match by {
        PairedBy::Person => "paired by a person",
        PairedBy::TxId => "paired: one transaction",
        PairedBy::Size => "paired: one size",
    }
}

fn proposed_words(it: &Proposed) -> String {
    match it.why {
        ProposedWhy::FewDigits => "proposed: one size, of few digits".into(),
        ProposedWhy::OtherTx => "proposed: one size, but two transactions".into(),
        ProposedWhy::Apart => "proposed: one size, more than 72 hours apart".into(),
        ProposedWhy::LessArrived => format!("proposed: {} arrived", it.transfer.received),
    }
}

fn alone_words(it: &Alone) -> String {
    let named = |keys: &[MovementKey]| {
        let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
        names.join(", ")
    };
    match &it.why {
        AloneWhy::NoPart(why) => no_part(*why).into(),
        AloneWhy::NoPair(key, why) => format!("with {key} it makes none: {}", no_pair(*why)),
        AloneWhy::SharedTx => "several have its transaction".into(),
        AloneWhy::Several(keys) => match &**keys {
            [only] => format!("{only} fits, and fits others, too"),
            keys => format!("several fit: {}", named(keys)),
        },
        AloneWhy::Earlier(key) => match it.movement.direction {
            Direction::Out => format!("{key} has its size, but came before it was sent"),
            Direction::In => format!("{key} has its size, but was sent after it came"),
        },
        AloneWhy::Unpaired(key) => format!("a person set it apart from {key}"),
        AloneWhy::Booked => "a person says that trades have it".into(),
        AloneWhy::Nothing => "nothing fits".into(),
    }
}

/// Puts pairs and movements that are alone into JSON.
pub(super) fn to_json(pairing: &Pairing, all: bool) -> Value {
    let paired = pairing.transfers.iter().map(|it| {
        let mut json = transfer_json(&it.transfer);
        crate::cli::format::add(&mut json, json!({ "by": it.by.as_str() }));
        json
    });
    let proposed = pairing.proposed.iter().map(|it| {
        let mut json = transfer_json(&it.transfer);
        crate::cli::format::add(&mut json, json!({ "why": it.why.as_str() }));
        json
    });
    let alone = pairing.alone.iter().filter(|it| all || it.may_be_half());
    json!({ "transfers": paired.collect::<Vec<_>>(), "proposed": proposed.collect::<Vec<_>>(),
        "alone": alone.map(alone_json).collect::<Vec<_>>() })
}

/// Puts a transfer into JSON.
pub(super) fn transfer_json(it: &Transfer) -> Value {
    let (fee, fee_asset) = match &it.fee {
        Some((fee, asset)) => (Some(fee.to_string()), Some(asset.as_str())),
        None => (None, None),
    };
    json!({ "asset": it.asset.as_str(), "from": it.from.as_str(),
        "withdrawal": it.withdrawal.as_str(), "sent_at": it.sent_at.to_string(),
        "sent": it.sent.to_string(), "to": it.to.as_str(), "deposit": it.deposit.as_str(),
        "received_at": it.received_at.to_string(), "received": it.received.to_string(),
        "fee": fee, "fee_asset": fee_asset })
}

fn alone_json(it: &Alone) -> Value {
    let row = &it.movement;
    let with = match &it.why {
        AloneWhy::Several(keys) => keys.clone(),
        AloneWhy::NoPair(key, _) | AloneWhy::Earlier(key) | AloneWhy::Unpaired(key) => {
            vec![key.clone()]
        }
        AloneWhy::NoPart(_) | AloneWhy::SharedTx | AloneWhy::Booked | AloneWhy::Nothing => {
            Vec::new()
        }
    };
    let with: Vec<String> = with.iter().map(ToString::to_string).collect();
    let why = match &it.why {
        AloneWhy::NoPart(why) => why.as_str(),
        AloneWhy::NoPair(_, why) => why.as_str(),
        AloneWhy::SharedTx => "shared_tx",
        AloneWhy::Several(_) => "several",
        AloneWhy::Earlier(_) => "earlier",
        AloneWhy::Unpaired(_) => "unpaired",
        AloneWhy::Booked => "booked",
        AloneWhy::Nothing => "nothing",
    };
    json!({ "account": row.account.as_str(), "movement_id": row.movement_id.as_str(),
        "asset": it.asset.as_str(), "direction": row.direction.as_str(),
        "kind": row.kind.as_str(), "size": row.size.to_string(),
        "moved_at": row.moved_at.to_string(), "why": why, "with": with })
}
