//! The parameters and headers of requests for users, as the OpenAPI document describes them.

use utoipa::{IntoParams, ToSchema};

/// The query of a roll as the document describes it; [`UsersQuery`](super::extract::UsersQuery) is the parsed form.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct UsersParameters {
    /// The number of users on a page.
    #[param(required = false, minimum = 1, maximum = 1000, default = 100)]
    page_size: u16,
    /// Where the page begins: the previous page's `next_cursor`. Send the other parameters again
    /// unchanged; only `page_size` and `partial` may change.
    #[param(required = false, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: String,
    /// Part of the display name, the e-mail address or the user name, ignoring case. Must not be
    /// blank or contain control characters.
    #[param(
        required = false,
        max_length = 320,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\ufffd]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\ufffd][^\\u0000-\\u001f\\u007f-\\u009f\\ufffd]*$"
    )]
    q: String,
    /// Exactly this address, after normalization (case, Unicode form, domain).
    #[param(
        required = false,
        max_length = 320,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\ufffd]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\ufffd][^\\u0000-\\u001f\\u007f-\\u009f\\ufffd]*$"
    )]
    email: String,
    /// Only users with a record in this source. All sources are still asked.
    #[param(required = false)]
    source: String,
    /// Only users who are enabled (`true`), or who are not (`false`). Users for whom this is unknown match neither.
    #[param(required = false)]
    enabled: bool,
    /// What to include in addition, separated by commas: `deleted`, users that a source has marked as deleted;
    /// `conflicts`, the fields on which the sources differ.
    #[param(required = false, pattern = "^(deleted|conflicts)(,(deleted|conflicts))*$")]
    include: String,
    /// What to leave out: `placeholder`, records that do not stand for a person.
    #[param(inline, required = false)]
    exclude: Excluded,
    /// The field to sort by; a leading `-` means descending. Texts are compared in lower case, code point by code point;
    /// users without a value come last, and equal values are sorted by id. The default is `display_name`.
    #[param(inline, required = false)]
    sort: SortName,
    /// What to do if a source fails: `allow` (the default) returns the roll without it, `deny` returns
    /// its error. A stale copy is not a failure.
    #[param(inline, required = false)]
    partial: PartialName,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its description is used")]
enum Excluded {
    Placeholder,
}

/// The headers of a request for a roll as the OpenAPI document describes them.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct UsersHeaders {
    /// The `ETag` of an answer that the caller holds: 304 if it is still current.
    #[param(rename = "If-None-Match", required = false)]
    if_none_match: String,
    /// `no-cache` asks the sources now. If a source fails, its cached copy is used.
    #[param(rename = "Cache-Control", required = false)]
    cache_control: String,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "only its description is used")]
enum SortName {
    #[schema(rename = "display_name")]
    DisplayName,
    #[schema(rename = "-display_name")]
    DisplayNameDescending,
    #[schema(rename = "email")]
    Email,
    #[schema(rename = "-email")]
    EmailDescending,
    #[schema(rename = "id")]
    Id,
    #[schema(rename = "-id")]
    IdDescending,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its description is used")]
pub(super) enum PartialName {
    Allow,
    Deny,
}
