//! `rates`: lists the stored rates, looks them over, and lists those that trades lack.

mod missing;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::import::read_asset;
use crate::cli::Outcome;
use crate::cli::args::RatesCommand;
use crate::cli::error::CliResult;
use crate::cli::exit::Exit;
use crate::cli::format::{count, plural, table, time, time_in_utc};
use crate::cli::session::Session;
use crate::engine::{Asset, Rate, RateSource, Timestamp, shown_sentence};
use crate::files::IfThere;
use crate::rates::{RateFinding, RateFindingKind, check_rates};
use crate::store::Store;
use crate::store::model::RateScope;
use crate::store::values::{rates_named, rates_spelled};

/// Most findings of a kind that the text shows.
const FINDINGS_SHOWN_MAX: usize = 10;

/// Checks the typed arguments. Errors: a value that can't be read.
pub fn check(command: &RatesCommand) -> CliResult<()> {
    match command {
        RatesCommand::List { asset } => read_asset("--asset", asset.as_deref()).map(drop),
        RatesCommand::Check | RatesCommand::Missing { .. } => Ok(()),
    }
}

/// Runs the command.
pub async fn run(command: &RatesCommand, session: &Session) -> CliResult<Outcome> {
    let store = session.open(false).await?;
    match command {
        RatesCommand::List { asset } => list(store.as_ref(), session, asset.as_deref()).await,
        RatesCommand::Check => look_over(store.as_ref(), session).await,
        RatesCommand::Missing { output, overwrite } => {
            let if_there = IfThere::of_overwrite(*overwrite);
            missing::run(store.as_ref(), session, (output.as_deref(), if_there)).await
        }
    }
}

async fn list(store: &dyn Store, session: &Session, asset: Option<&str>) -> CliResult<Outcome> {
    let rules = &session.context.rules;
    let asset = read_asset("--asset", asset)?.map(|asset| rules.asset_named(asset.as_str()));
    let scope = RateScope {
        with: asset.clone().map(|asset| [asset].into()),
        ..RateScope::default()
    };
    let rates = rates_named(store, rules, scope, None).await?;
    let files = store.imports().await?.into_iter();
    let files: Files = files.map(|file| (file.id, file.name)).collect();
    let text = match (rates.is_empty(), &asset) {
        (true, _) => none(session, asset.as_ref()),
        (false, Some(_)) => each(&rates, &files),
        (false, None) => series(&rates),
    };
    let list = match asset {
        Some(_) => rates
            .iter()
            .map(|rate| rate_of_file(rate, &files))
            .collect(),
        None => by_series(&rates)
            .iter()
            .map(series_json)
            .collect::<Vec<_>>(),
    };
    let name = if asset.is_some() { "rates" } else { "series" };
    Ok(answer(store, Exit::Done, (&text, json!({ name: list }))))
}

async fn look_over(store: &dyn Store, session: &Session) -> CliResult<Outcome> {
    let rules = &session.context.rules;
    let rates = rates_spelled(store, rules, RateScope::default(), None).await?;
    let rates: Vec<Rate> = rates.into_iter().map(|row| row.rate).collect();
    let findings = check_rates(&rates, rules);
    let list: Vec<Value> = findings.iter().map(finding_json).collect();
    let facts = json!({ "rates": rates.len(), "findings": list });
    let exit = match findings.is_empty() {
        true => Exit::Done,
        false => Exit::Findings,
    };
    Ok(answer(store, exit, (&describe(&rates, &findings), facts)))
}

fn answer(store: &dyn Store, exit: Exit, (text, facts): (&str, Value)) -> Outcome {
    let location = store.location();
    let mut document = json!({ "database": location });
    crate::cli::format::add(&mut document, facts);
    Outcome::answer(exit, format!("Database  {location}\n{text}"), document)
}

fn none(session: &Session, asset: Option<&Asset>) -> String {
    let of = asset
        .map(|asset| format!(" of {asset}"))
        .unwrap_or_default();
    let text = format!("No rates{of} are stored; `fifo-pnl import rates FILE` imports a file.\n");
    session.next.in_text(&text)
}

/// The first and the last rate of each series, and how many there are.
type BySeries<'r> = BTreeMap<(&'r Asset, &'r Asset, RateSource), (u64, &'r Rate, &'r Rate)>;

fn by_series(rates: &[Rate]) -> BySeries<'_> {
    let mut all = BySeries::new();
    for rate in rates {
        let key = (&rate.asset, &rate.currency, rate.source);
        let (number, _, last) = all.entry(key).or_insert((0, rate, rate));
        *number += 1;
        *last = rate;
    }
    all
}

/// Returns the day of an instant in UTC. JSON has the instant.
fn day(at: Timestamp) -> String {
    let at = at.to_string();
    at.split('T').next().unwrap_or_default().to_owned()
}

fn series(rates: &[Rate]) -> String {
    let row = |((asset, currency, source), (number, first, last)): (&_, &(u64, &Rate, &Rate))| {
        let (asset, currency, source): (&&Asset, &&Asset, &RateSource) = (asset, currency, source);
        vec![
            asset.to_string(),
            currency.to_string(),
            source.to_string(),
            count(*number),
            day(first.at),
            day(last.at),
            last.value.to_string(),
        ]
    };
    let all = by_series(rates);
    let rows = all.iter().map(row).collect();
    let header = ["asset", "in", "source", "rates", "from", "to", "last"];
    table(&header, &[3, 6], rows) + "\n"
}

/// Names of imported files, by number.
type Files = BTreeMap<i64, String>;

fn each(rates: &[Rate], files: &Files) -> String {
    let row = |rate: &Rate| {
        vec![
            rate.asset.to_string(),
            rate.currency.to_string(),
            time_in_utc(rate.at),
            rate.value.to_string(),
            rate.source.to_string(),
            rate.import_line.to_string(),
            file_of(rate, files),
        ]
    };
    let header = [
        "asset", "in", "at (UTC)", "rate", "source", "line", "of file",
    ];
    table(&header, &[3, 5], rates.iter().map(row).collect()) + "\n"
}

fn file_of(rate: &Rate, files: &Files) -> String {
    let name = files.get(&rate.import_id);
    let name = name.map(|name| shown_sentence(name).to_string());
    name.unwrap_or_else(|| format!("import {}", rate.import_id))
}

fn describe(rates: &[Rate], findings: &[RateFinding]) -> String {
    let number = plural(rates.len() as u64, "rate", "rates");
    let of = plural(by_series(rates).len() as u64, "series", "series");
    let mut text = format!("Rates     {number} of {of}\n");
    let mut kinds: BTreeMap<RateFindingKind, Vec<&RateFinding>> = BTreeMap::new();
    for finding in findings {
        kinds.entry(finding.kind).or_default().push(finding);
    }
    for (kind, findings) in kinds {
        text.push_str(&format!(
            "  {}: {}\n",
            title(kind),
            count(findings.len() as u64)
        ));
        let shown = findings.iter().take(FINDINGS_SHOWN_MAX);
        text.extend(shown.map(|finding| format!("    {}\n", words(finding))));
        let more = findings.len().saturating_sub(FINDINGS_SHOWN_MAX);
        if more > 0 {
            text.push_str(&format!(
                "    and {} more (--json has all)\n",
                count(more as u64)
            ));
        }
    }
    if findings.is_empty() {
        text.push_str("No gap, no jump, and no source differs from another.\n");
    }
    text
}

fn title(kind: RateFindingKind) -> &'static str {
    match kind {
        RateFindingKind::Gap => "two rates lie so far apart that a trade between may have none",
        RateFindingKind::Jump => "a rate is far from the one before",
        RateFindingKind::OffPar => "a dollar coin is more than 1 % away from a dollar",
        RateFindingKind::Sources => {
            "two sources differ: by over 2 %; of a coin, at two times, by over 100 %"
        }
        RateFindingKind::Names => "two names of one asset have different rates",
    }
}

fn words(finding: &RateFinding) -> String {
    let rate = &finding.rate;
    if let (RateFindingKind::Names, Some(other)) = (finding.kind, &finding.other) {
        let names = match other.currency == rate.currency {
            true => format!("{} and {}", other.asset, rate.asset),
            false => format!("{} in {} and {}", other.asset, other.currency, rate.asset),
        };
        return format!(
            "{names} in {} at {}: {} and {} ({})",
            rate.currency,
            time(rate.at),
            other.value,
            rate.value,
            rate.source
        );
    }
    let place = |rate: &Rate| format!("{} at {} ({})", rate.value, time(rate.at), rate.source);
    let before = finding.other.as_ref();
    let before = before.map(|other| format!("{}, then ", place(other)));
    let before = before.unwrap_or_default();
    format!(
        "{} in {}: {before}{}",
        rate.asset,
        rate.currency,
        place(rate)
    )
}

fn rate_json(rate: &Rate) -> Value {
    json!({ "asset": rate.asset.as_str(), "currency": rate.currency.as_str(),
        "source": rate.source.as_str(), "at": rate.at.to_string(),
        "rate": rate.value.to_string(), "import_id": rate.import_id,
        "import_line": rate.import_line })
}

fn rate_of_file(rate: &Rate, files: &Files) -> Value {
    let mut json = rate_json(rate);
    let file = json!({ "file": files.get(&rate.import_id) });
    crate::cli::format::add(&mut json, file);
    json
}

fn series_json(
    ((asset, currency, source), (number, first, last)): (
        &(&Asset, &Asset, RateSource),
        &(u64, &Rate, &Rate),
    ),
) -> Value {
    json!({ "asset": asset.as_str(), "currency": currency.as_str(), "source": source.as_str(),
        "rates": number, "from": first.at.to_string(), "to": last.at.to_string(),
        "last": last.value.to_string() })
}

fn finding_json(finding: &RateFinding) -> Value {
    let kind = match finding.kind {
        RateFindingKind::Gap => "gap",
        RateFindingKind::Jump => "jump",
        RateFindingKind::OffPar => "off_par",
        RateFindingKind::Sources => "sources",
        RateFindingKind::Names => "names",
    };
    json!({ "kind": kind, "rate": rate_json(&finding.rate),
        "other": finding.other.as_ref().map(rate_json) })
}
