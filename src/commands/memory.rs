//! Keeps the process's memory private and small: no core dumps, no debugger of the same user, no huge pages.

use super::output::say_error;

/// Forbids core dumps and debuggers for the whole process. If the system refuses, that is reported and
/// nothing else happens.
pub fn keep_memory_private() {
    let no_dumps = rlimit::Resource::CORE.set(0, 0).map_err(|error| error.to_string());
    for (what, done) in [("core dumps could not be switched off", no_dumps), ("debuggers could not be kept out", keep_out())] {
        if let Err(error) = done {
            say_error(&format!("warning: {what}: {error}."));
        }
    }
}

/// The limit alone is not enough: where the kernel pipes dumps to a program, it checks whether the process is
/// dumpable and not its limit.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn keep_out() -> Result<(), String> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| error.to_string())
}

/// Makes the kernel use small pages. The allocator asks for huge ones, 2 MiB each even for a few kilobytes:
/// they doubled the memory of an idle process and of each connection, and saved no measurable time. If the
/// system refuses, that only costs memory.
pub fn keep_memory_small() {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        say_error(&format!("warning: huge pages could not be switched off: {error}."));
    }
}

/// Other systems have no such call.
#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn keep_out() -> Result<(), String> {
    Ok(())
}
