//! How a server is named and reached: forms of the URL, passwords, certificates, what goes wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::server::{PASSWORD, Server};
use crate::support::site::{Site, ask, server, with_database, with_role};
use crate::support::{Done, Folder};

fn list(url: &str, home: Option<&Path>) -> Done {
    let folder = Folder::new();
    let mut command = folder.program(
        env!("CARGO_BIN_EXE_fifo-pnl"),
        &["versions", "list", "--database", url],
    );
    if let Some(home) = home {
        command.env("HOME", home);
    }
    Done::of(command.output().unwrap())
}

#[track_caller]
fn error_of(done: Done, code: i32) -> String {
    let done = done.expect(code);
    let first = done.stderr.lines().next().unwrap_or_default();
    let secret = PASSWORD.replace(' ', "%20");
    for word in [PASSWORD, &secret, "wrong%20horse", "wrong horse"] {
        assert!(!done.stderr.contains(word), "a password in {}", done.stderr);
    }
    first.to_owned()
}

#[test]
fn a_server_that_is_down_is_said_by_its_cause() {
    // A pool that waits for connections would say that its time is over.
    let url = "postgres://bot:wrong%20horse@127.0.0.1:1/trades";
    let error = error_of(list(url, None), 4);
    assert_eq!(
        error,
        "error: can't connect to postgres://bot@127.0.0.1:1/trades: \
         Connection refused (os error 111)"
    );
    let url = "postgres://bot@localhost/trades?host=/nowhere";
    let error = error_of(list(url, None), 4);
    assert!(error.contains("No such file or directory"), "{error}");
}

#[test]
fn a_url_that_can_not_be_is_refused() {
    for url in [
        "postgres://u@h:port/db",
        "postgres://u@h/db?sslmode=maybe",
        "postgres:",
    ] {
        let done = list(url, None);
        assert!([2, 4].contains(&done.code), "{url}: {done:?}");
        assert!(done.stderr.starts_with("error: "), "{url}: {done:?}");
    }
}

#[test]
fn socket_urls_of_both_schemes_work() {
    let Some(server) = server() else { return };
    let site = Site::migrated(&server);
    let rest = site.url.split_once("://").unwrap().1;
    let (user, place) = rest.split_once('@').unwrap();
    for url in [
        format!("postgres://{user}@{place}"),
        format!("postgresql://{user}@{place}"),
        format!("postgresql://{user}:@{place}"),
    ] {
        let done = list(&url, None).expect(0);
        let location = done.stdout.lines().next().unwrap();
        assert!(
            location.ends_with(&format!("/{}", site.database)),
            "{location}"
        );
    }
    let folder = site.folder.join("fifo-pnl.toml");
    fs::write(&folder, format!("database = \"{}\"\n", site.url)).unwrap();
    site.folder.fifo_pnl(&["versions", "list"]).expect(0);
}

#[test]
fn what_is_not_there_is_named() {
    let Some(server) = server() else { return };
    let error = error_of(list(&with_database(&server, "nowhere"), None), 2);
    assert!(
        error.contains("database \"nowhere\" does not exist"),
        "{error}"
    );
    let error = error_of(list(&with_role(&server, "nobody_known"), None), 4);
    assert!(
        error.contains("role \"nobody_known\" does not exist"),
        "{error}"
    );
}

#[test]
fn passwords_and_certificates() {
    if server().is_none() {
        return;
    }
    let settings = [
        "ssl = on",
        "ssl_cert_file = '../server.crt'",
        "ssl_key_file = '../server.key'",
    ];
    let own = Server::start(&settings, make_certificates);
    let site = Site::migrated(&own.url("postgres"));
    let (port, database) = (own.port, &site.database);
    let place = format!("127.0.0.1:{port}/{database}");
    let password = PASSWORD.replace(' ', "%20");

    let right = format!("postgres://fifo:{password}@{place}");
    let done = list(&right, None).expect(0);
    assert!(!done.stdout.contains(&password), "{}", done.stdout);
    for wrong in ["fifo:wrong%20horse", "fifo:", "fifo", "nobody_known:x"] {
        let error = error_of(list(&format!("postgres://{wrong}@{place}"), None), 4);
        assert!(error.contains("password"), "{wrong}: {error}");
    }
    passwords_from_a_file(&own, database);

    // Without a word about it the connection is encrypted, as it was made by the server's key.
    let ca = own.path("ca.crt");
    let ca = ca.display();
    let verified = format!("{right}?sslmode=verify-full&sslrootcert={ca}");
    list(&verified, None).expect(0);
    let by_name = verified.replace("127.0.0.1", "localhost");
    list(&by_name, None).expect(0);
    list(&format!("{right}?sslmode=require"), None).expect(0);
    let error = error_of(list(&format!("{right}?sslmode=verify-full"), None), 4);
    assert!(error.contains("UnknownIssuer"), "{error}");
    let other = own.path("other.crt");
    let url = format!(
        "{right}?sslmode=verify-full&sslrootcert={}",
        other.display()
    );
    let error = error_of(list(&url, None), 4);
    assert!(error.contains("certificate"), "{error}");
    let encrypted = "SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) \
                     WHERE s.ssl AND a.pid = pg_backend_pid()";
    assert_eq!(ask(&format!("{right}?sslmode=require"), encrypted), ["1"]);
    // The whole job through TLS.
    let folder = Folder::new();
    folder.write("demo.csv", super::demo());
    let run = ["run", "--quiet", "demo.csv", "--database", &verified];
    folder.fifo_pnl(&run).expect(0);
    assert_eq!(site.value("SELECT count(*) FROM fifo_allocations"), "4292");
}

/// `~/.pgpass`, which only its owner may read.
fn passwords_from_a_file(own: &Server, database: &str) {
    let home = Folder::new();
    let port = own.port;
    let file = home.join(".pgpass");
    fs::write(&file, format!("127.0.0.1:{port}:*:fifo:{PASSWORD}\n")).unwrap();
    let url = format!("postgresql://fifo@127.0.0.1:{port}/{database}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    list(&url, Some(home.path())).expect(0);
    // One that others may read counts for nothing, as with other programs.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let error = error_of(list(&url, Some(home.path())), 4);
    assert!(error.contains("password"), "{error}");
}

/// Makes a certificate of the server, signed by an authority of this test, and another authority.
fn make_certificates(folder: &Path) {
    let openssl = |line: &str| {
        let output = Command::new("openssl")
            .args(line.split(' '))
            .current_dir(folder)
            .output()
            .expect("openssl is needed: scripts/setup --test installs it");
        Done::of(output).expect(0);
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    let authority = |name: &str| {
        openssl(&format!(
            "req -x509 {key} -keyout {name}.key -out {name}.crt -days 2 -subj /CN={name}"
        ));
    };
    authority("ca");
    authority("other");
    openssl(&format!(
        "req {key} -keyout server.key -out server.csr -subj /CN=localhost"
    ));
    let names = "subjectAltName = DNS:localhost, IP:127.0.0.1\nbasicConstraints = CA:FALSE\n";
    fs::write(folder.join("names"), names).unwrap();
    openssl(
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
         -extfile names -out server.crt",
    );
    fs::set_permissions(folder.join("server.key"), fs::Permissions::from_mode(0o600)).unwrap();
}
