//! No circle of imports: the files and folders of one folder use each other in one direction.
//!
//! A folder and the file of its name are one room. What a room says of its parent is no import
//! here: a part may name the whole that it belongs to.

use std::collections::{BTreeMap, BTreeSet};

use super::{Source, is_word, rust, without_comment};

/// A module's path from the root of the crate: `["engine", "money", "terms"]`.
type Module = Vec<String>;

/// Rooms of one folder, and which others of that folder each uses.
type Rooms = BTreeMap<String, BTreeSet<String>>;

#[test]
fn no_circle_of_imports() {
    let found = circles(&modules());
    assert!(found.is_empty(), "\n{found:#?}");
}

#[test]
fn circles_are_found() {
    let module = |path: &str, code: &str| {
        let path = path.split("::").map(str::to_owned).collect::<Module>();
        (path, code.to_owned())
    };
    let of = |modules: &[(Module, String)]| {
        let folder = module("x", "use a::A;");
        circles(&modules.iter().cloned().chain([folder]).collect())
    };
    let a = module("x::a", "use super::b::{self, c::Deep};");
    let b = module("x::b", "fn f() { crate::x::a::g() }");
    let c = module("x::b::c", "use super::super::d::{E, F};");
    let d = module("x::d", "use super::e::E;");
    assert_eq!(of(&[a.clone(), b.clone(), c.clone()]), ["x: a, b"]);
    // By way of a part of a room, and over three rooms.
    let e = module("x::e", "use crate::x::{a::A, y::Z};");
    let far = [a.clone(), module("x::b", ""), c, d, e];
    assert_eq!(of(&far), ["x: a, b, d, e"]);
    assert!(of(&[a, module("x::b", "use super::X;")]).is_empty());
}

/// Returns the code of each module of `src`, without comments and tests.
fn modules() -> BTreeMap<Module, String> {
    let files = rust(&["src/"]);
    let modules = files.iter().filter_map(|file| {
        let mut path: Module = file
            .path
            .strip_prefix("src/")?
            .strip_suffix(".rs")?
            .split('/')
            .map(str::to_owned)
            .collect();
        let is_test = path.iter().any(|part| part.contains("tests"));
        if is_test || path.first().is_some_and(|part| part == "bin") {
            return None;
        }
        path.pop_if(|last| ["mod", "lib", "main"].contains(&last.as_str()));
        Some((path, code(file)))
    });
    modules.collect()
}

fn code(file: &Source) -> String {
    let text = match file.text.find("#[cfg(test)]\nmod tests {") {
        Some(tests) => &file.text[..tests],
        None => &file.text,
    };
    let lines = text.lines().map(without_comment);
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns each circle as its folder and its rooms: `engine: fact, number`.
fn circles(modules: &BTreeMap<Module, String>) -> Vec<String> {
    let mut folders: BTreeMap<&[String], Rooms> = BTreeMap::new();
    for (user, code) in modules {
        for used in imports(user, code, modules) {
            let same = user.iter().zip(&used).take_while(|(a, b)| a == b).count();
            if let (Some(from), Some(to)) = (user.get(same), used.get(same)) {
                let rooms = folders.entry(&user[..same]).or_default();
                rooms.entry(from.clone()).or_default().insert(to.clone());
            }
        }
    }
    let mut found = BTreeSet::new();
    for (folder, rooms) in &folders {
        for room in rooms.keys() {
            let back = |other: &&String| reach(rooms, other).contains(room);
            let reached = reach(rooms, room);
            let circle: Vec<&str> = reached.iter().filter(back).map(String::as_str).collect();
            if !circle.is_empty() {
                found.insert(format!("{}: {}", folder.join("::"), circle.join(", ")));
            }
        }
    }
    found.into_iter().collect()
}

/// Returns the rooms that a room uses, and those that they use.
fn reach(rooms: &Rooms, from: &str) -> BTreeSet<String> {
    let (mut reached, mut left) = (BTreeSet::new(), vec![from.to_owned()]);
    while let Some(room) = left.pop() {
        for next in rooms.get(&room).into_iter().flatten() {
            if reached.insert(next.clone()) {
                left.push(next.clone());
            }
        }
    }
    reached
}

/// Returns the modules that a module's code names, in `use` or in passing.
fn imports(user: &Module, code: &str, modules: &BTreeMap<Module, String>) -> Vec<Module> {
    let mut found = Vec::new();
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| is_word(c) || c == ':') {
                continue;
            }
            let mut paths = Vec::new();
            read_tree(&code[at..], &[], &mut paths);
            found.extend(paths.iter().map(|path| resolve(user, path, modules)));
        }
    }
    found
}

/// Reads a path, or a tree of paths in braces; returns what follows it.
fn read_tree<'t>(text: &'t str, head: &[&'t str], paths: &mut Vec<Vec<&'t str>>) -> &'t str {
    let (mut path, mut rest) = (head.to_vec(), text.trim_start());
    loop {
        if let Some(mut inner) = rest.strip_prefix('{') {
            loop {
                inner = read_tree(inner, &path, paths).trim_start();
                match inner.strip_prefix(',') {
                    Some(next) => inner = next,
                    None => return inner.strip_prefix('}').unwrap_or(inner),
                }
            }
        }
        let word = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
        path.push(word);
        rest = &rest[word.len()..];
        match rest.strip_prefix("::") {
            Some(next) => rest = next,
            None => break,
        }
    }
    paths.push(path);
    // A name of its own, as in `x as y`, is no path.
    rest.find([',', '}', ';']).map_or("", |end| &rest[end..])
}

/// Returns the module that a path leads to: as many of its words as are modules.
fn resolve(user: &Module, path: &[&str], modules: &BTreeMap<Module, String>) -> Module {
    let ups = path.iter().take_while(|word| **word == "super").count();
    let mut module = match path.first() {
        Some(&"crate") => Module::new(),
        _ => user[..user.len().saturating_sub(ups)].to_vec(),
    };
    for word in path.iter().skip(ups.max(1)) {
        module.push((*word).to_owned());
        if !modules.contains_key(&module) {
            module.pop();
            break;
        }
    }
    module
}
