//! What may be asked with, for the document: examples, and what depends on which sources there are.

use utoipa::openapi::{
    RefOr, Required,
    path::{Operation, Parameter, ParameterBuilder, ParameterIn},
    schema::{Object, Schema, SchemaType, Type},
};

use crate::sources::Backend;

/// An example of each parameter; one that is of a single operation bears its name, too.
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

/// How a UUID is written.
const UUID: &str = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}";

/// How a customer's id is written: neither `.` nor `..`, said without looking ahead, which not every reader of
/// patterns can.
const CUSTOMER: &str = r"^([A-Za-z0-9_~-][A-Za-z0-9._~-]{0,127}|\.[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,126}|\.\.[A-Za-z0-9._~-]{1,126})$";

/// The headers that any request may have.
const HEADERS: [(&str, &str); 2] = [
    ("X-Request-Id", "An id for this request, 1 to 128 of `A-Z a-z 0-9 . _ -`; another one is made where it is none."),
    ("traceparent", "The trace that the request is part of (W3C Trace Context); another one is begun where it is none."),
];

/// What any request may say: whose id it is, which request, which trace.
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

/// What a caller says of the sources: whose record he means, and credentials of his own.
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
        "The caller's own `Authorization` for `{}`. Of use only where the gateway is configured to send callers' credentials and not its own.",
        backend.name
    );
    header(backend.authorization_header, what)
}

/// The sources that a caller can name are those that can be asked. An example stands in the
/// schema and not beside it, where Swagger UI would fill it in and every first try be a search.
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

/// An example as the type that it is of.
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

    /// The same pattern for short texts: of long ones next to none is as short as `.`.
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
