//! The part `[tax]` of the configuration: the zone of dates, and boxes by account and year.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::CONFIG_FILE_DEFAULT;
use crate::cli::error::{CliError, CliResult};
use crate::engine::Symbol;
use crate::files::{Draft, IfThere};
use crate::tax::{BoxRules, Reported};

/// `[tax]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileTax {
    timezone: Option<String>,
    #[serde(default)]
    securities: Vec<String>,
    #[serde(default)]
    digital_assets: Vec<String>,
    #[serde(default)]
    boxes: Vec<FileBox>,
}

/// `[[tax.boxes]]` as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileBox {
    account: String,
    year: i16,
    reported: String,
}

#[derive(Debug, Clone)]
pub struct TaxConfig {
    /// Name of the zone that dates are taken in.
    pub timezone: Option<String>,
    /// Boxes and kinds of assets.
    pub boxes: BoxRules,
    /// The configuration file, which stores the time zone.
    pub path: PathBuf,
}

const HINT: &str = "docs/TAX.md lists the settings";

impl TaxConfig {
    /// Checks the settings of `[tax]`. Errors: an unknown word, or a bad symbol.
    pub(super) fn of(file: Option<FileTax>, path: Option<&Path>) -> CliResult<Self> {
        let path = path.unwrap_or(Path::new(CONFIG_FILE_DEFAULT));
        let bad = |what: String| CliError::usage(format!("{}: {what}", path.display()), HINT);
        let file = file.unwrap_or_default();
        let symbols = |name: &str, texts: &[String]| {
            let parse = |text: &String| {
                let parsed = text.parse::<Symbol>();
                parsed.map_err(|error| bad(format!("tax.{name}: \"{text}\" {error}")))
            };
            texts.iter().map(parse).collect::<CliResult<_>>()
        };
        let mut boxes = BoxRules {
            securities: symbols("securities", &file.securities)?,
            digital_assets: symbols("digital_assets", &file.digital_assets)?,
            ..BoxRules::default()
        };
        if let Some(both) = boxes.securities.intersection(&boxes.digital_assets).next() {
            return Err(bad(format!(
                "tax.securities and tax.digital_assets both have \"{both}\""
            )));
        }
        for line in file.boxes {
            let Some(reported) = Reported::from_text(&line.reported) else {
                let found = line.reported;
                let expected = "expected basis, no-basis or none";
                return Err(bad(format!(
                    "tax.boxes: reported is \"{found}\", {expected}"
                )));
            };
            let key = (line.account.clone(), line.year);
            if boxes.reported.insert(key, reported).is_some() {
                let (account, year) = (line.account, line.year);
                let what = format!("tax.boxes: account \"{account}\" has two lines for {year}");
                return Err(bad(what));
            }
        }
        Ok(Self {
            timezone: file.timezone,
            boxes,
            path: path.to_owned(),
        })
    }

    /// Writes a time zone into the configuration file. Makes the file if it is missing.
    ///
    /// Errors: the reason why the zone was not written, as a text.
    pub fn keep_timezone(&self, zone: &str) -> Result<(), String> {
        let old = match super::read_text(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error.to_string()),
        };
        let new = with_timezone(&old, zone);
        let reads_back = toml::from_str::<super::File>(&new)
            .is_ok_and(|file| file.tax.and_then(|tax| tax.timezone).as_deref() == Some(zone));
        if !reads_back {
            return Err("its [tax] has a form that this program does not edit".into());
        }
        // Replaces the target of a link, not the link.
        let real = match self.path.canonicalize() {
            Err(error) if error.kind() == ErrorKind::NotFound => self.path.clone(),
            real => real.map_err(|error| error.to_string())?,
        };
        let replace = |new: &str| {
            let mut draft = Draft::create(&real, IfThere::Update)?;
            draft.write_all(new.as_bytes())?;
            draft.publish()
        };
        replace(&new).map_err(|error| error.to_string())
    }
}

/// Returns a configuration's text with a time zone in its `[tax]`.
fn with_timezone(text: &str, zone: &str) -> String {
    let line = format!("timezone = \"{zone}\"\n");
    let mut place = 0;
    for written in text.split_inclusive('\n') {
        place += written.len();
        if written.trim() == "[tax]" {
            let (before, after) = text.split_at(place);
            let end = if before.ends_with('\n') { "" } else { "\n" };
            return format!("{before}{end}{line}{after}");
        }
    }
    // TOML allows `[tax]` after the arrays of tables that belong to it, so it is added at the end.
    let end = match text {
        "" => "",
        text if text.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    format!("{text}{end}[tax]\n{line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> CliResult<TaxConfig> {
        let file: super::super::File = toml::from_str(text).unwrap();
        TaxConfig::of(file.tax, None)
    }

    #[test]
    fn boxes_by_account_and_year() {
        let config = config(
            "[tax]\ntimezone = \"UTC\"\nsecurities = [\"gold/usd\"]\n\
             [[tax.boxes]]\naccount = \"main\"\nyear = 2025\nreported = \"basis\"\n\
             [[tax.boxes]]\naccount = \"main\"\nyear = 2024\nreported = \"no-basis\"\n",
        )
        .unwrap();
        assert_eq!(config.timezone.as_deref(), Some("UTC"));
        assert_eq!(config.boxes.reported("main", 2025), Reported::Basis);
        assert_eq!(config.boxes.reported("main", 2024), Reported::NoBasis);
        assert_eq!(config.boxes.reported("main", 2023), Reported::Nothing);
        assert!(
            config
                .boxes
                .securities
                .contains(&"GOLD-USD".parse().unwrap())
        );
    }

    #[test]
    fn bad_lines_are_named() {
        let line = "[[tax.boxes]]\naccount = \"a\"\nyear = 2025\nreported = ";
        let error = config(&format!("{line}\"maybe\"")).unwrap_err();
        assert!(error.message.contains("reported is \"maybe\""), "{error:?}");
        let error = config(&format!("{line}\"none\"\n{line}\"basis\"")).unwrap_err();
        assert!(error.message.contains("two lines for 2025"), "{error:?}");
        let error = config("[tax]\nsecurities = [\"A\"]\ndigital_assets = [\"A\"]").unwrap_err();
        let said = "tax.securities and tax.digital_assets both have \"A\"";
        assert!(error.message.contains(said), "{error:?}");
    }

    #[test]
    fn a_zone_is_kept_in_any_file() {
        for text in [
            "",
            "database = \"sqlite://a.db\"",
            "[tax]\nsecurities = []\n",
            "[tax]",
            "keep_versions = 3\n[[tax.boxes]]\naccount = \"a\"\nyear = 2025\nreported = \"none\"\n",
        ] {
            let new = with_timezone(text, "Europe/Berlin");
            let file: super::super::File = toml::from_str(&new).unwrap();
            let zone = file.tax.unwrap().timezone;
            assert_eq!(zone.as_deref(), Some("Europe/Berlin"), "{text:?}: {new}");
        }
    }
}
