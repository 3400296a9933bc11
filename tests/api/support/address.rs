//! Addresses for programs that do not say which port they have chosen.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        LazyLock,
        atomic::{AtomicU16, Ordering},
    },
};

/// Returns an address on which no one listens. The kernel assigns its port to no one, and no other test of this process
/// gets it.
pub(crate) fn free_address() -> SocketAddr {
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(fastrand::u16(..)));
    let next = || SocketAddr::from(([127, 0, 0, 1], 20_000 + NEXT.fetch_add(1, Ordering::Relaxed) % 12_000));
    std::iter::repeat_with(next).find(|address| TcpListener::bind(address).is_ok()).unwrap()
}
