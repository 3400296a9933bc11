//! What may be asked with, for the document: examples, and what depends on which sources there are.

use utoipa::openapi::{
    RefOr, Required,
    path::{Operation, Parameter, ParameterBuilder, ParameterIn},
    schema::{Object, Schema, SchemaType, Type},
};

use crate::sources::{Backend, REGISTRY};

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

/// What a caller says of the sources, which are those that the program knows: whose record he means, and
/// credentials of his own.
pub(super) fn describe_sources(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && parameter.name == "user_id"
            && let Some(RefOr::T(Schema::Object(schema))) = parameter.schema.as_mut()
        {
            let names: Vec<&str> = REGISTRY.iter().map(|backend| backend.name.as_str()).collect();
            schema.pattern = Some(format!("^({UUID}|({}):.+)$", names.join("|")));
        }
    }
    if matches!(operation.operation_id.as_deref(), Some("listUsers" | "getUser")) {
        operation.parameters.get_or_insert_default().extend(REGISTRY.iter().map(|backend| RefOr::T(credentials_for(backend))));
    }
}

fn credentials_for(backend: &Backend) -> Parameter {
    let what = format!(
        "The caller's own `Authorization` for `{}`. Of use only where the gateway is configured to send callers' credentials and not its own.",
        backend.name
    );
    ParameterBuilder::new()
        .name(backend.authorization_header)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(what))
        .schema(Some(Object::with_type(SchemaType::Type(Type::String))))
        .build()
}

/// The sources that a caller can name are those that the program knows. An example stands in the
/// schema and not beside it, where Swagger UI would fill it in and every first try be a search.
pub(super) fn describe_parameters(operation: &mut Operation) {
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
                schema.enum_values = Some(REGISTRY.iter().map(|backend| backend.name.as_str().into()).collect());
            }
        }
    }
}

/// An example as the type that it is of.
fn typed(example: &str) -> serde_json::Value {
    serde_json::from_str(example).unwrap_or_else(|_| example.into())
}
