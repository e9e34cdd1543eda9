//! A password is in a URL that is refused, or of a server that is not there: no program says it.

use crate::support::Folder;

const SECRET: &str = "hunter2";

/// URLs that are refused before anything is asked, and some that name no server.
const URLS: [&str; 22] = [
    "postgres://u:hunter2",
    "postgres://u:hunter2@",
    "postgres://u:hunter2@/",
    "postgres://u:hunter2@:1/db",
    "postgres://u:hunter2@127.0.0.1:port/db",
    "postgres://u:hunter2@127.0.0.1:99999/db",
    "postgres:/u:hunter2@127.0.0.1/db",
    "postgres:u:hunter2@127.0.0.1/db",
    "postgres:///u:hunter2@127.0.0.1/db",
    "POSTGRES://u:hunter2@127.0.0.1:1/db",
    "postgres://u:hunter2@127.0.0.1:1/db",
    "postgres://u:a@hunter2@127.0.0.1:1/db",
    "postgres://u%3Ahunter2@127.0.0.1:1/db",
    "postgres://u:1/hunter2@127.0.0.1:1/db",
    "postgres://u:1?hunter2@127.0.0.1:1/db",
    "postgres://u:1#hunter2@127.0.0.1:1/db",
    "postgres://u: hunter2@127.0.0.1:1/db",
    "postgres://u@127.0.0.1:1/db?password=hunter2",
    "postgres://127.0.0.1:1/db?sslmode=no;password=hunter2",
    "mysql://u:hunter2@h/db",
    "sqlite://u:hunter2@h/db",
    "host=127.0.0.1 password=hunter2",
];

#[test]
fn no_message_says_a_password() {
    let folder = Folder::new();
    for url in URLS {
        let program = env!("CARGO_BIN_EXE_fifo-pnl");
        let file = format!("database = \"{url}\"\n");
        folder.write("c.toml", file);
        // As a file or a command it is no database, and the message repeats it.
        let runs: [&[&str]; 6] = [
            &["--database", url, "health"],
            &["--config", "c.toml", "health"],
            &["health"],
            &["import", url],
            &[url],
            &["validate", "--version", url],
        ];
        for args in runs {
            for json in [&[][..], &["--json"]] {
                let mut command = folder.program(program, &[args, json].concat());
                if args == ["health"] {
                    command.env("DATABASE_URL", url);
                }
                let done = crate::support::Done::of(command.output().unwrap());
                assert_ne!(done.code, 0, "{args:?}");
                for text in [&done.stdout, &done.stderr] {
                    assert!(!text.contains(SECRET), "{args:?}: {text}");
                }
            }
        }
    }
}
