//! Faults at random moments, one after the other, on both databases: real programs that are killed,
//! interrupted, raced and left without their server.
//!
//! After every fault the same must hold. The current version is whole and valid, and older versions
//! are as they were. The log tells the truth, the ledger has lost no row, and the next run
//! completes. The tests make each kind of fault once; `scripts/soak` goes on for the time that you
//! give it.
#![cfg(all(feature = "cli", unix))]
#![allow(
    clippy::disallowed_methods,
    reason = "moments need a clock, and the script says in the environment how long to go on"
)]

use crate::support;
use crate::support::site;

mod damaged;
mod disk;
mod files;
mod many;
mod phases;
mod place;
mod trial;
mod writers;

use std::time::{Duration, Instant};

use place::Place;
use support::ledger::Random;
use trial::{Fault, Tally, Trial};

/// The default, so that a failure comes again.
const SEED: u64 = 20_250_102;

fn named<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    let value = text.parse();
    Some(value.unwrap_or_else(|_| panic!("{name} is \"{text}\"")))
}

/// Makes faults: each kind once, then at random until the time is over.
fn soak(place: Place, seed: u64, until: Option<Instant>) -> Tally {
    let what = place.name();
    let mut trial = Trial::begin(place, Random(seed));
    for fault in Fault::ALL {
        trial.step(fault);
    }
    while until.is_some_and(|until| Instant::now() < until) {
        trial.step_at_random();
    }
    let tally = trial.end();
    println!("{what}, seed {seed}: {tally}");
    tally
}

/// Returns the seed, and until when to go on.
fn told() -> (u64, Option<Instant>) {
    let seed = named("FIFO_PNL_SOAK_SEED").unwrap_or(SEED);
    let minutes: Option<u64> = named("FIFO_PNL_SOAK_MINUTES");
    let until = minutes.map(|minutes| Instant::now() + Duration::from_secs(60 * minutes));
    println!("seed {seed}");
    (seed, until)
}

fn run(make: impl FnOnce() -> Place) {
    let (seed, until) = told();
    let tally = soak(make(), seed, until);
    assert!(tally.losses.is_empty(), "{:#?}", tally.losses);
}

#[test]
fn faults_on_sqlite_lose_nothing() {
    run(Place::sqlite);
}

#[test]
fn a_digit_of_a_fact_that_changed_is_found_by_the_hash_of_the_ledger() {
    damaged::change_a_fact();
}

#[test]
fn damaged_files_lose_nothing_in_silence() {
    let (seed, until) = told();
    damaged::soak(seed, until);
}

#[test]
fn faults_on_postgres_lose_nothing() {
    if site::server().is_some() {
        run(Place::postgres);
    }
}
