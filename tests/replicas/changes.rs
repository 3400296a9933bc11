//! One replica's results are seen by the others, and nothing that may have been missed is trusted.

use redis::Commands;

use crate::{
    redis_server::{Redis, counted, path},
    support::{Gateway, Program, Reply, World, person, until, until_so},
};

pub(crate) const NOW: &[(&str, &str)] = &[("cache-control", "no-cache")];

/// Two replicas that both hold a copy with Ann.
async fn both_hold_ann(redis: &Redis, world: &World) -> [Gateway; 2] {
    world.persons(vec![person("1", "Ann", "ann@acme.example")]);
    let replicas: [_; 2] = redis.replicas(|| world.gateway()).await;
    for replica in &replicas {
        assert_eq!(replica.get(&path("acme")).await.names(), ["Ann"]);
        redis.until_copies(2).await;
    }
    assert_eq!(world.asked(), (1, 1));
    replicas
}

/// Waits until a replica returns these users, without asking any source.
async fn until_names(gateway: &Gateway, names: &[&str]) {
    until_so(format!("{names:?}"), async || gateway.get(&path("acme")).await.names() == names).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn no_cache_on_one_replica_is_seen_by_the_other() {
    let (redis, world) = (Redis::start().await, World::new().await);
    let [one, other] = both_hold_ann(&redis, &world).await;
    for (round, name) in ["Bea", "Cy"].into_iter().enumerate() {
        world.persons(vec![person("1", name, "ann@acme.example")]);
        let (asked, told) = if round == 0 { (&one, &other) } else { (&other, &one) };
        let fresh = asked.get_with(&path("acme"), NOW).await;
        assert_eq!((fresh.names(), fresh.header("cache-status")), (vec![name.to_owned()], Some("rollcall; fwd=request; stored")));
        until_names(told, &[name]).await;
        assert_eq!(world.asked().0, round + 2, "the other one asked no source");
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn who_cannot_hear_looks_before_he_answers() {
    let (redis, world) = (Redis::start().await, World::new().await);
    let [one, other] = both_hold_ann(&redis, &world).await;
    let mut connection = redis.ask();
    redis::cmd("ACL").arg("SETUSER").arg("default").arg("-subscribe").exec(&mut connection).unwrap();
    redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg("pubsub").query::<usize>(&mut connection).unwrap();
    for name in ["Bea", "Cy"] {
        until_deaf(&one).await;
        until_deaf(&other).await;
        world.persons(vec![person("1", name, "ann@acme.example")]);
        assert_eq!(one.get_with(&path("acme"), NOW).await.names(), [name]);
        until_names(&other, &[name]).await;
    }
    let asked = world.asked();
    redis::cmd("ACL").arg("SETUSER").arg("default").arg("+subscribe").exec(&mut connection).unwrap();
    redis.until_heard_by(2).await;
    until_names(&other, &["Cy"]).await;
    assert_eq!(world.asked(), asked, "a look-up is enough");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_reload_takes_other_settings_and_leaves_nothing_behind() {
    let (redis, world) = (Redis::start().await, World::new().await);
    let [one, other] = both_hold_ann(&redis, &world).await;
    for _ in 0..3 {
        one.reload(redis.shared_by(world.gateway()).config().unwrap());
    }
    redis.until_heard_by(2).await;
    assert_eq!((one.get(&path("acme")).await.names(), world.asked()), (vec!["Ann".to_owned()], (1, 1)), "it comes from Redis");
    one.reload(world.gateway().config().unwrap());
    redis.until_heard_by(1).await;
    assert_eq!((one.get(&path("acme")).await.status, world.asked()), (200, (2, 2)), "without it, from the sources");
    drop(other);
}

/// Waits until a replica knows that it receives no changes.
async fn until_deaf(gateway: &Gateway) {
    let deaf = "rollcall_shared_cache_subscribed{} 0";
    until_so("a replica to notice", async || gateway.get("/metrics").await.text.contains(deaf)).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_question_that_is_refused_ends_the_copy_everywhere() {
    let (redis, world) = (Redis::start().await, World::new().await);
    let [one, other] = both_hold_ann(&redis, &world).await;
    world.answer_persons(|_| Reply::status(400));
    assert_eq!(one.get_with(&path("acme"), NOW).await.code(), "upstream_bad_request");
    until_so("the refusal", async || other.get(&path("acme")).await.status == 400).await;
    let [third] = [redis.shared_by(world.gateway()).start().await];
    assert_eq!(third.get(&path("acme")).await.code(), "upstream_bad_request", "nor does it come back from Redis");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_refresh_that_fails_leaves_the_copy_of_another_replica_standing_in() {
    let (redis, world) = (Redis::start().await, World::new().await);
    world.persons(vec![person("1", "Ann", "ann@acme.example")]);
    let short = || world.gateway().set("sources.advanced_automation.retries", "0");
    let setup = || redis.shared_by(short()).set("cache.fresh", "10ms").set("cache.stale_while_revalidate", "0s");
    let (one, other) = (setup().start().await, setup().start().await);
    assert_eq!(one.get(&path("acme")).await.names(), ["Ann"]);
    redis.until_copies(2).await;
    tokio::time::sleep(std::time::Duration::from_millis(20)).await; // now it is stale
    world.answer_persons(|_| Reply::status(503));
    for headers in [&[][..], NOW] {
        let answer = other.get_with(&path("acme"), headers).await;
        assert_eq!((answer.status, answer.names()), (200, vec!["Ann".to_owned()]), "{answer:?}");
        let source = answer.source("advanced_automation");
        assert_eq!((&source["stale"], &source["error"]), (&true.into(), &"unavailable".into()), "{answer:?}");
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn who_has_another_key_has_nothing_to_do_with_it() {
    let (redis, world) = (Redis::start().await, World::new().await);
    let [one, other] = both_hold_ann(&redis, &world).await;
    let key = redis.folder.write("another.key", rollcall::shared_cache::new_key().unwrap().reveal());
    let apart = redis.shared_by(world.gateway()).set("shared_cache.key_file", key.to_str().unwrap()).start().await;
    redis.until_heard_by(3).await;
    assert_eq!((apart.get(&path("acme")).await.names(), world.asked()), (vec!["Ann".to_owned()], (2, 2)));
    redis.until_copies(4).await;
    world.persons(vec![person("1", "Bea", "ann@acme.example")]);
    assert_eq!(one.get_with(&path("acme"), NOW).await.names(), ["Bea"]);
    until_names(&other, &["Bea"]).await;
    let answer = apart.get(&path("acme")).await;
    assert_eq!((answer.names(), world.asked()), (vec!["Ann".to_owned()], (3, 3)), "it still has its copy");
    assert_eq!(counted(&apart, "rollcall_shared_cache_lookups_total{result=\"unreadable\"}").await, 0);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_newer_copy_that_cannot_be_read_ends_none() {
    let (redis, world) = (Redis::start().await, World::new().await);
    world.persons(vec![person("1", "Ann", "ann@acme.example")]);
    let file = redis.folder.write("rollcall.toml", &redis.toml(&world, "shared_cache.timeout = \"1s\"\n"));
    let (program, other) = Program::serve(&file, &[]).await;
    assert_eq!(other.get(&path("acme")).await.names(), ["Ann"]);
    redis.until_copies(2).await;
    let (_second, one) = Program::serve(&file, &[]).await;
    redis.until_heard_by(2).await;
    program.signal("STOP");
    world.persons(vec![person("1", "Bea", "ann@acme.example")]);
    let before: Vec<Vec<u8>> = copies(&redis);
    assert_eq!(one.get_with(&path("acme"), NOW).await.names(), ["Bea"]);
    until("both to be stored", || copies(&redis).iter().all(|copy| !before.contains(copy))).await;
    for name in redis.copies() {
        redis::cmd("SET").arg(&name).arg("garbage").arg("KEEPTTL").exec(&mut redis.ask()).unwrap();
    }
    program.signal("CONT");
    let unreadable = "rollcall_shared_cache_lookups_total{result=\"unreadable\"}";
    until_so(program.showing("it to hear of both"), async || counted(&other, unreadable).await >= 2).await;
    assert_eq!((other.get(&path("acme")).await.names(), world.asked()), (vec!["Ann".to_owned()], (2, 2)), "it still has its copy");
}

/// The stored copies.
fn copies(redis: &Redis) -> Vec<Vec<u8>> {
    redis.copies().iter().map(|name| redis.ask().get(name).unwrap()).collect()
}
