//! `server.trusted_proxies`: addresses and networks.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use super::reader::Reader;

const KEY: &str = "server.trusted_proxies";

/// The bits that precede the IPv4 address in an IPv4-mapped IPv6 address (`::ffff:10.0.0.1`).
const MAPPED: u8 = 96;

/// A list of networks, each of one or more addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Reads the list; every invalid entry is a fault of its own.
    pub(super) fn configured(reader: &mut Reader) -> Self {
        let texts: Vec<String> = reader.or(KEY, Vec::new());
        let read = (1..).zip(&texts).filter_map(|(number, text)| {
            let network = network(text);
            if network.is_none() {
                reader.fault(KEY, format!("entry {number} must be an address or a network, such as \"10.0.0.7\" or \"10.0.0.0/8\"."));
            }
            network
        });
        Self(read.collect())
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any network contains an address, in whichever notation.
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

fn network(text: &str) -> Option<IpNet> {
    let text = text.trim();
    let network = text.parse().ok().or_else(|| Some(IpNet::from(text.parse::<IpAddr>().ok()?)))?;
    Some(match network {
        IpNet::V6(mapped) if mapped.prefix_len() >= MAPPED => mapped.addr().to_ipv4_mapped().map_or(network, |address| {
            let network = Ipv4Net::new(address, mapped.prefix_len() - MAPPED);
            network.unwrap_or(Ipv4Net::from(address)).into()
        }),
        network => network,
    })
}

/// Makes networks from a list of texts, for tests.
#[cfg(test)]
impl From<&[&str]> for Networks {
    fn from(texts: &[&str]) -> Self {
        Self(texts.iter().map(|text| network(text).unwrap_or_else(|| panic!("not a network: {text}"))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses_however_they_are_written() {
        let networks = Networks::from(&["10.1.0.0/16", " 192.0.2.7 ", "2001:db8::/32", "::1", "::ffff:172.16.0.0/108"][..]);
        for (address, held) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("10.2.0.1", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("2001:db8:1::1", true),
            ("2001:db9::1", false),
            ("::1", true),
            ("172.31.0.1", true),
            ("::ffff:172.32.0.1", false),
        ] {
            assert_eq!(networks.contain(address.parse().unwrap()), held, "{address}");
        }
        assert!(!Networks::default().contain("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_none() {
        for bad in ["", "10.0.0.0/33", "10.0.0", "example.com", "10.0.0.1:80", "fe80::1%eth0", "10.0.0.0/-1", "*"] {
            assert_eq!(network(bad), None, "{bad}");
        }
    }
}
