//! What every store does, whatever is behind it: one suite, run over each of them.
//!
//! A test takes the store as an argument, so that a difference between two is a red test. A new
//! store is one line at the end, and what it alone can show in `support/store_subject.rs`.
#![cfg(feature = "job")]

#[path = "support/store_corrections.rs"]
mod corrections;
#[path = "support/store_evidence.rs"]
mod evidence;
#[path = "support/store_history.rs"]
mod history;
#[path = "support/store_ledger.rs"]
mod ledger;
#[path = "support/store_lots.rs"]
mod lots;
#[path = "support/store_random.rs"]
mod random;
#[path = "support/store_review.rs"]
mod review;
#[path = "support/store_subject.rs"]
mod subject;
#[path = "support/store_versions.rs"]
mod versions;

use fifo_pnl::store::Store;
use fifo_pnl::store::memory::{MemoryStore, RawTrade};
use fifo_pnl::store::model::{Scope, VersionStatus};
use subject::Run;

/// Instantiates tests of a module for one store.
macro_rules! tests_of {
    ($make:path, $module:ident: $($name:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                if let Some(subject) = $make().await {
                    crate::$module::$name(&*subject).await;
                }
            }
        )+
    };
}

/// Instantiates the whole suite for one store.
macro_rules! contract {
    ($store:ident, $make:path) => {
        mod $store {
            tests_of!($make, ledger:
                an_import_appends_and_says_so,
                a_known_trade_is_skipped_whatever_its_spelling,
                another_fact_is_a_conflict_and_nothing_is_written,
                conflicts_can_be_skipped,
                a_preview_writes_nothing,
                a_correction_voids_and_appends_beside,
                old_and_new_facts_of_a_corrected_trade_are_known,
                facts_that_go_back_are_one_more_correction,
                one_id_twice_in_a_file_is_the_same_as_in_two_files,
                an_id_that_looks_like_a_correction_is_an_id_of_its_own,
                a_correction_takes_the_next_free_id,
                an_id_without_room_for_a_correction_is_a_conflict,
                rejected_rows_are_kept_with_the_import,
                a_broken_import_leaves_nothing,
                a_trade_leads_back_to_its_file,
                voids_follow_their_rules,
                the_ledger_reads_as_of_any_watermark,
                what_is_no_execution_is_counted_by_reason,
                a_scope_takes_its_pools_only,
                spellings_of_a_symbol_are_one_pool,
                every_fact_comes_back_with_every_digit,
            );
            tests_of!($make, corrections:
                a_corrected_trade_does_not_come_back_beside_its_correction,
                a_correction_voids_whatever_form_counts,
                a_row_named_like_a_correction_is_refused_beside_its_original,
            );
            tests_of!($make, lots:
                a_file_in_lots_is_the_file_in_one,
                a_file_that_breaks_off_leaves_nothing,
                rejects_in_lots_are_all_kept,
                conflicts_are_counted_and_few_are_named,
            );
            tests_of!($make, versions:
                the_run_lock_has_one_holder,
                a_run_is_logged_before_its_work,
                a_failed_run_is_closed_once,
                a_retry_is_written_into_its_row,
                orphans_are_closed,
                a_number_is_never_used_again,
                a_version_reads_back_as_it_was_made,
                an_export_is_in_canonical_order,
                ids_go_on_from_version_to_version,
                a_version_that_is_not_finished_leaves_nothing,
                readers_see_a_version_whole_or_not_at_all,
                an_import_meanwhile_is_not_lost,
                a_pool_is_written_once,
                rejected_and_excluded_pools_have_a_summary,
                publishing_moves_the_pointer,
                the_pointer_moves_by_hand,
                the_pointer_refuses_what_is_not_whole,
                a_version_is_replaced,
                a_number_that_is_taken_is_refused,
                what_may_not_be_replaced_is_refused,
                a_version_is_sealed_once,
                a_version_is_dropped_and_its_number_stays,
                what_may_not_be_dropped_is_refused,
                an_unknown_version_is_named,
                what_is_not_computed_is_counted,
            );
            tests_of!($make, evidence:
                allocations_lead_back_to_files,
                long_runs_are_told_early,
                rows_of_a_time_come_with_those_of_their_lots,
                events_are_read_back_by_kind,
                decisions_follow_their_rules,
                trades_are_looked_up_by_id,
            );
            tests_of!($make, history:
                a_snapshot_reads_back_as_it_was_written,
                a_snapshot_is_never_changed,
            );
            tests_of!($make, review:
                items_open_and_the_most_urgent_comes_first,
                an_item_with_other_facts_is_refreshed,
                an_item_that_no_longer_holds_is_resolved,
                only_the_kinds_that_were_judged_are_settled,
                an_unmatched_sell_of_a_pool_without_result_stays,
                a_settled_item_that_holds_again_is_reopened,
                a_dismissed_item_stays_while_its_facts_are_the_same,
                an_item_in_progress_stays_in_progress,
                one_question_is_asked_once,
                the_pointer_carries_the_queue_along,
                the_latest_decision_about_a_pool_wins,
                a_history_is_of_one_item_alone,
                every_change_is_in_the_audit_trail,
            );
        }
    };
}

contract!(memory, crate::subject::memory);
contract!(sqlite, crate::subject::sqlite);
contract!(postgres, crate::subject::postgres);

/// The one thing that only memory can hold: rows that a database refuses.
#[tokio::test]
async fn memory_holds_rows_that_are_no_trades() {
    let store = MemoryStore::new();
    let good = RawTrade::new("B-1", "BTC-USD", "buy", "1.50", "100");
    store.push_raw(good.clone()).unwrap();
    let of = |id: &str| RawTrade::new(id, "ETH-USD", "buy", "1", "1");
    let bad = [
        RawTrade {
            size: "NaN".into(),
            ..of("E-1")
        },
        RawTrade {
            size: "0".into(),
            ..of("E-2")
        },
        RawTrade {
            side: "BUY".into(),
            ..of("E-3")
        },
        RawTrade {
            price: "-1".into(),
            ..of("E-4")
        },
        RawTrade {
            order_time: None,
            ..of("E-5")
        },
        RawTrade {
            total_fees_usd: Some("free".into()),
            ..of("E-6")
        },
        of(" E-7"),
    ];
    let count = bad.len();
    for row in bad {
        store.push_raw(row).unwrap();
    }
    assert!(store.push_raw(good).is_err(), "an id is there once");
    let read = store.read_ledger(&Scope::default(), None).await.unwrap();
    assert_eq!(read.watermark.sequence().unwrap().0, 1 + count as i64);
    let (btc, eth) = (subject::pool("BTC-USD"), subject::pool("ETH-USD"));
    assert_eq!(read.pools[&btc].trades.len(), 1);
    assert_eq!(read.pools[&btc].invalid, []);
    assert_eq!(read.pools[&eth].invalid.len(), count);
    let written = Run::default().go(&store).await.unwrap();
    assert_eq!(written.completion.status, VersionStatus::Partial);
    let queue = store.review_queue().await.unwrap();
    assert_eq!(queue.len(), count);
    assert!(queue.iter().all(|item| item.pool == eth));
}
