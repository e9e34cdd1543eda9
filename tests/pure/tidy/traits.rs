//! No trait is so wide that who takes it says nothing about what is used of it.

use super::{Source, assert_none, first_word, rust};

const TRAIT_METHODS_MAX: usize = 15;

#[test]
fn no_trait_is_wide() {
    let files = rust(&["src/"]);
    assert_none(files.iter().flat_map(wide_traits).collect());
}

#[test]
fn wide_traits_are_found() {
    let with = |methods: usize| Source {
        path: "src/x.rs".into(),
        text: format!(
            "pub trait Wide: Send {{\n{}}}\n\nimpl Wide for () {{\n    fn of_impl() {{}}\n}}\n",
            "    async fn of_trait(&self) {\n        let inner = |fn_in_body| ();\n    }\n"
                .repeat(methods)
        ),
    };
    assert!(wide_traits(&with(TRAIT_METHODS_MAX)).is_empty());
    let found = ["src/x.rs:1: Wide has 16 methods"];
    assert_eq!(wide_traits(&with(TRAIT_METHODS_MAX + 1)), found);
}

/// Returns the traits with too many methods: those that stand one level below the trait.
fn wide_traits(file: &Source) -> Vec<String> {
    let (mut found, mut lines) = (Vec::new(), file.code());
    while let Some((line, head)) = lines.next() {
        let Some((_, name)) = head.split_once("trait ").filter(|(before, _)| {
            let before = before.trim();
            before.is_empty() || before.starts_with("pub")
        }) else {
            continue;
        };
        if head.ends_with('}') {
            continue;
        }
        let indent = head.len() - head.trim_start().len();
        let end = format!("{}}}", " ".repeat(indent));
        let body = lines.by_ref().take_while(|(_, code)| *code != end);
        let is_method = |code: &str| {
            let of_trait = code.len() - code.trim_start().len() == indent + 4;
            let code = code.trim_start().trim_start_matches("async ");
            of_trait && first_word(code) == "fn"
        };
        let methods = body.filter(|(_, code)| is_method(code)).count();
        if methods > TRAIT_METHODS_MAX {
            let name = first_word(name);
            found.push(file.at(line, format!("{name} has {methods} methods")));
        }
    }
    found
}
