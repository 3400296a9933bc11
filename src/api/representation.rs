//! The representations of a roll, and which of them a caller wants.

use super::{
    accept::{Accept, JSON},
    code::Code,
    error::ApiError,
};
use crate::roll::ExportFormat;

/// A representation of a roll. The order decides if the caller prefers none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Representation {
    /// A page in its envelope.
    Page,
    /// All users, without an envelope.
    All(ExportFormat),
}

/// The media types of the other representations.
pub(super) const CSV: &str = "text/csv";
pub(super) const JSON_LINES: &str = "application/x-ndjson";

const REPRESENTATIONS: [(Representation, &str); 3] = [
    (Representation::Page, JSON),
    (Representation::All(ExportFormat::Csv), CSV),
    (Representation::All(ExportFormat::JsonLines), JSON_LINES),
];

impl Representation {
    /// Chooses the representation that the caller prefers.
    pub(super) fn wanted(accept: &Accept<'_>) -> Result<Self, ApiError> {
        let mut best = None;
        for (representation, media_type) in REPRESENTATIONS {
            let wanted = accept.quality_of(media_type);
            if wanted > best.map_or(0, |(_, most)| most) {
                best = Some((representation, wanted));
            }
        }
        match best {
            Some((representation, _)) => Ok(representation),
            // A caller that names only the error type wants JSON otherwise.
            None if accept.takes_json() => Ok(Self::Page),
            None => {
                let types = REPRESENTATIONS.map(|(_, media_type)| media_type).join(", ");
                Err(ApiError::new(Code::NotAcceptable, format!("This route offers {types}; the Accept header allows none of them.")))
            }
        }
    }
}

/// The media type of a format.
pub(super) const fn media_type(format: ExportFormat) -> &'static str {
    match format {
        ExportFormat::Csv => CSV,
        ExportFormat::JsonLines => JSON_LINES,
    }
}

/// The `Content-Type` of a format.
pub(super) const fn content_type(format: ExportFormat) -> &'static str {
    match format {
        ExportFormat::Csv => "text/csv; charset=utf-8; header=present",
        ExportFormat::JsonLines => JSON_LINES,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, header};

    use super::*;

    #[test]
    fn the_representation_that_is_wanted_most_is_given() {
        let (page, csv, lines) =
            (Some(Representation::Page), Some(Representation::All(ExportFormat::Csv)), Some(Representation::All(ExportFormat::JsonLines)));
        for (value, expected) in [
            ("", page),
            ("*/*", page),
            ("application/json", page),
            ("application/*", page),
            ("text/csv", csv),
            ("text/*", csv),
            ("TEXT/CSV; header=present", csv),
            ("application/x-ndjson", lines),
            ("text/csv, application/json", page),
            ("text/csv, application/json;q=0.9", csv),
            ("text/csv;q=0.3, application/x-ndjson;q=0.4, */*;q=0.1", lines),
            ("application/*;q=0.5, application/json;q=0", lines),
            ("text/csv;q=0, */*", page),
            ("application/problem+json", page),
            ("application/problem+json, text/csv", csv),
            ("text/csv;q=0", None),
            ("text/html", None),
            ("application/xml, image/*", None),
        ] {
            let mut headers = HeaderMap::new();
            if !value.is_empty() {
                headers.insert(header::ACCEPT, value.parse().unwrap());
            }
            let wanted = Representation::wanted(&Accept::of(&headers));
            assert_eq!(wanted.as_ref().ok(), expected.as_ref(), "{value}");
            if let Err(error) = wanted {
                assert_eq!(error.code, Code::NotAcceptable);
            }
        }
    }
}
