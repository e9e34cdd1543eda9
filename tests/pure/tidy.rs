//! The rules of this repository that a machine can check by reading files: which layer may use
//! which, sizes, words, links, and what documents claim about files.
//!
//! Each test lists all offences with file and line. The readers are simple on purpose: they know
//! the form that rustfmt gives, not the language.

#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/english.rs"]
mod english;
#[path = "tidy/names.rs"]
mod names;
#[path = "tidy/sizes.rs"]
mod sizes;
#[path = "tidy/traits.rs"]
mod traits;
#[path = "tidy/wording.rs"]
mod wording;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Prose wraps here; tables, code and the page that a test makes do not.
const PROSE_LINE_CHARS_MAX: usize = 110;

/// Layers of `src`, and what each may use.
const LAYERS: [(&str, &[&str]); 9] = [
    ("engine", &[]),
    ("files", &[]),
    ("import", &["engine"]),
    ("rates", &["engine", "import"]),
    ("store", &["engine", "files"]),
    ("report", &["engine", "files"]),
    ("tax", &["engine", "files", "report", "store"]),
    ("pipeline", &["engine", "import", "rates", "store"]),
    (
        "cli",
        &[
            "engine", "files", "import", "rates", "store", "report", "tax", "pipeline",
        ],
    ),
];

/// The one file with the one `unsafe`.
const UNSAFE_FILE: &str = "src/store/sqlite/raw.rs";

/// Modules that the judge may not use: it would repeat the errors of what it judges.
const NOT_FOR_THE_JUDGE: [&str; 6] = ["kernel", "matcher", "matching", "money", "parts", "wide"];

/// A file of the repository.
struct Source {
    /// Relative to the repository, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// Returns numbered lines without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines().map(without_comment))
    }

    /// Returns numbered lines, unchanged.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    fn is_in(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }

    fn has_extension(&self, extension: &str) -> bool {
        self.path.ends_with(&format!(".{extension}"))
    }

    fn at(&self, line: usize, what: impl std::fmt::Display) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns every text file that is neither built nor written by a run.
fn sources() -> Vec<Source> {
    let (mut found, mut folders) = (Vec::new(), vec![repository().to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name == ".git" || name == "target" || name.contains(".db") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let path = path.strip_prefix(repository()).unwrap();
                let path = path.to_string_lossy().replace('\\', "/");
                found.push(Source { path, text });
            }
        }
    }
    found.sort_by(|left, right| left.path.cmp(&right.path));
    found
}

/// Returns the Rust files below folders like `src/`.
fn rust(folders: &[&str]) -> Vec<Source> {
    let mut files = sources();
    files
        .retain(|file| file.has_extension("rs") && folders.iter().any(|folder| file.is_in(folder)));
    assert!(!files.is_empty(), "no files in {folders:?}");
    files
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Cuts a line at `//`, unless that stands in a string.
fn without_comment(line: &str) -> &str {
    let is_comment = |at: &usize| {
        let before = &line[..*at];
        let quotes = before.matches('"').count() - before.matches("\\\"").count();
        quotes.is_multiple_of(2)
    };
    let mut marks = line.match_indices("//").map(|(at, _)| at);
    marks.find(is_comment).map_or(line, |at| &line[..at])
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Tells whether a line has a word, not as a part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let behind = line[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !behind.is_some_and(is_word)
    })
}

fn assert_none(offences: Vec<String>) {
    let count = offences.len();
    assert!(
        offences.is_empty(),
        "{count} offences:\n{}",
        offences.join("\n")
    );
}

/// Returns the word that a text begins with.
fn first_word(text: &str) -> &str {
    let text = text.trim_start();
    text.split(|character| !is_word(character))
        .next()
        .unwrap_or("")
}

/// Returns the first parts of paths like `crate::store::x` and `crate::{store, engine::y}`.
fn roots_used<'t>(text: &'t str, root: &str) -> Vec<(usize, &'t str)> {
    let mut used = Vec::new();
    for (at, _) in text.match_indices(root) {
        if text[..at].chars().next_back().is_some_and(is_word) {
            continue;
        }
        let line = text[..at].matches('\n').count() + 1;
        let rest = &text[at + root.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            used.push((line, first_word(rest)));
            continue;
        };
        let (mut depth, mut start) = (0, 0);
        for (end, character) in group.char_indices() {
            match character {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    used.push((line, first_word(&group[start..end])));
                    start = end + 1;
                    if character == '}' {
                        break;
                    }
                }
                _ => {}
            }
        }
    }
    used.retain(|(_, word)| !word.is_empty());
    used
}

/// Returns the layers that a chain of `super::` reaches beyond the file's own layer.
fn roots_above(source: &Source) -> Vec<(usize, &str)> {
    let below = source
        .path
        .trim_start_matches("src/")
        .trim_end_matches(".rs");
    let depth = below.trim_end_matches("/mod").split('/').count();
    let mut used = Vec::new();
    for (line, code) in source.code() {
        let reaching = "super::".repeat(depth);
        for (_, rest) in code
            .match_indices(&reaching)
            .map(|(at, m)| (at, &code[at + m.len()..]))
        {
            let word = first_word(rest);
            if LAYERS.iter().any(|(layer, _)| *layer == word) {
                used.push((line, word));
            }
        }
    }
    used
}

#[test]
fn layers_use_only_what_they_may() {
    let mut offences = Vec::new();
    for source in rust(&["src/"]) {
        let below = source.path.trim_start_matches("src/");
        let layer = below.split(['/', '.']).next().unwrap();
        let code: Vec<&str> = source.code().map(|(_, code)| code).collect();
        let code = code.join("\n");
        if layer == "lib" {
            continue;
        }
        let (root, allowed) = match LAYERS.iter().find(|(name, _)| *name == layer) {
            Some((_, allowed)) => ("crate::", *allowed),
            None if layer == "main" || layer == "bin" => ("fifo_pnl::", &["cli"][..]),
            None => {
                offences.push(source.at(1, "belongs to no layer"));
                continue;
            }
        };
        let above = roots_above(&source);
        for (line, used) in roots_used(&code, root).into_iter().chain(above) {
            if used != layer && !allowed.contains(&used) {
                offences.push(source.at(line, format!("{layer} may not use {used}")));
            }
        }
    }
    assert_none(offences);
}

#[test]
fn threads_are_made_in_the_pipeline_only() {
    let mut offences = Vec::new();
    for source in rust(&["src/"]) {
        if source.is_in("src/pipeline/") {
            continue;
        }
        for (line, code) in source.code().filter(|(_, code)| has_word(code, "rayon")) {
            offences.push(source.at(line, code.trim()));
        }
    }
    assert_none(offences);
}

/// Programs that tests may call: a minimal Debian or `scripts/setup --test` brings them.
const PROGRAMS_OF_TESTS: [&str; 13] = [
    "bash",
    "chown",
    "id",
    "mount",
    "openssl",
    "pg_dump",
    "pg_restore",
    "pgbouncer",
    "psql",
    "setpriv",
    "sh",
    "sqlite3",
    "umount",
];

#[test]
fn tests_call_no_program_that_a_bare_system_lacks() {
    let mut offences = Vec::new();
    for source in rust(&["tests/", "src/", "examples/"]) {
        for (line, code) in source.code() {
            let named = code.split("Command::new(\"").nth(1);
            let program = named.and_then(|rest| rest.split('"').next());
            if let Some(program) = program.filter(|name| !PROGRAMS_OF_TESTS.contains(name)) {
                offences.push(source.at(line, format_args!("calls {program}")));
            }
        }
    }
    assert_none(offences);
}

#[test]
fn no_test_asks_how_fast_the_machine_is() {
    let mut offences = Vec::new();
    // Giving up on what never comes is no question of speed.
    let is_guard = |code: &str| code.contains("WAIT_MAX");
    for source in rust(&["tests/", "src/"]) {
        for (line, code) in source.code() {
            let compares = [concat!("elapsed()", " <"), concat!("took", " <")];
            if compares.iter().any(|text| code.contains(text)) && !is_guard(code) {
                offences.push(source.at(line, "compares a duration with a limit"));
            }
        }
    }
    assert_none(offences);
}

/// Calls that make, name or remove files.
const WRITES_FILES: [&str; 16] = [
    "OpenOptions",
    "DirBuilder",
    "NamedTempFile",
    "File::create",
    "File::options",
    "fs::write",
    "fs::rename",
    "fs::copy",
    "fs::create_dir",
    "fs::create_dir_all",
    "fs::hard_link",
    "fs::remove_file",
    "fs::remove_dir",
    "fs::remove_dir_all",
    "fs::set_permissions",
    "fs::symlink",
];

#[test]
fn one_layer_writes_files() {
    let mut offences = Vec::new();
    let mut found = BTreeSet::new();
    for source in rust(&["src/"]) {
        if source.path.ends_with("tests.rs") || source.path.contains("/tests/") {
            continue;
        }
        // Tests of a module stand at its end.
        let code = source.code().take_while(|(_, c)| c.trim() != "mod tests {");
        for (line, code) in code {
            let writes = |word: &&&str| {
                let names = word.rsplit("::").next().unwrap();
                has_word(code, word) || code.starts_with("use std::fs") && has_word(code, names)
            };
            let Some(word) = WRITES_FILES.iter().find(writes) else {
                continue;
            };
            if source.is_in("src/files/") {
                found.insert(*word);
            } else {
                offences.push(source.at(line, code.trim()));
            }
        }
    }
    assert!(found.contains("OpenOptions") && found.contains("fs::rename"));
    assert_none(offences);
}

#[test]
fn one_line_is_unsafe() {
    let mut found = Vec::new();
    for source in rust(&["src/", "examples/"]) {
        for (line, code) in source.code().filter(|(_, code)| has_word(code, "unsafe")) {
            found.push(source.at(line, code.trim()));
        }
    }
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with(UNSAFE_FILE), "{found:#?}");
}

#[test]
fn no_number_is_a_float() {
    let mut offences = Vec::new();
    for source in rust(&["src/"]) {
        // A test may read what a view shows as a float.
        if source.path.ends_with("tests.rs") {
            continue;
        }
        let is_float = |code: &str| has_word(code, "f32") || has_word(code, "f64");
        for (line, code) in source.code().filter(|(_, code)| is_float(code)) {
            offences.push(source.at(line, code.trim()));
        }
    }
    assert_none(offences);
}

/// Returns the names that the engine shows to others of the modules that the judge may not use.
fn names_not_for_the_judge() -> Vec<String> {
    let engine = read("src/engine/mod.rs");
    let shown = NOT_FOR_THE_JUDGE.map(|module| format!("pub use {module}::"));
    let lines = engine.split(';').map(str::trim_start);
    let lists = lines.filter_map(|line| shown.iter().find_map(|head| line.strip_prefix(head)));
    let words = lists.flat_map(|list| list.split(|c| !is_word(c)));
    // The judge has functions of its own by the same names.
    let own = read("src/engine/reference.rs");
    let is_own = |name: &&str| name.is_empty() || own.contains(&format!("fn {name}("));
    let names: Vec<String> = words.filter(|w| !is_own(w)).map(String::from).collect();
    assert!(names.iter().any(|name| name == "add_sizes"), "{names:?}");
    names
}

#[test]
fn the_judge_shares_no_code_with_the_judged() {
    let names = names_not_for_the_judge();
    let uses = |code: &str, module: &str| {
        has_word(code, module)
            && (code.contains(&format!("::{module}")) || code.contains(&format!("{module}::")))
    };
    let mut offences = Vec::new();
    for source in rust(&["src/engine/reference", "src/engine/checks"]) {
        if source.path.ends_with("/tests.rs") {
            continue;
        }
        for (line, code) in source.code() {
            let uses_module = NOT_FOR_THE_JUDGE.iter().any(|module| uses(code, module));
            if uses_module || names.iter().any(|name| has_word(code, name)) {
                offences.push(source.at(line, code.trim()));
            }
        }
    }
    assert_none(offences);
}

#[test]
fn nothing_is_left_unfinished() {
    let marks = [
        "TO DO",
        "FIX ME",
        "X XX",
        "d bg!",
        "to do!",
        "un implemented!",
    ];
    let marks = marks.map(|mark| mark.replace(' ', ""));
    let mut offences = Vec::new();
    for source in sources() {
        for (line, text) in source.lines() {
            let found = marks.iter().find(|mark| {
                text.match_indices(mark.as_str()).any(|(at, mark)| {
                    let before = text[..at].chars().next_back();
                    let behind = text[at + mark.len()..].chars().next();
                    !before.is_some_and(is_word) && !behind.is_some_and(is_word)
                })
            });
            if found.is_some() {
                offences.push(source.at(line, text.trim()));
            }
        }
    }
    assert_none(offences);
}

#[test]
fn every_case_is_whole_and_linked() {
    let spec = read("docs/SPEC-matching.md");
    let mut offences = Vec::new();
    for entry in fs::read_dir(repository().join("fixtures/cases")).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.is_dir() {
            continue; // the page for authors, and the calculator
        }
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let files = fs::read_dir(&folder)
            .unwrap()
            .map(|file| file.unwrap().file_name());
        let mut files: BTreeSet<String> = files
            .map(|file| file.to_string_lossy().into_owned())
            .collect();
        let text = fs::read_to_string(folder.join("case.md")).unwrap_or_default();
        if !files.remove("case.md") || !text.starts_with("# ") || !text.contains("Totals:") {
            offences.push(format!(
                "{name}: case.md with a title and totals is missing"
            ));
        }
        let is_step = |step: &usize| {
            let mut kinds = ["rates", "trades"].iter();
            kinds.any(|kind| files.contains(&format!("{step}-{kind}.csv")))
        };
        let steps = (1..).take_while(is_step).count();
        if steps == 0 {
            offences.push(format!("{name}: 1-trades.csv is missing"));
        }
        files.remove("settings.toml");
        for step in 1..=steps {
            for kind in ["rates", "trades", "rejects"] {
                files.remove(&format!("{step}-{kind}.csv"));
            }
            for kind in ["allocations", "open-lots", "review"] {
                if !files.remove(&format!("{step}-{kind}.csv")) {
                    offences.push(format!("{name}: {step}-{kind}.csv is missing"));
                }
            }
        }
        offences.extend(
            files
                .iter()
                .map(|file| format!("{name}: {file} belongs to no step")),
        );
        if !rule_sections(&spec, &name).any(|section| {
            let rule = format!("\nRule: docs/SPEC-matching.md, \"{section}\".\n");
            text.contains(&rule)
        }) {
            offences.push(format!(
                "{name}: its rule is no section of docs/SPEC-matching.md that links to it"
            ));
        }
    }
    assert_none(offences);
}

/// Returns the titles of the sections that link to a case.
fn rule_sections<'t>(spec: &'t str, case: &str) -> impl Iterator<Item = &'t str> {
    let link = format!("fixtures/cases/{case}/case.md");
    let sections = spec.split("\n## ").skip(1);
    sections
        .filter(move |section| section.contains(&link))
        .filter_map(|section| section.lines().next())
}

/// Returns the names in the sections of dependencies of Cargo.toml.
fn dependencies() -> BTreeSet<String> {
    let manifest = read("Cargo.toml");
    let (mut names, mut inside) = (BTreeSet::new(), false);
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.trim_end_matches(']').ends_with("dependencies");
        } else if let (true, Some((name, _))) = (inside, line.split_once(" = ")) {
            names.insert(name.to_owned());
        }
    }
    assert!(names.contains("rust_decimal"));
    names
}

#[test]
fn every_dependency_has_its_reason_and_its_use() {
    let decisions = read("docs/DECISIONS.md");
    let table = decisions
        .split("## Dependencies")
        .nth(1)
        .unwrap_or_default();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows.filter_map(|row| row.split([' ', '|']).next());
    let named: BTreeSet<String> = cells
        .filter(|name| *name != "crate")
        .map(String::from)
        .collect();
    let (names, files) = (
        dependencies(),
        rust(&["src/", "tests/", "examples/", "benches/"]),
    );
    let mut offences: Vec<String> = Vec::new();
    for name in names.symmetric_difference(&named) {
        offences.push(format!(
            "{name}: in one of Cargo.toml and docs/DECISIONS.md only"
        ));
    }
    for name in &names {
        let word = name.replace('-', "_");
        let uses = |file: &&Source| file.code().any(|(_, code)| has_word(code, &word));
        if !files.iter().any(|file| uses(&file)) {
            offences.push(format!("{name}: nothing uses it"));
        }
    }
    assert_none(offences);
}

/// Returns the lines of a document outside its blocks of code.
fn prose(source: &Source) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut lines = Vec::new();
    for (line, text) in source.lines() {
        if text.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside && !text.starts_with("    ") {
            lines.push((line, text));
        }
    }
    lines
}

#[test]
fn prose_is_wrapped() {
    let mut offences = Vec::new();
    for source in sources() {
        if !source.has_extension("md") || source.path == "docs/ERRORS.md" {
            continue;
        }
        for (line, text) in prose(&source) {
            let is_long = text.chars().count() > PROSE_LINE_CHARS_MAX;
            if is_long && !text.trim_start().starts_with('|') {
                offences.push(source.at(line, text));
            }
        }
    }
    assert_none(offences);
}

/// Returns the anchors that a document's headings have on the web.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| -> String {
        let title = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = title
            .chars()
            .filter(|c| is_word(*c) || *c == ' ' || *c == '-');
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut offences = Vec::new();
    for source in sources().iter().filter(|source| source.has_extension("md")) {
        let file = repository().join(&source.path);
        let folder = file.parent().unwrap();
        let text: Vec<&str> = prose(source).into_iter().map(|(_, line)| line).collect();
        for link in text.join("\n").split("](").skip(1) {
            let link = link.split(')').next().unwrap_or_default();
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() {
                file.clone()
            } else {
                folder.join(path)
            };
            let has_anchor = || {
                let text = fs::read_to_string(&target).unwrap_or_default();
                anchor.is_empty() || anchors(&text).contains(anchor)
            };
            if !target.exists() || !has_anchor() {
                offences.push(format!("{}: {link}", source.path));
            }
        }
    }
    assert_none(offences);
}

/// Returns words of a text that look like paths of this repository, or like a page of `docs`.
fn paths_named(text: &str) -> impl Iterator<Item = &str> {
    let ends = |c: char| !(is_word(c) || "/.-".contains(c));
    let folders = [
        "src/",
        "scripts/",
        "tests/",
        "examples/",
        "fixtures/",
        "migrations/",
        "docs/",
    ];
    let layers = LAYERS.map(|(layer, _)| format!("{layer}/"));
    text.split(ends)
        .map(|word| word.trim_end_matches('.'))
        .filter(move |word| {
            let is_source = word.ends_with(".rs") && layers.iter().any(|l| word.starts_with(l));
            let page = word.strip_suffix(".md").unwrap_or_default();
            let is_page = !page.is_empty() && page.bytes().all(|byte| byte.is_ascii_uppercase());
            is_source || is_page || folders.iter().any(|folder| word.starts_with(folder))
        })
}

#[test]
fn documents_name_files_that_exist() {
    let exists = |path: &str| {
        let places = ["", "src", "docs"].map(|folder| repository().join(folder).join(path));
        places.iter().any(|place| place.exists())
    };
    let mut offences = Vec::new();
    for source in sources() {
        let is_rust = source.has_extension("rs") && source.path != "tests/pure/tidy.rs";
        let is_document = source.has_extension("md") && source.path != "CHANGELOG.md";
        for (line, text) in source.lines() {
            let comment = text.trim_start().starts_with("//");
            if !(is_document || is_rust && comment) {
                continue;
            }
            for path in paths_named(text).filter(|path| !exists(path)) {
                offences.push(source.at(line, format!("there is no {path}")));
            }
        }
    }
    assert_none(offences);
}

/// Returns the test programs that commands of a line name: `cargo test --test NAME`.
fn test_programs_named(text: &str) -> impl Iterator<Item = &str> {
    let commands = text.split("cargo ").skip(1);
    let commands = commands.map(|command| command.split('`').next().unwrap_or_default());
    let commands = commands.filter(|command| command.starts_with("test "));
    let flags = commands.flat_map(|command| command.split(" --test ").skip(1));
    flags.filter_map(|rest| rest.split_whitespace().next())
}

#[test]
fn commands_name_test_programs_that_exist() {
    let text = "`cargo test --test tidy` or `cargo test --locked --test pure a --test b`, --test c";
    assert!(test_programs_named(text).eq(["tidy", "pure", "b"]));
    let mut offences = Vec::new();
    let named = |source: &Source| source.path != "tests/pure/tidy.rs";
    for source in sources().into_iter().filter(named) {
        for (line, text) in source.lines() {
            let is_missing = |name: &&str| !repository().join("tests").join(name).is_dir();
            for name in test_programs_named(text).filter(is_missing) {
                offences.push(source.at(line, format!("there is no test program {name}")));
            }
        }
    }
    assert_none(offences);
}

#[test]
fn the_readers_see_what_they_should() {
    assert_eq!(without_comment("a(); // b"), "a(); ");
    assert_eq!(
        without_comment("let url = \"http://x\"; // b"),
        "let url = \"http://x\"; "
    );
    assert!(has_word("use rayon::prelude", "rayon") && !has_word("crayon rayons", "rayon"));
    let text = "use crate::store;\nuse crate::{\n    cli::{a, b},\n    engine::c,\n};";
    assert_eq!(
        roots_used(text, "crate::"),
        [(1, "store"), (2, "cli"), (2, "engine")]
    );
    let source = |path: &str, text: String| Source {
        path: path.into(),
        text,
    };
    let above = source(
        "src/engine/a.rs",
        "use super::b;\nuse super::super::store::c;".into(),
    );
    assert_eq!(roots_above(&above), [(2, "store")]);
    assert!(anchors("# What rounding can cost?").contains("what-rounding-can-cost"));
    let named: Vec<&str> = paths_named("see `src/lib.rs`, engine/x.rs, README.md, b/c.").collect();
    assert_eq!(named, ["src/lib.rs", "engine/x.rs", "README.md"]);
}
