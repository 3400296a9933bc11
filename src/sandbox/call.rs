//! A data call, and its answer when something goes wrong.

use std::time::Duration;

use axum::{
    http::{
        StatusCode,
        header::{CONTENT_TYPE, LOCATION, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};
use tokio::{sync::watch, time};

use super::{
    FaultKind, SimulatedBackend,
    answer::{closed, html, json},
    refusal::{self, Refusal},
    socket::Fuse,
};

const TEN_MINUTES: Duration = Duration::from_mins(10);
/// Where redirects lead: a reserved name, so that no host is there.
const ELSEWHERE: &str = "https://elsewhere.example";
/// How many bytes a cut answer announces, and after how many bytes, head included, it ends.
const CUT_LENGTH: usize = 4096;
const CUT_AFTER: usize = 1024;

/// A data call, as far as faults depend on it.
pub(super) struct Call {
    pub(super) backend: SimulatedBackend,
    /// The requested id.
    pub(super) customer: String,
    /// Path and query.
    pub(super) target: String,
    /// Can end the connection.
    pub(super) fuse: Fuse,
    /// Closes when the sandbox does.
    pub(super) closing: watch::Receiver<()>,
}

impl Call {
    /// Returns the answer for a fault; `None` where the rest of the call still decides.
    pub(super) async fn fail(&self, kind: FaultKind) -> Option<Response> {
        Some(match kind {
            FaultKind::NotFound => self.refuse(StatusCode::NOT_FOUND),
            FaultKind::BadRequest => self.refuse(StatusCode::BAD_REQUEST),
            FaultKind::Unauthorized => self.refuse(StatusCode::UNAUTHORIZED),
            FaultKind::Forbidden => self.refuse(StatusCode::FORBIDDEN),
            FaultKind::RateLimited => self.limit(),
            FaultKind::Timeout => self.keep_waiting().await,
            FaultKind::Unavailable => html(StatusCode::SERVICE_UNAVAILABLE),
            FaultKind::InvalidResponse => html(StatusCode::OK),
            FaultKind::ErrorInBody => json(StatusCode::OK, &Refusal::not_found()),
            FaultKind::Redirect => self.redirect(),
            FaultKind::Cut => self.cut(),
            FaultKind::Reset => self.reset(),
            FaultKind::Changing | FaultKind::TokenRefused | FaultKind::TokenDown => return None,
        })
    }

    /// Returns an error in the backend's form.
    pub(super) fn refuse(&self, status: StatusCode) -> Response {
        match self.backend {
            SimulatedBackend::AdvancedAutomation => refusal::of_advanced_automation(status),
            SimulatedBackend::MyReports => refusal::of_my_reports(status, &self.customer),
        }
    }

    /// Neither vendor documents a 429; `Retry-After` in seconds is what Acronis' public toolkit sends
    /// (go-appkit, `httpserver/middleware/rate_limit.go`).
    fn limit(&self) -> Response {
        let refusal = self.refuse(StatusCode::TOO_MANY_REQUESTS);
        ([(RETRY_AFTER, "30")], refusal).into_response()
    }

    /// Waits until the client hangs up (which drops this future), the sandbox closes, or ten minutes have
    /// passed.
    async fn keep_waiting(&self) -> Response {
        _ = time::timeout(TEN_MINUTES, closed(self.closing.clone())).await;
        self.reset()
    }

    fn redirect(&self) -> Response {
        let location = format!("{ELSEWHERE}{}", self.target);
        (StatusCode::FOUND, [(LOCATION, location)]).into_response()
    }

    fn cut(&self) -> Response {
        self.fuse.end_after(CUT_AFTER);
        let begun = r#"{"status":"success","data":["#;
        let body = format!("{begun:CUT_LENGTH$}");
        ([(CONTENT_TYPE, "application/json")], body).into_response()
    }

    fn reset(&self) -> Response {
        self.fuse.reset();
        StatusCode::OK.into_response() // never sent
    }
}
