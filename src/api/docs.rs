//! The pages for people: the OpenAPI document, Swagger UI served from inside the binary, the start page.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use utoipa_swagger_ui::Config;

use super::{Gateway, credentials::presented, error::ApiError, request_context::RequestContext};

/// Everything comes from this host; Swagger UI needs inline styles and `data:` images.
const CONTENT_SECURITY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const START_PAGE: &str = include_str!("start.html");

/// The OpenAPI documents, rendered once.
pub struct Documents {
    json: Bytes,
    yaml: Bytes,
    swagger: Arc<Config<'static>>,
}

impl Documents {
    /// Renders the documents; `base_path` is the path under which Swagger UI finds them.
    pub fn new(json: String, yaml: String, base_path: &str) -> Self {
        let swagger = Config::from(format!("{base_path}/openapi.json"))
            .try_it_out_enabled(true)
            .display_request_duration(true)
            .default_models_expand_depth(0)
            .validator_url("none");
        Self { json: json.into(), yaml: yaml.into(), swagger: Arc::new(swagger) }
    }
}

pub(super) async fn json(State(gateway): State<Arc<Gateway>>) -> Response {
    typed("application/json", gateway.documents.json.clone())
}

pub(super) async fn yaml(State(gateway): State<Arc<Gateway>>) -> Response {
    typed("application/yaml", gateway.documents.yaml.clone())
}

/// The start page's links are relative to a folder, so it needs the trailing slash, too.
pub(super) async fn to_start(State(gateway): State<Arc<Gateway>>) -> Redirect {
    Redirect::permanent(&format!("{}/", gateway.base_path))
}

/// Swagger UI is a folder: its files are found only under a path with the trailing slash.
pub(super) async fn to_folder(State(gateway): State<Arc<Gateway>>) -> Redirect {
    Redirect::permanent(&format!("{}/docs/", gateway.base_path))
}

pub(super) async fn swagger(State(gateway): State<Arc<Gateway>>, file: Option<Path<String>>) -> Response {
    let name = file.map(|Path(name)| name).unwrap_or_default();
    match utoipa_swagger_ui::serve(&name, Arc::clone(&gateway.documents.swagger)) {
        Ok(Some(file)) => page(&file.content_type, file.bytes.into_owned().into()),
        Ok(None) => ApiError::of_status(StatusCode::NOT_FOUND).into_response(),
        Err(_) => ApiError::of_status(StatusCode::INTERNAL_SERVER_ERROR).into_response(),
    }
}

/// The start page for a person. Only callers see the state of the sources.
pub(super) async fn start(
    State(gateway): State<Arc<Gateway>>,
    Extension(request_context): Extension<Arc<RequestContext>>,
    headers: HeaderMap,
) -> Response {
    let is_caller = gateway.access.recognise(&presented(&headers), request_context.deadline).await.is_ok();
    let sources = if is_caller { state_of_sources(&gateway) } else { "<p>Their state is shown to callers only.</p>".to_owned() };
    let html =
        START_PAGE.replace("{sources}", &sources).replace("{base}", &gateway.base_path).replace("{version}", env!("CARGO_PKG_VERSION"));
    page("text/html; charset=utf-8", html.into())
}

fn state_of_sources(gateway: &Gateway) -> String {
    let row = |source: &Arc<crate::sources::Source>| {
        let health = source.health();
        let (class, state) = match (health.error, health.last_success) {
            (Some(error), _) => ("bad", format!("last answer: {}", error.as_str())),
            (None, Some(at)) => ("good", format!("answered at {at}")),
            (None, None) => ("new", "not asked yet".to_owned()),
        };
        format!("<tr><td>{}</td><td class=\"{class}\">{state}</td></tr>", source.name())
    };
    let rows: String = gateway.rolls.sources().iter().map(row).collect();
    format!("<table>{rows}</table>")
}

fn page(content_type: &str, body: Bytes) -> Response {
    let mut response = typed(content_type, body);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY));
    response
}

fn typed(content_type: &str, body: Bytes) -> Response {
    let mut response = body.into_response();
    let value = HeaderValue::try_from(content_type).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}
