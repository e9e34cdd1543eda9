//! How much of a file may have to be held at once: no line, row or header is without a limit, and
//! so no file needs more memory than these say.

use std::io::{ErrorKind, Read};

use super::blocks::BlockError;
use super::file::{FileError, count_line_ends};

/// Longest line, in bytes. A trade has a few hundred; a file without line ends is no table.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// Longest row of several lines, in bytes. A longer one is taken for a row whose quote is never
/// closed: so a stray quote costs this much memory, not the rest of the file.
pub const ROW_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Most columns of a file.
pub const COLUMNS_MAX: usize = 1_000;

/// Most of a row that is no trade that is kept, and of the value at fault, in bytes.
pub const REJECTED_BYTES_MAX: usize = 4 * 1024;

/// Largest file that is held as a whole because it lists few things: lots, decisions, old answers.
pub const LIST_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Most that is taken from what can't be read twice, a pipe, and so has to be held as a whole.
pub const PIPE_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

const _: () = {
    assert!(REJECTED_BYTES_MAX < LINE_BYTES_MAX && LINE_BYTES_MAX < ROW_BYTES_MAX);
    assert!(ROW_BYTES_MAX < LIST_BYTES_MAX && LIST_BYTES_MAX < PIPE_BYTES_MAX);
};

/// Reads all of a source. Errors: it can't be read; it is longer than that; a line is too long.
pub fn read_whole(mut source: impl Read, bytes_max: usize) -> Result<Vec<u8>, BlockError> {
    let (mut bytes, mut line_start) = (Vec::new(), 0);
    loop {
        let old = bytes.len();
        bytes.resize(old + READ_BYTES, 0);
        let read = match source.read(bytes.get_mut(old..).unwrap_or_default()) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                bytes.truncate(old);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        bytes.truncate(old + read);
        if read == 0 {
            return Ok(bytes);
        }
        if bytes.len() > bytes_max {
            return Err(FileError::TooLarge(bytes_max / (1024 * 1024)).into());
        }
        let new = bytes.get(old..).unwrap_or_default();
        if let Some(at) = new.iter().rposition(is_line_end) {
            line_start = old + at + 1;
        } else if bytes.len() - line_start > LINE_BYTES_MAX {
            let line = count_line_ends(&bytes, 0, line_start) + 1;
            return Err(too_long(&bytes, line).into());
        }
    }
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

/// Says what is wrong with bytes of which a line is too long: a NUL byte says more.
pub(super) fn too_long(bytes: &[u8], line: u64) -> FileError {
    match bytes.contains(&0) {
        true => FileError::Nul { line },
        false => FileError::LineTooLong { line },
    }
}

fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Returns what is kept of a row that is no trade, or of its value at fault.
pub(super) fn kept(text: &str) -> String {
    if text.len() <= REJECTED_BYTES_MAX {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(REJECTED_BYTES_MAX);
    let bytes = crate::engine::thousands(text.len());
    format!("{}… ({bytes} bytes)", text.get(..end).unwrap_or_default())
}

/// Turns what went wrong while a list was read into words, as its reader puts the file before it.
pub fn whole_error(error: &BlockError) -> (String, String) {
    match error {
        BlockError::Io(error) => (format!(": can't be read: {error}"), String::new()),
        BlockError::File(error) => {
            let line = error.line().map(|line| format!(":{line}"));
            (
                format!("{}: {error}", line.unwrap_or_default()),
                error.hint(),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_line_too_long_is_named_and_the_rest_is_not_read() {
        let mut endless = b"a,b\r\nc\n".chain(io::repeat(b'x'));
        let error = read_whole(&mut endless, PIPE_BYTES_MAX).unwrap_err();
        assert!(matches!(
            error,
            BlockError::File(FileError::LineTooLong { line: 3 })
        ));
        let nul = read_whole(io::repeat(0), PIPE_BYTES_MAX).unwrap_err();
        assert!(matches!(nul, BlockError::File(FileError::Nul { line: 1 })));
    }

    #[test]
    fn a_list_too_large_is_refused() {
        let text = "a,b\n".repeat(READ_BYTES);
        let read = |max| read_whole(text.as_bytes(), max);
        assert_eq!(read(text.len()).unwrap(), text.as_bytes());
        let error = read(text.len() - 1).unwrap_err();
        assert!(matches!(error, BlockError::File(FileError::TooLarge(0))));
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
    fn what_is_kept_says_how_much_there_was() {
        assert_eq!(kept("abc"), "abc");
        let text = "é".repeat(REJECTED_BYTES_MAX);
        let half = "é".repeat(REJECTED_BYTES_MAX / 2);
        assert_eq!(kept(&text), format!("{half}… (8,192 bytes)"));
    }
}
