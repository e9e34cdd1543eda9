//! Reads whole files into memory: short lists, and pipes, which can't be read twice.

use std::io::{ErrorKind, Read};

use super::bounds::LINE_BYTES_MAX;
use super::error::{BlockError, FileError};
use super::file::{count_line_ends, is_line_end, too_long};

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

/// Reads all of a source. Errors: the source can't be read, or is longer than `bytes_max`; a line
/// is too long.
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

#[cfg(test)]
mod tests {
    use std::io;

    use super::super::bounds::PIPE_BYTES_MAX;
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
}
