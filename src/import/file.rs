//! Faults that make the bytes of a file unreadable: another format, another encoding, endless
//! lines. The import looks for them before it reads any row.

use super::bounds::LINE_BYTES_MAX;
use super::error::FileError;

/// Packed files, by their first bytes.
const PACKED: [(&[u8], &str); 6] = [
    (b"\x1f\x8b", "compressed (gzip)"),
    (b"BZh", "compressed (bzip2)"),
    (b"\xfd7zXZ\0", "compressed (xz)"),
    (b"\x28\xb5\x2f\xfd", "compressed (zstd)"),
    (b"7z\xbc\xaf\x27\x1c", "an archive (7z)"),
    (b"PK\x05\x06", "an archive (zip)"),
];

/// Formats that people hand over instead of CSV, by their first bytes.
const OTHER_FORMATS: [(&[u8], &str); 8] = [
    (b"\xd0\xcf\x11\xe0", "an Excel workbook (xls)"),
    (b"%PDF-", "a PDF document"),
    (b"SQLite format 3\0", "a SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"{\\rtf", "a rich text document"),
    (b"{", "JSON"),
    (b"[", "JSON"),
    (b"<", "HTML or XML"),
];

/// The first bytes of an archive with files in it.
const ARCHIVE: &[u8] = b"PK\x03\x04";

/// A workbook's files have such paths. They are uncompressed, near the start of the archive.
const WORKBOOK_MARKS: [&[u8]; 2] = [b"[Content_Types].xml", b"xl/"];

/// Bytes at the start of an archive in which a workbook's mark is searched.
const WORKBOOK_MARK_WITHIN: usize = 4096;

/// Returns the bytes of a file without its byte order mark.
pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Looks at a file's first bytes. Errors: another format.
pub(super) fn check_head(bytes: &[u8]) -> Result<(), FileError> {
    match other_format(without_mark(bytes).trim_ascii_start()) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// Tells whether a file is an Excel workbook, by its first bytes.
pub(super) fn is_workbook(bytes: &[u8]) -> bool {
    let head = bytes.get(..WORKBOOK_MARK_WITHIN).unwrap_or(bytes);
    let has = |mark: &[u8]| head.windows(mark.len()).any(|window| window == mark);
    bytes.starts_with(ARCHIVE) && WORKBOOK_MARKS.into_iter().any(has)
}

fn other_format(bytes: &[u8]) -> Option<FileError> {
    if bytes.starts_with(ARCHIVE) {
        return Some(match is_workbook(bytes) {
            true => FileError::OtherFormat("an Excel workbook (xlsx)"),
            false => FileError::Packed("an archive (zip)"),
        });
    }
    let is = |(magic, _): &&(&[u8], _)| bytes.starts_with(magic);
    let packed = PACKED
        .iter()
        .find(is)
        .map(|(_, kind)| FileError::Packed(kind));
    packed.or_else(|| {
        let other = OTHER_FORMATS.iter().find(is);
        other.map(|(_, kind)| FileError::OtherFormat(kind))
    })
}

/// Returns the line on which a byte stands, from 1.
pub(super) fn line_of(bytes: &[u8], at: usize) -> u64 {
    count_line_ends(bytes, 0, at) + 1
}

/// Bytes whose line feeds a byte can count.
const COUNTED_AT_ONCE: usize = u8::MAX as usize;

/// Counts line feeds. A count of one byte lets the compiler look at many bytes at once: each row
/// is counted.
fn count_feeds(bytes: &[u8]) -> usize {
    let of_chunk = |chunk: &[u8]| {
        let mut count = 0_u8;
        for byte in chunk {
            count = count.wrapping_add(u8::from(*byte == b'\n'));
        }
        usize::from(count)
    };
    bytes.chunks(COUNTED_AT_ONCE).map(of_chunk).sum()
}

/// Counts the line ends that begin in a range. A line ends with LF, CR LF, or CR alone.
pub(super) fn count_line_ends(bytes: &[u8], from: usize, to: usize) -> u64 {
    let range = bytes.get(from..to).unwrap_or_default();
    let feeds = count_feeds(range);
    let returns = if range.contains(&b'\r') {
        let alone = |at: &usize| {
            bytes.get(*at) == Some(&b'\r') && bytes.get(at.saturating_add(1)) != Some(&b'\n')
        };
        (from..to).filter(alone).count()
    } else {
        0
    };
    (feeds + returns) as u64
}

/// Checks that no line is too long. `line` is the number of the first one.
pub(super) fn check_lines(bytes: &[u8], line: u64) -> Result<(), FileError> {
    let mut start = 0;
    for text in bytes.split(is_line_end) {
        if text.len() > LINE_BYTES_MAX {
            return Err(too_long(bytes, line + count_line_ends(bytes, 0, start)));
        }
        start += text.len() + 1;
    }
    Ok(())
}

/// Returns the fault of bytes with a line that is too long. If they have a NUL byte, that is the
/// fault.
pub(super) fn too_long(bytes: &[u8], line: u64) -> FileError {
    match bytes.contains(&0) {
        true => FileError::Nul { line },
        false => FileError::LineTooLong { line },
    }
}

pub(super) fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::encoding::decoded;

    fn message(bytes: &[u8]) -> String {
        let error = decoded(bytes).unwrap_err();
        let line = error.line().map(|line| format!("{line}: "));
        format!("{}{error}", line.unwrap_or_default())
    }

    /// First bytes, kind of file, whether it is packed.
    const OTHERS: &[(&[u8], &str, bool)] = &[
        (b"\x1f\x8b\x08\0\0", "compressed (gzip)", true),
        (b"BZh91AY", "compressed (bzip2)", true),
        (b"\xfd7zXZ\0\0", "compressed (xz)", true),
        (b"\x28\xb5\x2f\xfd\0", "compressed (zstd)", true),
        (b"7z\xbc\xaf\x27\x1c\0", "an archive (7z)", true),
        (b"PK\x03\x04\0\0trades.csv", "an archive (zip)", true),
        (b"PK\x05\x06\0\0", "an archive (zip)", true),
        (
            b"PK\x03\x04\0\0[Content_Types].xml",
            "an Excel workbook (xlsx)",
            false,
        ),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1",
            "an Excel workbook (xls)",
            false,
        ),
        (b"%PDF-1.7\n", "a PDF document", false),
        (b"SQLite format 3\0\x10", "a SQLite database", false),
        (b"PAR1\x15", "a Parquet file", false),
        (b"{\\rtf1", "a rich text document", false),
        (b" {\"trades\":[]}", "JSON", false),
        (b"[\n{}]", "JSON", false),
        (b"<!DOCTYPE html>", "HTML or XML", false),
    ];

    #[test]
    fn other_formats_are_named() {
        for (bytes, kind, is_packed) in OTHERS {
            let expected = format!("the file is {kind}, expected CSV text");
            assert_eq!(message(bytes), expected);
            let error = decoded(bytes).unwrap_err();
            assert_eq!(matches!(error, FileError::Packed(_)), *is_packed);
        }
    }

    #[test]
    fn what_is_no_text_is_refused_by_line() {
        let cases: [(&[u8], &str); 3] = [
            (b"a,b\nc\0,d\n", "2: has a NUL byte, expected CSV text"),
            (
                b"a\r\nb\r\nM\x81ller,1",
                "3: has the byte 0x81, expected UTF-8 text",
            ),
            (
                b"a\rb\rM\x9d,1\r",
                "3: has the byte 0x9D, expected UTF-8 text",
            ),
        ];
        for (bytes, expected) in cases {
            assert_eq!(message(bytes), expected);
        }
        for empty in [&b""[..], b"\xef\xbb\xbf", b"\n \r\n\t\n"] {
            let expected = "the file is empty, expected a header and a line for each trade";
            assert_eq!(message(empty), expected);
        }
    }

    #[test]
    fn lines_are_checked_wherever_they_stand() {
        let long = "x".repeat(LINE_BYTES_MAX + 1);
        assert!(check_lines(&long.as_bytes()[1..], 1).is_ok());
        for text in [format!("a\nb\r\n{long}"), format!("a\rb\n{long}\nc")] {
            let error = check_lines(text.as_bytes(), 5).unwrap_err();
            assert_eq!(error.line(), Some(7));
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        let text = |bytes: &[u8]| decoded(bytes).unwrap().0;
        assert_eq!(text(b"\xef\xbb\xbfa,b\n"), "a,b\n");
        assert_eq!(text("é\n".as_bytes()), "é\n");
    }
}
