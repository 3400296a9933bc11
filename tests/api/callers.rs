//! Who may call, for which customers and how often, with callers identified by keys.

use std::time::Duration;

use rollcall::access::{NewKey, new_key};

use crate::support::{Answer, Folder, Gateway, Program, Setup, World, person, sources::SOURCES};

const ROLL: &str = "/customers/acme/users";

/// Routes that are open to everyone, and routes that are not.
const OPEN: [&str; 3] = ["/health/live", "/health/ready", "/"];
const DOCUMENTS: [&str; 5] = ["/docs", "/docs/", "/docs/swagger-ui.css", "/openapi.json", "/openapi.yaml"];
const GUARDED: [&str; 7] = [
    "/customers",
    "/customers/acme",
    "/customers/acme/users/my_reports:1",
    ROLL,
    "/customers/acme/users?page_size=0",
    "/metrics",
    "/health/sources",
];

/// A caller as configured.
struct Known {
    name: &'static str,
    key: NewKey,
}

impl Known {
    fn new(name: &'static str) -> Self {
        Self { name, key: new_key().unwrap() }
    }

    fn key(&self) -> &str {
        self.key.key.reveal()
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.key())
    }
}

trait WithCaller: Sized {
    fn with_caller(self, number: usize, known: &Known, customers: &str) -> Self;
}

impl WithCaller for Setup {
    fn with_caller(self, number: usize, known: &Known, customers: &str) -> Self {
        let keys = [("name", known.name), ("key_sha256", &known.key.sha256), ("customers", customers)];
        keys.iter().fold(self.set("auth.mode", "keys"), |setup, (key, value)| setup.set(&format!("auth.callers.{number}.{key}"), value))
    }
}

impl Gateway {
    async fn get_as(&self, known: &Known, path: &str) -> Answer {
        self.get_with(path, &[("x-api-key", known.key())]).await
    }
}

/// A world in which Advanced Automation has Ann.
async fn world() -> World {
    let world = World::new().await;
    world.persons(vec![person("1", "Ann", "ann@acme.example")]);
    world
}

#[tokio::test]
async fn a_known_key_is_let_in_by_either_header_and_nothing_else_is() {
    let (world, billing, other) = (world().await, Known::new("billing"), Known::new("other"));
    let gateway = world.gateway().with_caller(0, &billing, "*").start().await;
    let (bearer, unknown, key) = (billing.bearer(), other.bearer(), billing.key());
    let short = &key[..key.len() - 1];
    let refused: [&[(&str, &str)]; 12] = [
        &[],
        &[("authorization", &unknown)],
        &[("x-api-key", other.key())],
        &[("x-api-key", short)],
        &[("x-api-key", &format!("{key}A"))],
        &[("x-api-key", &key.to_uppercase())],
        &[("x-api-key", "")],
        &[("authorization", key)],
        &[("authorization", &format!("Basic {key}"))],
        &[("x-api-key", &billing.key.sha256)],
        &[("authorization", &bearer), ("x-api-key", other.key())],
        &[("x-api-key", key), ("x-api-key", other.key())],
    ];
    for headers in refused {
        let answer = gateway.get_with(ROLL, headers).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "unauthorized"), "{headers:?}");
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer realm=\"rollcall\""), "{answer:?}");
        let message = answer.json()["message"].to_string();
        assert!(message.contains("X-Api-Key") && !message.contains("token"), "only what works here: {message}");
        let said = format!("{:?} {}", answer.headers, answer.text);
        assert!(![key, short, other.key(), &billing.key.sha256].iter().any(|secret| said.contains(secret)), "{said}");
    }
    assert_eq!(world.asked(), (0, 0), "no source is asked on behalf of a refused caller");
    let admitted: [&[(&str, &str)]; 4] = [
        &[("authorization", &bearer)],
        &[("authorization", &format!("bearer {key}"))],
        &[("x-api-key", key)],
        &[("x-api-key", key), ("authorization", &bearer)],
    ];
    for headers in admitted {
        assert_eq!(gateway.get_with(ROLL, headers).await.names(), ["Ann"], "{headers:?}");
    }
    let problem = gateway.get_with(ROLL, &[("accept", "application/problem+json")]).await;
    assert_eq!((problem.status, problem.problem_code().as_str()), (401, "unauthorized"));
}

#[tokio::test]
async fn a_caller_sees_his_customers_and_nobody_elses_whether_they_exist_or_not() {
    let (world, all, some) = (world().await, Known::new("all"), Known::new("some"));
    let gateway = world.gateway().with_caller(0, &all, "*").with_caller(1, &some, "shop-*,acme").start().await;
    assert_eq!(gateway.get_as(&all, "/customers/secret/users").await.status, 200, "it is in the cache now");
    let asked = world.asked();
    let mut told = Vec::new();
    for path in [
        "/customers/secret/users",
        "/customers/nobody/users",
        "/customers/Acme/users",
        "/customers/shop/users",
        "/customers/my-shop-1/users",
        "/customers/secret/users?page_size=0",
    ] {
        let answer = gateway.get_as(&some, path).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden"), "{path}");
        let customer = path.split('/').nth(2).unwrap();
        let body = answer.json();
        let kept = ["status", "error", "code", "message", "owner", "retryable", "sources"]
            .map(|field| body[field].to_string().replace(customer, "X"));
        told.push((kept, answer.header("cache-status").map(str::to_owned), answer.header("server-timing").map(str::to_owned)));
    }
    assert!(told.iter().all(|one| *one == told[0]), "{told:#?}");
    assert_eq!(world.asked(), asked, "nothing is looked up");
    for path in [ROLL, "/customers/shop-1/users", "/customers/shop-/users"] {
        assert_eq!(gateway.get_as(&some, path).await.status, 200, "{path}");
    }
    let invalid = gateway.get_as(&some, "/customers/a%20b/users").await;
    assert_eq!(invalid.code(), "invalid_customer_id", "an invalid id belongs to no one");
}

#[tokio::test]
async fn a_list_of_customers_holds_those_that_the_caller_may_see() {
    let (world, folder, all, some) = (world().await, Folder::new(), Known::new("all"), Known::new("some"));
    let rows = "customer_id,name,advanced_automation_id,my_reports_id\nacme,Acme,a-1,m-1\nshop-1,One,a-2,\nshop-2,Two,,m-2\nsecret,Secret,a-3,m-3\n";
    let file = folder.write("customers.csv", rows);
    let setup = world.gateway().with_caller(0, &all, "*").with_caller(1, &some, "shop-*,nobody");
    let gateway = setup.set("customers.links", "file").set("customers.file", file.to_str().unwrap()).start().await;
    let ids =
        |answer: &Answer| answer.json()["data"].as_array().unwrap().iter().map(|customer| customer["id"].to_string()).collect::<Vec<_>>();
    let listed = gateway.get_as(&some, "/customers").await;
    assert_eq!((ids(&listed), &listed.json()["total"]), (vec!["\"shop-1\"".to_owned(), "\"shop-2\"".to_owned()], &2.into()));
    assert_eq!(ids(&gateway.get_as(&some, "/customers?q=acme").await), [""; 0]);
    assert_eq!(ids(&gateway.get_as(&all, "/customers").await).len(), 4);
    let paged = gateway.get_as(&some, "/customers?page_size=1").await;
    let next = paged.json()["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(ids(&gateway.get_as(&some, &format!("/customers?page_size=1&cursor={next}")).await), ["\"shop-2\""]);
    for path in ["/customers/secret", "/customers/secret/users/advanced_automation:1", "/customers/other", "/customers/other/users/x"] {
        assert_eq!(gateway.get_as(&some, path).await.code(), "forbidden", "{path}");
    }
    assert_eq!(gateway.get_as(&some, "/customers/nobody").await.code(), "customer_not_found", "the caller may ask, but it does not exist");
    assert_eq!(gateway.get("/customers").await.code(), "unauthorized");
    assert_eq!(world.asked(), (0, 0));
}

#[tokio::test]
async fn what_is_open_stays_open_and_the_rest_wants_a_caller() {
    let (world, known) = (world().await, Known::new("known"));
    let gateway = world.gateway().with_caller(0, &known, "nobody").start().await;
    for path in OPEN.iter().chain(&DOCUMENTS) {
        assert!(gateway.get(path).await.status < 400, "{path}");
    }
    for path in GUARDED {
        for method in ["GET", "HEAD", "POST"] {
            assert_eq!(gateway.send(method, path, &[]).await.status, 401, "{method} {path}");
        }
    }
    for path in ["/metrics", "/health/sources"] {
        assert_eq!(gateway.get_as(&known, path).await.status, 200, "any caller may, whatever customers they may see");
    }
    assert_eq!(gateway.get("/nowhere").await.code(), "route_not_found", "that a route does not exist is not secret");
    let protected = world.gateway().with_caller(0, &known, "*").set("auth.protect_docs", "true").start().await;
    for path in DOCUMENTS {
        assert_eq!(protected.get(path).await.code(), "unauthorized", "{path}");
        assert!(protected.get_as(&known, path).await.status < 400, "{path}");
    }
    for path in OPEN {
        assert_eq!(protected.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn operators_need_no_key_on_a_listener_of_their_own() {
    let (world, known) = (world().await, Known::new("known"));
    let gateway = world.gateway().with_caller(0, &known, "*").set("server.admin_listen", "127.0.0.1:0").start().await;
    let operators = Gateway::at(gateway.admin_url.clone().unwrap());
    for path in ["/metrics", "/health/sources", "/health/live"] {
        assert_eq!(operators.get(path).await.status, 200, "{path}");
    }
    assert_eq!(operators.get_as(&known, ROLL).await.code(), "route_not_found");
}

#[tokio::test]
async fn the_page_for_a_person_tells_of_the_sources_only_to_callers() {
    let (world, known) = (world().await, Known::new("known"));
    let gateway = world.gateway().with_caller(0, &known, "*").start().await;
    let tells = |answer: &Answer| SOURCES.map(|source| answer.text.contains(source));
    assert_eq!(tells(&gateway.get("/").await), [false; 2]);
    assert_eq!(tells(&gateway.get_with("/", &[("x-api-key", Known::new("other").key())]).await), [false; 2]);
    assert_eq!(tells(&gateway.get_as(&known, "/").await), [true; 2]);
    assert_eq!(tells(&world.start().await.get("/").await), [true; 2], "without authentication everyone counts as a caller");
}

#[tokio::test]
async fn who_asks_too_often_waits_and_nobody_else_does() {
    let (world, eager, calm) = (world().await, Known::new("eager"), Known::new("calm"));
    let gateway = world.gateway().with_caller(0, &eager, "*").with_caller(1, &calm, "*");
    let gateway = gateway.set("auth.callers.0.rate", "2/m").set("auth.callers.0.burst", "3").start().await;
    for path in [ROLL, "/metrics", "/customers/acme/users?page_size=0"] {
        assert_ne!(gateway.get_as(&eager, path).await.status, 429, "three at once are allowed");
    }
    for path in [ROLL, "/metrics"] {
        let refused = gateway.get_as(&eager, path).await;
        assert_eq!((refused.status, refused.code().as_str()), (429, "rate_limited"));
        let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((25..=30).contains(&wait), "{wait}");
    }
    for _ in 0..5 {
        assert_eq!(gateway.get_as(&calm, ROLL).await.status, 200);
    }
    assert_eq!(gateway.get_as(&eager, "/").await.status, 200, "what is open to everyone is not counted");
    let metrics = gateway.get_as(&calm, "/metrics").await.text;
    for sample in [
        "caller_requests_total{caller=\"eager\",status=\"429\"} 2",
        "caller_requests_total{caller=\"eager\",status=\"400\"} 1",
        "caller_requests_total{caller=\"calm\",status=\"200\"} 5",
    ] {
        assert!(metrics.contains(sample), "no {sample}: {metrics}");
    }
}

#[tokio::test]
async fn a_reload_gives_nobody_their_burst_again_unless_the_rate_is_another() {
    let (world, eager) = (world().await, Known::new("eager"));
    let setup = |rate: &str| world.gateway().with_caller(0, &eager, "*").set("auth.callers.0.rate", rate);
    let gateway = setup("2/h").start().await;
    let statuses = async || [gateway.get_as(&eager, ROLL).await.status, gateway.get_as(&eager, ROLL).await.status];
    assert_eq!(statuses().await, [200, 200]);
    for (rate, expected) in [("2/h", [429, 429]), ("1/h", [200, 429]), ("1/h", [429, 429])] {
        gateway.reload(setup(rate).config().unwrap());
        assert_eq!(statuses().await, expected, "{rate}");
    }
}

#[tokio::test]
async fn a_limit_is_over_when_it_says_so() {
    let (world, known) = (world().await, Known::new("known"));
    let gateway = world.gateway().with_caller(0, &known, "*").set("auth.callers.0.rate", "1/s").start().await;
    assert_eq!(gateway.get_as(&known, ROLL).await.status, 200);
    let refused = gateway.get_as(&known, ROLL).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    tokio::time::sleep(Duration::from_millis(1050)).await;
    assert_eq!(gateway.get_as(&known, ROLL).await.status, 200);
}

#[tokio::test]
async fn the_table_that_is_printed_admits_whom_it_names_and_the_log_names_him() {
    let (world, folder) = (world().await, Folder::new());
    let made = Program::run(&["key", "billing.eu-1"], &[]).await;
    assert_eq!(made.code, Some(0), "{made:?}");
    let key = made.out.lines().find(|line| line.starts_with("rc_")).unwrap().to_owned();
    let (_, table) = made.out.split_once("[[auth.callers]]").unwrap();
    let file = world.toml_with_secrets(&folder, &format!("auth.mode = \"keys\"\n[[auth.callers]]{table}"));
    let (program, gateway) = Program::serve(&file, &[("ROLLCALL_LOG", "trace")]).await;
    assert_eq!(gateway.get_with(ROLL, &[("x-api-key", &key)]).await.names(), ["Ann"]);
    assert_eq!(gateway.get(ROLL).await.status, 401);
    program.signal("INT");
    let ended = program.ended().await;
    let lines: Vec<&str> = ended.err.lines().filter(|line| line.contains("route=\"/customers/{customer_id}/users\"")).collect();
    assert!(lines.len() == 2 && lines[0].contains("caller=\"billing.eu-1\"") && !lines[1].contains("caller="), "{lines:#?}");
    assert!(!ended.err.contains(&key), "the key is in the log");
    for bad in ["", "a b", "a\"b", "ä"] {
        let ended = Program::run(&["key", bad], &[]).await;
        assert!(ended.code == Some(2) && ended.out.is_empty(), "{ended:?}");
    }
}

#[tokio::test]
async fn a_key_for_the_shared_cache_is_another_one_each_time_and_is_taken() {
    let (world, folder) = (world().await, Folder::new());
    let [one, other] = [Program::run(&["key", "--cache"], &[]).await, Program::run(&["key", "--cache"], &[]).await];
    assert!(one.code == Some(0) && one.out != other.out && one.out.trim().len() == 44, "{one:?}");
    folder.write("cache.key", &one.out);
    let more = "shared_cache.url = \"redis://127.0.0.1:1\"\nshared_cache.key_file = \"cache.key\"";
    let file = world.toml_with_secrets(&folder, more);
    let ended = Program::run(&["check", "--config", file.to_str().unwrap()], &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    folder.write("cache.key", "short");
    let ended = Program::run(&["check", "--config", file.to_str().unwrap()], &[]).await;
    assert!(
        ended.code == Some(2) && ended.err.contains("shared_cache.key_file") && ended.err.contains("rollcall key --cache"),
        "{ended:?}"
    );
    for bad in [&["key"][..], &["key", "a", "--cache"]] {
        assert_eq!(Program::run(bad, &[]).await.code, Some(2), "{bad:?}");
    }
}

#[tokio::test]
async fn every_fault_of_the_table_is_named() {
    let world = world().await;
    let (one, two) = (Known::new("one"), Known::new("two"));
    let valid = || world.gateway().with_caller(0, &one, "*").with_caller(1, &two, "acme");
    let cases: [(Setup, &[&str]); 17] = [
        (world.gateway().set("auth.mode", "keys"), &["auth.callers", "rollcall key NAME"]),
        (world.gateway().set("auth.mode", "password"), &["auth.mode", "\"keys\", \"jwt\" or \"none\""]),
        (valid().set("auth.mode", "none"), &["auth.callers", "auth.mode"]),
        (valid().set("auth.callers.1.name", "one"), &["auth.callers.1.name", "another caller"]),
        (valid().set("auth.callers.1.key_sha256", &one.key.sha256), &["auth.callers.1.key_sha256", "another caller"]),
        (valid().set("auth.callers.1.key_sha256", one.key()), &["auth.callers.1.key_sha256", "64 hex digits"]),
        (valid().set("auth.callers.0.customers", "a*b"), &["auth.callers.0.customers", "\"a*b\""]),
        (valid().set("auth.callers.0.name", "a b"), &["auth.callers.0.name", "64 characters"]),
        (valid().set("auth.callers.0.rate", "50"), &["auth.callers.0.rate", "50/s"]),
        (valid().set("auth.callers.0.burst", "5"), &["auth.callers.0.burst", "together with rate"]),
        (valid().set("auth.callers.0.rate", "5/s").set("auth.callers.0.burst", "0"), &["auth.callers.0.burst", "between 1"]),
        (valid().set("auth.callers.0.nmae", "x"), &["auth.callers.0.nmae", "Did you mean auth.callers.0.name?"]),
        (world.gateway().set("auth.mode", "keys").set("auth.callers.0.name", "x"), &["auth.callers.0.key_sha256", "is required"]),
        (world.gateway().set("auth.mode", "keys").set("auth.callers.0.name", "x"), &["auth.callers.0.customers", "is required"]),
        (valid().set("auth.jwt.issuer", "https://id.example/"), &["auth.jwt", "auth.mode"]),
        (world.gateway().set("auth.protect_docs", "true"), &["auth.protect_docs", "no one"]),
        (world.gateway().set("server.listen", "0.0.0.0:0"), &["auth.allow_anonymous", "0.0.0.0:0"]),
    ];
    for (setup, words) in cases {
        let faults = setup.config().err().unwrap_or_else(|| panic!("no fault: {words:?}")).to_string();
        let named = faults.lines().find(|line| line.starts_with(words[0]) && line.contains(words[1]));
        assert!(named.is_some() && !faults.contains(one.key()), "{words:?}: {faults}");
    }
    assert!(valid().set("server.listen", "0.0.0.0:0").config().is_ok(), "with keys it may listen anywhere");
}
