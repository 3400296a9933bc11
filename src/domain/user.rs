//! One person of the joined roll, as callers see it.

use serde::Serialize;
use smallvec::SmallVec;
use utoipa::ToSchema;
use uuid::Uuid;

use super::SourceName;

/// One person of a customer's roll, made of one record of one source, or of one record of each.
///
/// A value that no source reported is null. Where sources differ, the first one in the order of `sources`
/// wins, unless it has no value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = User)]
pub struct User<'a> {
    /// The gateway's id. It stays the same when another source fails or comes back.
    pub id: Uuid,
    /// The whole name as a source shows it; never assembled or split.
    #[schema(example = "cstmr_001 admin")]
    pub display_name: Option<&'a str>,
    /// The given name; reported only by Advanced Automation.
    #[schema(example = "cstmr_001")]
    pub first_name: Option<&'a str>,
    /// The family name; reported only by Advanced Automation.
    #[schema(example = "admin")]
    pub last_name: Option<&'a str>,
    /// The address as written, trimmed.
    #[schema(example = "cstmr_usr_0810_1014am@mailinator.com")]
    pub email: Option<&'a str>,
    /// The name to sign in with; reported only by Advanced Automation.
    #[schema(example = "cstmr_usr_0810_1014am")]
    pub username: Option<&'a str>,
    /// A telephone number, as written; reported only by Advanced Automation.
    pub phone: Option<&'a str>,
    /// Whether the account is enabled; null where no source reports it.
    #[schema(example = true)]
    pub enabled: Option<bool>,
    /// Whether the person can sign in; null where no source reports it.
    #[schema(example = true)]
    pub can_sign_in: Option<bool>,
    /// The roles, as the source names them.
    #[schema(value_type = Vec<String>, example = json!(["ClientManager"]))]
    pub roles: SmallVec<[&'a str; 2]>,
    /// Whether this is the customer's main contact; null where no source reports it.
    #[schema(example = false)]
    pub primary_contact: Option<bool>,
    /// Whether the person is configured above the customer, for example at its reseller (MyReports'
    /// `isParent`); null where MyReports does not report it.
    #[schema(example = false)]
    pub inherited: Option<bool>,
    /// Whether the record is a placeholder and not a real person, judging by its address. Such a record is
    /// never joined.
    #[schema(example = false)]
    pub placeholder: bool,
    /// Whether the source has marked the person deleted. Such people are included only with
    /// `include=deleted`.
    #[schema(example = false)]
    pub deleted: bool,
    /// What the records were joined by; null for a person with a single record.
    pub matched_by: Option<MatchedBy>,
    /// The person's records, in the sources' order.
    #[schema(value_type = Vec<SourceRecord>)]
    pub sources: SmallVec<[SourceRecord<'a>; 2]>,
    /// The fields on which the sources differ; only with `include=conflicts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub conflicts: Option<Vec<Conflict<'a>>>,
}

/// What records are joined by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatchedBy {
    /// The same normalised address, which occurs once in each source.
    Email,
}

impl MatchedBy {
    /// Returns the word used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
        }
    }
}

/// A record at its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SourceRecord)]
pub struct SourceRecord<'a> {
    /// The source.
    #[schema(value_type = String, example = "advanced_automation")]
    pub source: SourceName,
    /// The source's own id of the record.
    #[schema(example = "65f61819-465d-4fb1-b124-13282aa1fb09")]
    pub id: &'a str,
}

/// A field on which sources differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Conflict)]
pub struct Conflict<'a> {
    /// The field; today only `display_name`.
    #[schema(value_type = String, example = "display_name")]
    pub field: &'static str,
    /// The source whose value the user has.
    #[schema(value_type = String, example = "advanced_automation")]
    pub chosen: SourceName,
    /// The value from each source.
    #[schema(value_type = std::collections::BTreeMap<String, String>,
             example = json!({"advanced_automation": "Ann Lee", "my_reports": "A. Lee"}))]
    pub values: std::collections::BTreeMap<SourceName, &'a str>,
}
