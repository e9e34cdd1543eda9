//! Figures that a summary may not hide, on both databases: lots by decision beside real buys, parts
//! of a ledger, voided sells. Also a file that counts twice, and unknown statuses.
#![cfg(all(feature = "cli", unix))]
#![allow(
    clippy::disallowed_methods,
    reason = "the server and its programs are found in the environment; moments need a clock"
)]

mod advised;
mod decided;
mod filed;
mod hinted;
mod imported;
mod reopened;
mod shorts;
mod splits;
use crate::support;
use crate::support::site;

use support::{Done, Folder};

/// A folder, and the database that its programs use.
struct Place {
    folder: Folder,
    site: Option<site::Site>,
}

impl Place {
    fn sqlite() -> Option<Self> {
        let folder = Folder::new();
        Some(Self { folder, site: None })
    }

    fn postgres() -> Option<Self> {
        let site = site::Site::migrated(&site::server()?);
        let site = Some(site);
        let folder = Folder::new();
        Some(Self { folder, site })
    }

    /// Writes a file of trades, whose columns are these.
    fn write(&self, name: &str, rows: &str) {
        let header = "order_id,symbol,side,size,price,order_time,total_fees_usd,account";
        self.folder.write(name, format!("{header}\n{rows}"));
    }

    /// Runs a command line: the first word is the program.
    #[track_caller]
    fn run(&self, line: &str) -> Done {
        self.folder.shell_with(line, self.url())
    }

    fn url(&self) -> Option<&str> {
        self.site.as_ref().map(|site| &*site.url)
    }

    /// Runs the commands that stand between backticks in a text, if they begin so.
    #[track_caller]
    fn follow(&self, text: &str, start: &str) {
        let printed = text.split('`').skip(1).step_by(2);
        let commands: Vec<&str> = printed.filter(|it| it.starts_with(start)).collect();
        assert!(!commands.is_empty(), "no `{start}` in:\n{text}");
        for command in commands {
            self.run(&command.replace("TEXT", "test")).expect(0);
        }
    }
}

/// Says that a text has all of these.
#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no \"{part}\" in:\n{text}");
    }
}

/// Makes a test of a module for each database.
macro_rules! on_both {
    ($module:ident: $($name:ident),+ $(,)?) => {
        mod $module {
            $(mod $name {
                #[test]
                fn on_sqlite() {
                    crate::figures::$module::$name(&crate::figures::Place::sqlite().unwrap());
                }

                #[test]
                fn on_postgres() {
                    if let Some(place) = crate::figures::Place::postgres() {
                        crate::figures::$module::$name(&place);
                    }
                }
            })+
        }
    };
}

mod tests {
    on_both!(advised: an_import_advises_a_run_if_something_is_new,
        negative_fees_are_corrected_as_advised,
        a_ledger_of_rejected_trades_has_trades);
    on_both!(hinted: what_was_refused_is_not_the_next_command,
        all_bad_rows_of_a_sheet_are_told_by_their_lines,
        a_typed_basis_or_day_is_told_what_is_in_its_way,
        a_decision_and_its_lot_are_in_the_history,
        a_trade_is_named_where_it_stands);
    on_both!(decided: a_lot_by_decision_is_counted_wherever_its_figures_are,
        a_missing_buy_that_arrives_is_named_beside_the_decision,
        a_version_counts_the_decisions_that_it_saw);
    on_both!(filed: a_version_of_one_symbol_is_neither_advised_nor_filed,
        trades_that_no_run_took_up_are_not_left_out_in_silence,
        a_version_of_one_account_is_filed_for_that_account,
        where_no_version_is_current_a_part_is_not_advised,
        a_year_that_was_filed_before_is_named,
        voided_sales_of_the_year_are_named);
    on_both!(imported: the_same_file_under_another_account_is_named,
        statuses_that_nobody_knows_are_refused,
        an_incremental_run_says_what_its_totals_lack);
    on_both!(shorts: a_short_sale_is_closed_by_later_buys);
    on_both!(splits: a_split_changes_lots_in_any_run,
        a_lot_used_before_and_after_a_split_is_one_lot,
        a_pool_in_slices_applies_its_splits,
        a_lot_by_decision_may_not_lie_before_a_split);
    on_both!(reopened: an_item_without_an_unmatched_part_is_not_reopened);
}
