//! Lines, files and functions that a person can read.

use super::{Source, assert_none, sources};

const LINE_CHARS_MAX: usize = 100;
/// A constraint or a view is easier to read on a long line than on several short ones.
const SQL_LINE_CHARS_MAX: usize = 140;
const FILE_LINES_MAX: usize = 800;
/// A file of `src` is read in one sitting, its unit tests apart.
const SOURCE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// Files of `src` that are longer, and why.
const LONGER_SOURCES: [(&str, &str); 3] = [
    ("src/store/cells.rs", "the select lists of both databases"),
    (
        "src/store/memory/ledger.rs",
        "the ledger that tests compare",
    ),
    ("src/store/postgres/sourced.rs", "one walk over a version"),
];

#[test]
fn lines_files_and_functions_have_limits() {
    let mut offences = Vec::new();
    for source in sources() {
        let is_rust = source.has_extension("rs");
        let is_script = source.is_in("scripts/") || source.is_in(".ci/");
        let chars_max = match () {
            () if is_rust || is_script => LINE_CHARS_MAX,
            () if source.has_extension("sql") => SQL_LINE_CHARS_MAX,
            () => continue,
        };
        for (line, text) in source.lines() {
            let chars = text.chars().count();
            // A table in a comment has no other place to break.
            let is_table = text.trim_start_matches(['/', '!', ' ']).starts_with('|');
            if chars > chars_max && !is_table {
                offences.push(source.at(line, format!("{chars} characters, at most {chars_max}")));
            }
        }
        if is_rust || is_script {
            offences.extend(long_file(&source));
        }
        if is_rust {
            offences.extend(long_functions(&source));
        }
    }
    assert_none(offences);
}

#[test]
fn each_longer_source_is_longer() {
    let is_short = |source: &Source| source.text.lines().count() <= SOURCE_LINES_MAX;
    let mut offences = Vec::new();
    for (path, _) in LONGER_SOURCES {
        let source = sources().into_iter().find(|source| source.path == path);
        if source.as_ref().is_none_or(is_short) {
            offences.push(format!("{path} needs no exception"));
        }
    }
    assert_none(offences);
}

fn long_file(source: &Source) -> Option<String> {
    let is_longer = LONGER_SOURCES.iter().any(|(path, _)| *path == source.path);
    let is_held = source.is_in("src/") && !source.path.ends_with("tests.rs") && !is_longer;
    let lines_max = if is_held {
        SOURCE_LINES_MAX
    } else {
        FILE_LINES_MAX
    };
    let lines = source.text.lines().count();
    (lines > lines_max).then(|| source.at(1, format!("{lines} lines, at most {lines_max}")))
}

/// Finds functions by their first line, and their end by a brace of the same indentation.
fn long_functions(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut offences = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let start = line.trim_start();
        let words: Vec<&str> = start.split([' ', '<', '(']).take(6).collect();
        let is_head = words
            .first()
            .is_some_and(|word| ["fn", "pub", "async", "const", "unsafe", "extern"].contains(word))
            && words.contains(&"fn");
        if !is_head {
            continue;
        }
        let indent = &line[..line.len() - start.len()];
        let signature_end = |line: &&str| line.ends_with(['{', ';', '}']);
        let head = lines[at..].iter().position(signature_end).unwrap_or(0);
        if !lines[at + head].ends_with('{') {
            continue;
        }
        let is_end = |line: &&str| line.strip_prefix(indent) == Some("}");
        let length = lines[at..].iter().position(is_end).unwrap_or(0) + 1;
        if length > FUNCTION_LINES_MAX {
            let what = format!("function of {length} lines, at most {FUNCTION_LINES_MAX}");
            offences.push(source.at(at + 1, what));
        }
    }
    offences
}

#[test]
fn sizes_are_seen() {
    let source = |path: &str, text: String| Source {
        path: path.into(),
        text,
    };
    let body = "    let a = {\n    };\n".repeat(35);
    let functions = |lines: &str| format!("impl A {{\n{lines}}}\n");
    let long = functions(&format!("    pub async fn b(\n    ) {{\n{body}    }}\n"));
    assert_eq!(long_functions(&source("a.rs", long)).len(), 1);
    let short = functions("    fn c(&self);\n    fn d() {}\n    fn e() {\n    }\n");
    assert_eq!(long_functions(&source("a.rs", short)).len(), 0);
    let lines = |path: &str, count| source(path, "x\n".repeat(count));
    assert!(long_file(&lines("src/a.rs", SOURCE_LINES_MAX + 1)).is_some());
    assert!(long_file(&lines("src/a.rs", SOURCE_LINES_MAX)).is_none());
    assert!(long_file(&lines("src/a_tests.rs", FILE_LINES_MAX)).is_none());
    assert!(long_file(&lines(LONGER_SOURCES[0].0, FILE_LINES_MAX + 1)).is_some());
}
