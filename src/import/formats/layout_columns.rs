//! The columns of a file that a layout reads.

use std::collections::BTreeSet;

use super::layout::Layout;
use super::template::{TemplatePart, fold, parts};

impl Layout {
    /// Returns the columns that are named outside of templates.
    pub(super) fn columns_named(&self) -> impl Iterator<Item = &String> {
        let of_rows = self.rows.iter().map(|rows| &rows.column);
        let of_refused = self.refused.iter().map(|refused| &refused.column);
        let of_actions = self.actions.iter().filter_map(|it| it.column.as_ref());
        let of_cancels = self.cancelled.iter().flat_map(|it| it.rows.keys());
        of_rows
            .chain(of_refused)
            .chain(of_actions)
            .chain(of_cancels)
            .chain(&self.signed)
            .chain(self.paid.as_ref().map(|paid| &paid.column))
            .chain(self.sum.iter().flat_map(|sum| &sum.of))
            .chain(self.sum.as_ref().map(|sum| &sum.column))
            .chain(&self.opens)
            .chain(&self.basis)
    }

    /// Returns the templates, with the columns that they make.
    pub(super) fn templates(&self) -> impl Iterator<Item = (&str, &[String])> {
        let of_actions = self.actions.iter().flat_map(|it| &it.made);
        let made = self.trade.iter().chain(&self.movement).chain(of_actions);
        let made = made.map(|(column, value)| (column.as_str(), value.templates()));
        let cancels = self.cancelled.iter();
        let cancels = cancels.flat_map(|it| [Some(&it.side), it.of.as_ref()]);
        let cancels = cancels.flatten().map(std::slice::from_ref);
        let shares = self.refused.iter().filter_map(|it| it.shares.as_ref());
        let shares = shares.map(|it| ("[[refused]] shares", std::slice::from_ref(it)));
        made.chain(cancels.map(|it| ("[cancelled]", it)))
            .chain(shares)
    }

    /// Returns the columns from which something is read, folded.
    pub(super) fn columns_read(&self) -> BTreeSet<String> {
        let named = self.columns_named().map(|name| fold(name));
        let currency = self.paid.iter().filter_map(|paid| paid.currency.as_ref());
        let texts = self
            .templates()
            .flat_map(|(_, texts)| texts)
            .chain(currency);
        let cells = texts.filter_map(|text| parts(text).ok()).flatten();
        let cells = cells.filter_map(|part| match part {
            TemplatePart::Cell(name, _) => Some(name),
            _ => None,
        });
        named.chain(cells).collect()
    }
}
