//! The parameters and headers of requests for users, as the documents describe them.

use utoipa::{IntoParams, ToSchema};

/// The query of a roll as the documents describe it; [`UsersQuery`](super::extract::UsersQuery) is what is read of it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct UsersParameters {
    /// Users on a page.
    #[param(required = false, minimum = 1, maximum = 1000, default = 100)]
    page_size: u16,
    /// Where the page begins: `next_cursor` of the page before. The other parameters are sent
    /// again as they were; only `page_size` and `partial` may change.
    #[param(required = false, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: String,
    /// Part of the display name, the e-mail address or the user name, whatever the case. Neither
    /// blank nor with control characters.
    #[param(
        required = false,
        max_length = 320,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\ufffd]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\ufffd][^\\u0000-\\u001f\\u007f-\\u009f\\ufffd]*$"
    )]
    q: String,
    /// Exactly this address, after normalising (case, Unicode form, domain).
    #[param(
        required = false,
        max_length = 320,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\ufffd]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\ufffd][^\\u0000-\\u001f\\u007f-\\u009f\\ufffd]*$"
    )]
    email: String,
    /// Only users with a record in this source. All sources are asked all the same.
    #[param(required = false)]
    source: String,
    /// Only users who are enabled, or who are not. Of whom that is not known is in neither.
    #[param(required = false)]
    enabled: bool,
    /// What comes beside, with commas: `deleted`, people whom a source has marked deleted;
    /// `conflicts`, the fields on which sources differ.
    #[param(required = false, pattern = "^(deleted|conflicts)(,(deleted|conflicts))*$")]
    include: String,
    /// What is left out: `placeholder`, records that stand for nobody.
    #[param(inline, required = false)]
    exclude: Excluded,
    /// The order: by the lower-cased text, code point by code point, users without one last, then
    /// by id; `-` in front for descending. By default `display_name`.
    #[param(inline, required = false)]
    sort: SortName,
    /// What a source that failed does: `allow` (the default) gives the roll without it, `deny` its
    /// error. A stale copy is no failure.
    #[param(inline, required = false)]
    partial: PartialName,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its description is used")]
enum Excluded {
    Placeholder,
}

/// The headers of a request for a roll as the documents describe them.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct UsersHeaders {
    /// The `ETag` of an answer that is held: 304 where it still holds.
    #[param(rename = "If-None-Match", required = false)]
    if_none_match: String,
    /// `no-cache` asks the sources now. Where that fails, a copy stands in.
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
