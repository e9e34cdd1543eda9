//! Checks a filed zip: makes its files again and compares them, byte by byte.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::archive::{EVIDENCE, request};
use super::export::{ExportRequest, Stop, export};
use super::formats::Format;
use super::row::TaxRules;
use super::unpack::Opened;
use super::{TaxError, TaxResult};
use crate::files::{ScratchFolder, open_input};
use crate::report::{hex, sum_of};
use crate::store::model::VersionInfo;
use crate::store::proof::check_version;
use crate::store::{Store, StoreError};

/// Bytes that are compared at once.
const PIECE_BYTES: usize = 128 << 10;

/// Most bytes that are shown of a line that differs.
const LINE_SHOWN_BYTES_MAX: u64 = 4 << 10;

/// Outcome for a file of a zip that was made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The same bytes.
    Equal,
    /// The bytes differ. Holds the first line that differs, as filed and as made today.
    Differs {
        /// The first line that differs, from 1; 0 for a file without lines.
        line: u64,
        /// The filed text.
        filed: String,
        /// The text of today.
        found: String,
    },
    /// The file was filed, and is not made today.
    Gone,
    /// The file is made today, and was not filed.
    New,
    /// The file in the zip differs from the checksum in the manifest: somebody changed the zip.
    Altered,
    /// The file lists the imports and reviews of the filing day. No file made today can be compared
    /// with it.
    Evidence,
}

/// The check of a zip.
#[derive(Debug)]
pub struct Verified {
    /// The filed manifest.
    pub manifest: Value,
    /// The version's number.
    pub version: i64,
    /// Whether the version's rows and ledger still have the filed hashes.
    pub hashes_equal: bool,
    /// Differences from the rows that the version's run wrote, if any.
    pub rows_differ: Option<String>,
    /// Verdicts by file.
    pub files: Vec<(String, Verdict)>,
    /// The version of the program that filed the zip, if it is not this one.
    pub other_program: Option<String>,
}

impl Verified {
    /// Tells whether everything is as it was filed.
    pub fn is_equal(&self) -> bool {
        let good = |verdict: &Verdict| matches!(verdict, Verdict::Equal | Verdict::Evidence);
        self.hashes_equal && self.files.iter().all(|(_, verdict)| good(verdict))
    }
}

/// Describes differences in a version's rows. `None`: the rows are those that its run wrote.
async fn rows_differ(store: &dyn Store, info: &VersionInfo) -> TaxResult<Option<String>> {
    match check_version(store, info).await {
        Ok(_) => Ok(None),
        Err(
            error @ (StoreError::RowsDiffer(_)
            | StoreError::RowsMoved { .. }
            | StoreError::ClaimDiffers(_)),
        ) => Ok(Some(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

impl Opened {
    /// Returns the version's number.
    pub fn version(&self) -> Option<i64> {
        self.manifest.get("version")?.get("number")?.as_i64()
    }

    /// Makes the files again from the version and compares them byte by byte.
    ///
    /// Errors: the store; no room for the files beside `scratch`, which is empty again afterwards.
    pub async fn verify(
        mut self,
        store: &dyn Store,
        rules: TaxRules,
        info: VersionInfo,
        scratch: &Path,
        (program_version, stop): (&str, Stop),
    ) -> TaxResult<Verified> {
        let hash = |name: &str| {
            let version = self.manifest.get("version")?;
            version.get(name)?.as_str().map(str::to_owned)
        };
        let text = |hash: Option<crate::engine::RowsHash>| hash.map(|hash| hash.to_string());
        let hashes_equal = hash("ledger_hash") == text(info.ledger_hash)
            && hash("allocations_hash") == text(info.allocations_hash);
        let filed_by = self.manifest.get("program_version").and_then(Value::as_str);
        let filed_by = filed_by.unwrap_or_default().to_owned();
        let folder = scratch.parent().unwrap_or(scratch);
        let work = ScratchFolder::create(scratch).map_err(|e| TaxError::at(folder, e))?;
        let version = info.version;
        // The files name the version of the program. So they are made with the version that filed
        // them.
        let sums = self.sums();
        let mut request = ExportRequest {
            // Rows that differ are no error here: they are shown beside the filed text.
            check_rows: false,
            stop,
            ..request(rules, info, work.path())
        };
        // Programs before the format filed no income.
        let is_filed = |path: &Path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| sums.contains_key(name))
        };
        request
            .files
            .retain(|(format, path)| *format != Format::Income || is_filed(path));
        let exported = export(store, &request, &filed_by).await;
        let exported = exported.map_err(|error| error.seen_at(folder))?;
        let rows_differ = rows_differ(store, &request.version).await?;
        let mut made: BTreeMap<String, PathBuf> = BTreeMap::new();
        for file in &exported.files {
            made.insert(file.name(), file.path.clone());
        }
        let mut files = Vec::new();
        for (name, size) in self.files() {
            let (sum, made) = (sums.get(&name), made.remove(&name));
            let verdict = self.judge(&name, size, sum, made.as_deref());
            files.push((name, verdict?));
        }
        files.extend(made.into_keys().map(|name| (name, Verdict::New)));
        files.sort_by(|left, right| left.0.cmp(&right.0));
        Ok(Verified {
            manifest: self.manifest,
            version,
            hashes_equal: hashes_equal && rows_differ.is_none(),
            rows_differ,
            files,
            other_program: (filed_by != program_version).then_some(filed_by),
        })
    }

    /// Returns the checksums in the manifest, by file.
    fn sums(&self) -> BTreeMap<String, String> {
        let files = self.manifest.get("files").and_then(Value::as_array);
        let sum = |file: &Value| {
            let text = |name: &str| file.get(name)?.as_str().map(str::to_owned);
            Some((text("name")?, text("sha256")?))
        };
        files.into_iter().flatten().filter_map(sum).collect()
    }

    /// Compares a filed file with the one made today, without holding either in memory.
    ///
    /// Errors: the new file can't be read.
    fn judge(
        &mut self,
        name: &str,
        size: u64,
        sum: Option<&String>,
        made: Option<&Path>,
    ) -> TaxResult<Verdict> {
        let made = made.map(|path| open_input(path, false)).transpose();
        let mut made = made.map_err(TaxError::write)?;
        let compared = self.read(name, size, |filed| compare(filed, made.as_mut()));
        // A file that can't be unpacked was changed after the filing.
        let Ok((sha256, place)) = compared else {
            return Ok(Verdict::Altered);
        };
        if sum.is_some_and(|sum| *sum != sha256) {
            return Ok(Verdict::Altered);
        }
        let (Some(mut made), Some(place)) = (made, place) else {
            let is_evidence = EVIDENCE.contains(&name);
            return Ok(match is_evidence {
                true => Verdict::Evidence,
                false => Verdict::Gone,
            });
        };
        let FirstDifference::Differs { line, line_at } = place else {
            return Ok(Verdict::Equal);
        };
        made.seek(SeekFrom::Start(line_at))
            .map_err(TaxError::write)?;
        let found = shown_line(&mut made).map_err(TaxError::write)?;
        let filed = self.read(name, size, |filed| {
            io::copy(&mut filed.by_ref().take(line_at), &mut io::sink())?;
            shown_line(filed)
        });
        let filed = filed.unwrap_or_default();
        let no_text = || "bytes that are no text".to_owned();
        let is_text = filed.is_some() && found.is_some();
        Ok(Verdict::Differs {
            line: if is_text { line } else { 0 },
            filed: filed.unwrap_or_else(no_text),
            found: found.unwrap_or_else(no_text),
        })
    }
}

/// First difference of two files.
enum FirstDifference {
    Nowhere,
    /// The first line that differs, from 1, and the byte at which it begins.
    Differs {
        line: u64,
        line_at: u64,
    },
}

/// Reads a filed file to its end, and compares it with the one made today. Returns the checksum of
/// the filed file, and the first difference.
fn compare(
    filed: &mut impl Read,
    made: Option<&mut File>,
) -> io::Result<(String, Option<FirstDifference>)> {
    let Some(made) = made else {
        return Ok((sum_of(filed)?.0, None));
    };
    let mut digest = Sha256::new();
    let (mut line, mut line_at, mut at) = (1, 0, 0_u64);
    let mut differs = false;
    let (mut piece, mut other) = (vec![0; PIECE_BYTES], vec![0; PIECE_BYTES]);
    loop {
        let count = filed.read(&mut piece)?;
        let filed = piece.get(..count).unwrap_or_default();
        digest.update(filed);
        if count == 0 {
            break;
        }
        if differs {
            continue;
        }
        let found = read_up_to(made, other.get_mut(..count).unwrap_or_default())?;
        let found = other.get(..found).unwrap_or_default();
        let pairs = filed.iter().zip(found);
        let equal = pairs.take_while(|(filed, found)| filed == found).count();
        differs = equal < count;
        for (nth, _) in (0..equal).zip(filed).filter(|(_, byte)| **byte == b'\n') {
            (line, line_at) = (line + 1, at + nth as u64 + 1);
        }
        at += count as u64;
    }
    differs |= made.read(&mut [0])? > 0;
    let place = match differs {
        true => FirstDifference::Differs { line, line_at },
        false => FirstDifference::Nowhere,
    };
    Ok((hex(&digest.finalize()), Some(place)))
}

/// Fills a buffer, unless the file ends before.
fn read_up_to(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

/// Reads the part of a line that is shown. `None`: the line is not UTF-8, or has a NUL byte.
fn shown_line(input: &mut impl Read) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    BufReader::new(input)
        .take(LINE_SHOWN_BYTES_MAX)
        .read_until(b'\n', &mut bytes)?;
    let is_cut = bytes.len() as u64 == LINE_SHOWN_BYTES_MAX;
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        // Cut in the middle of a character.
        Err(error) if is_cut && error.error_len().is_none() => {
            let whole = bytes.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(whole).unwrap_or_default()
        }
        Err(_) => return Ok(None),
    };
    let is_text = !text.contains('\0');
    Ok(is_text.then(|| text.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// Compares two texts, and returns the line that differs and where it begins.
    fn place(filed: &[u8], made: &[u8]) -> Option<(u64, u64)> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(made).unwrap();
        file.rewind().unwrap();
        let (sum, place) = compare(&mut &filed[..], Some(&mut file)).unwrap();
        assert_eq!(sum, hex(&Sha256::digest(filed)));
        match place.unwrap() {
            FirstDifference::Nowhere => None,
            FirstDifference::Differs { line, line_at } => Some((line, line_at)),
        }
    }

    #[test]
    fn the_first_line_that_differs_is_found() {
        assert_eq!(place(b"", b""), None);
        assert_eq!(place(b"a\nb\n", b"a\nb\n"), None);
        assert_eq!(place(b"a\nb\n", b"a\nc\n"), Some((2, 2)));
        assert_eq!(place(b"a\nb", b"a\nb\n"), Some((2, 2)));
        assert_eq!(place(b"a\nb\n", b"a\nb\nc"), Some((3, 4)));
        assert_eq!(place(b"a\nb\nc", b"a\nb\n"), Some((3, 4)));
        assert_eq!(place(b"a", b""), Some((1, 0)));
        assert_eq!(place(b"", b"a"), Some((1, 0)));
    }

    #[test]
    fn pieces_do_not_show() {
        let line = [&[b'x'; 99][..], b"\n"].concat();
        let lines = line.repeat(3 * PIECE_BYTES / 100);
        assert_eq!(place(&lines, &lines), None);
        for at in [
            0,
            PIECE_BYTES - 1,
            PIECE_BYTES,
            PIECE_BYTES + 1,
            lines.len() - 1,
        ] {
            let mut other = lines.clone();
            other[at] = b'y';
            let nth = (at / 100) as u64;
            assert_eq!(place(&lines, &other), Some((nth + 1, 100 * nth)), "{at}");
        }
    }

    #[test]
    fn a_line_is_shown_as_far_as_there_is_room() {
        let shown = |bytes: &[u8]| shown_line(&mut &bytes[..]).unwrap();
        assert_eq!(shown(b"a\r\nb").as_deref(), Some("a"));
        assert_eq!(shown(b"").as_deref(), Some(""));
        assert_eq!(shown(b"a\0b"), None);
        assert_eq!(shown(b"\xff\n"), None);
        let long = format!("a{}", "ü".repeat(PIECE_BYTES));
        let cut = shown(long.as_bytes()).unwrap();
        assert_eq!(cut.len() as u64, LINE_SHOWN_BYTES_MAX - 1);
    }
}
