//! Measures how long a page of a large roll takes once the roll is cached, and how much time and memory
//! a large file of links takes. `cargo bench --bench pages` prints the figures.
#![expect(clippy::print_stdout, reason = "the figures are this program's output")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot continue ends")]
#![expect(clippy::indexing_slicing, reason = "a benchmark that cannot continue ends")]

use std::{collections::HashSet, fmt::Write, hint::black_box, sync::Arc, time::Duration};

use rollcall::{
    app::Config,
    config::Layers,
    customers::{Customers, CustomersQuery},
    domain::{EmailKey, Placeholders, Record, Records, SourceName},
    roll::{Export, ExportFormat, PageOf, Roll, UserId, View},
    sources::REGISTRY,
    telemetry::Metrics,
};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Users of the roll.
const USERS: usize = 50_000;

/// Lines of the file of links.
const LINKS: usize = 100_000;

/// Measurements per figure.
const TIMES: usize = 50;

fn main() {
    pages();
    links();
}

fn pages() {
    let roll = Arc::new(roll());
    println!("{} users; each figure: median and worst of {TIMES}", roll.len());
    for (name, view) in views() {
        let first = PageOf::new(&roll.customer, &view, None, 100).unwrap();
        let sorted = Instant::now();
        let page = roll.page(&view, &first);
        let (once, total) = (sorted.elapsed(), page.total);
        let deep = page.next_cursor.map(|cursor| PageOf::new(&roll.customer, &view, Some(&cursor), 1000).unwrap());
        let took = measure(|| drop(black_box(roll.page(&view, &first))));
        let later = deep.map(|deep| measure(|| drop(black_box(roll.page(&view, &deep)))));
        println!("{name:44} {took}; the next 1000: {}; the first time: {:.2} ms ({total} users)", later.unwrap_or_default(), millis(once));
    }
    for format in [ExportFormat::Csv, ExportFormat::JsonLines] {
        let started = Instant::now();
        let export = Export::new(Arc::clone(&roll), View::default(), format, SOURCES.to_vec());
        let mut hash = Sha256::new();
        export.substance().for_each(|piece| hash.update(piece));
        let (digest, told) = (hash.finalize(), started.elapsed());
        let written = Instant::now();
        let bytes: usize = export.map(|piece| piece.len()).sum();
        let took = millis(written.elapsed());
        println!(
            "all users as {format:?}: {:.0} ms before the first byte ({:02x}...), {took:.0} ms, {} MiB",
            millis(told),
            digest[0],
            bytes >> 20
        );
    }
    find(&roll);
}

fn find(roll: &Roll) {
    let ours = UserId::Ours(uuid::Uuid::max());
    let theirs = UserId::At(SOURCES[1], format!("m-{}", USERS - 1).into());
    for (name, id) in [("the gateway's", ours), ("a record's", theirs)] {
        let took = measure(|| drop((0..1000).map(|_| roll.find(black_box(&id)).is_some()).collect::<Vec<_>>()));
        println!("find one user by {name} id, 1000 times: {took}");
    }
}

const SOURCES: [SourceName; 2] = [SourceName::new("advanced_automation"), SourceName::new("my_reports")];

fn views() -> Vec<(&'static str, View)> {
    let q = |text: &str| Some(text.to_owned());
    let sort = |text: &str| text.parse().unwrap();
    vec![
        ("default", View::default()),
        ("sort=-email", View { sort: sort("-email"), ..View::default() }),
        ("q=lee (some)", View { q: q("lee"), ..View::default() }),
        ("q=zz (none)", View { q: q("zz"), ..View::default() }),
        ("q=e (nearly all)&sort=-display_name", View { q: q("e"), sort: sort("-display_name"), ..View::default() }),
        ("email=...", View { email: EmailKey::new("person.4711@acme.example"), ..View::default() }),
        (
            "source=my_reports&enabled=true&q=ann&sort=id",
            View { source: Some(SOURCES[1]), enabled: Some(true), q: q("ann"), sort: sort("id"), ..View::default() },
        ),
        ("include=deleted,conflicts&q=person", View { with_deleted: true, with_conflicts: true, q: q("person"), ..View::default() }),
    ]
}

fn roll() -> Roll {
    let first = ["Ann", "Bo", "C\u{e9}line", "Dimitri", "\u{c5}sa", "Frank", "Gudrun", "Hiro"];
    let last = ["Lee", "Ek", "Dupont", "Papadopoulos\u{3c2}", "Berg", "Miller", "Schmidt", "Tanaka", "Okafor"];
    let record = |records: &mut Records, number: usize, id: String| {
        records.push(&Record {
            id: &id,
            display_name: Some(&format!("{} {} {number}", first[number % first.len()], last[number % last.len()])),
            email: Some(&format!("person.{number}@acme.example")),
            username: Some(&format!("user{number}")),
            enabled: Some(!number.is_multiple_of(7)),
            ..Record::default()
        });
    };
    let (mut left, mut right) = (Records::default(), Records::default());
    (0..USERS * 4 / 5).for_each(|number| record(&mut left, number, format!("a-{number}")));
    (USERS / 5..USERS).for_each(|number| record(&mut right, number, format!("m-{number}")));
    let nobody = Placeholders::new(&["unknown_*@unknown.com", "*@dummy.com"]);
    Roll::of_records("acme".parse().unwrap(), vec![(SOURCES[0], left), (SOURCES[1], right)], &nobody)
}

fn links() {
    let mut csv = "customer_id,name,advanced_automation_id,my_reports_id\n".to_owned();
    let mut toml = String::new();
    for number in 0..LINKS {
        let (left, right) = (format!("00000000-0000-4000-8000-{number:012}"), format!("10000000-0000-4000-8000-{number:012}"));
        writeln!(csv, "customer-{number},Customer number {number},{left},{right}").unwrap();
        writeln!(
            toml,
            "[[customers]]\ncustomer_id = \"customer-{number}\"\nname = \"Customer number {number}\"\nadvanced_automation_id = \"{left}\"\nmy_reports_id = \"{right}\""
        )
        .unwrap();
    }
    for (name, text) in [("links.csv", csv), ("links.toml", toml)] {
        let path = std::env::temp_dir().join(format!("rollcall-bench-{}-{name}", std::process::id()));
        std::fs::write(&path, &text).unwrap();
        let before = resident();
        let started = Instant::now();
        let config = Config::read(layers(path.to_str().unwrap()), REGISTRY).unwrap();
        let took = started.elapsed();
        println!(
            "{LINKS} links of {name}, {} MiB: {:.0} ms, {} MiB more resident",
            text.len() >> 20,
            millis(took),
            (resident() - before) >> 20
        );
        customers(config);
        std::fs::remove_file(path).unwrap();
    }
}

fn customers(config: Config) {
    let customers = Customers::new(config.customers, &[], &Arc::default(), Arc::new(Metrics::default()));
    let ids: HashSet<String> = (0..LINKS / 100).map(|number| format!("customer-{number}")).collect();
    for q in [None, Some("number 4711"), Some("zz"), Some("e")] {
        let query = CustomersQuery::new(q, None, 100).unwrap();
        let all = measure(|| drop(black_box(customers.list(&query, |_| true))));
        let some = measure(|| drop(black_box(customers.list(&query, |customer| ids.contains(customer.as_str())))));
        println!("customers, q={q:?}: {all}; for a caller who may see {}: {some}", ids.len());
    }
}

fn layers(file: &str) -> Layers {
    let keys = [
        ("customers.links", "file"),
        ("customers.file", file),
        ("sources.advanced_automation.base_url", "http://127.0.0.1:1"),
        ("sources.advanced_automation.client_id", "client"),
        ("sources.advanced_automation.client_secret", "secret"),
        ("sources.my_reports.base_url", "http://127.0.0.1:1"),
        ("sources.my_reports.token", "token"),
    ];
    keys.iter().fold(Layers::default(), |layers, (key, value)| layers.with_flag(key, *value, "bench"))
}

/// Returns the median and the worst time.
fn measure(mut work: impl FnMut()) -> String {
    let mut took: Vec<Duration> = (0..TIMES)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed()
        })
        .collect();
    took.sort_unstable();
    let at = |place: usize| took.get(place).copied().map_or(0.0, millis);
    format!("{:.2} ms, {:.2} ms", at(TIMES / 2), at(TIMES - 1))
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Returns the resident memory of the process in bytes.
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<i64>().unwrap_or(0) * 1024
}
