//! The place of a case: its folder, its special state, and a check that it is unchanged.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Case, Where};
use crate::support::skip::skip;
use crate::support::{Done, Folder};

/// The file that lies in every folder.
pub const LEDGER: &str = "\
order_id,symbol,side,size,price,order_time,total_fees_usd,account
B-1,BTC-USD,buy,2,100,2025-01-02T10:00:00Z,0.2,main
S-1,BTC-USD,sell,1,110,2025-01-03T10:00:00Z,0.11,main
B-2,ETH-USD,buy,5,20,2025-01-02T10:00:00Z,0.1,bot
S-2,ETH-USD,sell,5,21,2025-01-04T10:00:00Z,0.1,bot
S-2,BTC-USD,sell,0.5,120,2025-01-04T10:00:00Z,0.06,main
";

/// User and group `nobody` of every Linux.
const NOBODY: &str = "65534";

/// The lock file's text about the process that holds it.
const HOLDER: &str = r#"{"host":"server","pid":4242,"since":"2025-11-01T01:55:00.000000Z",
    "what":"compute_allocations"}"#;

/// Tables that an attempt is written down in.
const LOGS: [&str; 4] = [
    "fifo_computation_log",
    "event_log",
    "sync_logs",
    "trading_accounts",
];

/// A folder in which one case is run.
pub struct Place {
    // Dropped before the folder that it is mounted in.
    disk: Option<Disk>,
    folder: Folder,
    special: Where,
    /// Programs that another user may run.
    programs: Option<tempfile::TempDir>,
}

impl Place {
    /// Makes the place of a case. `None`: this machine does not let us.
    pub fn make(case: &Case) -> Option<Self> {
        let folder = Folder::new();
        folder.write("ledger.csv", LEDGER);
        for (name, text) in case.files {
            folder.write(name, text);
        }
        let mut place = Self {
            special: case.place,
            programs: None,
            disk: None,
            folder,
        };
        let made = match case.place {
            Where::Folder | Where::Locked => true,
            Where::ReadOnly => place.let_others_run(),
            Where::SmallDisk => place.mount(),
        };
        if !made {
            skip(&format!(
                "the machine does not allow the place of \"{}\"",
                case.title
            ));
        }
        made.then_some(place)
    }

    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    fn is_root(&self) -> bool {
        fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
    }

    /// Root may write everywhere, so the command is run by another user; with what he may run.
    fn let_others_run(&mut self) -> bool {
        if !self.is_root() {
            return true;
        }
        let programs = tempfile::Builder::new()
            .prefix("fifo-pnl-bin-")
            .tempdir()
            .unwrap();
        fs::set_permissions(programs.path(), Permissions::from_mode(0o755)).unwrap();
        for binary in [
            env!("CARGO_BIN_EXE_fifo-pnl"),
            env!("CARGO_BIN_EXE_compute_allocations"),
            env!("CARGO_BIN_EXE_validate_allocations"),
        ] {
            let name = Path::new(binary).file_name().unwrap();
            let copy = programs.path().join(name);
            if fs::hard_link(binary, &copy).is_err() {
                fs::copy(binary, &copy).unwrap();
            }
        }
        self.programs = Some(programs);
        fs::set_permissions(self.folder.path(), Permissions::from_mode(0o755)).unwrap();
        self.run("fifo-pnl -V").code == 0
    }

    fn mount(&mut self) -> bool {
        let disk = Disk(self.folder.join("disk"));
        fs::create_dir(&disk.0).unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(&disk.0);
        let done = mount.output().is_ok_and(|done| done.status.success());
        if done {
            self.disk = Some(disk);
        }
        done
    }

    /// Runs a line that comes before the case, or after it.
    pub fn prepare(&self, line: &str) -> Done {
        self.folder.shell(line)
    }

    /// Takes away the right to write. Another user does not have it anyway.
    pub fn close(&self) {
        if self.special == Where::ReadOnly && !self.is_root() {
            self.set_modes(0o555, 0o444);
        }
    }

    /// Gives it back.
    pub fn open(&self) {
        if self.special == Where::ReadOnly && !self.is_root() {
            self.set_modes(0o755, 0o644);
        }
    }

    fn set_modes(&self, of_folder: u32, of_files: u32) {
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            fs::set_permissions(path, Permissions::from_mode(of_files)).unwrap();
        }
        fs::set_permissions(self.folder.path(), Permissions::from_mode(of_folder)).unwrap();
    }

    /// Runs the command of the case.
    pub fn run(&self, line: &str) -> Done {
        let _held = (self.special == Where::Locked).then(|| {
            let path = self.folder.join("fifo-pnl.db.lock");
            fs::write(&path, HOLDER).unwrap();
            let file = File::options().write(true).open(path).unwrap();
            file.lock().unwrap();
            file
        });
        let Some(programs) = &self.programs else {
            return self.folder.shell(line);
        };
        let mut command = Command::new("setpriv");
        self.folder.surround(&mut command);
        let path = format!("{}:/usr/bin:/bin", programs.path().display());
        command.env("PATH", path);
        command.args([
            "--reuid",
            NOBODY,
            "--regid",
            NOBODY,
            "--clear-groups",
            "sh",
            "-c",
            line,
        ]);
        match command.output() {
            Ok(output) => Done::of(output),
            Err(error) => Done {
                code: -1,
                stdout: String::new(),
                stderr: error.to_string(),
            },
        }
    }

    /// Returns all that must stay as it is: names, contents of files, rows of databases.
    pub fn state(&self) -> BTreeMap<String, Vec<String>> {
        let mut state = BTreeMap::new();
        self.add_state(self.folder.path(), "", &mut state);
        state
    }

    fn add_state(&self, path: &Path, under: &str, state: &mut BTreeMap<String, Vec<String>>) {
        let entries = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut paths: Vec<PathBuf> = entries.collect();
        paths.sort();
        for path in &paths {
            let name = format!("{under}{}", path.file_name().unwrap().to_string_lossy());
            let beside = |suffix: &str| {
                let database = name.strip_suffix(suffix)?;
                paths.iter().find(|path| path.ends_with(database))
            };
            if ["-wal", "-shm", ".lock"]
                .into_iter()
                .any(|suffix| beside(suffix).is_some())
            {
                continue;
            }
            if path.is_dir() {
                state.insert(format!("{name}/"), Vec::new());
                self.add_state(path, &format!("{name}/"), state);
                continue;
            }
            let bytes = fs::read(path).unwrap();
            let is_ours = bytes.starts_with(b"SQLite format 3\0");
            let content = match is_ours {
                true => self.folder.dump(&name, &LOGS),
                false => vec![String::from_utf8_lossy(&bytes).into_owned()],
            };
            state.insert(name, content);
        }
    }
}

/// A small file system, while it lives.
struct Disk(PathBuf);

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).output();
    }
}
