//! Tests of `blocks.rs`: a file cut anywhere is the file read whole.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::import::test_options::options;
use crate::import::{
    CsvFormat, Encoding, ParsedFile, RejectedRow, Rejects, Repeated, TradeHasher, TradeHashes,
    parse_csv,
};

const HEADER: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd,note\n";
const ROW: &str = "X,buy,1,10,2025-01-02T03:04:05Z,0";

/// Gives a few bytes at a time, and every other time none.
struct Dribble<'b>(&'b [u8], bool);

impl Read for Dribble<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(ErrorKind::Interrupted.into());
        }
        let some = out.len().min(7);
        self.0.read(&mut out[..some])
    }
}

fn blocks_of(
    bytes: &[u8],
    block_bytes: usize,
) -> Result<(Vec<Block>, String, Encoding), BlockError> {
    let mut blocks = Blocks::of_sizes(Dribble(bytes, false), block_bytes, ROW_BYTES_MAX);
    blocks.find_dialect(&options())?;
    let mut all = Vec::new();
    while let Some(block) = blocks.next_block()? {
        all.push(block);
    }
    let encoding = blocks.encoding();
    Ok((all, blocks.into_sha256().unwrap(), encoding))
}

/// Parses a file by blocks; the result must equal that of the whole file.
fn parse_by_blocks(bytes: &[u8], block_bytes: usize) -> Result<ParsedFile, BlockError> {
    let (blocks, _, encoding) = blocks_of(bytes, block_bytes)?;
    let format = blocks
        .iter()
        .map(|block| CsvFormat::find(block, &crate::import::test_options::options()))
        .find_map(Result::transpose);
    let format = format.ok_or(FileError::Empty)??;
    let hasher = TradeHasher::default();
    let mut hashes = TradeHashes::default();
    let mut rejected = Rejects::default();
    let mut file = ParsedFile {
        format: format.name(),
        read_as: format.read_as(encoding, blocks[0].dialect, &options()),
        assumes: format.assumes(),
        unknown_columns: format.unknown_columns().to_vec(),
        ..ParsedFile::default()
    };
    for block in &blocks {
        let parsed = format.parse(block, &options())?;
        file.rows += parsed.rows;
        file.ends_without_line_end = block.ends_without_line_end();
        hashes.extend(
            &parsed
                .trades
                .iter()
                .map(|trade| hasher.hash(trade))
                .collect::<Vec<_>>(),
        );
        file.trades.extend(parsed.trades);
        rejected.extend(parsed.rejected);
    }
    let (mut repeated, mut keys) = (Repeated::default(), None);
    if let Some(mut repeats) = hashes.into_repeats(hasher) {
        for block in &blocks {
            let mut take = |row| rejected.push(row);
            format.compare_repeats(block, &options(), &mut repeats, &mut take)?;
        }
        keys = Some(repeats.again());
        repeated = repeats.into_repeated();
    }
    file.trades
        .retain(|trade| !repeated.lines.contains(&trade.import_line));
    file.duplicates = repeated.duplicates;
    for block in &blocks {
        let mut take = |row| file.rejected.push(row);
        format.rejects(block, &options(), &mut keys, &mut take)?;
    }
    assert_eq!(rejected.count(), file.rejected.len() as u64);
    Ok(file)
}

fn check_any_cut(bytes: &[u8], block_bytes: usize) {
    let whole = parse_csv(bytes, &options(), &mut |_| ());
    match (whole, parse_by_blocks(bytes, block_bytes)) {
        (Ok(whole), Ok(by_blocks)) => assert_eq!(by_blocks, whole, "{block_bytes}"),
        (Err(whole), Err(by_blocks)) => {
            let BlockError::File(error) = by_blocks else {
                panic!("{by_blocks:?}")
            };
            let said = |error: &FileError| (error.line(), error.to_string());
            assert_eq!(said(&error), said(&whole), "{block_bytes}");
        }
        (whole, by_blocks) => panic!("{block_bytes}: {whole:?} but {by_blocks:?}"),
    }
}

/// Pieces of a file: good rows, and all that can go wrong at the border of two blocks.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let row = |id: &str, note: &str| format!("{id},{ROW},{note}").into_bytes();
    let ends =
        proptest::sample::select(vec![&b"\n"[..], b"\r\n", b"\r", b"\n\n", b"\r\n\r\n", b""]);
    let rows = prop_oneof![
        8 => "[A-D][0-9]{0,2}".prop_map(move |id| row(&id, "")),
        3 => "[A-D]".prop_map(move |id| row(&id, "\"two\nlines\"")),
        2 => "[A-D]".prop_map(move |id| row(&id, "\"\"\"so\"\", he said,\r\nand\r\rwent\"")),
        1 => Just(b"A,X,buy,2,10,2025-01-02T03:04:05Z,0,".to_vec()),
        1 => Just(row("E", "\"never closed")),
        1 => Just(row("F", "\"closed\" too early")),
        1 => Just(row("G", "5\" nail")),
        1 => Just(row("\u{feff}H", "é€")),
        1 => Just(HEADER.trim_end().as_bytes().to_vec()),
        1 => Just(b",,,,,,,".to_vec()),
        1 => Just(b"\"".to_vec()),
        1 => Just(b"cut,X,bu".to_vec()),
    ];
    (rows, ends).prop_map(|(mut row, end)| {
        row.extend_from_slice(end);
        row
    })
}

/// A byte that no text has, none in UTF-8, or none in Windows-1252 either.
fn spoiler() -> impl Strategy<Value = u8> {
    proptest::sample::select(vec![0_u8, 0x81, 0xE9, 0xFF])
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 512,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_file_cut_anywhere_is_the_file_read_whole(
        pieces in proptest::collection::vec(piece(), 0..25),
        blanks in "\u{feff}?[\n\r, ]{0,5}",
        spoilt in proptest::option::weighted(0.1, (0_usize..2_000, spoiler())),
        block_bytes in prop_oneof![1_usize..40, 40_usize..400],
    ) {
        let mut bytes = format!("{blanks}{HEADER}").into_bytes();
        bytes.extend(pieces.concat());
        if let Some((at, byte)) = spoilt {
            // A spoilt mark is a row before the header, and these small blocks would end after it.
            let start = blanks.len();
            let at = start + at % (bytes.len() - start);
            bytes[at] = byte;
        }
        check_any_cut(&bytes, block_bytes);
    }
}

#[test]
fn a_file_may_end_anywhere() {
    let mut file = HEADER.to_owned();
    for id in 0..3 {
        file += &format!("A-{id},{ROW},\"of\r\n\"\"{id}\"\"\"\r\nB-{id},{ROW},é\n");
    }
    for end in 0..=file.len() {
        for block_bytes in [1, 64, 100] {
            check_any_cut(&file.as_bytes()[..end], block_bytes);
        }
    }
}

#[test]
fn blocks_are_all_of_the_file_and_no_larger_than_they_must_be() {
    let file = HEADER.to_owned() + &format!("A-1,{ROW},\n").repeat(1_000);
    let (blocks, sha256, _) = blocks_of(file.as_bytes(), 1_000).unwrap();
    let texts: Vec<&str> = blocks.iter().map(|block| block.text.as_str()).collect();
    assert_eq!(texts.concat(), file);
    assert!(texts.iter().all(|text| text.len() <= 1_000));
    assert_eq!(blocks.last().unwrap().end(), file.len() as u64);
    let digest = Sha256::digest(file.as_bytes());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(sha256, digest);
}

#[test]
fn a_stray_quote_costs_no_more_than_the_longest_row() {
    let rows = |from: usize| -> String {
        let rows = from..from + 500;
        rows.map(|id| format!("A-{id},{ROW},\n")).collect()
    };
    let file = format!("{HEADER}{}S-1,{ROW},\"\n{}", rows(0), rows(500));
    let mut blocks = Blocks::of_sizes(Cursor::new(file.as_bytes()), 256, 4_096);
    let format = CsvFormat::find(
        &blocks.next_block().unwrap().unwrap(),
        &crate::import::test_options::options(),
    );
    let format = format.unwrap().unwrap();
    let mut blocks = Blocks::of_sizes(Cursor::new(file.as_bytes()), 256, 4_096);
    let (mut trades, mut rejected) = (0, Rejects::default());
    while let Some(block) = blocks.next_block().unwrap() {
        assert!(blocks.buffer.len() <= 8 * 1_024, "{}", blocks.buffer.len());
        let parsed = format.parse(&block, &options()).unwrap();
        trades += parsed.trades.len();
        rejected.extend(parsed.rejected);
    }
    let whole = parse_csv(file.as_bytes(), &options(), &mut |_| ()).unwrap();
    let rejected: Vec<RejectedRow> = rejected.kept().into_iter().cloned().collect();
    assert_eq!((trades, &rejected), (1_000, &whole.rejected));
    assert!(
        rejected[0].to_string().contains("never closed"),
        "{rejected:?}"
    );
}

#[test]
fn what_is_no_text_is_told_before_what_is_no_row() {
    let bad_header = b"a,b\n1,2\n\x81\n".as_slice();
    let error = blocks_of(bad_header, 2).unwrap_err();
    assert!(
        matches!(error, BlockError::File(FileError::NotUtf8 { line: 3, .. })),
        "{error:?}"
    );
    let nul_behind = [b"a\n\x81\r".as_slice(), &b"\nx\r\n".repeat(70_000), b"\0"].concat();
    let error = blocks_of(&nul_behind, 2).unwrap_err();
    let line = 2 + 70_000 * 2;
    assert!(
        matches!(error, BlockError::File(FileError::Nul { line: found }) if found == line),
        "{error:?}"
    );
}
