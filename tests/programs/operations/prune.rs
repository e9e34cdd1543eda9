//! `versions prune`, and what a run drops after it has published.

use super::with_versions;
use crate::support::Folder;

/// Returns the versions that still have rows.
fn versions(folder: &Folder) -> String {
    let sql = "SELECT group_concat(version, ' ') FROM (SELECT version FROM allocation_versions \
               WHERE status <> 'dropped' ORDER BY version)";
    let rows = "SELECT group_concat(v, ' ') FROM (SELECT DISTINCT allocation_version AS v \
                FROM fifo_allocations ORDER BY v)";
    let registered = folder.value(sql);
    assert_eq!(folder.value(rows), registered);
    registered
}

#[test]
fn a_prune_leaves_the_newest_the_current_and_the_sealed() {
    let folder = with_versions(6);
    folder
        .fifo_pnl(&["versions", "seal", "1", "--reason", "filed"])
        .expect(0);
    folder.fifo_pnl(&["versions", "publish", "3"]).expect(0);
    let export = folder.export("3");
    let prune = ["versions", "prune", "--keep", "2"];
    let dry = folder
        .fifo_pnl(&[&prune[..], &["--dry-run"]].concat())
        .expect(0);
    assert!(
        dry.stdout
            .contains("Would drop versions 2, 4; 4 versions left."),
        "{}",
        dry.stdout
    );
    assert_eq!(versions(&folder), "1 2 3 4 5 6");
    let done = folder
        .fifo_pnl(&[&prune[..], &["--json"]].concat())
        .expect(0);
    let json = done.json();
    assert_eq!(json["dropped"], serde_json::json!([2, 4]));
    assert_eq!(json["stayed"], serde_json::json!([]));
    assert_eq!(json["left"], 4);
    assert_eq!(versions(&folder), "1 3 5 6");
    assert_eq!(folder.export("3"), export);
    let events = "SELECT allocation_version || json_extract(details, '$.because') FROM event_log \
                  WHERE event_type = 'drop' ORDER BY id";
    assert_eq!(folder.sql(events), ["2prune", "4prune"]);
    let again = folder.fifo_pnl(&prune).expect(0);
    assert!(again.stdout.contains("Nothing to drop; 4 versions left."));
    // A number is never used again, and the next run goes on.
    folder.compute(&["--all-symbols", "--quiet"]).expect(0);
    assert_eq!(versions(&folder), "1 3 5 6 7");
}

#[test]
fn a_prune_by_age_leaves_what_is_younger() {
    let folder = with_versions(3);
    let prune = |age: &str| {
        let args = ["versions", "prune", "--older-than", age];
        folder.fifo_pnl(&args).expect(0).stdout
    };
    assert!(prune("1d").contains("Nothing to drop"));
    folder.sql(
        "UPDATE allocation_versions SET completed_at = completed_at - 40 * 86400000000 \
         WHERE version IN (1, 3)",
    );
    assert!(prune("41d").contains("Nothing to drop"));
    assert!(prune("30d").contains("Dropped version 1; 2 versions left."));
    assert_eq!(versions(&folder), "2 3");
}

#[test]
fn a_prune_without_a_number_takes_the_setting() {
    let folder = with_versions(3);
    let prune = || folder.fifo_pnl(&["versions", "prune"]).expect(0).stdout;
    assert!(prune().contains("Nothing to drop; 3 versions left."));
    folder.write("fifo-pnl.toml", "keep_versions = 2\n");
    assert!(prune().contains("Dropped version 1; 2 versions left."));
    for wrong in [
        &["--keep", "0"][..],
        &["--keep", "2", "--older-than", "1d"],
        &["--older-than", "soon"],
    ] {
        folder
            .fifo_pnl(&[&["versions", "prune"], wrong].concat())
            .expect(2);
    }
    assert_eq!(versions(&folder), "2 3");
}

#[test]
fn a_run_drops_old_automatic_versions_only() {
    let folder = with_versions(5);
    folder.sql(
        "UPDATE allocation_versions SET origin = 'late-arrival' WHERE version < 5; \
         UPDATE allocation_versions SET sealed_at = 1, sealed_reason = 'filed' WHERE version = 1",
    );
    let run = ["--all-symbols", "--keep-versions", "2"];
    // One that does not publish drops nothing.
    folder.compute(&["--all-symbols", "--no-publish"]).expect(0);
    assert_eq!(versions(&folder), "1 2 3 4 5 6");
    let done = folder.compute(&run).expect(0);
    let line = "Dropped         version 2, made by incremental runs that could not append\n";
    assert!(done.stdout.contains(line), "{}", done.stdout);
    assert_eq!(versions(&folder), "1 3 4 5 6 7");
    let done = folder.compute(&run).expect(0);
    assert!(!done.stdout.contains("Dropped"), "{}", done.stdout);
    let one = [&run[..2], &["1", "--json"]].concat();
    let done = folder.compute(&one).expect(0).json();
    assert_eq!(done["pruned"]["dropped"], serde_json::json!([3]));
    assert_eq!(versions(&folder), "1 4 5 6 7 8 9");
}

#[test]
fn a_prune_waits_its_turn() {
    let folder = with_versions(2);
    let lock = std::fs::File::options()
        .write(true)
        .open(folder.join("fifo-pnl.db.lock"))
        .unwrap();
    lock.lock().unwrap();
    let prune = ["versions", "prune", "--keep", "1"];
    folder.fifo_pnl(&prune).expect(3);
    folder
        .fifo_pnl(&[&prune[..], &["--dry-run"]].concat())
        .expect(0);
    drop(lock);
    folder.fifo_pnl(&prune).expect(0);
    assert_eq!(versions(&folder), "2");
}
