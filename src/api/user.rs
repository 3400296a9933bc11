//! `GET /customers/{customer_id}/users/{user_id}`: one user of a roll.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{FromRequestParts, Path, RawQuery, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, request::Parts};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    Gateway,
    accept::Accept,
    caching::{Ages, states, tag_of, tagged},
    credentials::brought,
    envelope::{EncodedUser, SourceReport, UserBody},
    error::ApiError,
    extract::{Customer, must_take_json, one_of, partial, wants_it_now},
    parameters::{PartialName, UsersHeaders},
    query::{read_each, unknown},
    request_context::RequestContext,
    users::{LogFacts, refuse},
};
use crate::{
    domain::{CustomerId, SourceName},
    offload::offload,
    roll::{Answer, Partial, RollAnswer, UserId},
};

/// The length of a gateway id, in characters.
const ID_LENGTH: usize = 36;

/// The user in the path, as text.
pub(super) struct UserInPath(String);

/// The query for one user as the OpenAPI document describes it; [`UserQuery`] is the parsed form.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct UserParameters {
    /// What to include in addition: `conflicts`, the fields on which the sources differ.
    #[param(inline, required = false)]
    include: Included,
    /// What to do if a source fails: `allow` (the default) returns the user without it, `deny` returns
    /// its error. A stale copy is not a failure.
    #[param(inline, required = false)]
    partial: PartialName,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its description is used")]
enum Included {
    Conflicts,
}

/// The query for one user, validated.
#[derive(Debug, Default)]
struct UserQuery {
    with_conflicts: bool,
    partial: Partial,
}

/// Get one of a customer's users
///
/// Finds the user by the gateway's id, or by the id of one of the user's records: `advanced_automation:…`,
/// `my_reports:…`. Users that a source has marked as deleted are found, too. If the user is not found while a
/// source has failed, the answer is that source's error, because the user may exist there.
#[utoipa::path(
    get,
    path = "/customers/{customer_id}/users/{user_id}",
    operation_id = "getUser",
    tag = "Users",
    params(
        ("customer_id" = String, Path, description = "The customer's id.", min_length = 1, max_length = 128,
         example = "00000000-0000-4000-8000-000000000002"),
        ("user_id" = String, Path, description = "The gateway's id of the user, or a source, a colon and the id of the user's record there.",
         example = "cf2db13e-75d2-585e-b5cf-c9e941f9eaa7"),
        UserParameters,
        UsersHeaders,
    ),
    responses((status = 200, description = "The user.", body = UserBody)),
)]
pub(super) async fn find_user(
    State(gateway): State<Arc<Gateway>>,
    Extension(request_context): Extension<Arc<RequestContext>>,
    Customer(customer): Customer,
    user: UserInPath,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let user = user.read(&gateway.source_names)?;
    let query = UserQuery::read(query.as_deref().unwrap_or_default())?;
    must_take_json(&Accept::of(&headers))?;
    let context = request_context.ask_context(wants_it_now(&headers));
    let brought = brought(&headers, &gateway.forwards)?;
    let answer = gateway.rolls.roll(&customer, query.partial, &brought, &context).await?;
    if let Ok(given) = &answer.roll {
        look_up(given, &user).await;
    }
    let (mut response, partial) = write(&customer, &user, &query, &headers, &answer);
    LogFacts::note(gateway.wants_facts(&context.origin), &mut response, &answer.outcomes, partial);
    Ok(response)
}

/// Looks the user up off the serving threads if that takes long, so that they are then found at once.
async fn look_up(given: &RollAnswer, user: &UserId) {
    if given.roll.is_long_to_find(user) {
        let (roll, user) = (Arc::clone(&given.roll), user.clone());
        offload(move || roll.find(&user).is_some()).await;
    }
}

/// Writes an answer: the user, 304, or why they cannot be shown. Also returns whether users may be missing.
fn write(customer: &CustomerId, user: &UserId, query: &UserQuery, asked: &HeaderMap, answer: &Answer) -> (Response, bool) {
    match &answer.roll {
        Ok(given) => match show(given, user, query, asked, answer) {
            Some(response) => (response, !given.complete),
            None => (not_found(customer, given, answer), false),
        },
        Err(refusal) => (refuse(customer, refusal, &answer.outcomes), false),
    }
}

fn show(given: &RollAnswer, user: &UserId, query: &UserQuery, asked: &HeaderMap, answer: &Answer) -> Option<Response> {
    let listed = given.roll.find(user)?;
    let sources: Vec<SourceReport> = answer.outcomes.iter().map(SourceReport::from).collect();
    let body = UserBody::new(given, EncodedUser(given.roll.shown(listed, query.with_conflicts)), &sources);
    let etag = tag_of(&("user", body.status, states(&sources), body.warnings, &body.data), []);
    let mut response = tagged(asked, &etag, || Json(&body).into_response());
    Ages::of(&answer.outcomes).write(given.complete, &answer.outcomes, response.headers_mut());
    Some(response)
}

/// Reports that the user is not there, unless a source that might have them is missing.
fn not_found(customer: &CustomerId, given: &RollAnswer, answer: &Answer) -> Response {
    if let Some(refusal) = &given.lacking {
        return refuse(customer, refusal, &answer.outcomes);
    }
    let mut response = ApiError::user_not_found(&answer.outcomes).into_response();
    Ages::of(&answer.outcomes).write_age(&answer.outcomes, response.headers_mut());
    response
}

impl<S: Send + Sync> FromRequestParts<S> for UserInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        #[derive(Deserialize)]
        struct Named {
            user_id: String,
        }
        let path = Path::<Named>::from_request_parts(parts, state).await;
        path.map(|Path(named)| Self(named.user_id)).map_err(|_| wrong_id(&[]))
    }
}

impl UserInPath {
    /// Parses the id; `sources` are the configured ones.
    fn read(&self, sources: &[SourceName]) -> Result<UserId, ApiError> {
        if self.0.len() == ID_LENGTH
            && let Ok(id) = Uuid::parse_str(&self.0)
        {
            return Ok(UserId::Ours(id));
        }
        let at = self.0.split_once(':').filter(|(_, id)| !id.is_empty());
        let source = at.and_then(|(name, id)| Some((sources.iter().find(|source| source.as_str() == name)?, id)));
        source.map(|(source, id)| UserId::At(*source, id.into())).ok_or_else(|| wrong_id(sources))
    }
}

impl UserQuery {
    fn read(query: &str) -> Result<Self, ApiError> {
        let mut read = Self::default();
        read_each(query, |name, value| {
            match name {
                "include" => read.with_conflicts = one_of(name, value, &[("conflicts", true)])?,
                "partial" => read.partial = partial(value)?,
                _ => return Err(unknown(name)),
            }
            Ok(())
        })?;
        Ok(read)
    }
}

fn wrong_id(sources: &[SourceName]) -> ApiError {
    let forms: Vec<String> = sources.iter().map(|source| format!("{source}:ID")).collect();
    let forms = if forms.is_empty() { "SOURCE:ID".to_owned() } else { forms.join(" or ") };
    ApiError::parameter("user_id", &format!("must be a user's id, which is a UUID, or {forms}."))
}
