//! `server.cors_origins`: which web origins may read the gateway's answers.

use url::Url;

use super::reader::Reader;

const KEY: &str = "server.cors_origins";

/// Reads the list; every entry must be what a browser sends as `Origin`.
pub(super) fn read(reader: &mut Reader) -> Vec<String> {
    let origins: Vec<String> = reader.or(KEY, Vec::new());
    for (number, origin) in (1..).zip(&origins) {
        if let Some(what) = fault(origin) {
            reader.fault(KEY, format!("entry {number} must be {what}."));
        }
    }
    origins
}

/// What an invalid entry must be instead. Only scheme, host and port of an entry are quoted: it may be a
/// URL that holds a password.
fn fault(entry: &str) -> Option<String> {
    if entry.contains('*') {
        return Some("a single origin without *, because answers hold personal data and are not for every page".to_owned());
    }
    let url = Url::parse(entry).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    match url.map(|url| url.origin().ascii_serialization()) {
        Some(origin) if origin == entry => None,
        Some(origin) => Some(format!("scheme, host and port as a browser sends them: \"{origin}\"")),
        None => Some("an origin such as \"https://app.example.com\"".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port_and_nothing_else() {
        for (entry, wanted) in [
            ("https://app.example.com", None),
            ("http://localhost:3000", None),
            ("https://[::1]:8443", None),
            ("*", Some("without *")),
            ("https://*.example.com", Some("without *")),
            ("null", Some("an origin such as")),
            ("app.example.com", Some("an origin such as")),
            ("file:///x", Some("an origin such as")),
            ("https://app.example.com/", Some("\"https://app.example.com\"")),
            ("https://app.example.com/x?y", Some("\"https://app.example.com\"")),
            ("https://app.example.com:443", Some("\"https://app.example.com\"")),
            ("https://App.Example.com", Some("\"https://app.example.com\"")),
            ("https://user:hunter2@app.example.com", Some("\"https://app.example.com\"")),
        ] {
            let fault = fault(entry);
            assert_eq!(fault.is_none(), wanted.is_none(), "{entry}: {fault:?}");
            assert!(fault.unwrap_or_default().contains(wanted.unwrap_or_default()), "{entry}");
        }
    }
}
