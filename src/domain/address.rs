//! E-mail addresses: the key by which two records are joined, and the addresses of placeholder records.

use std::{borrow::Cow, fmt, sync::Arc};

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
use wildmatch::WildMatchPattern;

/// The first combining mark. Characters below it are always composed (Unicode Standard Annex 15, 9.1).
const FIRST_MARK: char = '\u{300}';

/// A normalised address: trimmed, Unicode NFC, lower-cased, its domain in ASCII form,
/// so that `Ann@Bücher.example` and `ann@xn--bcher-kva.example` are one key.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EmailKey(Arc<str>);

/// Patterns of the addresses that belong to no real person, with `*` for any run of characters.
///
/// Advanced Automation writes such addresses for the synthetic persons that it adds to every
/// customer (Acronis PSA guide, "Fetch customer clients": `Unknown_cstmr001@unknown.com`,
/// `cstmr001Manager@dummy.com`).
#[derive(Clone, Debug, Default)]
pub struct Placeholders(Vec<Pattern>);

/// A pattern, and the literal ending that an address needs to match it, which is checked first.
#[derive(Clone, Debug)]
struct Pattern {
    all: WildMatchPattern<'*', '\0'>,
    ending: Box<str>,
}

// === impl EmailKey ===

impl EmailKey {
    /// Normalises an address; `None` when nothing is left of it.
    pub fn new(address: &str) -> Option<Self> {
        let key = normalise(address.trim());
        (!key.is_empty()).then(|| Self(key.as_ref().into()))
    }

    /// Returns the key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EmailKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

// === impl Placeholders ===

impl Placeholders {
    /// Reads patterns; each is normalised as an address is, so that its case does not matter.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Self {
        Self(patterns.iter().map(|pattern| Pattern::new(&normalise(pattern.as_ref().trim()))).collect())
    }

    /// Returns whether a normalised address belongs to a placeholder, not to a real person.
    pub fn hold(&self, key: &str) -> bool {
        self.0.iter().any(|Pattern { all, ending }| key.ends_with(&**ending) && all.matches(key))
    }
}

impl Pattern {
    fn new(pattern: &str) -> Self {
        let ending = pattern.rsplit('*').next().unwrap_or_default();
        Self { all: WildMatchPattern::new(pattern), ending: ending.into() }
    }
}

/// Returns whether a normalised text is an address: something before its `@` and something after it. Text
/// that fills the field without being one (`n/a`, `-`) would merge many people into one.
pub fn is_address(normal: &str) -> bool {
    memchr::memrchr(b'@', normal.as_bytes()).is_some_and(|at| at > 0 && at + 1 < normal.len())
}

/// Returns the key of an address, in [`EmailKey`]'s form; empty where nothing is left of it.
pub(super) fn normalise(address: &str) -> Cow<'_, str> {
    let is_plain = !any(address, |byte| !byte.is_ascii_graphic());
    // Any `--` might belong to a domain in ASCII form, which needs more work.
    if !is_plain || (any(address, |byte| byte == b'-') && address.contains("--")) {
        return with_ascii_domain(lower_nfc(address)).into();
    }
    lower_ascii(address)
}

/// Returns a lower-cased address with its domain in ASCII form.
fn with_ascii_domain(lower: String) -> String {
    let Some((local, domain)) = lower.rsplit_once('@') else { return lower };
    match idna::domain_to_ascii(domain) {
        Ok(ascii) => format!("{local}@{ascii}"),
        Err(_) => lower, // not a valid IDNA domain: kept as written
    }
}

/// Lower-cases and composes. Composes a second time because lower-casing can decompose a letter.
pub(super) fn lower_nfc(text: &str) -> String {
    let lower = if is_composed(text) { text.to_lowercase() } else { text.nfc().collect::<String>().to_lowercase() };
    if is_composed(&lower) { lower } else { lower.nfc().collect() }
}

/// Appends a text as [`lower_nfc`] returns it, in one pass if all of it is [simple](simple_lower).
pub(super) fn lower_nfc_onto(text: &str, to: &mut String) {
    let begin = to.len();
    for letter in text.chars() {
        let Some(lower) = simple_lower(letter) else {
            to.truncate(begin);
            return to.push_str(&lower_nfc(text));
        };
        to.push(lower);
    }
}

/// Returns a letter in lower case if that is one letter, and composed next to any other for which this holds.
fn simple_lower(letter: char) -> Option<char> {
    match letter {
        '\0'..'\u{80}' => Some(letter.to_ascii_lowercase()),
        '\u{130}' => None, // an i and a dot above it
        letter if letter < FIRST_MARK => letter.to_lowercase().next(),
        _ => None,
    }
}

/// Returns an ASCII text in lower case.
pub(super) fn lower_ascii(text: &str) -> Cow<'_, str> {
    if any(text, |byte| byte.is_ascii_uppercase()) { text.to_ascii_lowercase().into() } else { text.into() }
}

/// Returns whether any byte of a text is of a kind. Examines sixteen bytes at a time: that is vectorised, and faster than
/// byte by byte. Some bytes of the last block may be in the one before as well.
fn any(text: &str, is_of_kind: impl Fn(u8) -> bool) -> bool {
    let any_of = |bytes: &[u8]| bytes.iter().fold(false, |any, byte| any | is_of_kind(*byte));
    let bytes = text.as_bytes();
    let Some(last) = bytes.last_chunk::<16>() else { return any_of(bytes) };
    bytes.as_chunks::<16>().0.iter().any(|block| any_of(block)) || any_of(last)
}

/// Returns whether a text is certainly composed (Unicode NFC).
fn is_composed(text: &str) -> bool {
    text.chars().all(|letter| letter < FIRST_MARK) || is_nfc_quick(text.chars()) == IsNormalized::Yes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(address: &str) -> String {
        EmailKey::new(address).map(|key| key.as_str().to_owned()).unwrap_or_default()
    }

    #[test]
    fn an_address_is_normalised() {
        for (written, normal) in [
            ("ann@acme.example", "ann@acme.example"),
            ("  Ann.Lee@ACME.example ", "ann.lee@acme.example"),
            ("ann@bücher.example", "ann@xn--bcher-kva.example"),
            ("ann@XN--BCHER-KVA.example", "ann@xn--bcher-kva.example"),
            ("ann@bu\u{308}cher.example", "ann@xn--bcher-kva.example"),
            ("JOSE\u{301}@x.example", "jos\u{e9}@x.example"),
            ("\"a@b\"@X.example", "\"a@b\"@x.example"),
            ("no-at-sign", "no-at-sign"),
            ("   ", ""),
        ] {
            assert_eq!(key(written), normal, "{written:?}");
        }
    }

    #[test]
    fn a_letter_is_normalised_wherever_it_stands() {
        for (length, odd) in (1..40).flat_map(|length| [(length, "A"), (length, "\u{c9}")]) {
            for place in 0..length {
                let mut address = "a".repeat(length);
                address.replace_range(place..=place, odd);
                assert_eq!(normalise(&address), lower_nfc(&address));
            }
        }
    }

    #[test]
    fn what_stands_where_there_is_no_address_is_none() {
        for (text, expected) in [
            ("ann@acme.example", true),
            ("\"a@b\"@x.example", true),
            ("a@b", true),
            ("n/a", false),
            ("-", false),
            ("@", false),
            ("ann@", false),
            ("@x.example", false),
            ("", false),
        ] {
            assert_eq!(is_address(text), expected, "{text}");
        }
    }

    #[test]
    fn a_placeholder_is_told_by_its_normal_form() {
        let nobody = Placeholders::new(&["Unknown_*@unknown.com", "*@DUMMY.com"]);
        for (address, expected) in [
            ("Unknown_cstmr001@unknown.com", true),
            ("UNKNOWN_@UNKNOWN.COM", true),
            ("cstmr001Manager@dummy.com", true),
            ("unknown@unknown.com", false),
            ("ann@notdummy.com", false),
            ("ann@dummy.com.example", false),
        ] {
            let told = EmailKey::new(address).is_some_and(|key| nobody.hold(key.as_str()));
            assert_eq!(told, expected, "{address}");
        }
    }

    proptest! {
        #[test]
        fn a_plain_address_is_normalised_as_any_other_is(address in "[a-zA-Z0-9.@-]{0,40}") {
            prop_assert_eq!(normalise(&address), with_ascii_domain(lower_nfc(&address)));
        }

        #[test]
        fn normalising_twice_changes_nothing(address in "\\PC{0,12}@?\\PC{0,12}") {
            let once = key(&address);
            prop_assert_eq!(key(&once), once.clone());
        }
    }
}
