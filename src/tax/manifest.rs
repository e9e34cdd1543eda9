//! The record of an export: enough to make it again and to compare.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::boxes::{AssetKind, BoxRules, FormBox};
use super::exported::{Exported, SeveralDollars};
use super::formats::ExportFacts;
use super::income::{IncomeOfYear, IncomeTotal};
use super::row::TaxRules;
use super::totals::{BoxTotal, Totals};
use super::{Reported, Rounding, TaxError, TaxResult};
use crate::engine::policy::PROGRAM;
use crate::engine::{Asset, PoolStatus, Symbol};
use crate::report::WrittenFile;
use crate::store::model::{NamedTrade, asset_rules_json, asset_rules_of};

/// The form of the manifest itself.
pub const MANIFEST_FORMAT: i64 = 1;

/// The limit of all files with trades in national currencies.
pub const SECTION_988: &str = "gains of the national currencies themselves (section 988) are not \
                               computed";

/// The setting that manifests of earlier programs lack.
const NAMES_MOVEMENTS: &str = "names_movements";

/// Whether an export is a draft or the filing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealing {
    /// A draft, which may be made again from another version.
    Draft,
    /// The filing: the version is sealed.
    Final,
}

impl Sealing {
    /// Returns the word that the manifest shows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Final => "final",
        }
    }
}

/// Makes the manifest. It has no time and no path, so that the same export gives the same bytes.
pub(super) fn of(facts: &ExportFacts<'_>, exported: &Exported, sealing: &Sealing) -> Value {
    let (rules, version) = (facts.rules, facts.version);
    let policy: Value = serde_json::from_str(&version.policy).unwrap_or_default();
    let mut manifest = json!({
        "manifest_format": MANIFEST_FORMAT,
        "program": PROGRAM,
        "program_version": facts.program_version,
        "kind": sealing.as_str(),
        "version": {
            "number": version.version,
            "status": version.status.as_str(),
            "scope": version.scope.as_str(),
            "engine_version": version.engine_version,
            "ledger_hash": version.ledger_hash.map(|hash| hash.to_string()),
            "allocations_hash": version.allocations_hash.map(|hash| hash.to_string()),
            "complete_through": version.complete_through.map(|time| time.to_string()),
            "policy": policy,
        },
        "tax": rules_json(rules),
        "files": files_json(exported),
    });
    if let Some(object) = manifest.as_object_mut() {
        if exported.has_sales {
            add_sales(object, exported, rules.rounding);
        }
        add_if_any(object, exported, rules.rounding);
    }
    manifest
}

/// Adds the sums of sales, and what they lack.
fn add_sales(object: &mut Map<String, Value>, exported: &Exported, rounding: Rounding) {
    let totals = &exported.totals;
    let count = |status| exported.pools.iter().filter(|p| p.status == status).count();
    let left_out = exported.left_out.iter().map(|(format, left)| {
        json!({ "format": format.as_str(), "what": left.what, "rows": left.rows,
            "why": left.why })
    });
    let sales = json!({
        "rows": totals.of(None).rows,
        "totals": sums(&totals.of(None), rounding),
        "boxes": boxes_json(totals, rounding),
        "unmatched": {
            "sells": totals.unmatched_rows,
            "net_proceeds_usd": totals.unmatched_proceeds.to_string(),
        },
        "pools": {
            "rejected": count(PoolStatus::Rejected),
            "excluded": count(PoolStatus::Excluded),
            "stale": count(PoolStatus::Stale),
        },
        "marked_rows": totals.marked_rows,
        "rows_with_unknown_fees": totals.fee_unknown_rows,
        "several_dollar_symbols": dollars_json(exported),
        "left_out": left_out.collect::<Vec<Value>>(),
    });
    if let Value::Object(sales) = sales {
        object.extend(sales);
    }
}

/// Adds what only some exports have. So manifests of earlier program versions stay equal.
fn add_if_any(object: &mut Map<String, Value>, exported: &Exported, rounding: Rounding) {
    if !exported.voided_sells.is_empty() {
        let sells = exported.voided_sells.iter().map(voided_json).collect();
        object.insert("voided_sells".into(), sells);
    }
    if !exported.totals.not_on_form.is_empty() {
        let others = others_json(&exported.totals, rounding);
        object.insert("not_on_form_8949".into(), others.into());
    }
    if !exported.currencies.is_empty() {
        let names = exported.currencies.iter().map(Asset::as_str);
        let names: Vec<&str> = names.collect();
        object.insert("national_currencies".into(), names.into());
        object.insert("section_988".into(), SECTION_988.into());
    }
    if exported.is_provisional() {
        let keys = exported.undecided.iter().map(|it| it.key.to_string());
        let keys: Vec<String> = keys.collect();
        object.insert("undecided_movements".into(), keys.into());
        let rows = exported.totals.provisional_rows();
        object.insert("provisional_rows".into(), rows.into());
    }
    if let Some(income) = &exported.income {
        object.insert("income".into(), income_json(income, rounding));
    }
}

/// Returns the sums of income by kind.
fn income_json(income: &IncomeOfYear, rounding: Rounding) -> Value {
    let of = |total: &IncomeTotal| {
        json!({ "rows": total.rows, "without_value": total.without_value,
            "printed": rounding.text(total.printed), "exact": total.exact.to_string() })
    };
    let kinds = income.by_kind();
    let kinds = kinds.iter().map(|(kind, total)| {
        let mut value = of(total);
        if let Some(value) = value.as_object_mut() {
            value.insert("kind".into(), kind.as_str().into());
        }
        value
    });
    let taken_back = income.taken_back.iter().map(ToString::to_string);
    json!({ "total": of(&income.total()), "kinds": kinds.collect::<Vec<Value>>(),
        "taken_back": taken_back.collect::<Vec<String>>() })
}

fn files_json(exported: &Exported) -> Vec<Value> {
    let file = |file: &WrittenFile| {
        json!({ "name": file.name(), "rows": file.rows, "bytes": file.bytes,
            "sha256": file.sha256 })
    };
    exported.files.iter().map(file).collect()
}

fn dollars_json(exported: &Exported) -> Vec<Value> {
    let several = |several: &SeveralDollars| {
        json!({ "account": several.account, "asset": several.asset,
            "symbols": several.symbols })
    };
    exported.several_dollars.iter().map(several).collect()
}

fn voided_json(sell: &NamedTrade) -> Value {
    json!({ "account": sell.pool.account.as_str(), "asset": sell.pool.asset.as_str(),
        "order_id": sell.order_id, "order_time": sell.order_time.to_string() })
}

/// Returns the sums of each box, with its line on Schedule D.
fn boxes_json(totals: &Totals, rounding: Rounding) -> Vec<Value> {
    let of_box = |(form_box, total): (&FormBox, &BoxTotal)| {
        let mut value = sums(total, rounding);
        if let Some(value) = value.as_object_mut() {
            value.insert("box".into(), form_box.letter.to_string().into());
            value.insert("line".into(), form_box.schedule_d_line().into());
        }
        value
    };
    totals.boxes.iter().map(of_box).collect()
}

/// Returns the sums of rows that are not on the form, with the rule.
fn others_json(totals: &Totals, rounding: Rounding) -> Vec<Value> {
    let of_kind = |(kind, total): (&AssetKind, &BoxTotal)| {
        let mut value = sums(total, rounding);
        let (class, why) = kind.not_on_form()?;
        let object = value.as_object_mut()?;
        object.insert("class".into(), class.as_str().into());
        object.insert("why".into(), why.into());
        Some(value)
    };
    totals.not_on_form.iter().filter_map(of_kind).collect()
}

fn sums(total: &BoxTotal, rounding: Rounding) -> Value {
    let text = |amount| rounding.text(amount);
    json!({
        "rows": total.rows,
        "printed": {
            "proceeds": text(total.printed.proceeds),
            "cost": text(total.printed.cost),
            "gain": text(total.printed.gain()),
        },
        "exact": {
            "proceeds": total.proceeds.to_string(),
            "cost": total.cost.to_string(),
            "gain": total.gain().to_string(),
        },
    })
}

fn rules_json(rules: &TaxRules) -> Value {
    let reported: Vec<Value> = rules
        .boxes
        .reported
        .iter()
        .filter(|((_, year), _)| *year == rules.year)
        .map(|((account, year), reported)| {
            json!({ "account": account, "year": year, "reported": reported.as_str() })
        })
        .collect();
    let names =
        |set: &BTreeSet<Symbol>| -> Vec<String> { set.iter().map(ToString::to_string).collect() };
    let mut json = json!({
        "year": rules.year,
        "timezone": rules.zone_name,
        "account": rules.account,
        "rounding": rules.rounding.as_str(),
        "boxes": reported,
        "securities": names(&rules.boxes.securities),
        "digital_assets": names(&rules.boxes.digital_assets),
        "assets": asset_rules_json(&rules.assets),
    });
    if let Some(object) = json.as_object_mut().filter(|_| rules.names_movements) {
        object.insert(NAMES_MOVEMENTS.into(), true.into());
    }
    json
}

/// Reads back the rules that an export was made by. The zone is looked up by `zone`.
///
/// Errors: the manifest is not ours, or of a newer program.
pub fn rules_of(
    manifest: &Value,
    zone: &dyn Fn(&str) -> Option<jiff::tz::TimeZone>,
) -> TaxResult<TaxRules> {
    if manifest.get("manifest_format").and_then(Value::as_i64) != Some(MANIFEST_FORMAT) {
        return Err(TaxError::Manifest("manifest_format"));
    }
    let tax = manifest
        .get("tax")
        .ok_or_else(|| TaxError::Manifest("tax"))?;
    let text = |name: &str| tax.get(name).and_then(Value::as_str);
    let list = |name: &str| -> Vec<String> {
        let values = tax.get(name).and_then(Value::as_array);
        let texts = values.into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    };
    let year = tax.get("year").and_then(Value::as_i64);
    let year = year.and_then(|year| i16::try_from(year).ok());
    let year = year.ok_or_else(|| TaxError::Manifest("year"))?;
    let zone_name = text("timezone").ok_or_else(|| TaxError::Manifest("timezone"))?;
    let mut boxes = BoxRules::default();
    for line in tax
        .get("boxes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let of = |name: &str| line.get(name).and_then(Value::as_str);
        let reported = of("reported").and_then(Reported::from_text);
        if let (Some(account), Some(reported)) = (of("account"), reported) {
            boxes.reported.insert((account.to_owned(), year), reported);
        }
    }
    let symbols = |name: &str| list(name).iter().filter_map(|s| s.parse().ok()).collect();
    boxes.securities = symbols("securities");
    boxes.digital_assets = symbols("digital_assets");
    Ok(TaxRules {
        year,
        zone: zone(zone_name).ok_or_else(|| TaxError::Manifest("timezone"))?,
        zone_name: zone_name.to_owned(),
        account: text("account").map(str::to_owned),
        rounding: text("rounding")
            .and_then(Rounding::from_text)
            .ok_or_else(|| TaxError::Manifest("rounding"))?,
        boxes,
        names_movements: tax.get(NAMES_MOVEMENTS).is_some(),
        assets: tax
            .get("assets")
            .and_then(asset_rules_of)
            .ok_or_else(|| TaxError::Manifest("assets"))?,
    })
}
