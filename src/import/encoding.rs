//! The encodings of text: UTF-8, UTF-16 with a byte order mark, and Windows-1252.
//!
//! A byte order mark says that a file is UTF-16. A file whose bytes are not UTF-8 is Windows-1252.
//! Then no line of it may be UTF-8 with other letters than those of ASCII. Source: the table of
//! Windows-1252 is that of the WHATWG Encoding Standard, without the five bytes that stand for
//! nothing.

use super::error::FileError;
use super::file::{check_head, check_lines, count_line_ends, line_of};

/// The encoding of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// UTF-8, or ASCII.
    #[default]
    Utf8,
    /// UTF-16, the low byte first.
    Utf16Le,
    /// UTF-16, the high byte first.
    Utf16Be,
    /// Windows-1252.
    Windows1252,
}

/// The characters of the bytes 0x80 to 0x9F in Windows-1252. A zero: the byte stands for nothing.
const WINDOWS_1252: [u16; 32] = [
    0x20AC, 0, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039,
    0x0152, 0, 0x017D, 0, 0, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x02DC,
    0x2122, 0x0161, 0x203A, 0x0153, 0, 0x017E, 0x0178,
];

/// First byte of that table.
const TABLE_START: u8 = 0x80;

/// A byte that no UTF-8 has. It marks a place where UTF-16 is broken.
const BROKEN: u8 = 0xFF;

impl Encoding {
    /// Returns the encoding that a file's first bytes say, and the length of their mark.
    pub(super) fn by_mark(bytes: &[u8]) -> (Self, usize) {
        match bytes {
            [0xFF, 0xFE, ..] => (Self::Utf16Le, 2),
            [0xFE, 0xFF, ..] => (Self::Utf16Be, 2),
            [0xEF, 0xBB, 0xBF, ..] => (Self::Utf8, 3),
            _ => (Self::Utf8, 0),
        }
    }

    /// Tells whether the encoding has two bytes for most characters.
    pub(super) fn is_utf16(self) -> bool {
        matches!(self, Self::Utf16Le | Self::Utf16Be)
    }

    /// Returns the name that a report says; nothing for UTF-8.
    pub(super) fn said(self) -> Option<&'static str> {
        match self {
            Self::Utf8 => None,
            Self::Utf16Le | Self::Utf16Be => Some("UTF-16"),
            Self::Windows1252 => Some("Windows-1252"),
        }
    }
}

/// Returns the text of a file in any encoding, without its byte order mark.
///
/// Errors: empty, another format, a NUL byte, bytes of no encoding.
pub(super) fn decoded(bytes: &[u8]) -> Result<(String, Encoding), FileError> {
    decode(bytes, check_head)
}

/// Returns the text of a file, as [`decoded`] does, also if it is another format.
pub(super) fn decoded_as_it_is(bytes: &[u8]) -> Result<(String, Encoding), FileError> {
    decode(bytes, |_| Ok(()))
}

fn decode(
    bytes: &[u8],
    check_head: impl Fn(&[u8]) -> Result<(), FileError>,
) -> Result<(String, Encoding), FileError> {
    let (encoding, mark) = Encoding::by_mark(bytes);
    let marked = bytes.get(mark..).unwrap_or_default();
    let mut bytes = Vec::new();
    match encoding.is_utf16() {
        true => {
            let mut reader = Utf16::new(encoding);
            reader.push(marked, &mut bytes);
            reader.end(&mut bytes);
        }
        false => bytes.extend_from_slice(marked),
    }
    check_head(&bytes)?;
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        let line = line_of(&bytes, at);
        return Err(FileError::Nul { line });
    }
    let mut reader = TextReader::new(encoding, mark);
    let text = reader.read(bytes, 1)?;
    if text.trim_ascii_start().is_empty() {
        return Err(FileError::Empty);
    }
    check_lines(text.as_bytes(), 1)?;
    Ok((text, reader.encoding))
}

/// Turns UTF-16 into UTF-8, a few bytes at a time.
#[derive(Debug, Clone, Default)]
pub(super) struct Utf16 {
    is_big: bool,
    /// The first byte of a unit whose second one is not read yet.
    half: Option<u8>,
    /// The first half of a pair of units.
    high: Option<u16>,
}

impl Utf16 {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self {
            is_big: encoding == Encoding::Utf16Be,
            ..Self::default()
        }
    }

    /// Adds the text of more bytes to `text`. A broken place becomes a byte that no UTF-8 has.
    pub(super) fn push(&mut self, bytes: &[u8], text: &mut Vec<u8>) {
        for byte in bytes {
            let Some(first) = self.half.take() else {
                self.half = Some(*byte);
                continue;
            };
            let unit = match self.is_big {
                true => u16::from_be_bytes([first, *byte]),
                false => u16::from_le_bytes([first, *byte]),
            };
            self.push_unit(unit, text);
        }
    }

    /// Ends the text: half a character is a broken place.
    pub(super) fn end(&mut self, text: &mut Vec<u8>) {
        if self.half.take().is_some() || self.high.take().is_some() {
            text.push(BROKEN);
        }
    }

    fn push_unit(&mut self, unit: u16, text: &mut Vec<u8>) {
        let is_high = matches!(unit, 0xD800..=0xDBFF);
        let units: Vec<u16> = self.high.take().into_iter().chain([unit]).collect();
        if is_high && units.len() == 1 {
            self.high = Some(unit);
            return;
        }
        for found in char::decode_utf16(units) {
            match found {
                Ok(found) => text.extend_from_slice(found.encode_utf8(&mut [0; 4]).as_bytes()),
                Err(_) => text.push(BROKEN),
            }
        }
    }
}

/// Turns bytes into text, block by block.
#[derive(Debug, Clone, Default)]
pub(super) struct TextReader {
    /// The encoding as far as it is known.
    pub encoding: Encoding,
    /// A block had UTF-8 with other letters than those of ASCII, or the file begins with a mark.
    is_utf8: bool,
}

impl TextReader {
    /// Begins after a file's mark, which is `mark` bytes long.
    pub(super) fn new(encoding: Encoding, mark: usize) -> Self {
        Self {
            encoding,
            is_utf8: mark > 0,
        }
    }

    /// Reads the bytes of whole lines. `line`: the number of the first one.
    ///
    /// Errors: no encoding has such bytes; UTF-8 and Windows-1252 in one file.
    pub(super) fn read(&mut self, bytes: Vec<u8>, line: u64) -> Result<String, FileError> {
        if self.encoding == Encoding::Windows1252 {
            return windows_1252(&bytes, line);
        }
        let error = match String::from_utf8(bytes) {
            Ok(text) => {
                self.is_utf8 |= !text.is_ascii();
                return Ok(text);
            }
            Err(error) => error,
        };
        let at = error.utf8_error().valid_up_to();
        let bytes = error.into_bytes();
        let line_at = line + count_line_ends(&bytes, 0, at);
        let is_ascii = bytes.get(..at).is_some_and(<[u8]>::is_ascii);
        match self.encoding {
            Encoding::Utf8 if is_ascii && !self.is_utf8 => {
                let text = windows_1252(&bytes, line)?;
                self.encoding = Encoding::Windows1252;
                Ok(text)
            }
            Encoding::Utf8 | Encoding::Windows1252 => Err(FileError::NotUtf8 {
                line: line_at,
                byte: bytes.get(at).copied().unwrap_or_default(),
            }),
            Encoding::Utf16Le | Encoding::Utf16Be => Err(FileError::NotUtf16 { line: line_at }),
        }
    }
}

/// Returns the text of bytes in Windows-1252.
///
/// Errors: a byte that stands for nothing; letters in UTF-8.
fn windows_1252(bytes: &[u8], line: u64) -> Result<String, FileError> {
    let (mut text, mut at) = (String::with_capacity(bytes.len()), 0);
    let line_at = |at: usize| line + count_line_ends(bytes, 0, at);
    for chunk in bytes.utf8_chunks() {
        if let Some(letter) = chunk.valid().find(|of: char| !of.is_ascii()) {
            let line = line_at(at + letter);
            return Err(FileError::MixedEncodings { line });
        }
        text.push_str(chunk.valid());
        at += chunk.valid().len();
        for byte in chunk.invalid() {
            let found = character(*byte).ok_or_else(|| FileError::NotUtf8 {
                line: line_at(at),
                byte: *byte,
            })?;
            text.push(found);
            at += 1;
        }
    }
    Ok(text)
}

fn character(byte: u8) -> Option<char> {
    let in_table = byte.checked_sub(TABLE_START).map(usize::from);
    match in_table.and_then(|place| WINDOWS_1252.get(place)) {
        Some(0) => None,
        Some(code) => char::from_u32(u32::from(*code)),
        None => Some(char::from(byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, is_big: bool) -> Vec<u8> {
        let units = text.encode_utf16();
        let bytes = units.map(|unit| match is_big {
            true => unit.to_be_bytes(),
            false => unit.to_le_bytes(),
        });
        bytes.flatten().collect()
    }

    #[test]
    fn utf16_is_read_in_pieces_of_any_length() {
        let text = "order_id,näme,€,\u{1F600}\r\n1,2\n";
        for (is_big, encoding) in [(true, Encoding::Utf16Be), (false, Encoding::Utf16Le)] {
            let bytes = utf16(text, is_big);
            for piece in 1..9 {
                let (mut reader, mut read) = (Utf16::new(encoding), Vec::new());
                bytes
                    .chunks(piece)
                    .for_each(|it| reader.push(it, &mut read));
                reader.end(&mut read);
                assert_eq!(String::from_utf8(read).unwrap(), text, "{piece}");
            }
        }
        // Half a pair, and half a unit.
        for broken in [&b"\x3d\xd8"[..], b"\x3d\xd8a\0", b"a\0b"] {
            let (mut reader, mut read) = (Utf16::new(Encoding::Utf16Le), Vec::new());
            reader.push(broken, &mut read);
            reader.end(&mut read);
            assert!(read.contains(&BROKEN), "{broken:?}");
        }
    }

    fn read(blocks: &[&[u8]]) -> Result<(String, Encoding), FileError> {
        let (mut reader, mut text) = (TextReader::default(), String::new());
        for block in blocks {
            text.push_str(&reader.read(block.to_vec(), 1)?);
        }
        Ok((text, reader.encoding))
    }

    #[test]
    fn bytes_that_are_not_utf8_are_windows_1252() {
        let found = read(&[b"a,b\n", b"M\xfcller,5 \x80\n", b"x\n"]).unwrap();
        let expected = "a,b\nMüller,5 €\nx\n";
        assert_eq!(found, (expected.to_owned(), Encoding::Windows1252));
        let found = read(&["Müller".as_bytes()]).unwrap();
        assert_eq!(found, ("Müller".to_owned(), Encoding::Utf8));
    }

    #[test]
    fn a_file_with_both_is_refused() {
        let error = |blocks: &[&[u8]]| {
            let error = read(blocks).unwrap_err();
            (error.line().unwrap_or_default(), error.to_string())
        };
        let not_utf8 = "has the byte 0xFC, expected UTF-8 text".to_owned();
        assert_eq!(error(&["é\n".as_bytes(), b"a\n\xfc\n"]), (2, not_utf8));
        let mixed = "is UTF-8 text, and an earlier line is not".to_owned();
        assert_eq!(error(&[b"\xfc\n", "a\nb\né".as_bytes()]), (3, mixed));
        // 0x81 stands for nothing.
        let nothing = "has the byte 0x81, expected UTF-8 text".to_owned();
        assert_eq!(error(&[b"\xfc\n\x81\n"]), (2, nothing));
    }

    #[test]
    fn text_of_any_encoding_is_decoded() {
        let utf16 = b"\xff\xfea\0,\0\xe9\0\n\0";
        assert_eq!(decoded(utf16).unwrap(), ("a,é\n".into(), Encoding::Utf16Le));
        let windows = b"a,\xe9\n";
        assert_eq!(
            decoded(windows).unwrap(),
            ("a,é\n".into(), Encoding::Windows1252)
        );
        let utf8 = "\u{feff}a,é\n".as_bytes();
        assert_eq!(decoded(utf8).unwrap(), ("a,é\n".into(), Encoding::Utf8));
        let error = |bytes: &[u8]| decoded(bytes).unwrap_err().to_string();
        assert_eq!(error(b"\xff\xfea\0b"), "has half a character of UTF-16");
        let html = "the file is HTML or XML, expected CSV text";
        assert_eq!(error(b"\xff\xfe<\0h\0"), html);
        assert!(error(b"\xff\xfe\n\0").starts_with("the file is empty"));
    }
}
