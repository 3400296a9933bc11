//! Keeps work that takes more than about a millisecond off the threads that serve requests.

/// Does `work` here, or on a thread of its own if it `is_heavy`.
pub(crate) async fn offload_if<T: Send + 'static>(is_heavy: bool, work: impl FnOnce() -> T + Send + 'static) -> T {
    if is_heavy { offload(work).await } else { work() }
}

/// Does `work` on a thread of its own. A panic continues in the caller. If the runtime closes before the
/// work has begun, the future never resolves.
pub(crate) async fn offload<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await,
        },
    }
}
