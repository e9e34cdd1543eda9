//! Below `cli` an error is a value: no text there names a flag or one of the programs. What a
//! person is to type stands in `cli` alone.

use super::{Source, read, rust};

#[test]
fn no_text_below_cli_names_a_flag_or_a_program() {
    let files = rust(&["src/"]);
    let below = files.iter().filter(|file| {
        let is_test = file.path.contains("tests");
        !is_test
            && !["src/cli", "src/bin/", "src/main.rs"]
                .iter()
                .any(|top| file.is_in(top))
    });
    let found: Vec<String> = below.flat_map(offences).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn flags_and_programs_are_found_in_texts_alone() {
    let of = |text: &str| {
        let source = Source {
            path: "src/store/x.rs".into(),
            text: text.into(),
        };
        offences(&source)
    };
    for planted in [
        "f(\"leave --version out\");",
        "f(\"do it \\\n    with --force\");",
        "f('\"', \"\\\"--all\\\"\");",
        "f(r#\"a \"word\" --all\"#);",
        "let x = \"`fifo-pnl versions list` shows them\";",
        "#[error(\"run compute_allocations first\")]",
    ] {
        assert_eq!(of(planted).len(), 1, "{planted}");
    }
    for allowed in [
        "// Says \"--force\".\n/// `--force`\nf();",
        "f(\"SELECT 1 -- one\", \"a--b\", \"---\");",
        "const KEY: i64 = i64::from_be_bytes(*b\"fifo-pnl\");",
        "#[cfg(test)]\nmod tests {\n    f(\"--force\");\n}",
    ] {
        assert_eq!(of(allowed), Vec::<String>::new(), "{allowed}");
    }
}

/// Lists the texts of a file that name what a person types.
fn offences(source: &Source) -> Vec<String> {
    let code = source.text.split("#[cfg(test)]\nmod tests {").next();
    let programs = programs();
    texts(code.unwrap_or_default())
        .into_iter()
        .filter(|(_, text)| has_flag(text) || programs.iter().any(|name| text.contains(name)))
        .map(|(line, text)| source.at(line, text))
        .collect()
}

/// Returns the names of the programs that the package builds.
fn programs() -> Vec<String> {
    let manifest = read("Cargo.toml");
    let bins = manifest.split("[[bin]]").skip(1);
    let names = bins.filter_map(|bin| bin.split("name = \"").nth(1)?.split('"').next());
    let names: Vec<String> = names.map(str::to_owned).collect();
    assert!(names.iter().any(|name| name == "fifo-pnl"), "{names:?}");
    names
}

fn has_flag(text: &str) -> bool {
    text.match_indices("--").any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let is_start = before.is_none_or(|c| !c.is_alphanumeric() && c != '-');
        is_start && text[at + 2..].starts_with(|c: char| c.is_ascii_lowercase())
    })
}

/// Returns the string literals of a file with their lines, but not its byte strings.
fn texts(code: &str) -> Vec<(usize, &str)> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(offset) = code[at..].find(['"', '\'', '/']) {
        at += offset;
        let (before, rest) = (&code[..at], &code[at..]);
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            at += rest[1..].find('\'').unwrap_or(0) + 2;
        } else if let Some(inner) = rest.strip_prefix('"') {
            let bare = before.trim_end_matches('#');
            let hashes = "#".repeat(before.len() - bare.len());
            let length = match bare.ends_with('r') {
                true => inner.find(&format!("\"{hashes}")),
                false => end_of(inner),
            };
            let text = &inner[..length.unwrap_or(inner.len())];
            if !before.ends_with('b') {
                found.push((before.matches('\n').count() + 1, text));
            }
            at = code.len().min(at + text.len() + 2);
        } else {
            at += 1;
        }
    }
    found
}

/// Returns where a text ends that has escapes.
fn end_of(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.find(|character| {
        let ends = character == '"' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        ends
    })
}
