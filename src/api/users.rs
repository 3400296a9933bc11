//! `GET /customers/{customer_id}/users`: translates the request, asks, translates the answer.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use super::{
    Gateway,
    accept::{Accept, SMALL_BODY, wants_gzip},
    body::in_pieces,
    caching::{Ages, etag, is_held, tagged, write_origin},
    credentials::brought,
    envelope::{SourceReport, UsersBody},
    error::ApiError,
    export,
    extract::{Customer, UsersQuery, wants_it_now},
    headers::CACHE_STATUS,
    next_page::link,
    parameters::{UsersHeaders, UsersParameters},
    representation::Representation,
    request_context::RequestContext,
    source_status::SourceStatus,
};
use crate::{
    domain::CustomerId,
    offload::{offload, offload_if},
    roll::{Answer, Pieces, Refusal, Rendered, RollAnswer, SourceOutcome},
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// From this many bytes on, compressing moves off the threads that serve all requests.
const LONG_TO_COMPRESS: usize = 64 << 10;

/// What the log line of a request says about how its answer came about.
#[derive(Clone, Debug)]
pub(super) struct LogFacts {
    /// The `Cache-Status` of the answer.
    pub(super) cache: HeaderValue,
    /// Each source with its outcome.
    pub(super) sources: Arc<str>,
    /// Whether users may be missing.
    pub(super) partial: bool,
}

/// List a customer's users
///
/// Asks every source at once, joins the records that have the same e-mail address, and returns
/// one normalized roll. A source that fails does not fail the others: the answer is then
/// `partial` and says why, unless `partial=deny` asks for that source's error instead.
///
/// `Accept: text/csv` and `application/x-ndjson` return all users that match the filters, without an
/// envelope: `page_size` and `cursor` are refused there, `partial` defaults to `deny`, and the
/// header `Rollcall-Status` says `success` or `partial`.
#[utoipa::path(
    get,
    path = "/customers/{customer_id}/users",
    operation_id = "listUsers",
    tag = "Users",
    params(
        ("customer_id" = String, Path, description = "The customer's id.", min_length = 1, max_length = 128,
         example = "00000000-0000-4000-8000-000000000002"),
        UsersParameters,
        UsersHeaders,
    ),
    responses((status = 200, description = "The roll: complete (`success`), or with users possibly missing (`partial`).", content(
        (UsersBody = "application/json"),
        (String = "text/csv"),
        (String = "application/x-ndjson"),
    ))),
)]
pub(super) async fn list_users(
    State(gateway): State<Arc<Gateway>>,
    Extension(request_context): Extension<Arc<RequestContext>>,
    Customer(customer): Customer,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = request.into_parts().0;
    let representation = Representation::wanted(&Accept::of(&asked.headers))?;
    let query = UsersQuery::read(asked.uri.query().unwrap_or_default(), &customer, &gateway.source_names, representation)?;
    let context = request_context.ask_context(wants_it_now(&asked.headers));
    let brought = brought(&asked.headers, &gateway.forwards)?;
    let answer = gateway.rolls.roll(&customer, query.partial, &brought, &context).await?;
    let (mut response, partial) = write(&gateway, &customer, (representation, &query), &asked.headers, &answer).await;
    LogFacts::note(gateway.wants_facts(&context.origin), &mut response, &answer.outcomes, partial);
    Ok(response)
}

/// Writes an answer: users, 304, or the error that the sources' failures amount to. Also returns whether
/// users may be missing.
async fn write(
    gateway: &Gateway,
    customer: &CustomerId,
    (representation, query): (Representation, &UsersQuery),
    asked: &HeaderMap,
    answer: &Answer,
) -> (Response, bool) {
    match &answer.roll {
        Ok(given) => {
            let mut response = match representation {
                Representation::Page => page(gateway, customer, query, asked, given, &answer.outcomes).await,
                Representation::All(format) => Box::pin(export::all(gateway, format, &query.view, given, &answer.outcomes, asked)).await,
            };
            Ages::of(&answer.outcomes).write(given.complete, &answer.outcomes, response.headers_mut());
            (response, !given.complete)
        }
        Err(refusal) => (refuse(customer, refusal, &answer.outcomes), false),
    }
}

/// Makes the error that the sources' failures amount to.
pub(super) fn refuse(customer: &CustomerId, refusal: &Refusal, outcomes: &[SourceOutcome]) -> Response {
    let mut response = ApiError::refused(customer, refusal, outcomes).into_response();
    write_origin(outcomes, response.headers_mut(), Ages::of(outcomes).ttl());
    response
}

/// Renders the body with its tag. The page that most callers want is rendered once for each roll: between
/// two refreshes it is identical, byte for byte.
async fn render(query: &UsersQuery, given: &RollAnswer, outcomes: &[SourceOutcome]) -> Arc<Rendered> {
    let as_fetched = outcomes.iter().all(|outcome| outcome.error.is_none() && !outcome.is_stale());
    if query.is_plain && given.complete && as_fetched {
        return given.roll.first_page(&given.warnings, || render_anew(query, given, outcomes));
    }
    if !given.roll.is_long_to_page(&query.view) {
        return Arc::new(render_anew(query, given, outcomes));
    }
    let (query, given, outcomes) = (query.clone(), given.clone(), outcomes.to_vec());
    Arc::new(Box::pin(offload(move || render_anew(&query, &given, &outcomes))).await)
}

fn render_anew(query: &UsersQuery, given: &RollAnswer, outcomes: &[SourceOutcome]) -> Rendered {
    let page = given.roll.page(&query.view, &query.page);
    let sources: Vec<SourceReport> = outcomes.iter().map(SourceReport::from).collect();
    let body = UsersBody::new(given, &page, &sources);
    let mut users = Pieces::default();
    given.roll.write(&page, &mut users);
    let users = users.finish();
    Rendered::new(body.around(&users), etag(&body, &users), page.next_cursor.clone())
}

async fn page(
    gateway: &Gateway,
    customer: &CustomerId,
    query: &UsersQuery,
    asked: &HeaderMap,
    given: &RollAnswer,
    outcomes: &[SourceOutcome],
) -> Response {
    let rendered = render(query, given, outcomes).await;
    // A caller that already holds the page gets no body, so none is compressed.
    let zips = rendered.size() as u64 >= SMALL_BODY && wants_gzip(asked) && !is_held(asked, &rendered.etag);
    let zipped = if zips { Some(Box::pin(gzip(&rendered)).await) } else { None };
    tagged(asked, &rendered.etag, || {
        let mut response = match zipped {
            Some(bytes) => ([(header::CONTENT_TYPE, JSON), (header::CONTENT_ENCODING, GZIP)], Body::from(bytes)).into_response(),
            None => ([(header::CONTENT_TYPE, JSON)], in_pieces(&rendered.pieces)).into_response(),
        };
        if let Some(cursor) = &rendered.next_cursor {
            let path = format!("{}/customers/{customer}/users", gateway.base_path);
            link(response.headers_mut(), &path, &query.again, cursor); // a caller that holds the page also holds its link
        }
        response
    })
}

/// Compresses a page. For a long page, the first time takes a while.
async fn gzip(rendered: &Arc<Rendered>) -> Bytes {
    let is_slow = rendered.size() > LONG_TO_COMPRESS && !rendered.has_gzip();
    let rendered = Arc::clone(rendered);
    offload_if(is_slow, move || rendered.gzip()).await
}

impl LogFacts {
    /// Attaches the facts to an answer, if they are wanted.
    pub(super) fn note(wanted: bool, response: &mut Response, outcomes: &[SourceOutcome], partial: bool) {
        let cache = response.headers().get(CACHE_STATUS).filter(|_| wanted);
        if let Some(cache) = cache.cloned() {
            let one = |outcome: &SourceOutcome| format!("{}={}", outcome.source, SourceStatus::from(outcome).as_str());
            let sources = outcomes.iter().map(one).collect::<Vec<_>>().join(" ");
            response.extensions_mut().insert(Self { cache, sources: sources.into(), partial });
        }
    }
}
