//! What a caller should know about a roll that was returned all the same.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SourceName;

/// Something that a caller should know about the answer, although it succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct Warning {
    /// What the warning is about.
    pub code: WarningCode,
    /// The source that it concerns; null if it concerns none in particular.
    #[schema(value_type = Option<String>, example = "advanced_automation")]
    pub source: Option<SourceName>,
    /// How many records it concerns, or how many customers if the code is about customers; null if a count makes no sense.
    #[schema(example = 2)]
    pub count: Option<u64>,
}

/// What a warning is about. The list may grow: ignore codes that you do not know.
///
/// - `ambiguous_email`: `count` records of the source share an e-mail address with another record of it, so they are not
///   joined by it.
/// - `foreign_rows_dropped`: the source ignored the filter; `count` rows that belong to other customers, or that may,
///   were left out.
/// - `customer_id_differs`: `count` rows of the source all carry one customer id, which is not the requested one; they
///   are included.
/// - `changed_while_reading`: the source's counts never agreed, so users may be missing.
/// - `possibly_truncated`: the source returned exactly `count` users, as many as the largest page that it documents for
///   another list; they are taken to be all, but there may be more.
/// - `unverified_link`: only the id itself suggests that the source knows this customer, and either it does not, or the
///   same id is known to be another customer's at another source; it may know the customer by another id.
/// - `ambiguous_reference`: `count` customers of the source may be this one but are not linked to it, because it is not
///   certain.
/// - `customers_not_listed`: there may be customers that the list does not show: it is not known which, or `count`
///   customers of the source have an id that cannot be requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WarningCode {
    /// An e-mail address occurs more than once in the source: nothing is joined on it.
    AmbiguousEmail,
    /// The source ignored the filter: rows of other customers were left out.
    ForeignRowsDropped,
    /// All of the source's rows carry the same customer id, which is not the requested one.
    CustomerIdDiffers,
    /// The source's counts never agreed: users may be missing.
    ChangedWhileReading,
    /// The source returned exactly `count` users, its largest page elsewhere: there may be more.
    PossiblyTruncated,
    /// The source does not know this id, and only the id itself suggests that it should.
    UnverifiedLink,
    /// `count` customers of the source may be this one but are not linked: their reference matches more than
    /// one, or is shared with another, or one has this very id and no reference to this one.
    AmbiguousReference,
    /// Some customers may not be listed: it is not known which, or `count` customers of the source have an id that
    /// cannot be requested.
    CustomersNotListed,
}

impl WarningCode {
    /// Returns the code as it appears in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AmbiguousEmail => "ambiguous_email",
            Self::ForeignRowsDropped => "foreign_rows_dropped",
            Self::CustomerIdDiffers => "customer_id_differs",
            Self::ChangedWhileReading => "changed_while_reading",
            Self::PossiblyTruncated => "possibly_truncated",
            Self::UnverifiedLink => "unverified_link",
            Self::AmbiguousReference => "ambiguous_reference",
            Self::CustomersNotListed => "customers_not_listed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_one_text_wherever_it_stands() {
        use WarningCode::*;
        let all = [
            AmbiguousEmail,
            ForeignRowsDropped,
            CustomerIdDiffers,
            ChangedWhileReading,
            PossiblyTruncated,
            UnverifiedLink,
            AmbiguousReference,
            CustomersNotListed,
        ];
        for code in all {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
