//! Every reader of CSV names the line on which a row begins. A byte order mark, a line break in
//! quotes, a blank line or line ends of any kind may come before it.
#![cfg(all(feature = "cli", unix))]

use crate::support;

use support::Folder;

const TRADE: &str = "x1,NEO-USD,buy,3,11,2025-01-03T10:00:00Z,0";

/// A file: its rows as lines; the last one is at fault and begins on line 6.
struct File {
    name: &'static str,
    command: &'static [&'static str],
    rows: String,
    said: &'static str,
}

fn files() -> [File; 4] {
    [
        File {
            name: "trades.csv",
            command: &["import", "trades.csv"],
            rows: format!(
                "order_id,symbol,side,size,price,order_time,total_fees_usd,note\n\
                 {TRADE},\"two\nlines\"\n\n,,,,,,,\n{},\n",
                TRADE.replace("11", "eleven")
            ),
            said: "trades.csv:6: price is \"eleven\"",
        },
        File {
            name: "lots.csv",
            command: &["import", "lots", "lots.csv"],
            rows:
                "symbol,size,acquired,basis,note\nNEO-USD,1,2024-01-01T00:00:00Z,5,\"two\nlines\"\
                   \n\n,,,,\nNEO-USD,0,2024-01-01T00:00:00Z,5,\n"
                    .into(),
            said: "lots.csv:6: size is \"0\"",
        },
        File {
            name: "old.csv",
            command: &["history", "import", "old.csv"],
            rows: "order_id,parent_id,pnl_usd,note\ns1,b1,2,\"two\nlines\"\n\n,,,\ns2,b1,two,\n"
                .into(),
            said: "old.csv:6: pnl_usd is \"two\"",
        },
        File {
            name: "sheet.csv",
            command: &["review", "apply", "sheet.csv", "--yes"],
            rows: "item,action,size,basis,acquired,signed_by,note\n\
                   1,resolve,1,5,2024-01-01T00:00:00Z,,\"two\nlines\"\n\n,,,,,,\n\
                   1,resolve,1,0,2024-01-01T00:00:00Z,,more\n"
                .into(),
            said: "sheet.csv:6: a basis of zero makes the whole proceeds a gain",
        },
    ]
}

#[test]
fn lines_are_those_of_the_file() {
    let sell = "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
                s1,NEO-USD,sell,4,12,2025-02-01T10:00:00Z,0\n";
    let folder = Folder::with_trades(sell);
    folder.compute(&["--all-symbols"]).expect(0);
    for file in files() {
        for (mark, line_end) in [
            ("", "\n"),
            ("\u{feff}", "\n"),
            ("\u{feff}", "\r\n"),
            ("", "\r"),
        ] {
            let text = format!("{mark}{}", file.rows.replace('\n', line_end));
            folder.write(file.name, text);
            let done = folder.fifo_pnl(file.command).expect(2);
            let said = format!("{}{}", done.stdout, done.stderr);
            assert!(
                said.contains(file.said),
                "{line_end:?}: {}\n{said}",
                file.said
            );
        }
    }
}

/// A fault of a sheet can be mended in the sheet: no hint names a flag of `resolve`.
#[test]
fn a_sheet_is_answered_in_its_own_columns() {
    let sell = "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
                s1,NEO-USD,sell,4,12,2025-02-01T10:00:00Z,0\n";
    let folder = Folder::with_trades(sell);
    folder.compute(&["--all-symbols"]).expect(0);
    let time = "2024-01-01T00:00:00Z";
    for (row, said) in [
        (
            format!("resolve,1,0,{time},,x"),
            "name who does in the column signed_by",
        ),
        (format!("resolve,0,5,{time},,x"), "3: size is zero"),
        (format!("resolve,one,5,{time},,x"), "3: size is \"one\""),
        (format!("resolve,1,-5,{time},,x"), "3: basis is \"-5\""),
        (format!("resolve,1,,{time},,x"), "3: basis is \"\""),
        (
            "resolve,1,5,soon,,x".into(),
            "3: acquired is \"soon\", expected a day",
        ),
        (
            "resolve,1,5,2024-01-01,,x".into(),
            "timezone = \"America/New_York\" below [tax]",
        ),
        ("resolve,,,,,x".into(), "basis is empty, expected USD"),
        (
            format!("dismiss,1,5,{time},,x"),
            "a basis does not go with the action \"dismiss\"",
        ),
        (
            "dismiss,,,,,a gift, they say".into(),
            "3: row has more cells than the header",
        ),
        ("dismiss,,,,,".into(), "3: note is empty"),
    ] {
        let text = format!("item,action,size,basis,acquired,signed_by,note\n,,,,,,\n1,{row}\n");
        folder.write("sheet.csv", text);
        let done = folder
            .fifo_pnl(&["review", "apply", "sheet.csv", "--yes"])
            .expect(2);
        assert!(done.stderr.contains(said), "{row}: {}", done.stderr);
        // A person who fills in a sheet types no flags; the command that writes a sheet has one.
        let is_flag = |name: &&str| done.stderr.contains(name);
        let flag = [
            "--size",
            "--basis",
            "--acquired",
            "--signed-by",
            "--timezone",
        ]
        .into_iter()
        .find(is_flag);
        assert_eq!(flag, None, "{row}: {}", done.stderr);
    }
    let open = "SELECT status FROM manual_review_queue";
    assert_eq!(folder.value(open), "pending");
    folder.write("fifo-pnl.toml", "[tax]\ntimezone = \"America/New_York\"\n");
    folder.write(
        "sheet.csv",
        "item,action,size,basis,acquired,signed_by,note\n1,resolve,,5,2024-01-01,,bill\n",
    );
    folder
        .fifo_pnl(&["review", "apply", "sheet.csv", "--yes"])
        .expect(0);
}
