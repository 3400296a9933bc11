//! Measured figures for people; `cargo test -- --nocapture` shows them.

/// Prints what a test has measured.
#[expect(clippy::print_stderr, reason = "figures are for the person who runs the tests")]
pub(crate) fn figure(what: &str) {
    eprintln!("figure: {what}");
}

/// The median and the 99th percentile, in milliseconds.
pub(crate) fn spread(mut took: Vec<std::time::Duration>) -> String {
    took.sort_unstable();
    let at = |part: usize| took[(took.len() - 1) * part / 100].as_secs_f64() * 1000.0;
    format!("median {:.1} ms, 99 % {:.1} ms, most {:.1} ms", at(50), at(99), at(100))
}
