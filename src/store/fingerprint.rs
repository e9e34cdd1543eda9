//! Compares a database's schema with the one that this program made. A trigger that changes rows as
//! they are written, or a view that says something else, makes wrong results that look right.
//!
//! The expected objects are a list in the program, which a test compares with a fresh database.
//! Each database reads its own objects (`sqlite/fingerprint.rs`, `postgres/fingerprint.rs`). This
//! file decides the consequence of a difference. It looks at objects of others only if they are
//! attached to tables and views of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The views that an operator may adapt: they decide which rows of the ledger are trades.
pub(super) const GATE: [&str; 2] = ["eligible_trades", "ineligible_trades"];

/// Kind of the audit events that record accepted views.
pub(super) const ACCEPTED_EVENT: &str = "schema_accepted";

/// Views that an operator adapted and accepted, with the hash of their text.
pub type AdaptedViews = BTreeMap<String, String>;

/// An object of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    /// `table`, `view`, `index`, `unique index`, `trigger`, ...
    pub(super) kind: String,
    /// The table or view that the object belongs to; a table or view belongs to itself.
    pub(super) table: String,
    pub(super) name: String,
    /// Hash of the object's definition.
    pub(super) says: String,
}

impl fmt::Display for Object {
    /// Writes the object as one line of the list of expected objects.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}|{}|{}|{}",
            self.kind, self.table, self.name, self.says
        )
    }
}

/// How an object differs from those that this program made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaFault {
    /// Another program made the object, and attached it to one of our tables or views.
    Foreign,
    /// This program made the object, and it is gone.
    Missing,
    /// The object has the name of one of ours and another definition.
    Differs,
}

/// An object that is not as this program made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaFinding {
    /// `trigger`, `view`, ...
    pub kind: String,
    /// The table or view that the object belongs to.
    pub table: String,
    /// The object's name.
    pub name: String,
    /// How the object differs.
    pub fault: SchemaFault,
}

impl fmt::Display for SchemaFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = (&self.kind, &self.name);
        write!(f, "{kind} \"{name}\"")?;
        if self.table != self.name {
            write!(f, " on {}", self.table)?;
        }
        f.write_str(match self.fault {
            SchemaFault::Foreign => " is not ours",
            SchemaFault::Missing => " is missing",
            SchemaFault::Differs => " was changed",
        })
    }
}

/// Joins findings to one line.
pub(super) fn joined(findings: &[SchemaFinding]) -> String {
    let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
    findings.join("; ")
}

/// Reads a list of objects: `kind|table|name|hash` in each line.
pub(super) fn parse(list: &str) -> Vec<Object> {
    let object = |line: &str| {
        let mut cells = line.split('|').map(str::to_owned);
        let mut next = || cells.next().unwrap_or_default();
        Object {
            kind: next(),
            table: next(),
            name: next(),
            says: next(),
        }
    };
    list.lines().map(object).collect()
}

/// Kinds of foreign objects that change no row, such as an index that an operator added.
const HARMLESS: [&str; 3] = ["index", "table", "view"];

/// How the names of tables begin in `fifo_parts`, the schema that only this program uses.
const IN_OUR_SCHEMA: &str = "fifo_parts.";

/// Compares the objects of a database with those that this program makes.
pub(super) fn compare(expected: &[Object], found: &[Object]) -> Vec<SchemaFinding> {
    let key = |object: &Object| {
        let Object {
            kind, table, name, ..
        } = object.clone();
        (kind, table, name)
    };
    let there: BTreeMap<_, &Object> = found.iter().map(|object| (key(object), object)).collect();
    let known: BTreeSet<_> = expected.iter().map(key).collect();
    let ours: BTreeSet<&str> = expected
        .iter()
        .map(|object| object.table.as_str())
        .collect();
    let finding = |object: &Object, fault| SchemaFinding {
        kind: object.kind.clone(),
        table: object.table.clone(),
        name: object.name.clone(),
        fault,
    };
    let changed = expected.iter().filter_map(|object| {
        let fault = match there.get(&key(object)) {
            Some(found) if found.says == object.says => return None,
            Some(_) => SchemaFault::Differs,
            None => SchemaFault::Missing,
        };
        Some(finding(object, fault))
    });
    let is_foreign = |object: &&Object| {
        (ours.contains(object.table.as_str()) || object.table.starts_with(IN_OUR_SCHEMA))
            && !HARMLESS.contains(&object.kind.as_str())
            && !known.contains(&key(object))
    };
    let foreign = found.iter().filter(is_foreign);
    let foreign = foreign.map(|object| finding(object, SchemaFault::Foreign));
    foreign.chain(changed).collect()
}

/// Removes the views whose text was accepted from the findings, and returns these views.
pub(super) fn take_accepted(
    findings: &mut Vec<SchemaFinding>,
    found: &[Object],
    accepted: &AdaptedViews,
) -> AdaptedViews {
    let mut adapted = AdaptedViews::new();
    findings.retain(|finding| {
        let says = says_of(found, finding);
        let is_accepted = says.is_some() && says == accepted.get(&finding.name);
        if let Some(says) = says.filter(|_| is_accepted) {
            adapted.insert(finding.name.clone(), says.clone());
        }
        !is_accepted
    });
    adapted
}

/// Tells whether a finding is a view that an operator may adapt and accept.
pub(super) fn is_adapted(finding: &SchemaFinding) -> bool {
    finding.fault == SchemaFault::Differs
        && finding.kind == "view"
        && GATE.contains(&finding.name.as_str())
}

fn says_of<'o>(found: &'o [Object], finding: &SchemaFinding) -> Option<&'o String> {
    let is_it = |object: &&Object| object.kind == "view" && object.name == finding.name;
    let object = found.iter().find(is_it).filter(|_| is_adapted(finding));
    object.map(|object| &object.says)
}

/// Returns the adapted views among the findings, with the hashes that accept them.
pub(super) fn to_accept(findings: &[SchemaFinding], found: &[Object]) -> AdaptedViews {
    let view = |finding: &SchemaFinding| {
        let says = says_of(found, finding)?;
        Some((finding.name.clone(), says.clone()))
    };
    findings.iter().filter_map(view).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str =
        "table|a|a|1\nindex|a|a_index|2\ntrigger|a|a_no|3\nview|eligible_trades|eligible_trades|4";

    fn findings(list: &str) -> Vec<String> {
        let found = compare(&parse(OURS), &parse(list));
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_differs_is_named_and_what_is_others_is_left_alone() {
        assert_eq!(findings(OURS), [""; 0]);
        let others = format!("{OURS}\ntable|b|b|9\ntrigger|b|b_do|9\nindex|a|more|9\nview|v|v|9");
        assert_eq!(findings(&others), [""; 0]);
        let foreign = format!(
            "{OURS}\ntrigger|a|spoil|9\nunique index|a|one|9\nrule|a|r|9\n\
             trigger|fifo_parts.v1|spoil|9\nindex|fifo_parts.v1|more|9"
        );
        let expected = [
            "trigger \"spoil\" on a is not ours",
            "unique index \"one\" on a is not ours",
            "rule \"r\" on a is not ours",
            "trigger \"spoil\" on fifo_parts.v1 is not ours",
        ];
        assert_eq!(findings(&foreign), expected);
        let changed = OURS
            .replace("index|a|a_index|2\n", "")
            .replace("a_no|3", "a_no|8");
        let expected = [
            "index \"a_index\" on a is missing",
            "trigger \"a_no\" on a was changed",
        ];
        assert_eq!(findings(&changed), expected);
        let expected = ["table \"a\" was changed"];
        assert_eq!(findings(&OURS.replace("a|a|1", "a|a|7")), expected);
    }

    #[test]
    fn only_a_view_of_the_gate_can_be_accepted_and_only_as_it_was() {
        let found = parse(
            &OURS
                .replace("trades|4", "trades|5")
                .replace("a|a|1", "a|a|7"),
        );
        let mut findings = compare(&parse(OURS), &found);
        assert_eq!(findings.len(), 2);
        let accepted = to_accept(&findings, &found);
        assert_eq!(
            accepted,
            AdaptedViews::from([("eligible_trades".into(), "5".into())])
        );
        let other = AdaptedViews::from([("eligible_trades".into(), "6".into())]);
        assert!(take_accepted(&mut findings, &found, &other).is_empty());
        assert_eq!(findings.len(), 2);
        assert_eq!(take_accepted(&mut findings, &found, &accepted), accepted);
        assert_eq!(joined(&findings), "table \"a\" was changed");
    }
}
