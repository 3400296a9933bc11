//! Measures the steps of a miss one by one: reading a page of each backend, joining, selecting and rendering a page, a
//! cursor. `cargo bench --bench steps` prints the figures; the pages are the ones that `compare.sh` uses.
#![expect(clippy::print_stdout, reason = "the figures are this program's output")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot continue ends")]
#![expect(clippy::indexing_slicing, reason = "a benchmark that cannot continue ends")]

use std::{hint::black_box, sync::Arc, time::Duration};

use rollcall::{
    app::Config,
    config::Layers,
    domain::{CustomerId, Placeholders},
    roll::{PageOf, Pieces, Roll, View},
    sources::{Page, REGISTRY, SourceSettings},
};
use tokio::time::Instant;

#[path = "peers/backends/answers.rs"]
mod answers;
#[path = "peers/backends/rows.rs"]
mod rows;

use answers::{Answers, Asked};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long each figure is measured.
const LONG: Duration = Duration::from_millis(500);

/// The length of one timed run, so that reading the clock does not matter.
const STRETCH: Duration = Duration::from_millis(2);

/// Customers: persons, users, and how many of them are in both.
const SHAPES: [(usize, usize, usize); 2] = [(50, 40, 30), (1000, 1000, 600)];

fn main() {
    let sources = sources();
    println!("{:44} {:>10} {:>14}", "", "median", "per item");
    for shape in SHAPES {
        measure_all(&sources, shape);
    }
}

fn measure_all(sources: &[SourceSettings], (persons, users, both): (usize, usize, usize)) {
    let customer = format!("{persons}_{users}_{both}_1");
    let bodies = bodies(&customer, persons);
    assert_eq!(sources.len(), bodies.len(), "one body for each backend, in their order");
    for (source, (body, rows)) in sources.iter().zip(bodies.iter().zip([persons, users])) {
        let kib = body.len() >> 10;
        show(&format!("read {rows} rows of {}, {kib} KiB", source.backend.name), rows, || read(source, body));
    }
    let read_all =
        || sources.iter().zip(&bodies).map(|(source, body)| (source.backend.name, read(source, body).records)).collect::<Vec<_>>();
    let (id, nobody): (CustomerId, _) = (customer.parse().unwrap(), Placeholders::new(&["unknown_*@unknown.com", "*@dummy.com"]));
    let join = |records| Roll::of_records(id.clone(), records, &nobody);
    let roll = join(read_all());
    assert_eq!(roll.len(), persons + users - both, "the records are joined");
    let ready = read_all();
    show(&format!("join and encode {persons} + {users} records"), persons + users, || join(ready.clone()));
    measure_pages(&roll, &id);
}

fn measure_pages(roll: &Roll, id: &CustomerId) {
    let (view, first) = (View::default(), PageOf::new(id, &View::default(), None, 100).unwrap());
    let shown = roll.len().min(100);
    show(&format!("select and render a page of {shown}"), shown, || render(roll, &view, &first));
    let some = PageOf::new(id, &view, None, 10).unwrap();
    let cursor = roll.page(&view, &some).next_cursor.unwrap();
    show("read a cursor", 1, || PageOf::new(id, &view, Some(&cursor), 10).unwrap());
    let next = PageOf::new(id, &view, Some(&cursor), 10).unwrap();
    show("select a page of 10 after a cursor, write the next cursor", 10, || roll.page(&view, &next).next_cursor);
}

fn render(roll: &Roll, view: &View, of: &PageOf) -> usize {
    let mut pieces = Pieces::default();
    roll.write(&roll.page(view, of), &mut pieces);
    pieces.finish().iter().map(bytes::Bytes::len).sum()
}

fn read(source: &SourceSettings, body: &[u8]) -> Page {
    source.adapter.read(body).unwrap()
}

/// Returns the settings of each backend.
fn sources() -> Vec<SourceSettings> {
    // The sample has all required keys.
    let layers = Layers::from_text(include_str!("../deploy/rollcall.toml")).unwrap();
    Config::read(layers, REGISTRY).unwrap().sources
}

/// Returns each backend's answer for a customer, all of it in one page.
fn bodies(customer: &str, rows: usize) -> [Arc<[u8]>; 2] {
    let targets = [
        format!("/api/advanced-automation/v1/Person?Page=1&PageSize={rows}&Customer={customer}"),
        format!("/api/v1.0/customers/{customer}/users"),
    ];
    targets.map(|target| {
        let mut answers = Answers::default();
        let answer = answers.to(Asked::of(&format!("GET {target} HTTP/1.1")));
        let head = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
        answer[head + 4..].into()
    })
}

/// Prints the median, and its share for each of `parts`.
fn show<T>(name: &str, parts: usize, work: impl Fn() -> T) {
    let once = Instant::now();
    drop(black_box(work()));
    let times = u32::try_from((STRETCH.as_nanos() / once.elapsed().as_nanos().max(1)).clamp(1, 100_000)).unwrap();
    let (begin, mut took) = (Instant::now(), Vec::new());
    while begin.elapsed() < LONG || took.len() < 5 {
        let started = Instant::now();
        (0..times).for_each(|_| drop(black_box(work())));
        took.push(started.elapsed() / times);
    }
    took.sort_unstable();
    let median = took[took.len() / 2];
    println!("{name:52} {:>10.2} us {:>8.0} ns", median.as_secs_f64() * 1e6, (median / u32::try_from(parts).unwrap()).as_nanos());
}
