//! A test that the machine can't run says why, and never passes in silence.
//!
//! `scripts/test` names the file that the reason is appended to, and counts these tests apart. With
//! `REQUIRE_ALL=1`, which CI sets, such a test fails.
#![allow(
    clippy::disallowed_methods,
    reason = "the scripts name the file in the environment"
)]

use std::fs::OpenOptions;
use std::io::Write;

/// Says why this test can't run here. Panics with `REQUIRE_ALL=1`.
#[track_caller]
pub fn skip(reason: &str) {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    assert!(
        named("REQUIRE_ALL").is_none_or(|value| value != "1"),
        "REQUIRE_ALL=1, but {reason}"
    );
    println!("skipped: {reason}");
    if let Some(list) = named("SKIPPED_TESTS") {
        let thread = std::thread::current();
        let line = format!("{}: {reason}\n", thread.name().unwrap_or("a test"));
        let mut list = OpenOptions::new().append(true).open(list).unwrap();
        list.write_all(line.as_bytes()).unwrap();
    }
}
