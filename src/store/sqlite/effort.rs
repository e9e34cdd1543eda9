//! How much SQLite does for a command, counted where a test asks for it: a test can't measure time.
//!
//! A build without debug assertions has none of it, and the name of the environment variable is
//! not in the program.

use sqlx::SqliteConnection;

/// Steps of all connections of this process.
#[cfg(debug_assertions)]
static STEPS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

#[cfg(debug_assertions)]
fn is_asked() -> bool {
    std::env::var_os("FIFO_PNL_COUNT_STEPS").is_some()
}

/// Counts the steps of a connection's statements, where `FIFO_PNL_COUNT_STEPS` is set.
#[cfg(debug_assertions)]
pub(super) async fn count(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    const STEPS_EACH: u32 = 100;
    if !is_asked() {
        return Ok(());
    }
    let mut handle = connection.lock_handle().await?;
    handle.set_progress_handler(STEPS_EACH.cast_signed(), || {
        STEPS.fetch_add(STEPS_EACH.into(), std::sync::atomic::Ordering::Relaxed);
        true
    });
    Ok(())
}

/// Returns the steps so far; `None`: nobody asked.
///
/// Units: instructions of SQLite's virtual machine, in hundreds that are complete.
#[cfg(debug_assertions)]
pub fn steps_taken() -> Option<u64> {
    is_asked().then(|| STEPS.load(std::sync::atomic::Ordering::Relaxed))
}

/// Counts nothing.
#[cfg(not(debug_assertions))]
pub(super) async fn count(_: &mut SqliteConnection) -> sqlx::Result<()> {
    Ok(())
}

/// Nothing was counted.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn steps_taken() -> Option<u64> {
    None
}
