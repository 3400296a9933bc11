//! Which media types a caller accepts: the `Accept` header (RFC 9110, 12.5.1). Pure.

use http::{HeaderMap, HeaderName, header};
use smallvec::SmallVec;

use super::quoted::split;

/// The media type of errors in the form of RFC 9457.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// The media type of all other JSON.
pub(super) const JSON: &str = "application/json";

/// A body smaller than this, in bytes, is not worth compressing.
pub(super) const SMALL_BODY: u64 = 1024;

/// The quality of each range, 0 to 1000; without the header, everything is accepted.
#[derive(Debug)]
pub(super) struct Accept<'a>(SmallVec<[(&'a str, u16); 4]>);

impl<'a> Accept<'a> {
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        Self::named_in(headers, header::ACCEPT)
    }

    /// Reads the ranges of a header that has the syntax of `Accept`.
    fn named_in(headers: &'a HeaderMap, name: HeaderName) -> Self {
        let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        Self(values.flat_map(|value| elements(value, ',')).filter_map(range).collect())
    }

    /// Whether JSON may be sent. A caller that names the error type accepts JSON for everything else.
    pub(super) fn takes_json(&self) -> bool {
        self.0.is_empty() || self.quality(JSON) > 0 || self.named(PROBLEM_JSON) > 0
    }

    /// Whether errors are wanted in the form of RFC 9457: it is named, with at least the quality of JSON.
    pub(super) fn wants_problems(&self) -> bool {
        let problem = self.named(PROBLEM_JSON);
        problem > 0 && problem >= self.named(JSON)
    }

    /// The quality of a media type, 0 to 1000.
    pub(super) fn quality_of(&self, media_type: &str) -> u16 {
        if self.0.is_empty() { 1000 } else { self.quality(media_type) }
    }

    /// The quality of a media type; the most specific range decides.
    fn quality(&self, media_type: &str) -> u16 {
        let group = media_type.split('/').next().unwrap_or_default();
        let ranges = [media_type.to_owned(), format!("{group}/*"), "*/*".to_owned()];
        ranges.iter().find_map(|range| self.find(range)).unwrap_or(0)
    }

    fn named(&self, media_type: &str) -> u16 {
        self.find(media_type).unwrap_or(0)
    }

    fn find(&self, range: &str) -> Option<u16> {
        self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(range)).map(|(_, quality)| *quality)
    }
}

/// Whether gzip is accepted, with at least the quality of an uncompressed body (RFC 9110, 12.5.3).
pub(super) fn wants_gzip(headers: &HeaderMap) -> bool {
    let codings = Accept::named_in(headers, header::ACCEPT_ENCODING);
    let quality = |coding| codings.find(coding);
    let gzip = quality("gzip").or_else(|| quality("*")).unwrap_or(0);
    gzip > 0 && gzip >= quality("identity").or_else(|| quality("*")).unwrap_or(0)
}

/// Splits at a character outside quotes, or anywhere if a quote is not closed.
fn elements(text: &str, at: char) -> SmallVec<[&str; 4]> {
    let quoted = if text.contains('"') { split(text, at) } else { None };
    quoted.map_or_else(|| text.split(at).collect(), SmallVec::from_vec)
}

fn range(text: &str) -> Option<(&str, u16)> {
    let mut parts = elements(text, ';').into_iter().map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    Some((name, quality.map_or(1000, thousandths)))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the value lies between 0 and 1000")]
fn thousandths(quality: &str) -> u16 {
    quality.parse::<f32>().map_or(0, |quality| (quality.clamp(0.0, 1.0) * 1000.0) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT, value.parse().unwrap())])
    }

    #[test]
    fn json_is_sent_to_who_takes_it() {
        assert!(Accept::of(&HeaderMap::new()).takes_json());
        for (value, expected) in [
            ("application/json", true),
            ("*/*", true),
            ("application/*;q=0.2", true),
            ("text/html, */*;q=0.1", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/problem+json", true),
            ("text/html", false),
            ("application/json;q=0, */*", false),
            ("application/xml", false),
            ("text/plain;note=\"a, application/json\"", false),
            ("application/json;note=\"a;q=0\"", true),
            ("text/plain;note=\"a, application/json", true),
        ] {
            assert_eq!(Accept::of(&accepting(value)).takes_json(), expected, "{value}");
        }
    }

    #[test]
    fn gzip_is_sent_to_who_wants_it() {
        for (value, expected) in [
            ("", false),
            ("gzip", true),
            ("br, GZip;q=0.8", true),
            ("*", true),
            ("gzip;q=0", false),
            ("gzip;q=0, *", false),
            ("identity", false),
            ("gzip;q=0.5, identity", false),
            ("gzip, identity", true),
            ("gzip;q=0.5, *", false),
            ("gzip;q=0.5, *;q=0", true),
            ("identity;q=0", false),
            ("*;q=0", false),
            ("deflate, br", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, value.parse().unwrap());
            assert_eq!(wants_gzip(&headers), expected, "{value}");
        }
    }

    #[test]
    fn problems_are_sent_to_who_names_them() {
        for (value, expected) in [
            ("application/problem+json", true),
            ("application/json, application/problem+json", true),
            ("application/json, application/problem+json;q=0.5", false),
            ("application/problem+json;q=0", false),
            ("*/*", false),
            ("application/json", false),
        ] {
            assert_eq!(Accept::of(&accepting(value)).wants_problems(), expected, "{value}");
        }
    }
}
