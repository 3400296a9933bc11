//! What a caller should know about a roll that was returned all the same.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SourceName;

/// One thing that a caller should know about the roll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct Warning {
    /// What it is about.
    pub code: WarningCode,
    /// The source that it concerns; null where it concerns none.
    #[schema(value_type = Option<String>, example = "advanced_automation")]
    pub source: Option<SourceName>,
    /// How many records it concerns; null where a count makes no sense.
    #[schema(example = 2)]
    pub count: Option<u64>,
}

/// The warnings defined today. Callers should ignore codes that they do not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WarningCode {
    /// An address occurs more than once in the source: nothing is joined on it.
    AmbiguousEmail,
    /// The source ignored the filter: rows of other customers were left out.
    ForeignRowsDropped,
    /// All of the source's rows carry the same customer id, which is not the one asked for.
    CustomerIdDiffers,
    /// The source's counts never agreed: users may be missing.
    ChangedWhileReading,
    /// The source does not know this id, and only the id itself links it to the others.
    UnverifiedLink,
    /// `count` customers of the source may be this one but are not linked: their reference matches more than
    /// one, or is shared with another, or one has this very id and no reference to this one.
    AmbiguousReference,
    /// Some customers may not be listed: the list is not known, or `count` customers of the source have an id
    /// that cannot be asked for.
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
            UnverifiedLink,
            AmbiguousReference,
            CustomersNotListed,
        ];
        for code in all {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
