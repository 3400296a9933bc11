//! Keeps what is in memory there, and little of it: no core dumps, no debugger of the same user, no
//! huge pages.

use super::output::say_error;

/// Forbids both, for the whole process. What the system refuses is told of and stops nothing.
pub fn keep_memory_private() {
    let no_dumps = rlimit::Resource::CORE.set(0, 0).map_err(|error| error.to_string());
    for (what, done) in [("core dumps could not be switched off", no_dumps), ("debuggers could not be kept out", keep_out())] {
        if let Err(error) = done {
            say_error(&format!("warning: {what}: {error}."));
        }
    }
}

/// The limit alone would not do: where the kernel hands dumps to a program, it asks for the
/// process's own leave and not for its limit.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn keep_out() -> Result<(), String> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| error.to_string())
}

/// Has the kernel give memory in small pages. The allocator asks for huge ones, which are 2 MiB for
/// whoever needs a few kilobytes: they doubled what a process that has nothing to do and each connection
/// hold, and saved no measurable time. What the system refuses costs memory and nothing else.
pub fn keep_memory_small() {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        say_error(&format!("warning: memory in huge pages could not be switched off: {error}."));
    }
}

/// Other systems have no such call.
#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn keep_out() -> Result<(), String> {
    Ok(())
}
