//! Requests that no HTTP client would send, sent byte for byte.

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Answer, Gateway, program::PATIENCE};

impl Gateway {
    /// Sends a request line and further header lines exactly as given, and reads until the gateway hangs
    /// up.
    pub(crate) async fn send_raw(&self, first_line: &str, header_lines: &[&str]) -> Answer {
        self.send_raw_with_body(first_line, header_lines, "").await
    }

    /// The same with a body after the head, whatever the head says about it.
    pub(crate) async fn send_raw_with_body(&self, first_line: &str, header_lines: &[&str], body: &str) -> Answer {
        let lines = [&["Host: gateway"], header_lines].concat();
        self.send_lines(first_line, &lines, body).await
    }

    /// The same with only these headers and one that closes the connection.
    pub(crate) async fn send_lines(&self, first_line: &str, header_lines: &[&str], body: &str) -> Answer {
        let request = [&[first_line, "Connection: close"], header_lines, &["", body]].concat().join("\r\n");
        let stream = self.connect().await.unwrap();
        let (mut from, mut to) = stream.into_split();
        let mut came = Vec::new();
        let exchange = async { tokio::join!(to.write_all(request.as_bytes()), from.read_to_end(&mut came)) };
        let done = tokio::time::timeout(PATIENCE, exchange).await;
        assert!(done.is_ok(), "the gateway did not hang up: {first_line:.80}");
        read(&came)
    }
}

#[track_caller]
fn read(came: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(came);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let pairs = lines.filter_map(|line| line.split_once(": "));
    let headers: HeaderMap =
        pairs.map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())).collect();
    Answer { status: status.unwrap(), headers, text: body.to_owned() }
}
