//! What the metrics share: labels with fixed names, and numbers that fit a gauge.

/// Names and values of labels. The metrics of requests have label types of their own, whose names are not
/// hashed each time.
pub(super) type Labels<const N: usize> = [(&'static str, &'static str); N];

/// Returns, as a label, whether something was accepted.
pub(super) const fn result(taken: bool) -> Labels<1> {
    [("result", if taken { "taken" } else { "refused" })]
}

/// Converts a count for a gauge.
pub(super) fn at_most(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
