//! `MyReports` simulated: the list of a customer's users, in one answer; its identity server is beside it.
//!
//! `MyReports` API reference, "Users, Get All", in its reseller and its enterprise form.

use std::sync::Arc;

use axum::{
    Router,
    extract::{ConnectInfo, Path, State},
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;

use super::{
    Backend, MY_REPORTS_TOKEN,
    answer::{self, Call},
    customers::Customer,
    identity,
    roster::Roster,
    rows::{Row, User},
    simulation::{Counters, Simulation},
    socket::Fuse,
    timestamp,
};

const RESELLER: &str = "/api/v1.0/customers/{customer}/users";
const ENTERPRISE: &str = "/api/v1.0/accounts/{account}/customers/{customer}/users";

/// An error in the form of the common reply template, its keys in the documented order.
#[derive(Serialize)]
pub(super) struct Refusal {
    error: u16,
    message: String,
    status: &'static str,
    timestamp: String,
}

/// All users, in the documented order of keys.
#[derive(Serialize)]
struct Users<'a> {
    page_size: Size,
    data: &'a [Row<User>],
    status: &'static str,
    timestamp: String,
}

/// A number, or the string that the reference's template shows in its place.
#[derive(Serialize)]
#[serde(untagged)]
enum Size {
    Number(usize),
    Text(String),
}

/// The routes of the simulated backend.
pub(super) fn router(simulation: Arc<Simulation>) -> Router {
    let data = Router::new().route(RESELLER, get(of_reseller)).route(ENTERPRISE, get(of_enterprise));
    data.merge(identity::router()).with_state(simulation)
}

/// The documented errors; others in the same form, which is an assumption. 401 has no body.
pub(super) fn refusal(status: StatusCode, id: &str) -> Response {
    let message = match status {
        StatusCode::UNAUTHORIZED => return status.into_response(),
        StatusCode::BAD_REQUEST => format!("The value '{id}' is not valid."),
        _ => status.canonical_reason().unwrap_or_default().to_owned(),
    };
    answer::json(status, &Refusal::new(status, message))
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

/// Every account that is a GUID has every customer, which only a sandbox can say.
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
    Call { backend: Backend::MyReports, customer, target: target.to_string(), fuse, closing: simulation.closing.clone() }
}

async fn users(simulation: &Simulation, call: &Call, headers: &HeaderMap, account: Option<&str>) -> Response {
    let number = Counters::count(&simulation.counters.users);
    if let Some(answer) = simulation.disturb(call).await {
        return answer;
    }
    if answer::credentials(headers, "Bearer") != Some(MY_REPORTS_TOKEN) && !simulation.identity.accept(headers) {
        return call.refuse(StatusCode::UNAUTHORIZED);
    }
    let mut ids = account.into_iter().chain([call.customer.as_str()]);
    match ids.find(|id| !answer::is_guid(id)) {
        Some(id) => refusal(StatusCode::BAD_REQUEST, id),
        None => list(simulation, call, number).await,
    }
}

async fn list(simulation: &Simulation, call: &Call, number: u64) -> Response {
    let Some(customer) = Customer::find(&call.customer) else {
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

// === impl Refusal ===

impl Refusal {
    /// What is said of an unknown customer.
    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found".to_owned())
    }

    fn new(status: StatusCode, message: String) -> Self {
        Self { error: status.as_u16(), message, status: "error", timestamp: timestamp::now() }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_found_is_as_long_as_the_reference_says() {
        let printed = serde_json::to_string(&Refusal::not_found()).unwrap();
        assert_eq!(printed.len(), 95, "{printed}");
        assert!(printed.starts_with(r#"{"error":404,"message":"Not Found","status":"error","timestamp":"2"#));
    }

    #[test]
    fn bad_request_is_as_long_as_the_reference_says() {
        // Its Content-Length of 149 fits a GUID with one character too many.
        let message = format!("The value '{}' is not valid.", "x".repeat(37));
        let printed = serde_json::to_string(&Refusal::new(StatusCode::BAD_REQUEST, message));
        assert_eq!(printed.unwrap().len(), 149);
    }
}
