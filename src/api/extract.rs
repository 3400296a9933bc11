//! Parsing at the edge: the customer in the path and the parameters of a roll.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, path::ErrorKind, rejection::PathRejection};
use http::{HeaderMap, StatusCode, header, request::Parts};
use serde::Deserialize;

use super::{
    code::Code,
    error::ApiError,
    query::{read_again, unknown},
    representation::Representation,
    request_context::RequestContext,
};
use crate::{
    domain::{CustomerId, EmailKey, InvalidCustomerId, SourceName, folded},
    roll::{DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE, PageOf, Partial, Sort, View},
};

/// The longest text that can be searched for, in characters.
const LONGEST_TEXT: usize = 320;

/// A customer in the path that the caller may see. Handlers can get a customer in no other way, so
/// authorization is decided before anything is looked up.
pub(super) struct Customer(pub(super) CustomerId);

/// The part of a path that names the customer; other parts are ignored.
#[derive(Deserialize)]
struct CustomerInPath {
    customer_id: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Customer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<CustomerInPath>::from_request_parts(parts, state).await;
        let Path(CustomerInPath { customer_id }) = path.map_err(|rejection| unreadable(&rejection))?;
        let customer = customer_id.parse::<CustomerId>()?;
        let Some(request_context) = parts.extensions.get::<Arc<RequestContext>>() else {
            return Err(ApiError::of_status(StatusCode::INTERNAL_SERVER_ERROR));
        };
        if request_context.caller()?.may_see(&customer) { Ok(Self(customer)) } else { Err(ApiError::forbidden(&customer)) }
    }
}

/// Reports a path that is not valid text: either the customer or what follows it.
fn unreadable(rejection: &PathRejection) -> ApiError {
    match rejection {
        PathRejection::FailedToDeserializePathParams(failed) => match failed.kind() {
            ErrorKind::InvalidUtf8InPathParam { key } if key != "customer_id" => ApiError::parameter(key, "must be text in UTF-8."),
            _ => InvalidCustomerId.into(),
        },
        _ => InvalidCustomerId.into(),
    }
}

/// The query of a roll, validated.
#[derive(Clone, Debug)]
pub(super) struct UsersQuery {
    pub(super) view: View,
    pub(super) page: PageOf,
    pub(super) partial: Partial,
    /// The parameters as they were sent, without the cursor, to be repeated in the link to the next page.
    pub(super) again: String,
    /// Whether no parameter was given: the page that most callers want.
    pub(super) is_plain: bool,
}

/// The parameters while they are being read, one after the other.
struct Reading<'a> {
    customer: &'a CustomerId,
    sources: &'a [SourceName],
    view: View,
    partial: Partial,
    page_size: usize,
    cursor: Option<String>,
    representation: Representation,
}

impl UsersQuery {
    /// Reads a query; `sources` are the configured ones. An export has no pages, and denies partial
    /// rolls unless the caller says otherwise.
    pub(super) fn read(
        query: &str,
        customer: &CustomerId,
        sources: &[SourceName],
        representation: Representation,
    ) -> Result<Self, ApiError> {
        let partial = if representation == Representation::Page { Partial::Allow } else { Partial::Deny };
        let (view, page_size) = (View::default(), DEFAULT_PAGE_SIZE);
        let mut reading = Reading { customer, sources, view, partial, page_size, cursor: None, representation };
        let again = read_again(query, |name, value| reading.take(name, value))?;
        reading.finish(again, query.is_empty())
    }
}

impl Reading<'_> {
    fn take(&mut self, name: &str, value: &str) -> Result<(), ApiError> {
        let view = &mut self.view;
        match name {
            "page_size" | "cursor" if self.representation != Representation::Page => {
                return Err(ApiError::parameter(
                    name,
                    "is not allowed here: the format that the Accept header asks for always holds all users.",
                ));
            }
            "page_size" => self.page_size = page_size(value)?,
            "cursor" => self.cursor = Some(value.to_owned()),
            "q" => view.q = Some(folded(searched(name, value)?).into_owned()),
            "email" => view.email = Some(address(name, value)?),
            "source" => view.source = Some(source(value, self.sources)?),
            "enabled" => view.enabled = Some(one_of(name, value, &[("true", true), ("false", false)])?),
            "include" => (view.with_deleted, view.with_conflicts) = included(value)?,
            "exclude" => view.without_placeholders = one_of(name, value, &[("placeholder", true)])?,
            "sort" => view.sort = sort(value)?,
            "partial" => self.partial = partial(value)?,
            _ => return Err(unknown(name)),
        }
        Ok(())
    }

    fn finish(self, again: String, is_plain: bool) -> Result<UsersQuery, ApiError> {
        let page = PageOf::new(self.customer, &self.view, self.cursor.as_deref(), self.page_size)?;
        Ok(UsersQuery { view: self.view, page, partial: self.partial, again, is_plain })
    }
}

/// Reads how a failed source affects the answer.
pub(super) fn partial(value: &str) -> Result<Partial, ApiError> {
    one_of("partial", value, &[("allow", Partial::Allow), ("deny", Partial::Deny)])
}

pub(super) fn page_size(value: &str) -> Result<usize, ApiError> {
    let size = value.parse().ok().filter(|size| (1..=LARGEST_PAGE_SIZE).contains(size) && !value.starts_with('+'));
    size.ok_or_else(|| ApiError::parameter("page_size", &format!("must be a whole number from 1 to {LARGEST_PAGE_SIZE}.")))
}

/// Reads a text to search for. Invalid UTF-8 was replaced by U+FFFD, which no caller searches for.
pub(super) fn searched<'a>(name: &str, value: &'a str) -> Result<&'a str, ApiError> {
    let fits = !value.trim().is_empty() && value.chars().count() <= LONGEST_TEXT;
    if fits && !value.contains(|letter: char| letter.is_control() || letter == '\u{fffd}') {
        return Ok(value);
    }
    Err(ApiError::parameter(name, &format!("must be a text of 1 to {LONGEST_TEXT} characters, not blank and without control characters.")))
}

fn address(name: &str, value: &str) -> Result<EmailKey, ApiError> {
    EmailKey::new(searched(name, value)?).ok_or_else(|| ApiError::parameter(name, "must not be blank."))
}

fn source(value: &str, sources: &[SourceName]) -> Result<SourceName, ApiError> {
    let known: Vec<(&str, SourceName)> = sources.iter().map(|source| (source.as_str(), *source)).collect();
    one_of("source", value, &known)
}

/// Reads whether deleted users are wanted, and whether conflicts are.
fn included(value: &str) -> Result<(bool, bool), ApiError> {
    let mut wanted = (false, false);
    for part in value.split(',') {
        let (deleted, conflicts) = one_of("include", part.trim(), &[("deleted", (true, false)), ("conflicts", (false, true))])?;
        wanted = (wanted.0 || deleted, wanted.1 || conflicts);
    }
    Ok(wanted)
}

fn sort(value: &str) -> Result<Sort, ApiError> {
    let what = "must be display_name, email or id, with - in front for descending.";
    value.parse().map_err(|()| ApiError::parameter("sort", what))
}

pub(super) fn one_of<T: Copy>(name: &str, value: &str, known: &[(&str, T)]) -> Result<T, ApiError> {
    let found = known.iter().find(|(word, _)| *word == value).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| {
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        ApiError::parameter(name, &format!("must be {}.", words.join(" or ")))
    })
}

/// Whether the caller wants the sources to be asked now (RFC 9111, 5.2.1.4).
pub(super) fn wants_it_now(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|directive| directive.trim().eq_ignore_ascii_case("no-cache"))
}

/// Refuses a request if the `Accept` header allows nothing that the route offers.
pub(super) fn must_take_json(accept: &super::accept::Accept<'_>) -> Result<(), ApiError> {
    if accept.takes_json() {
        Ok(())
    } else {
        Err(ApiError::new(Code::NotAcceptable, "This route returns application/json, which the Accept header does not allow."))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::roll::ExportFormat;

    const SOURCES: [SourceName; 1] = [SourceName::new("my_reports")];

    fn read(query: &str) -> Result<UsersQuery, ApiError> {
        UsersQuery::read(query, &"acme".parse().unwrap(), &SOURCES, Representation::Page)
    }

    #[test]
    fn all_users_have_no_pages_and_are_whole_unless_said() {
        let all = |query| UsersQuery::read(query, &"acme".parse().unwrap(), &SOURCES, Representation::All(ExportFormat::Csv));
        for query in ["page_size=5", "cursor=x", "q=a&page_size=5"] {
            assert_eq!(all(query).unwrap_err().code, Code::InvalidParameter, "{query}");
        }
        assert_eq!((all("q=a").unwrap().partial, all("partial=allow").unwrap().partial), (Partial::Deny, Partial::Allow));
        assert_eq!((read("").unwrap().partial, read("partial=deny").unwrap().partial), (Partial::Allow, Partial::Deny));
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        for (query, name) in [
            ("page_size=0", "page_size"),
            ("page_size=1001", "page_size"),
            ("page_size=ten", "page_size"),
            ("page_size=%2B5", "page_size"),
            ("page_size=", "page_size"),
            ("page_size=5&page_size=5", "page_size"),
            ("q=", "q"),
            ("q=%FF", "q"),
            ("q=a%00b", "q"),
            ("email=%20", "email"),
            ("source=other", "source"),
            ("enabled=yes", "enabled"),
            ("include=deleted,all", "include"),
            ("include=", "include"),
            ("exclude=deleted", "exclude"),
            ("sort=name", "sort"),
            ("sort=--id", "sort"),
            ("partial=maybe", "partial"),
            ("Page_Size=5", "Page_Size"),
            ("colour=red", "colour"),
        ] {
            let error = read(query).unwrap_err();
            assert_eq!(error.code, Code::InvalidParameter, "{query}");
            assert!(error.message.contains(&format!("'{name}'")), "{query}: {}", error.message);
        }
        assert_eq!(read("cursor=nonsense").unwrap_err().code, Code::InvalidCursor);
    }

    proptest! {
        #[test]
        fn whatever_the_query_it_is_read_or_its_fault_is_named(query in "\\PC{0,60}", name in "[a-z_]{1,9}", value in "\\PC{0,20}") {
            let text: String = url::form_urlencoded::Serializer::new(String::new()).append_pair(&name, &value).finish();
            for query in [query, text] {
                if let Err(error) = read(&query) {
                    prop_assert!(matches!(error.code, Code::InvalidParameter | Code::InvalidCursor));
                    prop_assert!(error.message.starts_with("Parameter '"), "{}", error.message);
                }
            }
        }
    }

    #[test]
    fn the_parameters_are_read() {
        let query = read("q=ANN&email=A@X.example&source=my_reports&enabled=false&include=conflicts,deleted&exclude=placeholder&sort=-email&partial=deny&page_size=1000").unwrap();
        let expected = View {
            q: Some("ann".into()),
            email: EmailKey::new("a@x.example"),
            source: Some(SOURCES[0]),
            enabled: Some(false),
            with_deleted: true,
            with_conflicts: true,
            without_placeholders: true,
            sort: "-email".parse().unwrap(),
        };
        assert_eq!((query.view, query.partial, query.is_plain), (expected, Partial::Deny, false));
        assert!(read("").unwrap().is_plain);
    }

    #[test]
    fn no_cache_is_understood_among_others() {
        let mut headers = HeaderMap::new();
        assert!(!wants_it_now(&headers));
        headers.insert(header::CACHE_CONTROL, "max-age=0, No-Cache".parse().unwrap());
        assert!(wants_it_now(&headers));
    }
}
