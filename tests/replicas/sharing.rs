//! A roll that one replica has fetched serves all of them, one walk serves all of them, and shared data is
//! readable to no one else.

use std::time::Duration;

use futures_util::future::join_all;
use redis::Commands;
use serde_json::json;
use tokio::time::Instant;

use crate::{
    changes::NOW,
    redis_server::{Redis, counted, path},
    support::{
        Reply, World, crowd,
        figure::{figure, spread},
        person, persons_page, until_so, user,
    },
};

/// The roll, whether or not it is whole.
const USERS: &str = "/customers/acme/users";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn five_hundred_who_want_a_cold_customer_of_two_replicas_cause_one_walk() {
    let (redis, world) = (Redis::start().await, World::new().await);
    let rows = crowd(120);
    world.answer_persons(move |call| persons_page(&rows, call).after(Duration::from_millis(300)));
    world.my_reports.always(
        Reply::json(200, &serde_json::json!({"page_size": 1, "data": [user("1", "Bo", "bo@x.example")]})).after(Duration::from_millis(300)),
    );
    let replicas: [_; 2] = redis.replicas(|| world.gateway()).await;
    let begun = Instant::now();
    let answers = join_all((0..500).map(|number| {
        let replica = &replicas[number % 2];
        async move { replica.get(&path("acme")).await }
    }))
    .await;
    figure(&format!("500 requests for a cold customer over two replicas: {:?}, asked {:?}", begun.elapsed(), world.asked()));
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.json()["total"] == 121));
    assert_eq!(world.asked(), (3, 1), "one walk of three pages, and one list");
    let first = &answers[0].json()["sources"];
    assert!(answers.iter().all(|answer| answer.json()["sources"] == *first), "all are from the same moment");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_copy_of_another_replica_is_a_hit_of_its_true_age() {
    let (redis, world) = (Redis::start().await, World::of_two().await);
    let [one, other] = redis.replicas(|| world.gateway()).await;
    let first = one.get(&path("acme")).await;
    assert_eq!(first.header("cache-status"), Some("rollcall; fwd=uri-miss; stored"));
    redis.until_copies(2).await;
    tokio::time::sleep(Duration::from_millis(1200)).await; // gives it an age
    let second = other.get(&path("acme")).await;
    assert!(second.header("cache-status").is_some_and(|status| status.starts_with("rollcall; hit; ttl=")), "{second:?}");
    let age: u64 = second.header("age").unwrap().parse().unwrap();
    assert!((1..60).contains(&age), "{age}");
    assert_eq!((first.text, first.headers["etag"].clone()), (second.text, second.headers["etag"].clone()), "to the byte");
    assert_eq!(world.asked(), (1, 1));
    assert!(counted(&other, "rollcall_shared_cache_lookups_total{result=\"hit\"}").await >= 2);
    assert_eq!(counted(&other, "rollcall_shared_cache_up{}").await, 1);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn an_unknown_customer_is_unknown_to_all() {
    let (redis, world) = (Redis::start().await, World::new().await);
    for source in ["advanced_automation", "my_reports"] {
        world.answer_at(source, |_| Reply::status(404));
    }
    let [one, other] = redis.replicas(|| world.gateway()).await;
    assert_eq!(one.get(&path("nobody")).await.status, 404);
    redis.until_copies(2).await;
    assert_eq!(other.get(&path("nobody")).await.status, 404);
    assert_eq!(world.asked(), (1, 1));
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn users_who_were_read_though_perhaps_not_all_end_a_not_found_of_all() {
    let (redis, world) = (Redis::start().await, World::new().await);
    for source in ["advanced_automation", "my_reports"] {
        world.answer_at(source, |_| Reply::status(404));
    }
    let [one, other] = redis.replicas(|| world.gateway()).await;
    assert_eq!((one.get(USERS).await.status, other.get(USERS).await.status), (404, 404));
    redis.until_copies(2).await;
    world.answer_at("my_reports", |_| Reply::json(200, &json!({"page_size": 2, "data": [user("1", "Ann", "ann@acme.example")]})));
    let read = one.get_with(USERS, NOW).await;
    assert_eq!(read.status, 200, "{read:?}");
    let third = redis.shared_by(world.gateway()).start().await;
    for replica in [&one, &other, &third] {
        until_so("Ann, whom a 404 hides", async || replica.get(USERS).await.status == 200).await;
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn those_who_wait_are_told_of_a_walk_that_fails() {
    let (redis, world) = (Redis::start().await, World::of_two().await);
    world.answer_at("my_reports", |_| Reply::status(503).after(Duration::from_millis(500)));
    let replicas: [_; 2] = redis.replicas(|| world.gateway().set("sources.my_reports.retries", "0")).await;
    let answers = join_all((0..100).map(|number| {
        let replica = &replicas[number % 2];
        async move { replica.get(&path("acme")).await }
    }))
    .await;
    assert!(answers.iter().all(|answer| answer.code() == "upstream_unavailable"), "{answers:?}");
    assert_eq!(world.asked(), (1, 1), "no one asks again for those who had waited");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn nothing_in_redis_can_be_read_or_moved() {
    let (redis, world) = (Redis::start().await, World::new().await);
    world.persons(vec![person("1", "Ann Lee", "ann.lee@acme.example")]);
    world.users(vec![user("2", "Ann Lee", "ann.lee@acme.example")]);
    let [one, other] = redis.replicas(|| world.gateway()).await;
    assert_eq!(one.get(&path("a")).await.status, 200);
    redis.until_copies(2).await;
    let mut connection = redis.ask();
    let mut all: Vec<u8> = Vec::new();
    for name in redis.names() {
        all.extend_from_slice(name.as_bytes());
        all.extend(connection.get::<_, Vec<u8>>(&name).unwrap());
        let left: i64 = connection.pttl(&name).unwrap();
        assert!(left > 0, "{name} expires");
    }
    let holds = |text: &str| all.windows(text.len()).any(|part| part.eq_ignore_ascii_case(text.as_bytes()));
    assert!(holds("rollcall:5:copy:advanced_automation"), "it was looked at");
    for text in ["acme.example", "ann lee", "ann.lee", "secret", "my-reports-token", "token-1"] {
        assert!(!holds(text), "{text}");
    }
    // A copy that someone has moved to another customer's name is not accepted.
    for name in redis.copies() {
        let value: Vec<u8> = connection.get(&name).unwrap();
        let moved = format!("{}b", name.strip_suffix('a').unwrap());
        connection.set::<_, _, ()>(moved, value).unwrap();
    }
    world.persons(vec![]);
    world.users(vec![]);
    assert_eq!(other.get(&path("b")).await.json()["total"], 0);
    assert!(counted(&other, "rollcall_shared_cache_lookups_total{result=\"unreadable\"}").await >= 2);
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn who_is_somebody_else_there_shares_nothing() {
    let (redis, world) = (Redis::start().await, World::of_two().await);
    let one = redis.shared_by(world.gateway()).start().await;
    let more = [("sources.advanced_automation.client_id", "another"), ("sources.my_reports.token", "another")];
    let other = redis.shared_by(more.iter().fold(world.gateway(), |setup, (key, value)| setup.set(key, value))).start().await;
    let namespace = redis.shared_by(world.gateway()).set("shared_cache.namespace", "else").start().await;
    for (asked, gateway) in [(1, &one), (2, &other), (3, &namespace)] {
        assert_eq!(gateway.get(&path("acme")).await.status, 200);
        assert_eq!(world.asked(), (asked, asked));
        redis.until_copies(2 * asked).await;
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn what_callers_bring_never_reaches_redis() {
    let (redis, world) = (Redis::start().await, World::of_two().await);
    let [gateway] = redis.replicas(|| world.gateway().set("sources.my_reports.credentials", "forward")).await;
    let answer = gateway.get_with(&path("acme"), &[("x-myreports-authorization", "Bearer brought")]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    redis.until_copies(1).await;
    let names = redis.names();
    assert!(names.iter().any(|name| name.contains("advanced_automation")));
    assert!(!names.iter().any(|name| name.contains("my_reports")), "{names:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn a_hit_in_redis_costs_a_little_more_than_one_in_process() {
    let (redis, world) = (Redis::start().await, World::new().await);
    world.persons(crowd(100));
    world.users((0..80).map(|number| user(&format!("{number}"), "Bo", &format!("p{number}@acme.example"))).collect());
    let [one, other] = redis.replicas(|| world.gateway()).await;
    let customers: Vec<String> = (0..100).map(|number| path(&format!("c{number}"))).collect();
    for customer in &customers {
        assert_eq!(one.get(customer).await.status, 200);
    }
    redis.until_copies(200).await;
    let asked = world.asked();
    let mut rounds = Vec::new();
    for round in ["first hit, in Redis", "second hit, in process"] {
        let mut took = Vec::new();
        for customer in &customers {
            let begun = Instant::now();
            assert_eq!(other.get(customer).await.status, 200);
            took.push(begun.elapsed());
        }
        rounds.push(took.iter().sum::<Duration>());
        figure(&format!("{round} (both sources, 180 records): {}", spread(took)));
    }
    assert_eq!(world.asked(), asked, "no source was asked");
    assert!(rounds[0] < rounds[1] + Duration::from_secs(2), "20 ms more for each: {rounds:?}");
}
