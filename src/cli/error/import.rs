//! Advice about a file, or a row, that was not imported.

use crate::import::{FileError, Hint, OPTIONAL_COLUMNS, REQUIRED_COLUMNS, ZoneError, quoted};

/// Advises about a rejected row.
pub fn hint_words(hint: &Hint) -> String {
    match hint {
        Hint::Cell(words) => words.clone(),
        Hint::Zone(of) => format!("name the zone that the {of} are of: --timezone ZONE"),
    }
}

/// Returns the remedy of a file that holds no trades.
pub fn file_hint(error: &FileError) -> String {
    match error {
        FileError::Empty => header_hint(),
        FileError::Packed(_) => "unpack it first, and import the CSV file in it".into(),
        FileError::OtherFormat(_) | FileError::Nul { .. } | FileError::LineTooLong { .. } => {
            "open it in the program it comes from and export it as CSV, in UTF-8".into()
        }
        FileError::Utf16 | FileError::NotUtf8 { .. } => {
            "save the file again as UTF-8 (in Excel: \"CSV UTF-8\")".into()
        }
        FileError::Separator { .. } => {
            "export it with commas between the cells and a point before the decimals".into()
        }
        FileError::TooLarge(_) => "write it in several files; a file of trades, not a pipe, \
                                  may have any size"
            .into(),
        FileError::NoHeader { .. }
        | FileError::TooManyColumns { .. }
        | FileError::MissingColumns { .. } => header_hint(),
        FileError::NoOpeningColumn(_) => {
            "opening lots have the columns symbol,size,acquired,basis and optional account".into()
        }
        FileError::TwoFormats { .. } => "rename or remove the columns of one of them".into(),
        FileError::HeaderQuote { .. } => "close the quote, or remove it".into(),
        FileError::DuplicateColumn { .. } => "remove or rename one of the two columns".into(),
        FileError::OtherCurrency { column, .. } => format!(
            "convert prices and fees to USD and say so there; or remove the column {} if it \
                 says nothing about them",
            quoted(column)
        ),
        FileError::Csv(_) => "export the file again, as CSV in UTF-8".into(),
    }
}

/// Shows the header that a file needs.
fn header_hint() -> String {
    format!(
        "the first line is {} and, where known, {}",
        REQUIRED_COLUMNS.join(","),
        OPTIONAL_COLUMNS.join(",")
    )
}

/// Returns the remedy of an unknown time zone.
pub fn zone_hint(error: &ZoneError) -> String {
    match &error.similar {
        Some(similar) => format!("did you mean {similar:?}?"),
        None => "names are those of the IANA time zone database".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_fits_the_file() {
        let hint = |error| file_hint(&error);
        assert!(hint(FileError::Packed("an archive (zip)")).starts_with("unpack it first"));
        assert!(hint(FileError::OtherFormat("JSON")).starts_with("open it in the program"));
        assert!(hint(FileError::Utf16).starts_with("save the file again as UTF-8"));
        let zone = |similar: Option<&str>| ZoneError {
            name: "berlin".into(),
            similar: similar.map(str::to_owned),
        };
        let meant = zone_hint(&zone(Some("Europe/Berlin")));
        assert_eq!(meant, "did you mean \"Europe/Berlin\"?");
        assert!(zone_hint(&zone(None)).starts_with("names are those of the IANA"));
    }
}
