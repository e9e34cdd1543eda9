//! The facts of a described file by its header.

use super::Described;
use crate::import::ImportOptions;
use crate::import::columns::Column;
use crate::import::formats::account_columns::account_places;
use crate::import::formats::made_texts::PlacedPart;
use crate::import::formats::template::is_named;
use crate::import::formats::{FormatHeader, RowFormat};
use crate::import::seen::{SeenPlaces, ZoneSource};

impl FormatHeader for Described {
    fn zone_said(&self, options: &ImportOptions) -> Option<(String, ZoneSource)> {
        let (zone, from) = self.zone.said(options)?;
        let from = match from {
            ZoneSource::Assumed | ZoneSource::Source if self.is_own => match self.layout.zone {
                Some(_) => ZoneSource::Table,
                None => ZoneSource::TableWithout,
            },
            from => from,
        };
        Some((zone, from))
    }

    fn seen_places(&self, _options: &ImportOptions) -> SeenPlaces {
        // The account of a trade is read.
        let reads_account = self.layout.trade.contains_key("account");
        let accounts = (!reads_account).then(|| account_places(self.name(), &self.folded));
        let made = self.made.iter().filter(|it| it.column == Column::OrderTime);
        let parts = made.flat_map(|it| &it.ways).flatten();
        let times = parts.filter_map(|part| match part {
            PlacedPart::Text(_) => None,
            PlacedPart::Cell(place, _) => Some(*place),
        });
        SeenPlaces {
            accounts: accounts.unwrap_or_default(),
            times: times.collect(),
        }
    }

    fn width(&self) -> usize {
        self.names.len()
    }

    fn reads_column(&self, name: &str) -> bool {
        let mut places = self.names.iter().zip(&self.folded);
        let folded = places.find(|(written, _)| *written == name);
        let read = self.layout.columns_read();
        folded.is_some_and(|(_, folded)| read.iter().any(|it| is_named(it, folded)))
    }
}
