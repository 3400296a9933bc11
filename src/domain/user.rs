//! One person of the joined roll, as callers see it.

use serde::Serialize;
use smallvec::SmallVec;
use utoipa::ToSchema;
use uuid::Uuid;

use super::SourceName;

/// One user of a customer: a single record of one source, or records of several sources joined by e-mail address.
///
/// A value that no source reports is null (`roles`: an empty list). If sources differ, the first one in the order of
/// `sources` wins, unless it has no value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = User)]
pub struct User<'a> {
    /// The gateway's id of the user. It stays the same when another source fails or comes back.
    pub id: Uuid,
    /// The whole name as the source shows it; never assembled from parts, and never split.
    #[schema(example = "cstmr_001 admin")]
    pub display_name: Option<&'a str>,
    /// The given name; reported only by Advanced Automation.
    #[schema(example = "cstmr_001")]
    pub first_name: Option<&'a str>,
    /// The family name; reported only by Advanced Automation.
    #[schema(example = "admin")]
    pub last_name: Option<&'a str>,
    /// The e-mail address as written, without surrounding blanks.
    #[schema(example = "cstmr_usr_0810_1014am@mailinator.com")]
    pub email: Option<&'a str>,
    /// The name to sign in with; reported only by Advanced Automation.
    #[schema(example = "cstmr_usr_0810_1014am")]
    pub username: Option<&'a str>,
    /// A telephone number as written; reported only by Advanced Automation.
    pub phone: Option<&'a str>,
    /// Whether the account is enabled; reported only by Advanced Automation.
    #[schema(example = true)]
    pub enabled: Option<bool>,
    /// Whether the person can sign in; reported only by Advanced Automation.
    #[schema(example = true)]
    pub can_sign_in: Option<bool>,
    /// The roles as the source names them; reported only by Advanced Automation.
    #[schema(value_type = Vec<String>, example = json!(["ClientManager"]))]
    pub roles: SmallVec<[&'a str; 2]>,
    /// Whether this is the customer's main contact; reported only by Advanced Automation.
    #[schema(example = false)]
    pub primary_contact: Option<bool>,
    /// Whether the person is configured above the customer, for example at its reseller; reported only by MyReports
    /// (`isParent`).
    #[schema(example = false)]
    pub inherited: Option<bool>,
    /// Whether the record stands for no real person, judging by its address. Such a placeholder is never joined.
    /// Leave placeholders out with `exclude=placeholder`.
    #[schema(example = false)]
    pub placeholder: bool,
    /// Whether the source has marked the person as deleted. Lists include such people only with `include=deleted`.
    #[schema(example = false)]
    pub deleted: bool,
    /// What the records were joined by; null for a user with a single record.
    pub matched_by: Option<MatchedBy>,
    /// The user's records, one for each source that has one, in a fixed order of the sources.
    #[schema(value_type = Vec<SourceRecord>)]
    pub sources: SmallVec<[SourceRecord<'a>; 2]>,
    /// The fields on which the sources differ, empty if they agree; present only with `include=conflicts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub conflicts: Option<Vec<Conflict<'a>>>,
}

/// What records are joined by.
///
/// - `email`: they have the same normalised e-mail address, which occurs once in each of their sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatchedBy {
    /// The same normalised e-mail address, which occurs once in each of their sources.
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

/// One source's record of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SourceRecord)]
pub struct SourceRecord<'a> {
    /// The source.
    #[schema(value_type = String, example = "advanced_automation")]
    pub source: SourceName,
    /// The record's id at that source.
    #[schema(example = "65f61819-465d-4fb1-b124-13282aa1fb09")]
    pub id: &'a str,
}

/// A field for which the sources of a user report different values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Conflict)]
pub struct Conflict<'a> {
    /// The name of the field; today always `display_name`.
    #[schema(value_type = String, example = "display_name")]
    pub field: &'static str,
    /// The source whose value is used in the user: the first one in the order of `sources` that has a value.
    #[schema(value_type = String, example = "advanced_automation")]
    pub chosen: SourceName,
    /// The value of each source that has one, by the source's name.
    #[schema(value_type = std::collections::BTreeMap<String, String>,
             example = json!({"advanced_automation": "Ann Lee", "my_reports": "A. Lee"}))]
    pub values: std::collections::BTreeMap<SourceName, &'a str>,
}
