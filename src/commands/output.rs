//! What commands print: results on stdout, errors on stderr.

use std::io::{self, Write};

/// Prints a result. A closed pipe is no failure, because no one reads it.
pub(super) fn say(text: &str) -> io::Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Prints an error, with the prefix on every line.
pub(super) fn say_error(text: &str) {
    let mut stderr = io::stderr().lock();
    for line in text.lines() {
        // If stderr is closed, no one is left to tell.
        drop(writeln!(stderr, "rollcall: {line}"));
    }
}
