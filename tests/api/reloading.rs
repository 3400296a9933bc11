//! A changed configuration: put into use as a whole or not at all, while requests continue.

use std::{fs, path::PathBuf, time::Duration};

use futures_util::future::join_all;
use rollcall::access::{NewKey, new_key};

use crate::support::{
    Fake, Folder, Gateway, Program, Reply, SECRETS, World,
    caller::Tally,
    crowd,
    issuer::{ISSUER, SigningKey, claims_but},
    persons_page,
    sources::{customer, roll},
    until, until_so,
};

/// The real program with a configuration that can change.
struct Reloadable {
    world: World,
    folder: Folder,
    file: PathBuf,
    program: Program,
    gateway: Gateway,
}

impl Reloadable {
    async fn start(world: World, more: &str) -> Self {
        let folder = Folder::new();
        let file = world.toml_with_secrets(&folder, more);
        let (program, gateway) = Program::serve(&file, &[]).await;
        Self { world, folder, file, program, gateway }
    }

    /// Replaces the configuration file in a single step.
    fn write(&self, text: &str) {
        fs::rename(self.folder.write("next.toml", text), &self.file).unwrap();
    }

    /// Changes the configuration to its original text plus more.
    fn change(&self, more: &str) {
        self.write(&self.world.toml(&format!("{SECRETS}{more}")));
    }

    /// How many configurations were `taken` or `refused`.
    async fn counted(&self, result: &str) -> usize {
        let (metrics, name) = (self.gateway.get("/metrics").await.text, format!("rollcall_config_reloads_total{{result=\"{result}\"}} "));
        metrics.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |count| count.parse().unwrap())
    }

    /// Waits until that many were.
    async fn reaches(&self, result: &str, count: usize) {
        let what = format!("{count} configurations to be {result}");
        until_so(self.program.showing(&what), async || self.counted(result).await >= count).await;
    }

    /// The page size that the source is asked for, for a customer that has no copy yet.
    async fn page_size(&self, customer: &str) -> usize {
        let answer = self.gateway.get(&format!("/customers/{customer}/users?partial=deny")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        self.world.advanced_automation.calls().last().unwrap().number("PageSize")
    }
}

fn page_size(size: usize) -> String {
    format!("sources.advanced_automation.page_size = {size}\n")
}

#[tokio::test]
async fn a_changed_file_is_put_to_work_on_sighup_or_by_itself() {
    for signal in [Some("HUP"), None] {
        let it = Reloadable::start(World::of_two().await, &page_size(7)).await;
        assert_eq!(it.page_size("before").await, 7);
        it.change(&page_size(11));
        if let Some(signal) = signal {
            it.program.signal(signal);
        }
        it.reaches("taken", 1).await;
        assert_eq!((it.page_size("after").await, it.page_size("before").await), (11, 11), "{signal:?}: the cache starts empty");
    }
}

#[tokio::test]
async fn callers_come_and_go_with_the_configuration() {
    let (old, new) = (new_key().unwrap(), new_key().unwrap());
    let caller = |name: &str, key: &NewKey, customers: &str| {
        format!("[[auth.callers]]\nname = \"{name}\"\nkey_sha256 = \"{}\"\ncustomers = [\"{customers}\"]\n", key.sha256)
    };
    let keys = |callers: &[String]| format!("server.admin_listen = \"127.0.0.1:0\"\nauth.mode = \"keys\"\n{}", callers.concat());
    let it = Reloadable::start(World::of_two().await, &keys(&[caller("old", &old, "*")])).await;
    let status = async |key: &NewKey| it.gateway.get_with("/customers/acme/users", &[("x-api-key", key.key.reveal())]).await.status;
    assert_eq!((status(&old).await, status(&new).await), (200, 401));
    for (callers, expected) in [
        (vec![caller("old", &old, "*"), caller("new", &new, "*")], (200, 200)),
        (vec![caller("old", &old, "other"), caller("new", &new, "ac*")], (403, 200)),
        (vec![caller("new", &new, "*")], (401, 200)),
    ] {
        it.change(&keys(&callers));
        it.program.signal("HUP");
        until_taken(&it, async || (status(&old).await, status(&new).await) == expected).await;
    }
    it.change(&keys(&[caller("new", &old, "a*b")]));
    it.program.signal("HUP");
    until_taken(&it, async || it.program.said().contains("a*b")).await;
    assert_eq!((status(&old).await, status(&new).await), (401, 200), "a broken one changes nothing");
}

#[tokio::test]
async fn what_was_closed_is_not_opened_by_a_reload() {
    let key = new_key().unwrap();
    let closed = format!("auth.mode = \"keys\"\n[[auth.callers]]\nname = \"a\"\nkey_sha256 = \"{}\"\ncustomers = [\"*\"]\n", key.sha256);
    let it = Reloadable::start(World::of_two().await, "").await;
    let status = async || it.gateway.get("/customers/acme/users").await.status;
    assert_eq!(status().await, 200);
    it.change(&closed);
    until_taken(&it, async || status().await == 401).await;
    for opened in ["", "auth.mode = \"none\"\nauth.allow_anonymous = true\n"] {
        it.change(opened);
        it.program.signal("HUP");
        until_taken(&it, async || it.program.said().contains("auth.mode: cannot change to")).await;
        assert_eq!(status().await, 401, "a file that lacks its end, for example, opens nothing");
    }
    it.change(&closed);
    it.program.signal("HUP");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(it.gateway.get_with("/customers/acme/users", &[("x-api-key", key.key.reveal())]).await.status, 200);
}

#[tokio::test]
async fn an_issuer_that_is_down_during_a_reload_locks_nobody_out() {
    let (issuer, signing) = (Fake::start().await, SigningKey::ed("key"));
    issuer.lists(&[&signing]);
    let jwt = |audience: &str| {
        format!(
            "[auth]\nmode = \"jwt\"\n[auth.jwt]\nissuer = \"{ISSUER}\"\naudience = \"{audience}\"\njwks_url = \"{}/keys?code=hidden\"\n",
            issuer.url()
        )
    };
    let it = Reloadable::start(World::of_two().await, &jwt("before")).await;
    let status = async |audience: &str| {
        let bearer = format!("Bearer {}", signing.token(&claims_but("aud", audience)));
        it.gateway.get_with("/customers/acme/users", &[("authorization", &bearer)]).await.status
    };
    assert_eq!((status("before").await, status("after").await), (200, 401));
    issuer.always(Reply::status(503));
    it.change(&jwt("after"));
    it.program.signal("HUP");
    until_taken(&it, async || status("after").await == 200).await;
    assert_eq!(status("before").await, 401);
    tokio::time::sleep(Duration::from_millis(5100)).await; // it is asked for again, in vain
    assert_eq!(status("after").await, 200);
    until_taken(&it, async || it.program.said().contains("the key set cannot be fetched")).await;
    assert!(!it.program.said().contains("hidden"), "the query of its URL may hold a key: {}", it.program.said());
}

#[track_caller]
fn until_taken(it: &Reloadable, holds: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    until_so(it.program.showing("a change to be taken"), holds)
}

#[tokio::test]
async fn one_change_is_one_reload() {
    let it = Reloadable::start(World::of_two().await, &page_size(7)).await;
    for size in [11, 13] {
        let before = it.counted("taken").await;
        it.change(&page_size(size));
        it.program.signal("HUP");
        it.reaches("taken", before + 1).await;
        tokio::time::sleep(Duration::from_millis(2500)).await; // longer than the interval between two checks of the file
    }
    // If it checks at the very moment between the change and the signal, it reads the file twice.
    let taken = it.counted("taken").await;
    assert!((2..=3).contains(&taken), "the cache was emptied {taken} times: {}", it.program.said());
    assert_eq!(it.counted("refused").await, 0);
}

#[tokio::test]
async fn a_file_that_is_still_being_written_is_not_put_to_work() {
    let it = Reloadable::start(World::of_two().await, &page_size(7)).await;
    for half in 11..26 {
        it.change(&page_size(half)); // valid, but not what was meant
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    it.change(&page_size(26));
    it.reaches("taken", 1).await;
    assert_eq!((it.page_size("acme").await, it.counted("taken").await), (26, 1), "{}", it.program.said());
}

#[tokio::test]
async fn what_is_in_flight_ends_on_the_configuration_that_it_began_with() {
    let (world, rows) = (World::of_two().await, crowd(3));
    world.answer_persons(move |call| {
        let slow = call.parameter("Page") == Some("1") && customer(call) == "slow";
        persons_page(&rows, call).after(if slow { Duration::from_millis(1500) } else { Duration::ZERO })
    });
    let it = Reloadable::start(world, &page_size(1)).await;
    let in_flight = it.gateway.get("/customers/slow/users");
    let changing = async {
        until("the first page to be requested", || it.world.asked().0 == 1).await;
        it.change(&page_size(2));
        it.program.signal("HUP");
        it.reaches("taken", 1).await;
        assert_eq!(it.page_size("next").await, 2);
    };
    let (answer, ()) = tokio::join!(in_flight, changing);
    assert_eq!((answer.json()["status"].as_str(), answer.names().len()), (Some("success"), 4), "{answer:?}");
    let calls = it.world.advanced_automation.calls();
    let slow = calls.iter().filter(|call| call.path.ends_with("/Person") && customer(call) == "slow");
    assert_eq!(slow.map(|call| call.number("PageSize")).collect::<Vec<_>>(), [1, 1, 1]);
}

#[tokio::test]
async fn a_broken_file_leaves_the_old_configuration_at_work_and_is_told() {
    let world = World::of_two().await;
    let it = Reloadable::start(world, &page_size(7)).await;
    let broken = [
        ("this is no TOML".to_owned(), "is not TOML"),
        (it.world.toml(&format!("{SECRETS}{}server.lisen = \"x\"", page_size(9))), "server.lisen"),
        (it.world.toml(&format!("{SECRETS}{}server.deadline = \"ten\"", page_size(9))), "server.deadline"),
        (it.world.toml(&page_size(9)), "sources.my_reports.token"),
        (String::new(), "sources.my_reports.base_url"),
    ];
    for (number, (text, named)) in broken.iter().enumerate() {
        it.write(text);
        it.program.signal("HUP");
        until(&format!("{named} to be named"), || it.program.said().contains(named)).await;
        assert!(it.counted("refused").await > number);
        assert_eq!(it.page_size(&format!("c{number}")).await, 7, "{named}: the old one stays in use");
    }
    assert_eq!(it.counted("taken").await, 0);
    fs::remove_file(&it.file).unwrap();
    let refused = it.counted("refused").await;
    it.program.signal("HUP");
    it.reaches("refused", refused + 1).await;
    assert_eq!(it.page_size("without").await, 7);
    it.change(&page_size(11));
    it.program.signal("HUP");
    it.reaches("taken", 1).await;
    assert_eq!(it.page_size("mended").await, 11);
}

#[tokio::test]
async fn a_file_that_comes_later_than_the_configuration_that_names_it_is_waited_for() {
    let it = Reloadable::start(World::of_two().await, &page_size(7)).await;
    let names_a_file = SECRETS.replace("token = \"token\"", "token_file = \"later\"");
    it.write(&it.world.toml(&format!("{names_a_file}{}", page_size(11))));
    it.reaches("refused", 1).await;
    tokio::time::sleep(Duration::from_millis(2500)).await; // several checks
    assert_eq!((it.counted("refused").await, it.page_size("before").await), (1, 7), "it is logged once");
    it.folder.write("later", "token\n");
    it.reaches("taken", 1).await;
    assert_eq!(it.page_size("after").await, 11);
}

#[tokio::test]
async fn what_is_not_configured_any_more_leaves_no_metrics_behind() {
    let it = Reloadable::start(World::of_two().await, &page_size(7)).await;
    it.folder.write("links.csv", "customer_id,name,advanced_automation_id,my_reports_id\nacme,Acme,acme,acme\n");
    it.folder.write("cache.key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    let shared = "shared_cache = { url = \"redis://127.0.0.1:1\", key_file = \"cache.key\" }\n";
    it.change(&format!("customers = {{ links = [\"file\"], file = \"links.csv\" }}\n{shared}"));
    it.reaches("taken", 1).await;
    assert_eq!(it.gateway.get("/customers/acme/users").await.status, 200);
    let shows = async |name: &str| it.gateway.get("/metrics").await.text.lines().any(|line| line.starts_with(name));
    let names =
        ["rollcall_customer_links{", "rollcall_customer_file_faults{", "rollcall_customer_file_fault_line{", "rollcall_shared_cache_up"];
    for name in names {
        assert!(shows(name).await, "{name}: {}", it.gateway.get("/metrics").await.text);
    }
    it.change("");
    it.reaches("taken", 2).await;
    for name in names {
        assert!(!shows(name).await, "{name}");
    }
}

#[tokio::test]
async fn what_only_a_restart_changes_is_named_and_stays_as_it_is() {
    for (more, key) in [
        ("server.admin_listen = \"127.0.0.1:0\"", "server.admin_listen"),
        ("server.max_connections = 7", "server.max_connections"),
        ("server.listen = \"127.0.0.1:1\"", "server.listen"),
        ("telemetry.otlp_endpoint = \"http://127.0.0.1:1/v1/traces\"", "telemetry.otlp_endpoint"),
    ] {
        let it = Reloadable::start(World::of_two().await, &page_size(7)).await;
        let text = it.world.toml(&format!("{SECRETS}{}", page_size(11)));
        let text = if key == "server.listen" { text.replace("server.listen = \"127.0.0.1:0\"", "") } else { text };
        it.write(&format!("{text}\n{more}\n"));
        it.program.signal("HUP");
        until(&format!("{key} to be named"), || it.program.said().lines().any(|line| line.contains(key) && line.contains("restart"))).await;
        it.reaches("taken", 1).await;
        assert_eq!(it.page_size("after").await, 11, "{key}: everything else is put into use");
        for path in ["/health/ready", "/health/sources", "/metrics"] {
            assert_eq!(it.gateway.get(path).await.status, 200, "{key}: {path}");
        }
    }
}

#[tokio::test]
async fn the_metrics_say_which_configuration_is_in_use() {
    let it = Reloadable::start(World::of_two().await, &page_size(7)).await;
    let value = async |name: &str| {
        let text = it.gateway.get("/metrics").await.text;
        let lines: Vec<String> =
            text.lines().filter_map(|line| line.strip_prefix(&format!("rollcall_{name}"))).map(str::to_owned).collect();
        let [line] = &lines[..] else { panic!("{name} is there once: {text}") };
        line.clone()
    };
    let (first, at) = (value("config_info{").await, value("config_last_reload_success_timestamp_seconds ").await);
    assert!(first.contains("auth=\"none\"") && first.contains("links=\"same_id\"") && first.ends_with("} 1"), "{first}");
    assert!(at.parse::<u64>().unwrap() > 1_700_000_000, "{at}");
    it.write("sources = nonsense");
    it.program.signal("HUP");
    it.reaches("refused", 1).await;
    assert_eq!((value("config_last_reload_successful ").await.as_str(), value("config_info{").await), ("0", first.clone()));
    it.write(&it.world.toml(&format!("{}{}", SECRETS.replace("\"token\"", "\"another\""), page_size(7))));
    it.program.signal("HUP");
    it.reaches("taken", 1).await;
    assert_eq!(
        (value("config_last_reload_successful ").await.as_str(), value("config_info{").await),
        ("1", first.clone()),
        "no secret counts"
    );
    it.change(&page_size(11));
    it.program.signal("HUP");
    it.reaches("taken", 2).await;
    assert_ne!(value("config_info{").await, first);
}

#[tokio::test]
async fn reloading_under_load_loses_no_request() {
    let world = World::of_two().await;
    world.answer_persons(|call| roll(call).after(Duration::from_millis(20)));
    let it = Reloadable::start(world, &format!("{}telemetry.access_log = \"off\"\n", page_size(7))).await;
    let callers =
        join_all((0..8).map(|number| it.gateway.keep_asking(if number % 2 == 0 { "/customers/a/users" } else { "/health/live" }, 300)));
    let changing = async {
        for round in 1..=10 {
            it.change(&format!("{}telemetry.access_log = \"off\"\n", page_size(7 + round)));
            it.program.signal("HUP");
            it.reaches("taken", round).await;
        }
    };
    let (tallies, ()) = tokio::join!(callers, changing);
    let all: Tally = tallies.into_iter().sum();
    assert_eq!((all.sent, all.answered), (2400, 2400));
}
