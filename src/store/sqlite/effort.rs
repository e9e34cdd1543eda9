//! Counts the steps of SQLite's virtual machine for tests, which can't rely on times.
//!
//! A build without debug assertions counts nothing, and has no name of the variable.

use sqlx::SqliteConnection;

/// Steps of all connections of this process.
#[cfg(debug_assertions)]
static STEPS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

#[cfg(debug_assertions)]
fn is_asked() -> bool {
    std::env::var_os("FIFO_PNL_COUNT_STEPS").is_some()
}

/// Counts the steps of a connection's statements, if `FIFO_PNL_COUNT_STEPS` is set.
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

/// Returns the number of steps so far; `None` if the variable is not set.
///
/// Units: instructions of SQLite's virtual machine, in complete hundreds.
#[cfg(debug_assertions)]
pub fn steps_taken() -> Option<u64> {
    is_asked().then(|| STEPS.load(std::sync::atomic::Ordering::Relaxed))
}

/// Counts nothing.
#[cfg(not(debug_assertions))]
pub(super) async fn count(_: &mut SqliteConnection) -> sqlx::Result<()> {
    Ok(())
}

/// Returns `None`: this build counts nothing.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn steps_taken() -> Option<u64> {
    None
}
