//! The program's commands: exit codes, and sentences that name what is wrong.

use std::{fs, net::TcpListener};

use crate::support::{Ended, Fake, Folder, Program, Reply, World};

/// Runs a command with a configuration that is valid except for the added text, and with these variables and
/// flags.
async fn run(command: &[&str], world: &World, more: &str, variables: &[(&str, &str)], flags: &[&str]) -> Ended {
    let folder = Folder::new();
    let file = world.toml_with_secrets(&folder, more);
    let arguments = [command, &["--config", file.to_str().unwrap()], flags].concat();
    Program::run(&arguments, variables).await
}

async fn check(world: &World, more: &str) -> Ended {
    run(&["check"], world, more, &[], &[]).await
}

impl Ended {
    /// The lines on stderr; all of them must be our own sentences, with nothing on stdout.
    #[track_caller]
    fn faults(&self, code: i32) -> Vec<&str> {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{self:?}");
        let sentence = |line| str::strip_prefix(line, "rollcall: ").filter(|line| line.ends_with(['.', '?']));
        self.err.lines().map(|line| sentence(line).unwrap_or_else(|| panic!("no sentence of ours: {line}"))).collect()
    }

    /// The one line on stderr.
    #[track_caller]
    fn fault(&self, code: i32) -> &str {
        let faults = self.faults(code);
        assert_eq!(faults.len(), 1, "{self:?}");
        faults[0]
    }
}

#[tokio::test]
async fn every_fault_of_a_configuration_is_told_at_once() {
    let world = World::new().await;
    let more = "server.deadline = \"ten\"\ncache.fresh = 3\nsources.my_reports.retries = -1\nserver.base_path = \"x\"\nunheard_of = 1";
    for command in ["check", "serve"] {
        let ended = run(&[command], &world, more, &[], &[]).await;
        let mut keys: Vec<&str> = ended.faults(2).iter().map(|fault| fault.split(':').next().unwrap()).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["cache.fresh", "server.base_path", "server.deadline", "sources.my_reports.retries", "unheard_of"], "{command}");
    }
    let nothing = Program::run(&["check"], &[]).await;
    let required = nothing.faults(2).into_iter().filter(|fault| fault.contains("is required")).count();
    assert_eq!(required, 5, "two places, an id and two secrets: {nothing:?}");
}

#[tokio::test]
async fn listeners_and_routes_that_would_be_in_each_others_way_are_faults() {
    let world = World::new().await;
    for (more, key, says) in [
        ("server.admin_listen = \"127.0.0.1:8080\"", "server.admin_listen", "a different port"),
        ("server.base_path = \"/health/live\"", "server.base_path", "a different path"),
        ("server.base_path = \"/health/ready\"", "server.base_path", "a different path"),
    ] {
        for command in ["check", "serve"] {
            let ended = run(&[command], &world, more, &[], &["--listen", "127.0.0.1:8080"]).await;
            let fault = ended.fault(2);
            assert!(fault.starts_with(&format!("{key}: ")) && fault.contains(says), "{more}: {fault}");
        }
    }
}

#[tokio::test]
async fn a_base_path_that_looks_like_a_route_is_one_that_works() {
    let world = World::of_two().await;
    for base in ["/health", "/customers", "/docs", "/metrics", "/openapi.json", "/health/live/x", "/health/sources"] {
        let gateway = world.gateway().set("server.base_path", base).set("server.admin_listen", "127.0.0.1:0").start().await;
        assert_eq!(gateway.get(&format!("{base}/customers/acme/users")).await.status, 200, "{base}");
        assert_eq!(gateway.get("/health/live").await.status, 200, "{base}");
    }
}

#[tokio::test]
async fn an_unknown_key_names_the_nearest_known_one() {
    let world = World::new().await;
    for (wrong, meant) in [
        ("server.lisen", "server.listen"),
        ("servr.deadline", "server.deadline"),
        ("cache.stale_while_revalidat", "cache.stale_while_revalidate"),
        ("sources.my_reports.max_inflight", "sources.my_reports.max_in_flight"),
        ("sources.my_report.timeout", "sources.my_reports.timeout"),
        ("telemetry.acess_log", "telemetry.access_log"),
        ("auth.caller.0.name", "auth.callers.0.name"),
        ("auth.jtw.issuer", "auth.jwt.issuer"),
    ] {
        let ended = check(&world, &format!("{wrong} = \"1s\"")).await;
        let fault = ended.fault(2);
        assert!(fault.starts_with(&format!("{wrong}:")) && fault.contains(&format!("Did you mean {meant}?")), "{fault}");
    }
    for (wrong, there_are) in [
        ("cache.ttl", "[cache] has fresh, max_bytes, not_found, stale_if_error, stale_while_revalidate."),
        ("auth.zebra", "[auth] has allow_anonymous, callers, jwt, mode, protect_docs."),
        ("sources.my_reports.zebra", "[sources.my_reports] has account_id, allow_http, base_url,"),
        ("foo.bar", "the top-level keys are auth, cache, customers,"),
    ] {
        let ended = check(&world, &format!("{wrong} = \"1s\"")).await;
        let fault = ended.fault(2);
        assert!(fault.starts_with(&format!("{wrong}: is not a known key; {there_are}")), "{fault}");
    }
}

#[tokio::test]
async fn a_text_that_must_say_something_is_not_blank() {
    let (world, issuer, folder) = (World::new().await, Fake::start().await, Folder::new());
    let logged_in = || world.with_store(&folder.path("token"));
    for (setup, key) in [
        (world.gateway(), "sources.advanced_automation.client_id"),
        (logged_in(), "sources.my_reports.oauth.client_id"),
        (logged_in(), "sources.my_reports.oauth.scope"),
        (world.gateway().with_tokens(&issuer), "auth.jwt.customers_claim"),
        (world.gateway().with_tokens(&issuer), "auth.jwt.issuer"),
        (world.gateway().with_tokens(&issuer), "auth.jwt.audience"),
    ] {
        let faults = setup.set(key, " ").config().err().unwrap_or_else(|| panic!("no fault: {key}")).to_string();
        assert_eq!(faults, format!("{key} (test): must be a text that is not blank."));
    }
}

#[tokio::test]
async fn a_fault_is_told_once_however_often_its_key_is_read() {
    let (world, folder) = (World::new().await, Folder::new());
    let keys = ["proxy", "allow_http"].map(|key| format!("sources.my_reports.{key}"));
    let setup = keys.iter().fold(world.with_store(&folder.path("token")), |setup, key| setup.set(key, "nonsense"));
    let faults = setup.config().err().unwrap().to_string();
    let told = |key: &String| faults.lines().filter(|fault| fault.starts_with(key)).count();
    assert_eq!((keys.each_ref().map(told), faults.lines().count()), ([1, 1], 2), "{faults}");
}

#[tokio::test]
async fn the_environment_goes_before_the_file_and_flags_before_both() {
    let world = World::new().await;
    let variable = "ROLLCALL__SERVER__DEADLINE";
    for (file, environment, flag, wrong) in [
        ("1s", None, None, None),
        ("wrong", None, None, Some("server.deadline:")),
        ("wrong", Some("1s"), None, None),
        ("1s", Some("wrong"), None, Some("server.deadline (ROLLCALL__SERVER__DEADLINE):")),
        ("wrong", Some("wrong"), Some("server.deadline=1s"), None),
        ("1s", Some("1s"), Some("server.deadline=wrong"), Some("server.deadline (--set):")),
    ] {
        let variables: Vec<(&str, &str)> = environment.map(|value| (variable, value)).into_iter().collect();
        let flags: Vec<&str> = flag.map_or_else(Vec::new, |flag| vec!["--set", flag]);
        let ended = run(&["check"], &world, &format!("server.deadline = \"{file}\""), &variables, &flags).await;
        match wrong {
            Some(place) => assert!(ended.fault(2).starts_with(place), "{ended:?}"),
            None => assert_eq!((ended.code, ended.out.as_str()), (Some(0), "The configuration is valid.\n"), "{ended:?}"),
        }
    }
}

#[tokio::test]
async fn a_configuration_may_come_from_the_environment_alone_and_secrets_from_files() {
    let (world, folder) = (World::new().await, Folder::new());
    let (secret, token) = (folder.write("secret", "s\n"), folder.write("token", "t\n"));
    let (persons, users) = (world.advanced_automation.url(), world.my_reports.url());
    let variables = [
        ("ROLLCALL__SOURCES__ADVANCED_AUTOMATION__BASE_URL", persons.as_str()),
        ("ROLLCALL__SOURCES__ADVANCED_AUTOMATION__CLIENT_ID", "client"),
        ("ROLLCALL__SOURCES__ADVANCED_AUTOMATION__CLIENT_SECRET_FILE", secret.to_str().unwrap()),
        ("ROLLCALL__SOURCES__MY_REPORTS__BASE_URL", &users),
        ("ROLLCALL__SOURCES__MY_REPORTS__TOKEN_FILE", token.to_str().unwrap()),
        ("ROLLCALL__JOIN__PLACEHOLDERS", "nobody@*, *@nowhere.example"),
        ("ROLLCALL__CACHE__MAX_BYTES", "64MiB"),
        ("UNRELATED", "1"),
    ];
    let ended = Program::run(&["check"], &variables).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let file = folder.write(
        "rollcall.toml",
        &world.toml("sources.advanced_automation.client_secret_file = \"secret\"\nsources.my_reports.token_file = \"token\""),
    );
    let ended = Program::run(&["check", "--config", file.to_str().unwrap()], &[]).await;
    assert_eq!(ended.code, Some(0), "a file beside the configuration: {ended:?}");
}

#[tokio::test]
async fn a_base_url_is_https_unless_it_is_this_machine_or_allowed() {
    let world = World::new().await;
    for (url, allowed, good) in [
        ("https://api.example", "", true),
        ("http://127.0.0.1:1", "", true),
        ("http://[::1]:1", "", true),
        ("http://localhost:1", "", true),
        ("http://10.0.0.1", "", false),
        ("http://127.0.0.1.example", "", false),
        ("http://10.0.0.1", "sources.my_reports.allow_http = true", true),
        ("http://10.0.0.1", "sources.advanced_automation.allow_http = true", false),
    ] {
        let ended = run(&["check"], &world, allowed, &[("ROLLCALL__SOURCES__MY_REPORTS__BASE_URL", url)], &[]).await;
        if good {
            assert_eq!(ended.code, Some(0), "{url}: {ended:?}");
        } else {
            assert!(ended.fault(2).starts_with("sources.my_reports.base_url") && ended.err.contains("https://"), "{ended:?}");
        }
    }
}

#[tokio::test]
async fn whoever_reaches_the_gateway_is_let_in_beyond_this_machine_only_where_that_is_said() {
    let world = World::new().await;
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        for command in ["check", "serve"] {
            let refused = run(&[command], &world, "", &[], &["--listen", address]).await;
            assert!(refused.fault(2).starts_with("auth.allow_anonymous:") && refused.err.contains(address), "{refused:?}");
        }
        let allowed = run(&["check"], &world, "auth.allow_anonymous = true", &[], &["--listen", address]).await;
        assert_eq!(allowed.code, Some(0), "{allowed:?}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_named_with_its_key() {
    let world = World::new().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (key, variables) in [
        ("server.listen", [("ROLLCALL__SERVER__LISTEN", address.as_str()), ("ROLLCALL_LOG", "error")]),
        ("server.admin_listen", [("ROLLCALL__SERVER__ADMIN_LISTEN", &address), ("ROLLCALL_LOG", "error")]),
    ] {
        let ended = run(&["serve"], &world, "", &variables, &[]).await;
        let fault = ended.fault(1);
        assert!(fault.starts_with(&format!("{key}:")) && fault.contains(&address), "{fault}");
    }
    let demo = Program::run(&["demo", "--listen", &address], &[("ROLLCALL_LOG", "error")]).await;
    assert!(demo.fault(1).contains(&address), "{demo:?}");
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named_and_not_quoted() {
    let folder = Folder::new();
    let (missing, broken) = (folder.path("missing.toml"), folder.write("broken.toml", "[server]\nlisten = \"hunter2"));
    let binary = folder.path("binary.toml");
    fs::write(&binary, [0xff, 0xfe, 0x00]).unwrap();
    for (path, what) in
        [(&missing, "cannot be read"), (&folder.path(""), "cannot be read"), (&binary, "cannot be read"), (&broken, "line 2")]
    {
        for command in ["check", "serve"] {
            let ended = Program::run(&[command, "--config", path.to_str().unwrap()], &[]).await;
            let fault = ended.fault(2);
            assert!(fault.starts_with(path.to_str().unwrap()) && fault.contains(what) && !fault.contains("hunter2"), "{fault}");
        }
    }
}

#[tokio::test]
async fn check_online_asks_each_source_for_a_token_and_for_nothing_else() {
    let world = World::new().await;
    let good = run(&["check", "--online"], &world, "", &[], &[]).await;
    assert_eq!(good.code, Some(0), "{good:?}");
    assert!(["advanced_automation", "my_reports"].iter().all(|source| good.out.contains(source)), "{good:?}");
    assert_eq!(
        (world.advanced_automation.calls().len(), world.advanced_automation.count("/token"), world.my_reports.calls().len()),
        (1, 1, 0)
    );
    for (reply, why) in [(Reply::status(401), "unauthorized"), (Reply::status(403), "forbidden"), (Reply::status(503), "unavailable")] {
        world.advanced_automation.always(reply);
        let refused = run(&["check", "--online"], &world, "", &[("ROLLCALL_LOG", "error")], &[]).await;
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.err.contains("rollcall: advanced_automation: ") && refused.err.contains(why), "{refused:?}");
        assert!(refused.out.contains("my_reports"), "the other one is reported all the same: {refused:?}");
    }
    let offline = run(&["check"], &world, "", &[], &[]).await;
    assert_eq!((offline.code, world.advanced_automation.calls().len()), (Some(0), 4), "no call without --online");
}

#[tokio::test]
async fn an_empty_log_level_does_not_silence_the_log() {
    let (world, folder) = (World::new().await, Folder::new());
    let file = world.toml_with_secrets(&folder, "");
    let (program, _) = Program::serve(&file, &[("ROLLCALL_LOG", "")]).await;
    assert_eq!(program.lines_with(&["INFO", "listening"]).await.len(), 1);
}

#[tokio::test]
async fn a_wrong_line_ends_with_2_and_help_with_0() {
    for (line, code) in [
        (&["serv"][..], 2),
        (&[], 2),
        (&["serve", "--listn", "x"], 2),
        (&["check", "--set", "novalue"], 2),
        (&["openapi", "--xml"], 2),
        (&["--help"], 0),
        (&["--version"], 0),
        (&["serve", "--help"], 0),
    ] {
        let ended = Program::run(line, &[]).await;
        assert_eq!((ended.code, ended.out.is_empty(), ended.err.is_empty()), (Some(code), code == 2, code == 0), "{line:?}: {ended:?}");
    }
    let level = Program::run(&["demo", "--listen", "127.0.0.1:0"], &[("ROLLCALL_LOG", "loud=very")]).await;
    assert!(level.fault(2).starts_with("ROLLCALL_LOG:"), "{level:?}");
}
