//! One replica's own trouble does not affect another one, and whatever a replica takes from another one is
//! checked as if it had asked itself.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::json;

use crate::{
    redis_server::{Redis, path},
    support::{Reply, World, person, sources::roll, until},
};

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_replica_that_loses_patience_takes_nobody_with_it() {
    let (redis, world) = (Redis::start().await, World::of_two().await);
    world.answer_at("my_reports", |call| roll(call).after(Duration::from_secs(2)));
    let setup = || redis.shared_by(world.gateway()).set("sources.my_reports.retries", "0");
    let (sick, well) = (setup().set("sources.my_reports.timeout", "1s").start().await, setup().start().await);
    redis.until_heard_by(2).await;
    let first = tokio::spawn(async move { sick.get(&path("acme")).await });
    until("the sick one to ask", || world.asked_at("my_reports") == 1).await;
    let answer = well.get(&path("acme")).await;
    assert_eq!(first.await.unwrap().code(), "upstream_timeout");
    assert_eq!((answer.status, world.asked_at("my_reports")), (200, 2), "{answer:?}");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn the_rows_of_somebody_else_in_an_incomplete_walk_of_another_replica_are_refused() {
    let (redis, world) = (Redis::start().await, World::of_two().await);
    // The counts never agree, and the rows are Birch's.
    world.answer_persons(|_| {
        let mut row = person("1", "Ann", "ann@birch.example");
        row["Customer"] = json!("b-1");
        let page = json!({"Clients": [row], "Paging": {"AmountRecordsFound": 2, "AmountOfPages": 1}});
        Reply::json(200, &page).after(Duration::from_millis(700))
    });
    let file = redis.folder.write("links.csv", "customer_id,name,advanced_automation_id,my_reports_id\nbirch,,b-1,\n");
    let knows = redis.shared_by(world.gateway()).set("customers.links", "file,same_id").set("customers.file", file.to_str().unwrap());
    let (one, alike, knows) =
        (redis.shared_by(world.gateway()).start().await, redis.shared_by(world.gateway()).start().await, knows.start().await);
    redis.until_heard_by(3).await;
    assert_eq!(one.get("/customers/else/users").await.source("advanced_automation")["status"], "incomplete");
    let walk = world.asked().0;
    let first = tokio::spawn(async move { one.get("/customers/acme/users").await.source("advanced_automation") });
    until("the first to ask", || world.asked().0 > walk).await;
    let (alike, knows) = tokio::join!(alike.get("/customers/acme/users"), knows.get("/customers/acme/users"));
    let (first, alike, knows) = (first.await.unwrap(), alike.source("advanced_automation"), knows.source("advanced_automation"));
    assert_eq!((&first["status"], first.clone()), (&json!("incomplete"), alike), "the replica that was told knows when it was");
    assert_eq!(knows["status"], "invalid_response", "{knows}");
    assert_eq!(world.asked().0, 2 * walk, "one walk serves all");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_replica_without_a_token_takes_nobody_with_it() {
    let (redis, world) = (Redis::start().await, World::of_two().await);
    let issued = AtomicUsize::new(0);
    world.advanced_automation.answer(move |call| match call.path.ends_with("/idp/token") {
        true if issued.fetch_add(1, Ordering::SeqCst) == 0 => Reply::json(200, &json!({"access_token": "token-1", "expires_in": 7200})),
        true => Reply::status(403).after(Duration::from_secs(1)),
        false => roll(call),
    });
    let setup = || redis.shared_by(world.gateway()).set("sources.advanced_automation.retries", "0");
    let (well, sick) = (setup().start().await, setup().start().await);
    redis.until_heard_by(2).await;
    assert_eq!(well.get(&path("other")).await.status, 200);
    let first = tokio::spawn(async move { sick.get(&path("acme")).await });
    until("the sick one to ask for a token", || world.advanced_automation.count("/idp/token") == 2).await;
    let answer = well.get(&path("acme")).await;
    assert_eq!(first.await.unwrap().code(), "upstream_forbidden");
    assert_eq!(answer.status, 200, "{answer:?}");
}
