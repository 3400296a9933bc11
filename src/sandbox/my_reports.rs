//! `MyReports` simulated: the list of a customer's users, in one answer, and the list of customers, in pages.
//! Its identity server is in `login` and `identity`.
//!
//! `MyReports` API reference, "Users, Get All" and "Customers, Get All", in their reseller and enterprise forms.

use std::sync::Arc;

use axum::{
    Router,
    extract::{ConnectInfo, Path, Query, State},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
    routing::get,
};
use serde::{Deserialize, Serialize};

use super::{
    MY_REPORTS_TOKEN, SimulatedBackend, answer,
    call::Call,
    customers::Customer,
    lists::{self, ListedTenant},
    login, refusal,
    roster::Roster,
    rows::{Row, User},
    simulation::{Counters, Simulation},
    socket::Fuse,
    timestamp,
};

const RESELLER: &str = "/api/v1.0/customers/{customer}/users";
const ENTERPRISE: &str = "/api/v1.0/accounts/{account}/customers/{customer}/users";
const RESELLER_LIST: &str = "/api/v1.0/customers";
const ENTERPRISE_LIST: &str = "/api/v1.0/accounts/{account}/customers";

/// The most customers on a page, as documented; also the default, by assumption.
const LARGEST_PAGE: usize = 1000;

/// All users, with the keys in documented order.
#[derive(Serialize)]
struct Users<'a> {
    page_size: Size,
    data: &'a [Row<User>],
    status: &'static str,
    timestamp: String,
}

/// The requested page of the customers, counted from 0.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Paging {
    #[serde(default)]
    page_index: usize,
    #[serde(default = "largest_page")]
    page_size: usize,
}

/// A page of customers, with the keys in documented order.
#[derive(Serialize)]
struct Tenants<'a> {
    page_size: usize,
    page_index: usize,
    data: &'a [ListedTenant],
    status: &'static str,
    timestamp: String,
}

/// A number, or the string that the reference's template shows instead.
#[derive(Serialize)]
#[serde(untagged)]
enum Size {
    Number(usize),
    Text(String),
}

/// Returns the routes of the simulated backend.
pub(super) fn router(simulation: Arc<Simulation>) -> Router {
    let data = Router::new()
        .route(RESELLER, get(of_reseller))
        .route(ENTERPRISE, get(of_enterprise))
        .route(RESELLER_LIST, get(tenants))
        .route(ENTERPRISE_LIST, get(tenants));
    data.merge(login::router()).with_state(simulation)
}

fn largest_page() -> usize {
    LARGEST_PAGE
}

/// `GET /customers?pageIndex=0&pageSize=1000`; that a larger page gives 400 is an assumption.
async fn tenants(
    State(simulation): State<Arc<Simulation>>,
    ConnectInfo(fuse): ConnectInfo<Fuse>,
    Query(Paging { page_index, page_size }): Query<Paging>,
    target: Uri,
    headers: HeaderMap,
) -> Response {
    let number = Counters::count(&simulation.counters.lists);
    let call = call(&simulation, String::new(), fuse, &target);
    if let Some(answer) = simulation.disturb(&call).await {
        return answer;
    }
    if !is_known(&simulation, &headers) {
        return call.refuse(StatusCode::UNAUTHORIZED);
    }
    if !(1..=LARGEST_PAGE).contains(&page_size) {
        return refusal::of_my_reports(StatusCode::BAD_REQUEST, &page_size.to_string());
    }
    let all = lists::tenants();
    let data = all.chunks(page_size).nth(page_index).unwrap_or_default();
    let page_size = data.len() + simulation.drift(call.backend, number);
    answer::json(StatusCode::OK, &Tenants { page_size, page_index, data, status: "success", timestamp: timestamp::now() })
}

async fn of_reseller(
    State(simulation): State<Arc<Simulation>>,
    ConnectInfo(fuse): ConnectInfo<Fuse>,
    Path(customer): Path<String>,
    target: Uri,
    headers: HeaderMap,
) -> Response {
    let call = call(&simulation, customer, fuse, &target);
    users(&simulation, &call, &headers, None).await
}

/// Every account whose id is a GUID has every customer: a simplification of the sandbox.
async fn of_enterprise(
    State(simulation): State<Arc<Simulation>>,
    ConnectInfo(fuse): ConnectInfo<Fuse>,
    Path((account, customer)): Path<(String, String)>,
    target: Uri,
    headers: HeaderMap,
) -> Response {
    let call = call(&simulation, customer, fuse, &target);
    users(&simulation, &call, &headers, Some(&account)).await
}

fn call(simulation: &Simulation, customer: String, fuse: Fuse, target: &Uri) -> Call {
    Call { backend: SimulatedBackend::MyReports, customer, target: target.to_string(), fuse, closing: simulation.closing.clone() }
}

/// Returns whether a request carries the ready token, or one that the identity server issued.
fn is_known(simulation: &Simulation, headers: &HeaderMap) -> bool {
    answer::credentials(headers, "Bearer") == Some(MY_REPORTS_TOKEN) || simulation.identity.accept(headers)
}

async fn users(simulation: &Simulation, call: &Call, headers: &HeaderMap, account: Option<&str>) -> Response {
    let number = Counters::count(&simulation.counters.users);
    if let Some(answer) = simulation.disturb(call).await {
        return answer;
    }
    if !is_known(simulation, headers) {
        return call.refuse(StatusCode::UNAUTHORIZED);
    }
    let mut ids = account.into_iter().chain([call.customer.as_str()]);
    match ids.find(|id| !answer::is_guid(id)) {
        Some(id) => refusal::of_my_reports(StatusCode::BAD_REQUEST, id),
        None => list(simulation, call, number).await,
    }
}

async fn list(simulation: &Simulation, call: &Call, number: u64) -> Response {
    let Some(customer) = Customer::find(&call.customer).filter(|customer| customer.is_at(call.backend)) else {
        return call.refuse(StatusCode::NOT_FOUND);
    };
    if let Some(kind) = customer.fault(call.backend)
        && let Some(answer) = call.fail(kind).await
    {
        return answer;
    }
    let roster = simulation.roster(&customer);
    let drift = simulation.drift(call.backend, number);
    answer::json(StatusCode::OK, &Users::of(&roster, drift))
}

// === impl Users ===

impl<'a> Users<'a> {
    fn of(roster: &'a Roster, drift: usize) -> Self {
        let size = roster.users.len() + drift;
        Self {
            page_size: if roster.size_as_text { Size::Text(size.to_string()) } else { Size::Number(size) },
            data: &roster.users,
            status: "success",
            timestamp: timestamp::now(),
        }
    }
}
