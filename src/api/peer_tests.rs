//! Which client address counts, whatever proxies and others write.

use http::HeaderValue;
use proptest::prelude::*;

use super::*;

const PROXY: &str = "10.0.0.1";

fn trusted() -> Networks {
    Networks::from(&["10.0.0.0/8", "2001:db8::/32"][..])
}

/// The client's address, given a peer and these headers.
fn client(peer: &str, headers: &[(HeaderName, &str)]) -> String {
    let mut all = HeaderMap::new();
    for (name, value) in headers {
        all.append(name, HeaderValue::from_str(value).unwrap());
    }
    let peer = Peer::new(SocketAddr::new(peer.parse().unwrap(), 4711), false);
    peer.behind(&trusted(), &all).ip().to_string()
}

#[test]
fn x_forwarded_for_is_counted_from_the_right_up_to_the_first_that_is_no_proxy() {
    for (peer, lines, expected) in [
        (PROXY, &["203.0.113.9"][..], "203.0.113.9"),
        (PROXY, &["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        (PROXY, &["203.0.113.9, 10.0.0.2,10.9.9.9"], "203.0.113.9"),
        (PROXY, &["1.1.1.1", "203.0.113.9", "10.0.0.2"], "203.0.113.9"),
        (PROXY, &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        (PROXY, &["203.0.113.9:5123"], "203.0.113.9"),
        (PROXY, &["2001:db9::7"], "2001:db9::7"),
        (PROXY, &["[2001:db9::7]:443"], "2001:db9::7"),
        (PROXY, &["[2001:db9::7]"], "2001:db9::7"),
        (PROXY, &["::ffff:203.0.113.9"], "203.0.113.9"),
        (PROXY, &["203.0.113.9, ::ffff:10.0.0.2"], "203.0.113.9"),
        ("::ffff:10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
        ("2001:db8::1", &["203.0.113.9"], "203.0.113.9"),
        // An unreadable entry ends the list.
        (PROXY, &[""], PROXY),
        (PROXY, &["unknown"], PROXY),
        (PROXY, &["203.0.113.9, unknown"], PROXY),
        (PROXY, &["203.0.113.9, unknown, 10.0.0.2"], "10.0.0.2"),
        (PROXY, &["203.0.113.9, , 10.0.0.2"], "10.0.0.2"),
        (PROXY, &["203.0.113.9, 10.0.0.2,"], PROXY),
        (PROXY, &["203.0.113.999"], PROXY),
        // A peer that is not a trusted proxy is the client, whatever it claims.
        ("203.0.113.7", &["10.0.0.2"], "203.0.113.7"),
        ("::ffff:203.0.113.7", &["198.51.100.1"], "203.0.113.7"),
        (PROXY, &[], PROXY),
    ] {
        let headers: Vec<_> = lines.iter().map(|line| (X_FORWARDED_FOR, *line)).collect();
        assert_eq!(client(peer, &headers), expected, "{peer} {lines:?}");
    }
}

#[test]
fn forwarded_is_read_as_the_rfc_writes_it() {
    for (text, expected) in [
        ("for=203.0.113.9", "203.0.113.9"),
        ("For=\"203.0.113.9:4711\";proto=https;by=10.0.0.2", "203.0.113.9"),
        ("proto=https; for=203.0.113.9", "203.0.113.9"),
        ("for=\"[2001:db9::7]:4711\"", "2001:db9::7"),
        ("for=\"[2001:db9::7]\"", "2001:db9::7"),
        ("for=\"203.0.113.9:_port\"", "203.0.113.9"),
        ("for=\"203\\.0.113.9\"", "203.0.113.9"),
        ("for=1.1.1.1, for=203.0.113.9, for=10.0.0.2", "203.0.113.9"),
        ("for=203.0.113.9;host=\"a,for=1.1.1.1;b\"", "203.0.113.9"),
        ("for=203.0.113.9, for=_hidden, for=10.0.0.2", "10.0.0.2"),
        ("for=203.0.113.9, proto=https", PROXY),
        ("for=unknown", PROXY),
        ("for=_secret", PROXY),
        ("for=1.1.1.1;for=203.0.113.9", PROXY),
        ("for=2001:db9::7", PROXY),
        ("for=\"203.0.113.9:\"", PROXY),
        ("for=\"203.0.113.9", PROXY),
        ("for=203.0.113.9, x=\"", PROXY),
        ("203.0.113.9", PROXY),
        ("", PROXY),
    ] {
        assert_eq!(client(PROXY, &[(header::FORWARDED, text)]), expected, "{text}");
    }
    assert_eq!(client("203.0.113.7", &[(header::FORWARDED, "for=1.1.1.1")]), "203.0.113.7");
}

#[test]
fn a_line_that_cannot_be_read_does_not_spoil_the_proxys_own() {
    for written in ["for=\"", "\"", "for=1.1.1.1;x=\"a", "=,=\\\""] {
        assert_eq!(client(PROXY, &[(header::FORWARDED, written), (header::FORWARDED, "for=203.0.113.9")]), "203.0.113.9", "{written}");
    }
}

#[test]
fn two_headers_that_differ_are_not_believed() {
    let both = |plain, forwarded| client(PROXY, &[(X_FORWARDED_FOR, plain), (header::FORWARDED, forwarded)]);
    assert_eq!(both("203.0.113.9", "for=203.0.113.9"), "203.0.113.9");
    assert_eq!(both("203.0.113.9", "for=1.1.1.1"), PROXY);
    assert_eq!(both("203.0.113.9", "for=unknown"), PROXY);
}

proptest! {
    #[test]
    fn who_is_no_proxy_cannot_be_anybody_else(lines in proptest::collection::vec("[ -~]{0,40}", 0..4), forwarded in "[ -~]{0,60}") {
        let mut headers: Vec<_> = lines.iter().map(|line| (X_FORWARDED_FOR, line.as_str())).collect();
        headers.push((header::FORWARDED, &forwarded));
        prop_assert_eq!(client("203.0.113.7", &headers), "203.0.113.7");
    }

    /// Nothing that a client writes before the proxy's entry changes the result.
    #[test]
    fn what_a_client_writes_itself_is_never_believed(written in "[ -~]{0,60}", quoted in any::<bool>()) {
        let plain = format!("{written}, 203.0.113.9, 10.0.0.2");
        prop_assert_eq!(client(PROXY, &[(X_FORWARDED_FOR, &plain)]), "203.0.113.9");
        let written = if quoted { format!("for=\"{}\"", written.replace(['"', '\\'], "")) } else { written.replace('"', "") };
        let forwarded = format!("{written}, for=203.0.113.9, for=10.0.0.2");
        prop_assert_eq!(client(PROXY, &[(header::FORWARDED, &forwarded)]), "203.0.113.9");
    }

    /// An open quote can make a whole list unreadable: that hides a client, but never makes it someone else.
    #[test]
    fn whatever_comes_behind_a_proxy_no_address_is_made_up(written in "[ -~]{0,60}") {
        let forwarded = format!("{written}, for=203.0.113.9");
        let seen = client(PROXY, &[(header::FORWARDED, &forwarded)]);
        prop_assert!(seen == "203.0.113.9" || seen == PROXY, "{}", seen);
    }
}
