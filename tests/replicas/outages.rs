//! Redis stopped, paused, restarted empty, and full of garbage, while callers keep asking: no request fails,
//! and none waits for it.

use std::time::Duration;

use redis::{Commands, Connection};

use crate::{
    load::Load,
    redis_server::{Redis, counted, path},
    support::{Gateway, Program, World, until, until_so},
};

/// Two replicas with default settings: the shared cache has 50 ms.
async fn replicas(redis: &Redis, world: &World) -> [Gateway; 2] {
    let setup = || redis.shared_by(world.gateway()).set("shared_cache.timeout", "50ms");
    let replicas = [setup().start().await, setup().start().await];
    redis.until_heard_by(2).await;
    replicas
}

/// Waits until this many more have been answered.
async fn more(load: &Load, count: usize) {
    let before = load.done();
    until("requests to be answered", || load.done() >= before + count).await;
}

/// Asserts that no request has waited for Redis: except for the first few, the most that it may cost is its
/// timeout, plus what the machine adds.
fn assert_bounded(mut took: Vec<Duration>) {
    took.sort_unstable();
    assert!(took[took.len() * 95 / 100] < Duration::from_millis(500), "{:?}", took[took.len() * 95 / 100]);
    assert!(*took.last().unwrap() < Duration::from_secs(3), "{:?}", took.last());
}

fn median(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    took[took.len() / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn whatever_happens_to_redis_every_request_is_answered_in_time() {
    let (mut redis, world) = (Redis::start().await, World::of_two().await);
    let gateways = replicas(&redis, &world).await;
    let load = Load::begin(&gateways);
    more(&load, 200).await;
    let took = load.end("Redis is well").await;
    let well = median(took.clone());
    assert_bounded(took);

    redis.signal("STOP");
    let load = Load::begin(&gateways);
    more(&load, 800).await;
    let took = load.end("Redis is paused").await;
    // Soon no request waits for it at all, however well it worked before.
    assert!(median(took.clone()) < well + Duration::from_millis(40), "half of them waited: {:?}", median(took));
    assert_bounded(took);
    assert_eq!(counted(&gateways[0], "rollcall_shared_cache_up{}").await, 0);
    redis.signal("CONT");
    until_up(&gateways).await;

    redis.stop();
    let load = Load::begin(&gateways);
    more(&load, 400).await;
    assert_bounded(load.end("Redis is stopped").await);
    let load = Load::begin(&gateways);
    redis.start_again().await;
    more(&load, 400).await;
    assert_bounded(load.end("Redis is restarted, empty").await);
    until_up(&gateways).await;
    redis.until_heard_by(2).await;

    let load = Load::begin(&gateways);
    let mut connection = redis.ask();
    for _ in 0..20 {
        spoil(&redis, &mut connection);
        more(&load, 20).await;
    }
    assert_bounded(load.end("Redis is full of garbage").await);
}

/// Waits until each has received an answer from Redis again, although no request is made.
async fn until_up(gateways: &[Gateway]) {
    for gateway in gateways {
        until_so("Redis to be back", async || counted(gateway, "rollcall_shared_cache_up{}").await > 0).await;
    }
}

/// Names that are overwritten at once.
const MOST_SPOILT: usize = 200;

/// Puts other values under our names, and under those that will be asked for.
fn spoil(redis: &Redis, connection: &mut Connection) {
    let mut names = redis.names();
    fastrand::shuffle(&mut names);
    names.truncate(MOST_SPOILT);
    let coming: Vec<String> =
        names.iter().filter_map(|name| Some(format!("{}:warm-{}", name.rsplit_once(':')?.0, fastrand::u8(..20)))).collect();
    names.extend(coming.iter().map(|name| name.replace(":copy:", ":lock:")));
    names.extend(coming.iter().map(|name| name.replace(":copy:", ":note:")));
    for name in names {
        let value: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(fastrand::usize(..200)).collect();
        match fastrand::u8(..5) {
            0 => connection.set::<_, _, ()>(&name, value).unwrap(),
            1 => connection.setrange::<_, _, ()>(&name, 40, "garbage").unwrap_or(()),
            2 => redis::pipe().del(&name).lpush(&name, value).query(connection).unwrap(),
            3 => redis::pipe().del(&name).hset(&name, "stamp", "garbage").query(connection).unwrap(),
            _ => redis::pipe().del(&name).set(&name, vec![0_u8; 1 << 16]).query(connection).unwrap(),
        }
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_cannot_be_read_is_said_once_and_replaced() {
    let cut = |name: &str, connection: &mut Connection| {
        let mut value: Vec<u8> = connection.get(name).unwrap();
        value.truncate(value.len() - 1);
        connection.set::<_, _, ()>(name, value).unwrap();
    };
    let list = |name: &str, connection: &mut Connection| redis::pipe().del(name).lpush(name, "garbage").query(connection).unwrap();
    let hash = |name: &str, connection: &mut Connection| redis::pipe().del(name).hset(name, "garbage", "1").query(connection).unwrap();
    spoilt_copies_are_replaced(cut).await;
    spoilt_copies_are_replaced(list).await;
    spoilt_copies_are_replaced(hash).await;
}

async fn spoilt_copies_are_replaced(spoil: impl Fn(&str, &mut Connection)) {
    let (redis, world) = (Redis::start().await, World::of_two().await);
    let file = redis.folder.write("rollcall.toml", &redis.toml(&world, "shared_cache.timeout = \"1s\"\n"));
    let (one, first) = Program::serve(&file, &[]).await;
    assert_eq!(first.get(&path("acme")).await.status, 200);
    redis.until_copies(2).await;
    let mut connection = redis.ask();
    redis.copies().iter().for_each(|name| spoil(name, &mut connection));
    let (other, second) = Program::serve(&file, &[]).await;
    assert_eq!(second.get(&path("acme")).await.status, 200);
    assert_eq!(other.lines_with(&["WARN", "cannot be read with this key_file"]).await.len(), 1, "{}", other.said());
    assert_eq!(world.asked(), (2, 2));
    assert_eq!(counted(&second, "rollcall_shared_cache_up{}").await, 1, "an unreadable value is not silence");
    assert!(counted(&second, "rollcall_shared_cache_lookups_total{result=\"unreadable\"}").await >= 2);
    let (third, last) = Program::serve(&file, &[]).await;
    until("what was spoilt to be replaced", || redis.copies().iter().all(|name| redis.ask().pttl::<_, i64>(name).unwrap() > 0)).await;
    assert_eq!(last.get(&path("acme")).await.status, 200);
    assert_eq!(world.asked(), (2, 2), "{}{}", one.said(), third.said());
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_lock_that_is_none_of_ours_keeps_nobody() {
    let (redis, world) = (Redis::start().await, World::of_two().await);
    let [gateway] = redis.replicas(|| world.gateway()).await;
    assert_eq!(gateway.get(&path("a")).await.status, 200);
    redis.until_copies(2).await;
    let mut connection = redis.ask();
    for name in redis.copies() {
        for (customer, kind) in [("endless", 0), ("later", 1), ("list", 2)] {
            let lock = name.replace(":copy:", ":lock:").trim_end_matches(":a").to_owned() + ":" + customer;
            match kind {
                0 => connection.set::<_, _, ()>(&lock, "garbage").unwrap(),
                1 => connection.set_ex::<_, _, ()>(&lock, "garbage", 600).unwrap(),
                _ => redis::pipe().lpush(&lock, "garbage").pexpire(&lock, 2000).query(&mut connection).unwrap(),
            }
        }
    }
    let locks = redis.names().iter().filter(|name| name.contains(":lock:")).count();
    assert_eq!(locks, 6, "they are where they were meant to be: {:?}", redis.names());
    for customer in ["endless", "later", "list"] {
        let begun = tokio::time::Instant::now();
        assert_eq!(gateway.get(&path(customer)).await.status, 200);
        assert!(begun.elapsed() < Duration::from_secs(10), "{customer}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_password_that_is_wrong_is_told_to_nobody() {
    let (redis, world) = (Redis::start().await, World::of_two().await);
    let url = redis.url().replace("redis://", "redis://:hunter2@");
    let file = redis.folder.write("rollcall.toml", &redis.toml(&world, "").replace(&redis.url(), &url));
    redis::cmd("CONFIG").arg("SET").arg("requirepass").arg("another").exec(&mut redis.ask()).unwrap();
    let (program, gateway) = Program::serve(&file, &[("ROLLCALL_LOG", "trace")]).await;
    assert_eq!(gateway.get(&path("acme")).await.status, 200);
    program.lines_with(&["WARN", "the shared cache does not answer"]).await;
    let checked = Program::run(&["check", "--online", "--config", file.to_str().unwrap()], &[("ROLLCALL_LOG", "trace")]).await;
    assert_eq!(checked.code, Some(1), "{checked:?}");
    let all = format!("{} {checked:?} {:?}", program.said(), gateway.get("/metrics").await);
    assert!(!all.contains("hunter2"), "{all}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_redis_that_answers_a_ping_and_refuses_everything_else_is_down() {
    let (redis, world) = (Redis::start().await, World::of_two().await);
    let [gateway] = redis.replicas(|| world.gateway()).await;
    let may = |rules: &[&str]| redis::cmd("ACL").arg("SETUSER").arg("default").arg(rules).exec(&mut redis.ask()).unwrap();
    may(&["-eval", "-evalsha", "-script", "-get", "-getrange", "-mget", "-pttl"]);
    let up = async || counted(&gateway, "rollcall_shared_cache_up{}").await;
    let mut number = 0;
    until_so("a refusal", async || {
        number += 1;
        assert_eq!(gateway.get(&path(&format!("c{number}"))).await.status, 200);
        up().await == 0
    })
    .await;
    let end = tokio::time::Instant::now() + Duration::from_millis(4500); // two pings, at least
    while tokio::time::Instant::now() < end {
        assert_eq!(up().await, 0, "a ping says nothing about calls");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    may(&["+@all"]);
    until_up(&[gateway]).await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_redis_that_is_down_at_the_start_is_no_failure_and_check_tells() {
    let (mut redis, world) = (Redis::start().await, World::of_two().await);
    let file = redis.folder.write("rollcall.toml", &redis.toml(&world, ""));
    let check = async || Program::run(&["check", "--online", "--config", file.to_str().unwrap()], &[]).await;
    let told = check().await;
    assert!(told.code == Some(0) && told.out.contains("shared_cache: it answers."), "{told:?}");
    redis.stop();
    let told = check().await;
    assert!(told.code == Some(1) && told.err.contains("shared_cache: it does not answer"), "{told:?}");
    let (program, gateway) = Program::serve(&file, &[]).await;
    assert_eq!(gateway.get(&path("acme")).await.status, 200);
    program.lines_with(&["WARN", "the shared cache does not answer"]).await;
    redis.start_again().await;
    until_up(&[gateway]).await;
    program.lines_with(&["INFO", "the shared cache answers again"]).await;
}
