//! The OpenAPI document, made from the routes that are served. Errors are described from the code
//! table, with examples that the envelope itself writes.

mod examples;
mod headers;
mod parameters;

use utoipa::{
    OpenApi,
    openapi::{
        self, ContentBuilder, Header, HeaderBuilder, Ref, RefOr, Response, ResponseBuilder, Server,
        example::ExampleBuilder,
        path::Operation,
        schema::{Object, Schema, SchemaType, Type},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use super::{
    accept::{JSON, PROBLEM_JSON},
    code::Code,
    described,
    envelope::{DocumentedUser, ErrorEnvelope, Problem},
};
use crate::{access::Mode, sources::Backend};
use examples::example;
use headers::{AGE, CUSTOMERS_CACHED, HEADERS, NEXT, NOT_KEPT, ORIGIN, ROLL_HEADERS, STATUS, TAG, WARNINGS};
use parameters::{describe_parameters, describe_requests, describe_sources};

/// The names of the security schemes.
const TOKEN: &str = "bearer";
const KEY: &str = "api_key";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Rollcall",
        description = "One roll of a customer's users, whichever backend holds them.\n\n\
            `GET /customers/{customer_id}/users` asks all sources at once (Advanced Automation, which is Acronis PSA; MyReports, which is Xarios Dimensions; and any other configured source), \
            joins the records that have the same e-mail address, and says how complete and how old the answer is:\n\n\
            * `status: success` is a promise: each source's users are one complete walk, as of its `fetched_at`.\n\
            * `status: partial` means that users may be missing; absence from such a roll does not mean that a user was deleted.\n\
            * Every error of every route has the same shape, or that of RFC 9457 if `Accept: application/problem+json` asks for it.\n\n\
            Fields, warnings and codes may be added later: ignore any that you do not know.",
        license(name = "MIT", identifier = "MIT"),
    ),
    tags(
        (name = "Users", description = "The joined roll of a customer's users"),
        (name = "Customers", description = "The customers that can be requested, and their ids at each source"),
        (name = "Health", description = "Health checks and metrics, for load balancers and operators"),
    ),
    components(schemas(ErrorEnvelope, Problem, DocumentedUser))
)]
struct Skeleton;

/// The document without its paths.
pub(super) fn skeleton() -> openapi::OpenApi {
    Skeleton::openapi()
}

/// The codes that any route may answer with; `invalid_parameter` also stands for a body that cannot be read.
const EVERYWHERE: &[Code] = &[
    Code::InvalidParameter,
    Code::MethodNotAllowed,
    Code::RequestTimeout,
    Code::PayloadTooLarge,
    Code::UriTooLong,
    Code::HeaderTooLarge,
    Code::Internal,
];

/// The codes of every route that is for callers only.
const GUARDED: &[Code] = &[Code::Unauthorized, Code::RateLimited, Code::KeysUnavailable];

/// The codes of every route for a single customer.
const OF_CUSTOMER: &[Code] = &[
    Code::InvalidCustomerId,
    Code::Forbidden,
    Code::CustomerNotFound,
    Code::RouteNotFound,
    Code::NotAcceptable,
    Code::Overloaded,
    Code::LinksUnavailable,
];

/// The codes of every route that asks sources.
const OF_SOURCES: &[Code] = &[
    Code::UpstreamBadRequest,
    Code::UpstreamUnauthorized,
    Code::UpstreamCredentialsRefused,
    Code::UpstreamForbidden,
    Code::UpstreamUnavailable,
    Code::UpstreamInvalidResponse,
    Code::UpstreamRateLimited,
    Code::UpstreamTimeout,
];

/// The codes of the list of customers.
const CUSTOMERS: &[Code] = &[Code::InvalidCursor, Code::NotAcceptable, Code::Overloaded, Code::LinksUnavailable];

/// Which routes a document describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentScope {
    /// All routes.
    All,
    /// Those on the callers' listener, without those that only the operators' own listener has.
    Callers,
}

/// The security requirements, any one of which suffices. Where none is required, a key or a token may still be sent.
fn requirements(mode: Mode) -> Vec<SecurityRequirement> {
    let [none, token, key] = [SecurityRequirement::default(), wants(TOKEN), wants(KEY)];
    match mode {
        Mode::None => vec![none, token, key],
        Mode::Keys => vec![token, key],
        Mode::Jwt => vec![token],
    }
}

fn wants(scheme: &str) -> SecurityRequirement {
    SecurityRequirement::new::<_, [&str; 0], &str>(scheme, [])
}

/// Declares the security schemes, for Swagger's "Authorize".
fn declare_schemes(document: &mut openapi::OpenApi) {
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A caller's key, or a JSON Web Token from the issuer that the gateway trusts."));
    let key = ApiKeyValue::with_description("X-Api-Key", "A caller's key, as `rollcall key NAME` prints it.");
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(TOKEN, SecurityScheme::Http(token.build()));
    components.add_security_scheme(KEY, SecurityScheme::ApiKey(ApiKey::Header(key)));
}

/// A field that may be null is always present; one that may be absent is never null. Adjusts the schemas accordingly.
fn require_what_may_be_null(document: &mut openapi::OpenApi) {
    for schema in document.components.get_or_insert_default().schemas.values_mut() {
        if let RefOr::T(Schema::Object(object)) = schema {
            let is_missing = |(name, field): &(&String, &RefOr<Schema>)| may_be_null(field) && !object.required.contains(name);
            let missing: Vec<String> = object.properties.iter().filter(is_missing).map(|(name, _)| name.clone()).collect();
            object.required.extend(missing);
        }
    }
}

fn may_be_null(field: &RefOr<Schema>) -> bool {
    match field {
        RefOr::T(Schema::OneOf(one)) => one.items.iter().any(may_be_null),
        RefOr::T(Schema::Object(object)) => has_null(&object.schema_type),
        RefOr::T(Schema::Array(array)) => has_null(&array.schema_type),
        _ => false,
    }
}

fn has_null(types: &SchemaType) -> bool {
    match types {
        SchemaType::Type(one) => *one == Type::Null,
        SchemaType::Array(several) => several.contains(&Type::Null),
        SchemaType::AnyValue => false,
    }
}

/// Makes the document; `base_path` precedes every route, and `sources` are the configured ones.
pub fn document(base_path: &str, mode: Mode, shown: DocumentScope, sources: &[Backend]) -> openapi::OpenApi {
    let mut document = described(shown).into_openapi();
    declare_schemes(&mut document);
    require_what_may_be_null(&mut document);
    let server = if base_path.is_empty() { "/" } else { base_path };
    document.servers = Some(vec![Server::new(server)]);
    for path in document.paths.paths.values_mut() {
        if let Some(operation) = path.get.as_mut() {
            describe(operation, mode, sources);
        }
    }
    document
}

fn describe(operation: &mut Operation, mode: Mode, sources: &[Backend]) {
    let (own, headers) = codes_and_headers(operation);
    let is_open = matches!(operation.operation_id.as_deref(), Some("live" | "ready"));
    let guarded = if is_open { &[][..] } else { GUARDED };
    if !is_open {
        operation.security = Some(requirements(mode));
    }
    describe_requests(operation);
    describe_sources(operation, sources);
    describe_success(operation, &headers);
    if headers.contains(&TAG) {
        describe_parameters(operation, sources);
        describe_not_modified(operation, &headers);
    }
    let asked = if OF_SOURCES.iter().all(|code| own.contains(code)) { sources } else { &[] };
    describe_errors(operation, own.iter().chain(guarded).chain(EVERYWHERE).copied().collect(), asked);
}

/// The codes that only this operation answers with, and the headers that only its answers have.
fn codes_and_headers(operation: &Operation) -> (Vec<Code>, Vec<(&'static str, &'static str)>) {
    match operation.operation_id.as_deref() {
        Some("listUsers") => {
            ([OF_CUSTOMER, OF_SOURCES, &[Code::InvalidCursor]].concat(), [&[TAG, NEXT, STATUS, WARNINGS], ROLL_HEADERS].concat())
        }
        Some("getUser") => ([OF_CUSTOMER, OF_SOURCES, &[Code::UserNotFound]].concat(), [&[TAG], ROLL_HEADERS].concat()),
        Some("listCustomers") => (CUSTOMERS.to_vec(), vec![TAG, NEXT, CUSTOMERS_CACHED]),
        Some("getCustomer") => (OF_CUSTOMER.to_vec(), vec![TAG, CUSTOMERS_CACHED]),
        Some("ready") => (vec![Code::ShuttingDown], Vec::new()),
        _ => (Vec::new(), Vec::new()),
    }
}

fn describe_success(operation: &mut Operation, headers: &[(&str, &str)]) {
    if let Some(RefOr::T(response)) = operation.responses.responses.get_mut("200") {
        let described = HEADERS.iter().chain(headers).map(|(name, text)| ((*name).to_owned(), header(text).into()));
        response.headers.extend(described);
    }
}

fn describe_not_modified(operation: &mut Operation, headers: &[(&str, &str)]) {
    let held = ResponseBuilder::new().description("The answer that `If-None-Match` names is still current.");
    let headers = HEADERS.iter().chain(headers.iter().filter(|header| **header != NEXT));
    let held = headers.fold(held, |held, (name, text)| held.header(*name, header(text)));
    operation.responses.responses.insert("304".to_owned(), held.build().into());
}

/// Describes each status of these codes; `asked` are the sources that the operation asks.
fn describe_errors(operation: &mut Operation, mut codes: Vec<Code>, asked: &[Backend]) {
    codes.sort_by_key(|code| (code.status(), *code));
    for codes in codes.chunk_by(|one, other| one.status() == other.status()) {
        if let Some(first) = codes.first() {
            operation.responses.responses.insert(first.status().to_string(), error_response(first.status(), codes, asked).into());
        }
    }
}

/// Describes one status with all its codes, each with an example in both forms.
fn error_response(status: u16, codes: &[Code], asked: &[Backend]) -> Response {
    let names: Vec<String> = codes.iter().map(|code| format!("`{}`: {}.", code.as_str(), code.title())).collect();
    let content = |name: &str, problem: bool| {
        let schema = RefOr::<Schema>::Ref(Ref::from_schema_name(name));
        let example =
            |code: &Code| (code.as_str(), ExampleBuilder::new().summary(code.title()).value(Some(example(*code, asked, problem))).build());
        ContentBuilder::new().schema(Some(schema)).examples_from_iter(codes.iter().map(example)).build()
    };
    let response = ResponseBuilder::new()
        .description(names.join("\n\n"))
        .content(JSON, content("ErrorEnvelope", false))
        .content(PROBLEM_JSON, content("Problem", true));
    let headers = error_headers(status, codes, !asked.is_empty());
    headers.iter().fold(response, |response, (name, text)| response.header(*name, header(text))).build()
}

/// The headers of an error with one of these codes, which share a status.
fn error_headers(status: u16, codes: &[Code], asks_sources: bool) -> Vec<(&'static str, &'static str)> {
    let says_origin = |code: &Code| OF_SOURCES.contains(code) || matches!(code, Code::UserNotFound | Code::CustomerNotFound);
    let of_sources = if asks_sources && codes.iter().any(says_origin) { &ORIGIN[..] } else { &[] };
    let age = codes.contains(&Code::UserNotFound).then_some(AGE);
    let of_status = match status {
        401 => Some(("WWW-Authenticate", "`Bearer`, with `rollcall` or the refusing source as realm.")),
        405 => Some(("Allow", "The methods that the route supports.")),
        429 | 503 => Some(("Retry-After", "Whole seconds to wait before trying again.")),
        _ => None,
    };
    HEADERS.iter().chain(&[NOT_KEPT]).chain(of_sources).copied().chain(age).chain(of_status).collect()
}

fn header(text: &str) -> Header {
    HeaderBuilder::new().schema(Some(Object::with_type(SchemaType::Type(Type::String)))).description(Some(text)).build()
}
