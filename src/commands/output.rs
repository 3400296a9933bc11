//! What commands print: answers on stdout, errors on stderr.

use std::io::{self, Write};

/// Prints an answer. Nobody reads a closed pipe, so that is no failure.
pub(super) fn say(text: &str) -> io::Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Prints an error, each line as one.
pub(super) fn say_error(text: &str) {
    let mut stderr = io::stderr().lock();
    for line in text.lines() {
        // Where stderr is closed, nobody is left to be told.
        drop(writeln!(stderr, "rollcall: {line}"));
    }
}
