//! The client's address: that of the peer or, if the peer is a trusted proxy, the one that it names in
//! `X-Forwarded-For` or `Forwarded` (RFC 7239).
//!
//! The list is read from the right, because each proxy appends to what it received: the first
//! address that does not belong to a trusted proxy is the client's. Anything to the left of it, and
//! everything sent by a peer that is not a trusted proxy, could have been written by anyone.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, header};

use super::{headers::X_FORWARDED_FOR, quoted::split};
use crate::config::Networks;

/// The other end of a request: its address, without a port and never as an IPv4-mapped IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    ip: IpAddr,
    /// Whether the connection is encrypted.
    is_encrypted: bool,
}

impl Peer {
    /// Makes the peer of a connection.
    pub fn new(address: SocketAddr, is_encrypted: bool) -> Self {
        Self { ip: address.ip().to_canonical(), is_encrypted }
    }

    pub(super) fn ip(self) -> IpAddr {
        self.ip
    }

    /// The scheme that the connection uses.
    pub(super) fn scheme(self) -> &'static str {
        if self.is_encrypted { "https" } else { "http" }
    }

    /// Returns the client: this peer, unless it is a trusted proxy. If the two headers disagree, one of
    /// them was not written by the proxy, and neither is believed.
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

    /// Finds the first address, from the last one on, that is not a trusted proxy's. An entry that is not an
    /// address ends the list: then the proxy that wrote it is the furthest that can be seen.
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

/// Reads all lines of a header as the one list that they form. Each line is parsed separately, because the last
/// one may be the proxy's own; `None` if there is no line.
fn lines(headers: &HeaderMap, name: HeaderName, read: fn(&str) -> Vec<Option<IpAddr>>) -> Option<Vec<Option<IpAddr>>> {
    let mut lines = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or_default()).peekable();
    lines.peek()?;
    Some(lines.flat_map(read).collect())
}

/// Parses an entry of `X-Forwarded-For`: an address, to which some proxies append the port.
fn plain(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bare = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    entry.parse().ok().or_else(|| Some(entry.parse::<SocketAddr>().ok()?.ip())).or_else(bare)
}

/// Returns the `for` of each element of `Forwarded`, `None` where it is absent or not an address. A list
/// with unbalanced quotes is empty.
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
    // Unquoted, it cannot hold a colon or a bracket (section 4), so it is an IPv4 address.
    match quoted {
        Some(value) => node(&value.replace('\\', "")),
        None => value.parse().ok().map(IpAddr::V4),
    }
}

/// Parses a node (section 6): an IPv6 address is in brackets; `unknown` and `_names` are not addresses. The
/// port may also be a name.
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

#[cfg(test)]
#[path = "peer_tests.rs"]
mod tests;
