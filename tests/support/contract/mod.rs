//! Rules of every store: one suite, run over each of them.
//!
//! A test takes the store as an argument, so that a difference between two is a red test. A new
//! store is one line in the test program of its database, and what it alone can show in
//! `store_subject.rs`.

pub mod accounts;
pub mod actions;
pub mod batches;
pub mod corrections;
pub mod evidence;
pub mod history;
pub mod imports;
pub mod ledger;
pub mod more;
pub mod movements;
pub mod rates;
pub mod review;
pub mod versions;

/// Instantiates tests of a module for one store.
macro_rules! tests_of {
    ($make:path, $module:ident: $($name:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                if let Some(subject) = $make().await {
                    crate::contract::$module::$name(&*subject).await;
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
            tests_of!($make, imports:
                an_undone_import_is_out_until_it_is_put_back,
                equal_trades_of_other_imports_are_counted,
                a_trade_that_is_voided_alone_stays_so,
                an_undo_follows_its_rules,
                an_undone_correction_gives_the_original_back,
                a_correction_comes_back_only_if_no_other_form_counts,
                a_watermark_knows_which_imports_are_out,
                rates_of_an_undone_import_count_no_more,
                known_trades_say_whether_they_are_voided,
                rows_of_an_undone_import_come_in_again,
                a_movement_or_action_comes_back_only_if_no_other_form_counts,
            );
            tests_of!($make, accounts:
                an_account_keeps_what_is_stated,
                old_tries_are_removed,
                each_try_is_logged_and_counted,
            );
            tests_of!($make, actions:
                actions_come_back_with_every_fact,
                an_action_is_known_or_a_conflict,
                actions_obey_an_undo_a_preview_and_a_watermark,
                a_word_takes_an_action_out,
            );
            tests_of!($make, movements:
                movements_come_back_with_every_fact,
                a_movement_is_known_or_a_conflict,
                trades_and_movements_share_one_namespace,
                movements_obey_an_undo_and_a_preview,
                movements_and_decisions_are_read_as_of_an_instant,
                lots_that_moved_come_back_with_their_origins,
            );
            tests_of!($make, more:
                more_facts_come_back_with_every_digit,
                facts_are_compared_by_what_they_mean,
            );
            tests_of!($make, batches:
                a_file_in_batches_is_the_file_in_one,
                a_file_that_breaks_off_leaves_nothing,
                rejects_in_batches_are_all_kept,
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
                allocations_lead_back_to_files_in_many_passes,
                long_runs_are_told_early,
                rows_of_a_time_come_with_those_of_their_lots,
                rows_of_a_time_name_the_sells_that_brought_their_lots,
                events_are_read_back_by_kind,
                decisions_follow_their_rules,
                trades_are_looked_up_by_id,
            );
            tests_of!($make, history:
                a_snapshot_reads_back_as_it_was_written,
                a_snapshot_is_never_changed,
            );
            tests_of!($make, rates:
                rates_are_appended_once,
                another_rate_is_a_conflict_that_a_correction_mends,
                a_preview_or_a_broken_import_leaves_no_rates,
                a_watermark_knows_its_rates,
                a_scope_takes_its_rates_only,
                rates_of_two_spellings_are_one,
                a_version_keeps_the_rates_that_it_used,
                own_trades_are_rates_and_stated_lots_are_none,
                the_currencies_that_columns_name_are_listed,
            );
            tests_of!($make, review:
                items_open_and_the_most_urgent_comes_first,
                an_item_with_other_facts_is_refreshed,
                the_rates_that_an_item_lacks_are_facts_of_it,
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
