//! Who is at the other end: the peer itself or, where that is a proxy of ours, whom it names in
//! `X-Forwarded-For` or `Forwarded` (RFC 7239).
//!
//! What proxies say is counted from the right, for each has written behind what it was sent: the
//! first address that is no trusted proxy's is the client's. Whatever stands left of it, and all
//! that others than our proxies send, anybody could have written.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, header};

use super::headers::X_FORWARDED_FOR;
use crate::config::Networks;

/// Who is at the other end of a request: his address, without a port and no IPv4 written as IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    ip: IpAddr,
    /// Whether the connection is encrypted.
    is_encrypted: bool,
}

impl Peer {
    /// The peer of a connection.
    pub fn new(address: SocketAddr, is_encrypted: bool) -> Self {
        Self { ip: address.ip().to_canonical(), is_encrypted }
    }

    pub(super) fn ip(self) -> IpAddr {
        self.ip
    }

    /// What the connection speaks.
    pub(super) fn scheme(self) -> &'static str {
        if self.is_encrypted { "https" } else { "http" }
    }

    /// The client's address: this one, unless it is a trusted proxy's. Where the two headers say
    /// different things one of them is not the proxy's, and neither is believed.
    pub(super) fn behind(self, trusted: &Networks, headers: &HeaderMap) -> Self {
        if trusted.is_empty() || !trusted.contain(self.ip) {
            return self;
        }
        let plain = lines(headers, X_FORWARDED_FOR, |line| line.split(',').map(plain).collect());
        let forwarded = lines(headers, header::FORWARDED, elements);
        let [plain, forwarded] = [plain, forwarded].map(|list| Some(self.named(trusted, list?.into_iter().rev())));
        match (plain, forwarded) {
            (Some(one), Some(other)) if one != other => self,
            (Some(named), _) | (None, Some(named)) => named,
            (None, None) => self,
        }
    }

    /// The first of these that is no trusted proxy's, from the last one on. What is no address ends
    /// the list: then whoever wrote that is as far as can be seen.
    fn named(self, trusted: &Networks, named: impl Iterator<Item = Option<IpAddr>>) -> Self {
        let mut seen = self;
        for address in named {
            let Some(address) = address else { return seen };
            seen.ip = address.to_canonical();
            if !trusted.contain(seen.ip) {
                return seen;
            }
        }
        seen
    }
}

/// All lines of a header as the one list that they are, each read by itself, for the last one may be
/// the proxy's own; `None` where there is no line.
fn lines(headers: &HeaderMap, name: HeaderName, read: fn(&str) -> Vec<Option<IpAddr>>) -> Option<Vec<Option<IpAddr>>> {
    let mut lines = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or_default()).peekable();
    lines.peek()?;
    Some(lines.flat_map(read).collect())
}

/// An entry of `X-Forwarded-For`: an address, of which some proxies also write the port.
fn plain(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bare = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    entry.parse().ok().or_else(|| Some(entry.parse::<SocketAddr>().ok()?.ip())).or_else(bare)
}

/// The `for` of each element of `Forwarded`, `None` where there is none or it is no address. A list
/// whose quotes do not fit holds nothing.
fn elements(line: &str) -> Vec<Option<IpAddr>> {
    let Some(elements) = split(line, ',') else { return vec![None] };
    elements.into_iter().map(of_element).collect()
}

fn of_element(element: &str) -> Option<IpAddr> {
    let mut named = split(element, ';')?.into_iter().filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim())
    });
    let (value, None) = (named.next()?, named.next()) else { return None };
    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    // Unquoted no colon and no bracket may stand there (section 4), so that is an IPv4 address.
    match quoted {
        Some(value) => node(&value.replace('\\', "")),
        None => value.parse().ok().map(IpAddr::V4),
    }
}

/// A node (section 6): an IPv6 address stands in brackets; `unknown` and `_names` are none. The port
/// may be a name as well.
fn node(text: &str) -> Option<IpAddr> {
    let (address, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        (IpAddr::V6(address.parse().ok()?), port)
    } else {
        let (address, port) = text.split_at(text.find(':').unwrap_or(text.len()));
        (IpAddr::V4(address.parse().ok()?), port)
    };
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then_some(address)
}

/// Splits at a character outside of quotes; `None` where a quote does not end.
fn split(text: &str, at: char) -> Option<Vec<&str>> {
    let (mut parts, mut begins, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (place, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            letter if letter == at && !quoted => {
                parts.push(text.get(begins..place)?);
                begins = place + letter.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(begins..)?);
    (!quoted).then_some(parts)
}

#[cfg(test)]
#[path = "peer_tests.rs"]
mod tests;
