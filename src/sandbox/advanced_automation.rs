//! Advanced Automation simulated: the lists of customers and of a customer's persons, in pages.
//!
//! Acronis PSA guide, "Fetching customer clients" and "Fetch customers": a POST whose parameters are in the query, with an empty body.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{ConnectInfo, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
    routing::post,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    CLIENT_ID, CLIENT_SECRET, FaultKind, SimulatedBackend, answer,
    call::Call,
    customers::Customer,
    lists::{self, ListedCustomer},
    refusal,
    roster::Roster,
    rows::{Person, Row},
    simulation::{Counters, Simulation},
    socket::Fuse,
    timestamp, tokens,
};

const TOKEN: &str = "/api/2/idp/token";
const PERSON: &str = "/api/advanced-automation/v1/Person";
const CUSTOMER: &str = "/api/advanced-automation/v1/Customer";

/// The query. That parameters are required, and others ignored, is an assumption.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameters {
    page: usize,
    page_size: usize,
    /// Absent where customers are listed.
    customer: Option<String>,
}

/// A page of persons.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Page<'a> {
    clients: &'a [Row<Person>],
    paging: Paging,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Paging {
    amount_records_found: usize,
    amount_of_pages: usize,
}

/// A page of customers. `AmountOfPages` is 0 despite the rows, as in the guide's example.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct List<'a> {
    customers: &'a [ListedCustomer],
    amount_records_found: usize,
    amount_of_pages: usize,
}

/// Returns the routes of the simulated backend.
pub(super) fn router(simulation: Arc<Simulation>) -> Router {
    Router::new().route(TOKEN, post(token)).route(PERSON, post(persons)).route(CUSTOMER, post(customers)).with_state(simulation)
}

/// `POST /api/2/idp/token`.
async fn token(State(simulation): State<Arc<Simulation>>, headers: HeaderMap, body: Bytes) -> Response {
    Counters::count(&simulation.counters.tokens);
    let faulty = |kind| simulation.has(SimulatedBackend::AdvancedAutomation, kind);
    if faulty(FaultKind::TokenDown) {
        return answer::html(StatusCode::SERVICE_UNAVAILABLE);
    }
    if faulty(FaultKind::TokenRefused) || !knows_client(&headers) {
        return no_token(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    if !asks_for_client_credentials(&body) {
        return no_token(StatusCode::BAD_REQUEST, "unsupported_grant_type");
    }
    let (token, expires_on) = (simulation.tokens.issue(), timestamp::since_epoch() + tokens::LIFETIME);
    let granted = json!({
        "access_token": token,
        "expires_on": expires_on.as_secs(),
        "id_token": token,
        "token_type": "bearer",
    });
    answer::json(StatusCode::OK, &granted)
}

fn knows_client(headers: &HeaderMap) -> bool {
    let expected = STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
    answer::credentials(headers, "Basic") == Some(&expected)
}

fn asks_for_client_credentials(form: &[u8]) -> bool {
    let mut fields = url::form_urlencoded::parse(form);
    fields.any(|(name, value)| name == "grant_type" && value == "client_credentials")
}

/// Returns an OAuth error (RFC 6749, section 5.2). The guide shows none; that the endpoint follows the RFC is
/// an assumption.
fn no_token(status: StatusCode, error: &str) -> Response {
    let description = "The sandbox refuses this.";
    answer::json(status, &json!({"error": error, "error_description": description}))
}

/// `POST /Person?Page=1&PageSize=50&Customer=...`
async fn persons(
    State(simulation): State<Arc<Simulation>>,
    ConnectInfo(fuse): ConnectInfo<Fuse>,
    target: Uri,
    headers: HeaderMap,
    query: Result<Query<Parameters>, QueryRejection>,
    body: Bytes,
) -> Response {
    let number = Counters::count(&simulation.counters.persons);
    let call = call(&simulation, fuse, &target);
    match admitted(&simulation, &call, &headers, query, &body).await {
        // That an id other than a GUID gives 400 is an assumption.
        Ok(Parameters { page, page_size, customer: Some(customer) }) if answer::is_guid(&customer) => {
            persons_page(&simulation, &call, (&customer, page, page_size), number).await
        }
        Ok(_) => refusal::of_advanced_automation(StatusCode::BAD_REQUEST),
        Err(answer) => answer,
    }
}

/// `POST /Customer?Page=1&PageSize=50&Active=true`
async fn customers(
    State(simulation): State<Arc<Simulation>>,
    ConnectInfo(fuse): ConnectInfo<Fuse>,
    target: Uri,
    headers: HeaderMap,
    query: Result<Query<Parameters>, QueryRejection>,
    body: Bytes,
) -> Response {
    let number = Counters::count(&simulation.counters.lists);
    let call = call(&simulation, fuse, &target);
    match admitted(&simulation, &call, &headers, query, &body).await {
        Ok(Parameters { page, page_size, .. }) => {
            let all = lists::customers();
            let found = all.len() + simulation.drift(call.backend, number);
            let page = List { customers: slice(&all, page, page_size), amount_records_found: found, amount_of_pages: 0 };
            answer::json(StatusCode::OK, &page)
        }
        Err(answer) => answer,
    }
}

fn call(simulation: &Simulation, fuse: Fuse, target: &Uri) -> Call {
    Call {
        backend: SimulatedBackend::AdvancedAutomation,
        customer: String::new(), // no refusal here quotes it
        target: target.to_string(),
        fuse,
        closing: simulation.closing.clone(),
    }
}

/// Returns the parameters of a call that may be answered.
async fn admitted(
    simulation: &Simulation,
    call: &Call,
    headers: &HeaderMap,
    query: Result<Query<Parameters>, QueryRejection>,
    body: &Bytes,
) -> Result<Parameters, Response> {
    if let Some(answer) = simulation.disturb(call).await {
        return Err(answer);
    }
    if !simulation.tokens.accept(headers) {
        return Err(refusal::of_advanced_automation(StatusCode::UNAUTHORIZED));
    }
    let parameters = query.ok().map(|Query(parameters)| parameters);
    parameters
        .filter(|parameters| body.is_empty() && parameters.are_valid())
        .ok_or_else(|| refusal::of_advanced_automation(StatusCode::BAD_REQUEST))
}

async fn persons_page(simulation: &Simulation, call: &Call, (id, page, size): (&str, usize, usize), number: u64) -> Response {
    let Some(customer) = Customer::find(id).filter(|customer| customer.is_at(call.backend)) else {
        return refusal::of_advanced_automation(StatusCode::NOT_FOUND); // an assumption: the guide does not say
    };
    if let Some(kind) = customer.fault(call.backend)
        && let Some(answer) = call.fail(kind).await
    {
        return answer;
    }
    let roster = simulation.roster(&customer);
    let drift = simulation.drift(call.backend, number);
    let page = Page { clients: slice(&roster.persons, page, size), paging: Paging::of(&roster, drift, size) };
    answer::json(StatusCode::OK, &page)
}

/// Returns the rows of a page, counted from 1; none past the end, which is an assumption.
fn slice<T>(rows: &[T], page: usize, size: usize) -> &[T] {
    let begin = page.saturating_sub(1).saturating_mul(size);
    let end = begin.saturating_add(size).min(rows.len());
    rows.get(begin..end).unwrap_or_default()
}

// === impl Parameters ===

impl Parameters {
    /// That page 0 gives 400 is an assumption.
    fn are_valid(&self) -> bool {
        self.page > 0 && self.page_size > 0
    }
}

// === impl Paging ===

impl Paging {
    fn of(roster: &Roster, drift: usize, page_size: usize) -> Self {
        let rows = roster.found.max(roster.persons.len()) + drift;
        Self { amount_records_found: roster.found + drift, amount_of_pages: if roster.counts_pages { rows.div_ceil(page_size) } else { 0 } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_counted_from_one_and_empty_past_the_end() {
        let rows = [1, 2, 3, 4, 5];
        assert_eq!(slice(&rows, 1, 2), [1, 2]);
        assert_eq!(slice(&rows, 3, 2), [5]);
        assert_eq!(slice(&rows, 1, 5), rows);
        assert_eq!(slice(&rows, 1, usize::MAX), rows);
        for (page, size) in [(4, 2), (2, 5), (usize::MAX, 2), (usize::MAX, usize::MAX)] {
            assert_eq!(slice(&rows, page, size), [0; 0], "{page} {size}");
        }
    }

    #[test]
    fn pages_are_rounded_up() {
        let paging = |found, size| {
            let roster = Roster { found, ..Roster::of(Vec::new(), Vec::new()) };
            Paging::of(&roster, 0, size).amount_of_pages
        };
        let pages = [paging(0, 50), paging(1, 50), paging(50, 50), paging(51, 50)];
        assert_eq!(pages, [0, 1, 1, 2]);
    }
}
