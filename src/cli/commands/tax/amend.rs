//! `tax amend`: shows each line that differs from a filing. Also makes the note about filed years
//! after a run.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{choose_version, zone_named};
use crate::cli::Outcome;
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::format::{plural, table};
use crate::cli::next::Next;
use crate::cli::session::Session;
use crate::engine::{Pool, Timestamp, shown, shown_sentence};
use crate::store::Store;
use crate::store::model::{Version, VersionInfo};
use crate::store::proof::check_version;
use crate::tax::{self, Amended, Amendment, Amounts, FiledYear, PrintedLine, Rounding, amend};

/// Compares a year's filing with a version.
pub(super) async fn run(year: i16, version: &str, session: &Session) -> CliResult<Outcome> {
    let store = session.open(false).await?;
    let store = store.as_ref();
    let (info, _) = choose_version(store, version).await?;
    let mut filed = tax::filed(store, &zone_named).await?;
    filed.retain(|filed| filed.rules.year == year);
    if filed.is_empty() {
        let zone = match session.config.tax.timezone {
            Some(_) => "",
            None => " --timezone ZONE",
        };
        return Err(CliError::usage(
            format!("nothing was filed for tax year {year}"),
            format!("`fifo-pnl tax --year {year}{zone} --final --output tax-{year}.zip` files it"),
        ));
    }
    check_versions(store, &info, &filed).await?;
    let mut text = format!("Database  {}\n", store.location());
    let (mut all, mut differ) = (Vec::new(), false);
    for filed in filed {
        let amendment = amend(store, filed, info.version, None).await?;
        differ |= !amendment.lines.is_empty();
        text.push_str(&describe(&amendment));
        all.push(to_json(&amendment));
    }
    let json = json!({ "database": store.location(), "year": year, "filings": all });
    Ok(Outcome::answer(
        if differ { Exit::Findings } else { Exit::Done },
        text,
        json,
    ))
}

/// Checks that all rows of the versions are those that their runs wrote. It also reads the pools
/// with equal hashes, which the comparison leaves out.
///
/// Errors: something other than a run changed a row; the store.
async fn check_versions(
    store: &dyn Store,
    info: &VersionInfo,
    filed: &[FiledYear],
) -> CliResult<()> {
    let wanted: BTreeSet<Version> = filed.iter().map(|filed| filed.version).collect();
    for version in store.versions().await? {
        let is_read = version.version == info.version || wanted.contains(&version.version);
        // For a dropped version, the comparison itself returns an error.
        if is_read && version.status.is_readable() {
            check_version(store, &version).await?;
        }
    }
    Ok(())
}

/// Says which filed years a new version changes; empty if it changes none, or is not current.
/// `appended`: time of the first new sell by pool, if the run only appended. `None`: all pools.
pub(in crate::cli::commands) async fn filed_years_changed(
    (store, next): (&dyn Store, &Next),
    version: Version,
    appended: Option<&BTreeMap<Pool, Timestamp>>,
) -> String {
    match changed_years((store, next), version, appended).await {
        Ok(text) => text,
        // The version is published already, so a failed look-up gives a line of the summary, and no
        // error.
        Err(error) => format!(
            "Filed           unknown whether a filed tax year changed: {};\n                \
             `{}` shows it\n",
            error.message,
            next.command("fifo-pnl tax amend --year YEAR")
        ),
    }
}

async fn changed_years(
    (store, next): (&dyn Store, &Next),
    version: Version,
    appended: Option<&BTreeMap<Pool, Timestamp>>,
) -> CliResult<String> {
    let mut text = String::new();
    if store.current().await?.version != Some(version) {
        return Ok(text);
    }
    for filed in tax::filed(store, &zone_named).await? {
        let (year, old, account) = (filed.rules.year, filed.version, filed.rules.account.clone());
        if old == version {
            continue;
        }
        // New sells after the filed year do not change it.
        let only: Option<BTreeSet<Pool>> = appended.map(|pools| {
            let may_change = |first: &Timestamp| filed.rules.date(*first).year() <= year;
            let pools = pools.iter().filter(|(_, first)| may_change(first));
            pools.map(|(pool, _)| pool.clone()).collect()
        });
        if only.as_ref().is_some_and(BTreeSet::is_empty) {
            continue;
        }
        let amendment = amend(store, filed, version, only.as_ref()).await?;
        let lines = amendment.lines.len() as u64;
        if lines > 0 {
            let of = account.map(|account| format!(" of account {}", shown(&account)));
            let of = of.unwrap_or_default();
            let lines = plural(lines, "line differs", "lines differ");
            text.push_str(&format!(
                "Filed           tax year {year}{of}, filed from version {old}: {lines} in \
                 version {version}. `{}` shows them\n",
                next.command(&format!("fifo-pnl tax amend --year {year}"))
            ));
        }
    }
    Ok(text)
}

fn describe(amendment: &Amendment) -> String {
    let filed = &amendment.filed;
    let rules = &filed.rules;
    let account = rules.account.as_deref();
    let account = account.map(|account| format!(" of account {}", shown(account)));
    let mut text = format!(
        "Tax year  {}{}: filed from version {} ({}), compared with version {}\n",
        rules.year,
        account.unwrap_or_default(),
        filed.version,
        shown_sentence(&filed.file),
        amendment.version
    );
    if filed.earlier > 0 {
        let times = plural(filed.earlier, "filing", "filings");
        text.push_str(&format!(
            "Note      {times} of the year came before that one and are not compared\n"
        ));
    }
    if amendment.lines.is_empty() {
        text.push_str("No line differs from what was filed.\n");
        return text;
    }
    for line in &amendment.lines {
        text.push_str(&describe_line(line, rules.rounding));
    }
    text.push_str(&describe_sums(amendment));
    text
}

fn describe_line(amended: &Amended, rounding: Rounding) -> String {
    let Some(line) = amended.filed.as_ref().or(amended.now.as_ref()) else {
        return String::new();
    };
    let verb = match (&amended.filed, &amended.now) {
        (Some(_), None) => "gone",
        (None, _) => "new",
        _ => "changed",
    };
    let buy = shown(line.buy_order_id.as_deref().unwrap_or("no lot"));
    let mut text = format!(
        "{verb:<8} {}: sell {} of {} {}, buy {buy}\n",
        place(line),
        shown(&line.sell_order_id),
        shown(&line.account),
        shown(&line.symbol),
    );
    for (word, line) in [("filed", &amended.filed), ("now", &amended.now)] {
        if let Some(line) = line {
            text.push_str(&format!("         {word:<5} {}\n", figures(line, rounding)));
        }
    }
    text
}

fn place(line: &PrintedLine) -> String {
    match (line.form_box, line.dates.0) {
        (Some(of), _) => format!("Part {}, box {}", of.part().as_str(), of.letter),
        (None, Some(_)) => "not on Form 8949".into(),
        (None, None) => "unmatched".into(),
    }
}

fn figures(line: &PrintedLine, rounding: Rounding) -> String {
    let text = |amount| rounding.text(amount);
    let proceeds = text(line.printed.proceeds);
    let sold = line.dates.1;
    let Some(acquired) = line.dates.0 else {
        let what = shown(&line.description);
        return format!("{what}, sold {sold}: proceeds {proceeds}, cost unknown");
    };
    format!(
        "{}, {acquired} to {sold}, {}: proceeds {proceeds}, cost {}, gain {}",
        shown(&line.description),
        place(line),
        text(line.printed.cost),
        text(line.printed.gain())
    )
}

fn describe_sums(amendment: &Amendment) -> String {
    let rounding = amendment.filed.rules.rounding;
    let text = |amount| rounding.text(amount);
    let row = |name: String, line: &str, (filed, now): (Amounts, Amounts)| {
        let difference = |pick: fn(Amounts) -> i128| text(pick(now) - pick(filed));
        vec![
            name,
            line.to_owned(),
            text(filed.gain()),
            text(now.gain()),
            difference(|amounts| amounts.proceeds),
            difference(|amounts| amounts.cost),
            difference(Amounts::gain),
        ]
    };
    let mut rows: Vec<Vec<String>> = amendment
        .boxes
        .iter()
        .map(|(of, sums)| {
            let name = format!("Part {}, box {}", of.part().as_str(), of.letter);
            row(name, of.schedule_d_line(), *sums)
        })
        .collect();
    rows.push(row("Total".into(), "", amendment.total()));
    let header = [
        "Lines that differ",
        "Line",
        "Gain filed",
        "Gain now",
        "Proceeds by",
        "Cost by",
        "Gain by",
    ];
    table(&header, &[2, 3, 4, 5, 6], rows) + "\n"
}

fn to_json(amendment: &Amendment) -> Value {
    let rounding = amendment.filed.rules.rounding;
    let line = |line: &Option<PrintedLine>| {
        line.as_ref().map(|line| {
            json!({
                "account": line.account, "symbol": line.symbol,
                "sell_order_id": line.sell_order_id, "buy_order_id": line.buy_order_id,
                "description": line.description,
                "date_acquired": line.dates.0.map(|date| date.to_string()),
                "date_sold": line.dates.1.to_string(),
                "box": line.form_box.map(|of| of.letter.to_string()),
                "proceeds": rounding.text(line.printed.proceeds),
                "cost": line.dates.0.map(|_| rounding.text(line.printed.cost)),
                "gain": line.dates.0.map(|_| rounding.text(line.printed.gain())),
            })
        })
    };
    let lines: Vec<Value> = amendment
        .lines
        .iter()
        .map(|amended| json!({ "filed": line(&amended.filed), "now": line(&amended.now) }))
        .collect();
    let (filed, now) = amendment.total();
    json!({
        "filed_version": amendment.filed.version, "file": amendment.filed.file,
        "sha256": amendment.filed.sha256, "earlier_filings": amendment.filed.earlier,
        "version": amendment.version, "lines": lines,
        "gain_filed": rounding.text(filed.gain()), "gain_now": rounding.text(now.gain()),
    })
}
