//! The run lock: a lock on a file beside the database. The system frees it when the process ends.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::engine::Timestamp;
use crate::files::open_lock;
use crate::store::limits::{LOCK_POLL_MS, LOCK_SUFFIX};
use crate::store::model::Holder;
use crate::store::{Denial, RunLock, StoreError, StoreResult};

/// A held run lock; dropping it frees the lock.
#[derive(Debug)]
pub(super) struct FileLock {
    file: File,
}

/// A process that is just being started shares the open file until its program begins. To close
/// the file would leave the lock with it for that time.
impl Drop for FileLock {
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

#[async_trait]
impl RunLock for FileLock {
    async fn release(self: Box<Self>) {}
}

/// Returns the lock file's path.
pub(super) fn path_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(LOCK_SUFFIX);
    name.into()
}

/// Takes the run lock. Errors: another process holds the lock.
pub(super) fn try_lock(database: &Path, holder: &Holder) -> StoreResult<FileLock> {
    let path = path_of(database);
    let no_permission = |reason| StoreError::NoPermission {
        location: path.display().to_string(),
        reason,
    };
    let told = |error: std::io::Error| no_permission(Denial::Told(error.to_string()));
    let mut file = open_lock(&path, database).map_err(told)?;
    match file.try_lock() {
        Ok(()) => {
            if !is_ours(&mut file) {
                return Err(no_permission(Denial::ForeignLock));
            }
            let text = json!({ "pid": holder.pid, "host": holder.host, "what": holder.what,
                "since": holder.since.to_string() });
            // The text only tells a person who holds the lock, so errors don't matter.
            let _ = file.set_len(0);
            let _ = file.seek(SeekFrom::Start(0));
            let _ = writeln!(file, "{text}");
            Ok(FileLock { file })
        }
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked(read_holder(&mut file))),
        Err(TryLockError::Error(error)) => Err(told(error)),
    }
}

/// Tells whether a lock file is empty or begins like ours: a user may have another file of that
/// name. After a crash of the system it may hold zeros.
fn is_ours(file: &mut File) -> bool {
    let mut first = [b'{'];
    let read = file.read(&mut first);
    read.is_ok() && [b'{', 0].contains(&first[0])
}

/// Takes the run lock, and waits for it up to `seconds`.
pub(super) async fn wait_for_lock(
    database: &Path,
    holder: &Holder,
    seconds: u64,
) -> StoreResult<FileLock> {
    let mut left = seconds * 1000 / LOCK_POLL_MS;
    loop {
        match try_lock(database, holder) {
            Err(StoreError::Locked(_)) if left > 0 => left -= 1,
            done => return done,
        }
        tokio::time::sleep(Duration::from_millis(LOCK_POLL_MS)).await;
    }
}

fn read_holder(file: &mut File) -> Holder {
    let mut text = String::new();
    let _ = file.read_to_string(&mut text);
    let value: Value = serde_json::from_str(&text).unwrap_or_default();
    let field = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or("unknown");
    Holder {
        pid: value.get("pid").and_then(Value::as_u64).unwrap_or(0) as u32,
        host: field("host").to_owned(),
        since: field("since")
            .parse::<Timestamp>()
            .unwrap_or(Timestamp::EPOCH),
        what: field("what").to_owned(),
    }
}
