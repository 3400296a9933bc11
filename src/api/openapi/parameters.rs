//! Request parameters in the OpenAPI document: examples, and whatever depends on the configured sources.

use utoipa::openapi::{
    RefOr, Required,
    path::{Operation, Parameter, ParameterBuilder, ParameterIn},
    schema::{Object, Schema, SchemaType, Type},
};

use crate::sources::Backend;

/// An example of each parameter; one for a single operation also names that operation.
const EXAMPLES: &[(&str, &str)] = &[
    ("page_size", "100"),
    ("listCustomers.cursor", "NvZRrmQM3Dr0XrsEYWNtZQ"),
    ("cursor", "wSk_amGeeccN7ub5hPdfy3PvXfa602ve6HmLmj1jYXJsYSBodWdoZXM"),
    ("listCustomers.q", "acme"),
    ("q", "ann"),
    ("email", "ann.lee@acme.example"),
    ("source", "my_reports"),
    ("enabled", "true"),
    ("getUser.include", "conflicts"),
    ("include", "deleted,conflicts"),
    ("exclude", "placeholder"),
    ("sort", "-email"),
    ("partial", "deny"),
];

/// The pattern of a UUID.
const UUID: &str = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}";

/// The pattern of a customer's id. It excludes `.` and `..` without lookahead, which not every
/// regular-expression engine supports.
const CUSTOMER: &str = r"^([A-Za-z0-9_~-][A-Za-z0-9._~-]{0,127}|\.[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,126}|\.\.[A-Za-z0-9._~-]{1,126})$";

/// The headers that any request may have.
const HEADERS: [(&str, &str); 2] = [
    (
        "X-Request-Id",
        "An id for this request, 1 to 128 characters of `A-Z a-z 0-9 . _ -`; a missing or invalid one is replaced by a new id.",
    ),
    ("traceparent", "The trace that the request is part of (W3C Trace Context); a new trace is started if it is missing or invalid."),
];

/// Describes what any request may carry: the customer's id, the request's own id, and its trace.
pub(super) fn describe_requests(operation: &mut Operation) {
    if let Some(schema) = schema_of(operation, "customer_id") {
        schema.pattern = Some(CUSTOMER.to_owned());
    }
    operation.parameters.get_or_insert_default().extend(HEADERS.map(|(name, what)| RefOr::T(header(name, what))));
}

fn schema_of<'a>(operation: &'a mut Operation, name: &str) -> Option<&'a mut Object> {
    operation.parameters.iter_mut().flatten().find_map(|parameter| match parameter {
        RefOr::T(Parameter { name: of, schema: Some(RefOr::T(Schema::Object(schema))), .. }) if of == name => Some(schema),
        _ => None,
    })
}

fn header(name: &str, what: impl Into<String>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(what))
        .schema(Some(Object::with_type(SchemaType::Type(Type::String))))
        .build()
}

/// Describes the parameters that name a source, and the headers for credentials of the caller's own.
pub(super) fn describe_sources(operation: &mut Operation, sources: &[Backend]) {
    if let Some(schema) = schema_of(operation, "user_id") {
        let names: Vec<&str> = sources.iter().map(|backend| backend.name.as_str()).collect();
        schema.pattern = Some(format!("^({UUID}|({}):.+)$", names.join("|")));
    }
    if matches!(operation.operation_id.as_deref(), Some("listUsers" | "getUser")) {
        operation.parameters.get_or_insert_default().extend(sources.iter().map(|backend| RefOr::T(credentials_for(backend))));
    }
}

fn credentials_for(backend: &Backend) -> Parameter {
    let what = format!(
        "The caller's own credentials for `{}`, as that source expects them. Used only if the gateway is configured to forward callers' credentials instead of its own.",
        backend.name
    );
    header(backend.authorization_header, what)
}

/// A caller can name only the configured sources. Examples are put into the schema, not beside it: Swagger UI
/// would prefill them as values, and every first try would be a search.
pub(super) fn describe_parameters(operation: &mut Operation, sources: &[Backend]) {
    let id = operation.operation_id.clone().unwrap_or_default();
    let example_of = |name: &str| {
        let find = |name: &str| EXAMPLES.iter().find(|(other, _)| *other == name);
        find(&format!("{id}.{name}")).or_else(|| find(name)).map(|(_, example)| typed(example))
    };
    let parameters = operation.parameters.iter_mut().flatten().filter_map(|parameter| match parameter {
        RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => Some(parameter),
        _ => None,
    });
    for parameter in parameters {
        if let Some(RefOr::T(Schema::Object(schema))) = parameter.schema.as_mut() {
            schema.examples.extend(example_of(&parameter.name));
            if parameter.name == "source" {
                schema.enum_values = Some(sources.iter().map(|backend| backend.name.as_str().into()).collect());
            }
        }
    }
}

/// Converts an example to its parameter's type.
fn typed(example: &str) -> serde_json::Value {
    serde_json::from_str(example).unwrap_or_else(|_| example.into())
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, string::string_regex};

    use super::*;
    use crate::domain::CustomerId;

    fn fitting(pattern: &str) -> impl Strategy<Value = String> {
        string_regex(pattern.trim_matches(['^', '$'])).unwrap()
    }

    /// The same pattern for short texts: among random texts for the whole pattern, one as short as `.` hardly occurs.
    fn short() -> String {
        CUSTOMER.replace(",126}", ",1}").replace(",127}", ",1}")
    }

    proptest! {
        #[test]
        fn what_fits_the_pattern_is_an_id(long in fitting(CUSTOMER), short in fitting(&short())) {
            for id in [long, short] {
                prop_assert!(id.parse::<CustomerId>().is_ok(), "{id}");
            }
        }
    }
}
