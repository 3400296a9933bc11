//! Why a customer is linked to no other source.

/// Why a customer was not linked to any other source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum UnlinkedReason {
    /// No reference refers to it.
    NotReferredTo,
    /// It has no reference.
    NoReference,
    /// Its reference matches no customer.
    UnknownReference,
    /// Another customer's reference matches the same customer.
    SharedReference,
    /// Its reference matches several customers.
    FitsSeveral,
    /// Its id has a format that cannot be requested; the customer is not listed.
    InvalidId,
    /// Its id is that of another customer; the customer is not listed.
    IdTaken,
}

// === impl UnlinkedReason ===

impl UnlinkedReason {
    /// Every reason.
    pub(super) const ALL: [Self; 7] = [
        Self::NotReferredTo,
        Self::NoReference,
        Self::UnknownReference,
        Self::SharedReference,
        Self::FitsSeveral,
        Self::InvalidId,
        Self::IdTaken,
    ];

    /// The name in logs and metrics.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::NotReferredTo => "not_referred_to",
            Self::NoReference => "no_reference",
            Self::UnknownReference => "unknown_reference",
            Self::SharedReference => "shared_reference",
            Self::FitsSeveral => "fits_several",
            Self::InvalidId => "invalid_id",
            Self::IdTaken => "id_taken",
        }
    }

    /// Its rank in the log: what a person can fix precedes what may well be correct.
    pub(super) const fn rank(self) -> u8 {
        match self {
            Self::FitsSeveral => 0,
            Self::SharedReference => 1,
            Self::IdTaken => 2,
            Self::InvalidId => 3,
            Self::UnknownReference => 4,
            Self::NoReference => 5,
            Self::NotReferredTo => 6,
        }
    }

    /// Whether the customer is in none of our lists.
    pub(super) const fn is_hidden(self) -> bool {
        matches!(self, Self::InvalidId | Self::IdTaken)
    }
}
