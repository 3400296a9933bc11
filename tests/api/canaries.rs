//! Every credential that exists, and every place where something can be read: no credential is in any of them.
//!
//! Backends and the identity server echo what they were sent, in bodies and headers, with every
//! status; the real program logs as much as it can.

use base64::{Engine, prelude::BASE64_STANDARD};
use rollcall::access::new_key;
use serde_json::json;

use crate::support::{
    Answer, Call, Ended, Fake, Folder, Gateway, Program, Reply, World,
    certificates::Authority,
    issuer::{AUDIENCE, ISSUER, SigningKey, claims, claims_but, in_seconds},
    sources::{SOURCES, customer, roll},
};

const CLIENT_SECRET: &str = "canary-of-the-client-secret";
const LOGIN_SECRET: &str = "canary-of-the-login-secret";
const ACCESS_TOKEN: &str = "canary-of-the-access-token";
const LOGIN_TOKEN: &str = "canary-of-the-login-token";
const REFRESH_TOKEN: &str = "canary-of-the-refresh-token";
const ROTATED_TOKEN: &str = "canary-of-the-rotated-token";
const BROUGHT: [&str; 2] = ["Bearer canary-brought-to-one", "Bearer canary-brought-to-the-other"];

/// The requested customers: for each, the backends answer with the status that the customer is named after.
const CUSTOMERS: [&str; 9] = ["200", "302", "400", "401", "403", "404", "429", "500", "503"];

/// The answer of a backend that echoes everything it was sent.
fn thrown_back(call: &Call, status: u16) -> Reply {
    let sent =
        format!("{:?} {}", call.headers.get("authorization").map(|value| value.to_str().unwrap()), String::from_utf8_lossy(&call.body));
    let body = json!({"error": {"code": sent, "message": sent}, "error_description": sent, "message": sent});
    let headers = ["www-authenticate", "server", "x-request-id", "set-cookie", "retry-after", "warning"];
    headers.iter().fold(Reply::json(status, &body), |reply, name| reply.header(name, &sent))
}

/// A backend's answer to a call for users.
fn users(call: &Call) -> Reply {
    match customer(call).parse() {
        Ok(200) | Err(_) => roll(call),
        Ok(status) => thrown_back(call, status),
    }
}

fn basic(id: &str, secret: &str) -> String {
    BASE64_STANDARD.encode(format!("{id}:{secret}"))
}

/// Collects what is read anywhere, and searches it for canaries.
#[derive(Default)]
struct Places(Vec<(String, String)>);

impl Places {
    fn add(&mut self, name: &str, text: &impl std::fmt::Debug) {
        self.0.push((name.to_owned(), format!("{text:?}")));
    }

    async fn ask(&mut self, gateway: &Gateway, path: &str, headers: &[(&str, &str)]) -> Answer {
        let answer = gateway.get_with(path, headers).await;
        self.add(path, &answer);
        answer
    }

    /// Requests everything, as the caller with these headers.
    async fn ask_for_everything(&mut self, gateway: &Gateway, headers: &[(&str, &str)]) {
        for customer in CUSTOMERS {
            for partial in ["allow", "deny"] {
                let path = format!("/customers/{customer}/users?partial={partial}");
                self.ask(gateway, &path, headers).await;
                let problem = [headers, &[("accept", "application/problem+json"), ("cache-control", "no-cache")]].concat();
                self.ask(gateway, &path, &problem).await;
            }
        }
        for path in [
            "/metrics",
            "/health/sources",
            "/health/live",
            "/",
            "/openapi.json",
            "/docs/",
            "/nowhere",
            "/customers/a%20b/users",
            "/customers/x/users?q=",
        ] {
            self.ask(gateway, path, headers).await;
        }
        for method in ["HEAD", "POST", "OPTIONS"] {
            self.add(method, &gateway.send(method, "/customers/200/users", headers).await);
        }
    }

    /// Stops the program and searches everything that was read.
    async fn hold_none_of(mut self, program: Program, canaries: &[&str]) {
        program.signal("INT");
        let Ended { out, err, .. } = program.ended().await;
        assert!(err.matches("/customers/{customer_id}/users").count() >= CUSTOMERS.len(), "the log is on: {err}");
        self.add("stdout", &out);
        self.add("the log", &err);
        for (name, text) in &self.0 {
            let found: Vec<_> = canaries.iter().filter(|canary| text.contains(**canary)).collect();
            assert!(found.is_empty(), "{found:?} in {name}: {text}");
        }
    }
}

/// A configuration with our own credentials, of every kind, and a caller with a key.
fn configuration(world: &World, folder: &Folder, format: &str, key_sha256: &str) -> std::path::PathBuf {
    folder.write("my-reports.token", &format!("{REFRESH_TOKEN}\n"));
    let more = format!(
        "telemetry.format = \"{format}\"\nsources.advanced_automation.client_secret = \"{CLIENT_SECRET}\"\n\
         sources.advanced_automation.retries = 0\nsources.my_reports.retries = 0\n\
         sources.advanced_automation.breaker.min_calls = 1000\nsources.my_reports.breaker.min_calls = 1000\n\
         auth.mode = \"keys\"\n\
         [sources.my_reports.oauth]\nclient_id = \"us\"\nclient_secret = \"{LOGIN_SECRET}\"\ntoken_url = \"{}/connect/token\"\n\
         [[auth.callers]]\nname = \"known\"\nkey_sha256 = \"{key_sha256}\"\ncustomers = [\"*\"]\n",
        world.my_reports.url()
    );
    folder.write("rollcall.toml", &world.toml(&more))
}

/// The answers of the token endpoints: tokens, or an echo of what they were sent.
fn endpoints(world: &World, status: u16) {
    let given = move |call: &Call, token: &str| match status {
        200 => Reply::json(200, &json!({"access_token": token, "refresh_token": ROTATED_TOKEN, "id_token": token, "expires_in": 3600})),
        400 => {
            let sent = String::from_utf8_lossy(&call.body);
            Reply::json(400, &json!({"error": "invalid_grant", "error_description": sent, "error_uri": sent}))
        }
        status => thrown_back(call, status),
    };
    world.advanced_automation.answer(move |call| if call.path.ends_with("/token") { given(call, ACCESS_TOKEN) } else { users(call) });
    world.my_reports.answer(move |call| if call.path.ends_with("/token") { given(call, LOGIN_TOKEN) } else { users(call) });
}

#[tokio::test]
async fn our_own_credentials_and_callers_keys_are_nowhere() {
    for format in ["text", "json"] {
        let (world, folder, known, other) = (World::new().await, Folder::new(), new_key().unwrap(), new_key().unwrap());
        let (key, wrong) = (known.key.reveal(), other.key.reveal());
        let file = configuration(&world, &folder, format, &known.sha256);
        let mut places = Places::default();
        for status in [401, 500, 400, 200] {
            endpoints(&world, status);
            let checked = Program::run(&["check", "--online", "--config", file.to_str().unwrap()], &[("ROLLCALL_LOG", "trace")]).await;
            places.add("check", &checked);
            if status == 400 {
                folder.write("my-reports.token", &format!("{REFRESH_TOKEN}\n"));
            }
        }
        folder.write("my-reports.token", &format!("{REFRESH_TOKEN}\n"));
        let (program, gateway) = Program::serve(&file, &[("ROLLCALL_LOG", "trace")]).await;
        for status in [401, 500, 200] {
            endpoints(&world, status);
            places.ask_for_everything(&gateway, &[("x-api-key", key)]).await;
            places.ask_for_everything(&gateway, &[("authorization", &format!("Bearer {wrong}"))]).await;
        }
        let sent = [world.advanced_automation.calls(), world.my_reports.calls()].concat();
        let sent = format!("{:?}", sent.iter().map(|call| (call.header("authorization"), &call.body)).collect::<Vec<_>>());
        for used in [&basic("client", CLIENT_SECRET), &basic("us", LOGIN_SECRET), ACCESS_TOKEN, LOGIN_TOKEN, REFRESH_TOKEN] {
            assert!(sent.contains(used), "{used} was used: {sent}");
        }
        let secrets = ["canary", key, wrong, &basic("client", CLIENT_SECRET), &basic("us", LOGIN_SECRET), &known.sha256];
        places.hold_none_of(program, &secrets).await;
    }
}

/// A configuration in which callers supply all credentials themselves, over TLS.
fn of_callers(world: &World, folder: &Folder, keys: &Fake, authority: &Authority) -> (std::path::PathBuf, String) {
    let pair = authority.sign();
    pair.write(folder);
    let each = |source: &str| {
        format!("sources.{source}.credentials = \"forward\"\nsources.{source}.retries = 0\nsources.{source}.breaker.min_calls = 1000\n")
    };
    let more = format!(
        "{}{}auth.mode = \"jwt\"\n[auth.jwt]\nissuer = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"\njwks_url = \"{}/keys\"\nrate = \"1000/h\"\n\
         [server.tls]\ncert_file = \"cert.pem\"\nkey_file = \"key.pem\"\n",
        each(SOURCES[0]),
        each(SOURCES[1]),
        keys.url()
    );
    let line = pair.key.lines().nth(1).unwrap().to_owned();
    (folder.write("rollcall.toml", &world.toml(&more)), line)
}

#[tokio::test]
async fn what_callers_bring_their_tokens_and_our_private_key_are_nowhere() {
    let (world, folder, keys, signing, authority) =
        (World::new().await, Folder::new(), Fake::start().await, SigningKey::ec("key"), Authority::new("ours"));
    let (file, private) = of_callers(&world, &folder, &keys, &authority);
    for source in SOURCES {
        world.fake(source).answer(users);
    }
    keys.lists(&[&signing]);
    let program = Program::start(&["serve", "--config", file.to_str().unwrap()], &[("ROLLCALL_LOG", "trace")]);
    let address = program.word_after(&[" address="]).await;
    let gateway = Gateway::at(format!("http://{address}")).over_tls(&authority);
    let good = signing.token(&claims(&["*"]));
    let bad = [
        signing.token(&claims_but("exp", in_seconds(-900))),
        signing.token(&claims_but("aud", "canary-of-a-claim")),
        SigningKey::ec("key").token(&claims(&["*"])),
        SigningKey::ec("unknown").token(&claims(&["*"])),
        "canary-that-is-no-token".to_owned(),
    ];
    let mut places = Places::default();
    let brought = |token: &str| {
        [
            ("authorization", format!("Bearer {token}")),
            ("x-advanced-automation-authorization", BROUGHT[0].to_owned()),
            ("x-myreports-authorization", BROUGHT[1].to_owned()),
        ]
    };
    for token in bad.iter().chain([&good]) {
        let headers = brought(token);
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        places.ask_for_everything(&gateway, &headers).await;
    }
    keys.always(Reply::html(200));
    places.ask(&gateway, "/customers/200/users", &[("authorization", &format!("Bearer {}", bad[3]))]).await;
    for (source, brought) in SOURCES.iter().zip(BROUGHT) {
        assert!(world.fake(source).calls().iter().any(|call| call.header("authorization") == Some(brought)), "it was used");
    }
    let signatures: Vec<&str> = bad.iter().chain([&good]).map(|token| token.rsplit('.').next().unwrap()).collect();
    places.hold_none_of(program, &[&["canary", &private], &signatures[..]].concat()).await;
}

#[tokio::test]
async fn a_fault_quotes_no_secret_of_the_new_keys_either() {
    let (world, folder, secret) = (World::new().await, Folder::new(), "canary-of-a-fault");
    let oauth = |more: &str| format!("[sources.my_reports.oauth]\nclient_id = \"us\"\n{more}\n");
    let own = "sources.advanced_automation.client_secret = \"x\"\n";
    for more in [
        format!("{own}sources.my_reports.token = \"x\"\n[[auth.callers]]\nname = \"a\"\nkey_sha256 = \"{secret}\"\ncustomers = [\"*\"]"),
        format!("{own}sources.my_reports.token = \"{secret}\"\n{}", oauth(&format!("client_secret = \"{secret}\""))),
        format!("{own}{}", oauth(&format!("client_secert = \"{secret}\""))),
        format!("{own}{}", oauth(&format!("client_secret = \"x\"\ntoken_url = \"https://us:{secret}@id.example/token\""))),
        format!("{own}{}", oauth(&format!("client_secret = [\"{secret}\"]"))),
        format!("{own}sources.my_reports.token = \"x\"\nsources.my_reports.proxy = \"http://us:{secret}@proxy.example:3128\""),
    ] {
        let file = folder.write("rollcall.toml", &world.toml(&more));
        let ended = Program::run(&["check", "--config", file.to_str().unwrap()], &[("ROLLCALL_LOG", "trace")]).await;
        assert_eq!(ended.code, Some(2), "{more}: {ended:?}");
        assert!(!ended.err.is_empty() && !format!("{ended:?}").contains(secret), "{ended:?}");
    }
}
