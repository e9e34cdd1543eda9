//! A server for one test, which may do to it what the shared server must not suffer: change
//! passwords or certificates, and stop it.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use crate::support::Done;
use crate::support::signals::{self, Signal};
use crate::support::site::{POLL, WAIT_MAX, psql};

/// The password of the server's first role.
pub const PASSWORD: &str = "correct horse";

/// A cluster in a temporary folder. At the end the server is stopped, and the folder is removed.
pub struct Server {
    folder: TempDir,
    programs: PathBuf,
    process: Option<Child>,
    pub port: u16,
}

impl Server {
    /// Makes a cluster that asks for passwords, on a private socket and on 127.0.0.1.
    ///
    /// `prepare` may put files into the folder; `settings` are lines of its configuration.
    pub fn start(settings: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        // A short path below /tmp, because the path of a socket ends at 107 bytes.
        let folder = tempfile::Builder::new()
            .prefix("fifo-pg-")
            .tempdir_in("/tmp");
        let folder = folder.unwrap();
        // A free port. If another program takes it meanwhile, the start of the server fails and
        // says so.
        let port = {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let mut server = Self {
            folder,
            programs: programs(),
            process: None,
            port,
        };
        fs::write(server.path("password"), PASSWORD).unwrap();
        prepare(server.folder.path());
        fs::set_permissions(server.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        if is_root() {
            let owner = format!("{}:", user());
            let folder = server.folder.path().to_str().unwrap();
            let done = Command::new("chown").args(["-R", &owner, folder]).status();
            assert!(done.unwrap().success());
        }
        let initdb = server.programs.join("initdb");
        let args =
            "-D data -U fifo -A scram-sha-256 --pwfile=password -E UTF8 --locale=C --no-sync";
        let done = server.command(&initdb).args(args.split(' ')).output();
        Done::of(done.unwrap()).expect(0);
        let mut text = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nfsync = off\n\
             unix_socket_directories = '{}'\n",
            server.folder.path().display()
        );
        settings
            .iter()
            .for_each(|line| text += &format!("{line}\n"));
        let done = server.command(Path::new("tee"));
        append(done, "data/postgresql.conf", &text);
        server.up();
        server
    }

    /// Starts the server and waits until it answers.
    pub fn up(&mut self) {
        let postgres = self.programs.join("postgres");
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.path("log"))
            .unwrap();
        let mut command = self.command(&postgres);
        command.args(["-D", "data"]);
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(command.spawn().unwrap());
        let started = Instant::now();
        loop {
            let answer = psql(&self.url("postgres"))
                .args(["-c", "SELECT 1"])
                .output();
            if answer.unwrap().status.success() {
                return;
            }
            assert!(started.elapsed() < WAIT_MAX, "{}", self.log());
            std::thread::sleep(POLL);
        }
    }

    /// Stops the server: after `INT` it shuts down fast, after `QUIT` at once, as in a power cut.
    pub fn down(&mut self, signal: Signal) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        signals::send(process.id(), signal);
        let _ = process.wait();
    }

    /// Returns the server's log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the URL of a database through the private socket, password included.
    pub fn url(&self, database: &str) -> String {
        let (folder, port) = (self.folder.path().display(), self.port);
        let password = PASSWORD.replace(' ', "%20");
        format!("postgres://fifo:{password}@localhost:{port}/{database}?host={folder}")
    }

    /// Prepares a program of the server: it runs in the server's folder, as the server's user, and
    /// ends with this test.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "INT"]);
        if is_root() {
            let (user, group) = (user(), group());
            command.args(["--reuid", user, "--regid", &group, "--clear-groups"]);
        }
        command.arg(program).current_dir(self.folder.path());
        command.env_clear().env("HOME", self.folder.path());
        command.env("PATH", std::env::var("PATH").unwrap_or_default());
        command.env("LC_ALL", "C").stdin(Stdio::null());
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.down(Signal::INT);
    }
}

/// Appends to a file as the user that a command runs as.
fn append(mut tee: Command, file: &str, text: &str) {
    use std::io::Write;
    tee.args(["-a", file])
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let mut process = tee.spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    assert!(process.wait().unwrap().success());
}

pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Returns the user of the server, which refuses to run as root.
fn user() -> &'static str {
    let known = Command::new("id").arg("postgres").output();
    match known.is_ok_and(|output| output.status.success()) {
        true => "postgres",
        false => "nobody",
    }
}

fn group() -> String {
    let output = Command::new("id").args(["-g", user()]).output().unwrap();
    Done::of(output).expect(0).stdout.trim().to_owned()
}

/// Finds the server's programs as the scripts do.
fn programs() -> PathBuf {
    let repository = crate::support::repository().to_str().unwrap();
    let script = ". \"$1/scripts/lib.sh\" && postgres_programs";
    let mut command = Command::new("bash");
    command.args([
        "-c",
        script,
        &format!("{repository}/scripts/setup"),
        repository,
    ]);
    let done = Done::of(command.output().unwrap()).expect(0);
    PathBuf::from(done.stdout.trim())
}
