//! Limits of lines, rows and headers, so that no file needs more memory than these allow.

/// Longest line, in bytes. A trade has a few hundred; a file without line ends is no table.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// Longest row of several lines, in bytes. The import takes a longer one for a row whose quote is
/// never closed. So a stray quote costs this much memory, not the rest of the file.
pub const ROW_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Most columns of a file.
pub const COLUMNS_MAX: usize = 1_000;

/// Most bytes that are stored of a rejected row, and of its value at fault.
pub const REJECTED_BYTES_MAX: usize = 4 * 1024;

/// Largest list that is read whole, in bytes: a file of lots, of decisions, or of an earlier
/// system's figures.
pub const LIST_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Most bytes of a pipe. An import reads its input twice, so memory holds a pipe's text whole.
pub const PIPE_BYTES_MAX: usize = 1024 * 1024 * 1024;

const _: () = {
    assert!(REJECTED_BYTES_MAX < LINE_BYTES_MAX && LINE_BYTES_MAX < ROW_BYTES_MAX);
    assert!(ROW_BYTES_MAX < LIST_BYTES_MAX && LIST_BYTES_MAX < PIPE_BYTES_MAX);
};

/// Returns the part of a rejected row, or of its value at fault, that is stored.
pub(super) fn kept(text: &str) -> String {
    if text.len() <= REJECTED_BYTES_MAX {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(REJECTED_BYTES_MAX);
    let bytes = crate::engine::thousands(text.len());
    format!("{}… ({bytes} bytes)", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_says_how_much_there_was() {
        assert_eq!(kept("abc"), "abc");
        let text = "é".repeat(REJECTED_BYTES_MAX);
        let half = "é".repeat(REJECTED_BYTES_MAX / 2);
        assert_eq!(kept(&text), format!("{half}… (8,192 bytes)"));
    }
}
