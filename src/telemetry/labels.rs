//! What the metrics share: labels of fixed names, and numbers that a gauge can hold.

/// Names and values of labels. What requests count has labels of a type of its own, whose names are not
/// hashed each time.
pub(super) type Labels<const N: usize> = [(&'static str, &'static str); N];

/// Whether something was taken, as a label.
pub(super) const fn result(taken: bool) -> Labels<1> {
    [("result", if taken { "taken" } else { "refused" })]
}

/// A count as a gauge takes it.
pub(super) fn at_most(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
