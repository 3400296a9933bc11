//! Configuration: read once, check everything, report every fault at once.
//!
//! A TOML file, then the environment, then flags; the later wins. [`Reader`] holds the merged
//! layers and collects faults. Each part of the program asks it for the keys that it needs, and
//! [`Reader::finish`] reports everything that was wrong, including keys that nothing asked for.

mod certificates;
mod fault;
mod file_stamp;
mod general;
mod hex;
mod layers;
mod name;
mod networks;
mod origins;
mod reader;
mod redirect_uri;
mod secret;
mod setting;
mod suggestion;
mod wiped;

pub use certificates::{Authorities, KeyPair, UnusableKeyPair};
pub use fault::{Fault, Faults};
pub use file_stamp::FileStamp;
pub use general::{AccessLog, Cache, DEFAULT_LISTEN, General, LogFormat, Server, Telemetry};
pub use hex::{hex, unhex};
pub use layers::Layers;
pub use name::{NO_NAME, is_name};
pub use networks::Networks;
pub use reader::Reader;
pub use redirect_uri::RedirectUri;
pub use secret::{Secret, SecretSource};
pub use setting::{BaseUrl, Endpoint, Setting, Text, one_of};
