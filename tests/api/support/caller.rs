//! A caller that sends requests without a pause on one connection, opens another one when told to,
//! and counts the outcome of each request.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::Gateway;

/// The outcomes of a caller's requests.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Sent on an established connection.
    pub(crate) sent: usize,
    /// Answered completely, with 200.
    pub(crate) answered: usize,
    /// Not answered, but the first on its connection, and nothing listened afterwards: when a listener closes, the
    /// kernel resets the connections that it has not accepted.
    pub(crate) not_accepted: usize,
}

impl Gateway {
    /// Requests a path repeatedly, until nothing listens any more or `most` requests were sent.
    pub(crate) async fn keep_asking(&self, path: &str, most: usize) -> Tally {
        let request = format!("GET {path} HTTP/1.1\r\nHost: gateway\r\n\r\n");
        let mut tally = Tally::default();
        while tally.sent < most
            && let Ok(mut stream) = self.connect().await
        {
            let before = tally.sent;
            tally.not_accepted = 0;
            while tally.sent < most {
                tally.sent += 1;
                let Some(head) = exchange(&mut stream, &request).await else {
                    tally.not_accepted = usize::from(tally.sent == before + 1);
                    break;
                };
                tally.answered += usize::from(head.starts_with("http/1.1 200 "));
                if head.contains("\r\nconnection: close") {
                    break;
                }
            }
        }
        tally
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |sum, tally| Self {
            sent: sum.sent + tally.sent,
            answered: sum.answered + tally.answered,
            not_accepted: sum.not_accepted + tally.not_accepted,
        })
    }
}

/// Sends a request and reads the whole answer; returns its head, in lower case.
async fn exchange(stream: &mut TcpStream, request: &str) -> Option<String> {
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut came = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&came);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
            if body.len() >= length {
                return Some(head);
            }
        }
        if stream.read_buf(&mut came).await.ok()? == 0 {
            return None;
        }
    }
}
