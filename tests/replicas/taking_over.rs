//! A replica that dies during a walk: another one takes over, in time for those who wait.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::{
    redis_server::{Redis, path},
    support::{Gateway, Program, World, crowd, figure::figure, persons_page, until},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server"]
async fn who_walks_is_killed_and_the_other_one_answers_within_the_deadline() {
    let (redis, world) = (Redis::start().await, World::of_two().await);
    let rows = crowd(100);
    world.answer_persons(move |call| persons_page(&rows, call).after(Duration::from_millis(1200)));
    let file = redis.folder.write("rollcall.toml", &redis.toml(&world, "shared_cache.timeout = \"1s\"\n"));
    let (one, first) = Program::serve(&file, &[]).await;
    let (_other, second) = Program::serve(&file, &[]).await;
    redis.until_heard_by(2).await;
    let lost = tokio::spawn(async move { ask_in_vain(&first).await });
    until("the first to walk", || world.asked().0 == 1).await;
    let begun = Instant::now();
    let waiting: Vec<_> = (0..250).map(|_| Gateway::at(second.url.clone())).collect();
    let waiting = tokio::spawn(async move { join_all(waiting.iter().map(|gateway| gateway.get("/customers/acme/users"))).await });
    tokio::time::sleep(Duration::from_millis(300)).await; // so that they wait
    assert_eq!(world.asked().0, 1, "one walks, all others wait");
    one.signal("KILL");
    let answers = waiting.await.unwrap();
    lost.await.unwrap();
    figure(&format!("250 requests whose replica waited for one that was killed: {:?}, asked {:?}", begun.elapsed(), world.asked()));
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.json()["status"] == "success"), "{:?}", answers.first());
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(world.asked(), (3, 1), "a page that no one received, and one walk of two");
}

/// Asks, though there may be no one left to answer.
async fn ask_in_vain(gateway: &Gateway) {
    let mut stream = gateway.connect().await.unwrap();
    let request = format!("GET {} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n", path("acme"));
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    drop(tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut Vec::new()).await);
}
