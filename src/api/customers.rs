//! `GET /customers` and `GET /customers/{customer_id}`: which customers can be requested, and which
//! id each has at every source. Neither route asks a source.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    Gateway,
    accept::Accept,
    caching::{tag_of, tagged},
    envelope::RollStatus,
    error::ApiError,
    extract::{Customer, must_take_json, page_size, searched},
    next_page::link,
    query::{read_again, read_each, unknown},
    request_context::RequestContext,
};
use crate::{
    customers::{CustomersPage, CustomersQuery, Link, Linked},
    domain::{LinkedBy, Moment, SourceName, Warning},
    offload::offload_if,
    roll::DEFAULT_PAGE_SIZE,
};

/// From this many customers on, searching them moves off the threads that serve all requests.
const MANY_CUSTOMERS: usize = 1000;

/// A page of customers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CustomersPage)]
pub(super) struct CustomersBody {
    /// Always `success`, because no source is asked.
    status: RollStatus,
    /// Since when these links have been in use.
    #[schema(value_type = String, format = DateTime, example = "2026-11-21T10:00:00.123Z")]
    timestamp: Moment,
    /// The number of customers on this page.
    #[schema(example = 1)]
    page_size: usize,
    /// The number of customers that match the query.
    #[schema(example = 1)]
    total: usize,
    /// The cursor of the next page; null on the last page.
    next_cursor: Option<String>,
    /// The customers of this page, ordered by id.
    data: Vec<CustomerShown>,
    /// What a caller should know about the list.
    warnings: Vec<Warning>,
}

/// One customer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CustomerAlone)]
pub(super) struct CustomerBody {
    /// Always `success`, because no source is asked.
    status: RollStatus,
    /// Since when these links have been in use.
    #[schema(value_type = String, format = DateTime, example = "2026-11-21T10:00:00.123Z")]
    timestamp: Moment,
    /// The customer.
    data: CustomerShown,
    /// What a caller should know about the links.
    warnings: Vec<Warning>,
}

/// A customer that can be requested, and its id at each source.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Customer)]
struct CustomerShown {
    /// The customer's id in this API.
    #[schema(example = "acme")]
    id: String,
    /// The customer's name; null if no list gives one.
    #[schema(example = "Acme GmbH")]
    name: Option<Box<str>>,
    /// One link for each source, in a fixed order.
    links: Vec<LinkShown>,
}

/// Which id a customer has at one source.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CustomerLink)]
struct LinkShown {
    /// The source.
    #[schema(value_type = String, example = "advanced_automation")]
    source: SourceName,
    /// The customer's id at the source; null if it is not linked to the source.
    #[schema(value_type = Option<String>, example = "ce570f06-f444-426b-b9b0-3aa8ef9b951e")]
    id: Option<String>,
    /// What the link is based on; null if there is no link.
    matched_by: Option<LinkedBy>,
}

/// The query as the OpenAPI document describes it.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct CustomersParameters {
    /// The number of customers on a page.
    #[param(required = false, minimum = 1, maximum = 1000, default = 100)]
    page_size: u16,
    /// Where the page begins: the previous page's `next_cursor`. Send `q` again unchanged.
    #[param(required = false, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: String,
    /// Part of the id or the name, ignoring case. Must not be blank or contain control characters.
    #[param(
        required = false,
        max_length = 320,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f\\ufffd]*[^\\s\\u0000-\\u001f\\u007f-\\u009f\\ufffd][^\\u0000-\\u001f\\u007f-\\u009f\\ufffd]*$"
    )]
    q: String,
}

/// The headers of a request for customers as the OpenAPI document describes them.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its description is used")]
pub(super) struct CustomersHeaders {
    /// The `ETag` of an answer that the caller holds: 304 if it is still current.
    #[param(rename = "If-None-Match", required = false)]
    if_none_match: String,
}

/// List the customers
///
/// Lists only the customers that the caller may see: those in the file of links, and those that the sources list.
/// Customers that can be found only by their own id (`same_id`) cannot be listed; the warning `customers_not_listed` says so.
#[utoipa::path(
    get,
    path = "/customers",
    operation_id = "listCustomers",
    tag = "Customers",
    params(CustomersParameters, CustomersHeaders),
    responses((status = 200, description = "A page of customers.", body = CustomersBody)),
)]
pub(super) async fn list_customers(
    State(gateway): State<Arc<Gateway>>,
    Extension(request_context): Extension<Arc<RequestContext>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (query, again) = read_query(query.as_deref().unwrap_or_default())?;
    must_take_json(&Accept::of(&headers))?;
    let customers = Arc::clone(gateway.rolls.customers());
    let caller = request_context.caller()?.clone();
    let listed = offload_if(customers.count() > MANY_CUSTOMERS, move || customers.list(&query, |customer| caller.may_see(customer))).await;
    let body = CustomersBody::from(listed?);
    let CustomersBody { status, timestamp: _, page_size, total, next_cursor, data, warnings } = &body;
    let etag = tag_of(&("customers", status, page_size, total, next_cursor, data, warnings), []);
    Ok(answer(&headers, &etag, || {
        let mut page = Json(&body).into_response();
        if let Some(cursor) = next_cursor {
            link(page.headers_mut(), &format!("{}/customers", gateway.base_path), &again, cursor);
        }
        page
    }))
}

/// Get a customer and its id at each source
#[utoipa::path(
    get,
    path = "/customers/{customer_id}",
    operation_id = "getCustomer",
    tag = "Customers",
    params(
        ("customer_id" = String, Path, description = "The customer's id.", min_length = 1, max_length = 128,
         example = "00000000-0000-4000-8000-000000000002"),
        CustomersHeaders,
    ),
    responses((status = 200, description = "The customer.", body = CustomerBody)),
)]
pub(super) async fn find_customer(
    State(gateway): State<Arc<Gateway>>,
    Customer(customer): Customer,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    read_each(query.as_deref().unwrap_or_default(), |name, _| Err(unknown(name)))?;
    must_take_json(&Accept::of(&headers))?;
    let customers = gateway.rolls.customers();
    let linked = customers.find(&customer)?.ok_or_else(|| ApiError::not_linked(customer.as_str()))?;
    let warnings = linked.warnings.clone();
    let body = CustomerBody { status: RollStatus::Success, timestamp: customers.as_of(), data: linked.into(), warnings };
    let etag = tag_of(&("customer", &body.data, &body.warnings), []);
    Ok(answer(&headers, &etag, || Json(&body).into_response()))
}

/// Links may change at any time, so a cached answer must be revalidated each time.
fn answer(asked: &HeaderMap, etag: &str, body: impl FnOnce() -> Response) -> Response {
    let mut response = tagged(asked, etag, body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=0"));
    response
}

/// Reads the query. Also returns the parameters as they were sent, without the cursor.
fn read_query(query: &str) -> Result<(CustomersQuery, String), ApiError> {
    let (mut q, mut cursor, mut size) = (None, None, DEFAULT_PAGE_SIZE);
    let again = read_again(query, |name, value| {
        match name {
            "q" => q = Some(searched(name, value)?.to_owned()),
            "cursor" => cursor = Some(value.to_owned()),
            "page_size" => size = page_size(value)?,
            _ => return Err(unknown(name)),
        }
        Ok(())
    })?;
    Ok((CustomersQuery::new(q.as_deref(), cursor.as_deref(), size)?, again))
}

impl From<CustomersPage> for CustomersBody {
    fn from(page: CustomersPage) -> Self {
        let CustomersPage { customers, total, next_cursor, warnings, as_of } = page;
        let data: Vec<CustomerShown> = customers.into_iter().map(CustomerShown::from).collect();
        Self { status: RollStatus::Success, timestamp: as_of, page_size: data.len(), total, next_cursor, data, warnings }
    }
}

impl From<Linked> for CustomerShown {
    fn from(linked: Linked) -> Self {
        let Linked { customer, name, links, warnings: _ } = linked;
        Self { id: customer.to_string(), name, links: links.into_iter().map(LinkShown::from).collect() }
    }
}

impl From<Link> for LinkShown {
    fn from(link: Link) -> Self {
        let (id, matched_by) = link.to.map_or((None, None), |(id, by)| (Some(id.as_str().to_owned()), Some(by)));
        Self { source: link.source, id, matched_by }
    }
}
