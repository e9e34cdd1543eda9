//! No two types of `src` share a name: a name that is met alone says which type it is.

use std::collections::BTreeMap;

use super::{Source, assert_none, first_word, has_word, rust};

/// Names that two types share for a reason: the name, and the reason.
const SHARED: [(&str, &str); 0] = [];

#[test]
fn no_two_types_share_a_name() {
    assert_none(shared_names(&rust(&["src/"]), &SHARED));
}

#[test]
fn shared_names_are_found() {
    let file = |path: &str, text: &str| Source {
        path: path.into(),
        text: text.into(),
    };
    let one = file(
        "src/a.rs",
        "pub(super) struct Part<'a>(&'a str);\nimpl FromStr for Part<'_> {\n    type Err = ();\n}\n\
         pub trait Named {\n    type Err;\n}\n#[cfg(test)]\nmod tests {\n    struct Once;\n}\n",
    );
    let other = file(
        "src/b.rs",
        "struct Once;\nfn of_one(part: &impl Named) {\n    type Part = (u8, u8);\n}\n\
         // enum Named\n",
    );
    let tests = file("src/b/tests.rs", "struct Part;\n");
    let files = [one, other, tests];
    let found = shared_names(&files, &[]);
    assert_eq!(found, ["Part: src/a.rs:1, src/b.rs:3"]);
    assert!(shared_names(&files, &[("Part", "a test")]).is_empty());
    let found = shared_names(&files[..1], &[("Part", "a test")]);
    assert_eq!(found, ["Part: no two types share this name any more"]);
}

/// Returns each name that two types share and that is not in a list; and each name of the list
/// that no two types share.
fn shared_names(files: &[Source], reasons: &[(&str, &str)]) -> Vec<String> {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let is_test = |path: &str| path.contains("tests");
    for file in files.iter().filter(|file| !is_test(&file.path)) {
        for (line, name) in types(file) {
            let place = format!("{}:{line}", file.path);
            places.entry(name).or_default().push(place);
        }
    }
    places.retain(|_, places| places.len() > 1);
    let has_reason = |name: &str| reasons.iter().any(|(known, _)| *known == name);
    let is_old = |name: &&&str| !places.contains_key(**name);
    let names = reasons.iter().map(|(name, _)| name);
    let old = names.filter(is_old);
    let old = old.map(|name| format!("{name}: no two types share this name any more"));
    let without = places.iter().filter(|(name, _)| !has_reason(name));
    let without = without.map(|(name, places)| format!("{name}: {}", places.join(", ")));
    without.chain(old).collect()
}

/// Returns the types that a file declares before its tests, without types of traits.
fn types(file: &Source) -> Vec<(usize, &str)> {
    let code = file.code().take_while(|(_, code)| *code != "mod tests {");
    let lines: Vec<(usize, &str)> = code.filter(|(_, code)| !code.trim().is_empty()).collect();
    let mut found = Vec::new();
    for (at, (line, code)) in lines.iter().enumerate() {
        let Some((keyword, name)) = declared(code) else {
            continue;
        };
        let before = lines[..at].iter().map(|(_, code)| *code);
        if keyword != "type" || !is_in_trait_or_impl(before, indent(code)) {
            found.push((*line, name));
        }
    }
    found
}

/// Returns the keyword and the name of the type that a line declares.
fn declared(code: &str) -> Option<(&str, &str)> {
    let mut rest = code.trim_start();
    if let Some(public) = rest.strip_prefix("pub") {
        rest = match public.strip_prefix('(') {
            Some(inner) => inner.split_once(')')?.1,
            None => public,
        };
    }
    let (keyword, rest) = rest.trim_start().split_once(' ')?;
    let is_type = ["struct", "enum", "trait", "type", "union"].contains(&keyword);
    let name = first_word(rest);
    (is_type && name.starts_with(char::is_uppercase)).then_some((keyword, name))
}

/// Tells whether the nearest block around a line is a trait or an `impl`.
fn is_in_trait_or_impl<'t>(
    before: impl DoubleEndedIterator<Item = &'t str>,
    mut around: usize,
) -> bool {
    for code in before.rev() {
        if indent(code) >= around {
            continue;
        }
        around = indent(code) + 1;
        if has_word(code, "fn") || has_word(code, "mod") {
            return false;
        }
        let head = code.trim_start().trim_start_matches("pub");
        if head.starts_with("impl") || has_word(head, "trait") {
            return true;
        }
    }
    false
}

fn indent(code: &str) -> usize {
    code.len() - code.trim_start().len()
}
