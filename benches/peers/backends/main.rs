//! Both backends for `benches/compare.sh`, as cheap as possible, so that the core they share with the load is free for it.
//!
//! One thread per connection, because a thread can sleep with microsecond precision. Answers are made once, then only the
//! customer's id is replaced. `backends [MILLISECONDS]` listens on a free port of 127.0.0.1, prints it, and delays each
//! answer by that long.
#![expect(clippy::print_stdout, reason = "the port is this program's output")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot continue ends")]

mod answers;
mod rows;

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use answers::{Answers, Asked};

/// Maximum of simultaneous connections; further ones are closed.
const MOST: usize = 4096;

/// Maximum size of a head, in bytes.
const LONGEST_HEAD: u64 = 64 * 1024;

/// Maximum size of a request's body, in bytes.
const LONGEST_BODY: u64 = 64 * 1024;

fn main() {
    let delay = Duration::from_millis(std::env::args().nth(1).map_or(0, |millis| millis.parse().unwrap()));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming().flatten() {
        if open.fetch_add(1, Ordering::Relaxed) >= MOST {
            open.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let open = Arc::clone(&open);
        let answering = move || {
            _ = answer_all(&stream, delay); // an error means that the peer hung up
            open.fetch_sub(1, Ordering::Relaxed);
        };
        thread::Builder::new().stack_size(256 * 1024).spawn(answering).unwrap();
    }
}

/// Answers one connection until its peer closes it.
fn answer_all(stream: &TcpStream, delay: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut reader, mut writer, mut answers) = (BufReader::new(stream), stream, Answers::default());
    while let Some(asked) = read(&mut reader)? {
        if matches!(asked, Asked::Persons { .. } | Asked::Users { .. }) && !delay.is_zero() {
            thread::sleep(delay);
        }
        writer.write_all(answers.to(asked))?;
    }
    Ok(())
}

/// Reads one request and discards its body; `None` at the end of the connection.
fn read(reader: &mut impl BufRead) -> io::Result<Option<Asked>> {
    let mut head = reader.by_ref().take(LONGEST_HEAD);
    let (mut first, mut line, mut length, mut chunked) = (String::new(), String::new(), 0, false);
    if head.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    while head.read_line(&mut line)? > 2 {
        line.make_ascii_lowercase();
        length = line.strip_prefix("content-length:").map_or(length, |length| length.trim().parse().unwrap_or(0));
        chunked |= line.starts_with("transfer-encoding:");
        line.clear();
    }
    if chunked {
        skip_chunks(reader)?;
    } else {
        skip(reader, length)?;
    }
    Ok(Some(Asked::of(&first)))
}

/// Skips a chunked body: some clients announce no length, even of an empty one.
fn skip_chunks(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let mut line = String::new();
        reader.by_ref().take(LONGEST_HEAD).read_line(&mut line)?;
        let length = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        skip(reader, length + 2)?; // and its line end
        if length == 0 {
            return Ok(());
        }
    }
}

fn skip(reader: &mut impl BufRead, length: u64) -> io::Result<()> {
    io::copy(&mut reader.take(LONGEST_BODY.min(length)), &mut io::sink())?;
    Ok(())
}
