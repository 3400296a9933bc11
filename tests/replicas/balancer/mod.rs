//! Two replicas behind the load balancers of `deploy/`, under load: restarted one after the other, and
//! killed.

mod exports;
mod load;
mod proxy;
mod replica;

use std::time::Duration;

use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

use self::{
    load::{Asked, Load},
    proxy::Proxy,
    replica::{Replica, addresses, two},
};
use crate::support::{
    World,
    figure::{figure, spread},
    sources::{SOURCES, roll},
};

/// Each test needs the machine to itself: other tests' use of it would distort the timing.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// A world with slow sources, so that something is always in flight.
async fn slow_world() -> World {
    let world = World::of_two().await;
    for source in SOURCES {
        world.answer_at(source, |call| {
            let reply = roll(call);
            if call.path.contains("token") { reply } else { reply.after(Duration::from_millis(fastrand::u64(20..400))) }
        });
    }
    world
}

/// Returns how many requests HAProxy has sent to a second replica.
fn asked_again(proxy: &Proxy) -> usize {
    proxy.lines_with(&["server="]).iter().filter(|line| !line.contains("tries_again=0")).count()
}

/// Restarts both in turn under load, and returns the fate of each request.
async fn restart_in_turn(proxy: &Proxy, replicas: [Replica; 2]) -> Vec<Asked> {
    let load = Load::on(proxy.gateway().url.clone());
    sleep(Duration::from_secs(1)).await;
    let [first, second] = replicas;
    let first = first.restart().await;
    let second = second.restart().await;
    sleep(Duration::from_secs(2)).await;
    let asked = load.stop().await;
    drop((first, second));
    asked
}

fn failures(asked: &[Asked]) -> Vec<&Asked> {
    asked.iter().filter(|one| one.failure.is_some()).collect()
}

fn all_is_well(balancer: &str, asked: &[Asked]) {
    let failed = failures(asked);
    let took = asked.iter().map(Asked::took).collect();
    figure(&format!(
        "{balancer}, both replicas restarted one after the other: {} requests, {} failed; {}",
        asked.len(),
        failed.len(),
        spread(took)
    ));
    assert!(asked.len() > 600, "the load lasted as long as both restarts: {}", asked.len());
    assert!(failed.is_empty(), "{failed:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs haproxy"]
async fn replicas_restarted_in_turn_behind_haproxy_lose_no_request() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let world = slow_world().await;
    let replicas = two(&world, "1s").await;
    let proxy = Proxy::haproxy(&addresses(&replicas)).await;
    let asked = restart_in_turn(&proxy, replicas).await;
    all_is_well("HAProxy", &asked);
    let again = asked_again(&proxy);
    figure(&format!("{again} of them were asked again at the other"));
    assert_eq!(again, 0, "a replica that is told to stop is left alone before it closes its listener");
    for server in ["server=gateway-1 ", "server=gateway-2 "] {
        assert!(proxy.lines_with(&[server, "status=200"]).len() > 100, "{server} took its part");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs nginx"]
async fn replicas_restarted_in_turn_behind_nginx_lose_no_request() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let world = slow_world().await;
    let replicas = two(&world, "1s").await;
    let proxy = Proxy::nginx(&addresses(&replicas)).await;
    let asked = restart_in_turn(&proxy, replicas).await;
    all_is_well("nginx", &asked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs haproxy"]
async fn a_replica_killed_behind_haproxy_fails_no_more_than_what_it_had_in_flight() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let world = slow_world().await;
    let replicas = two(&world, "1s").await;
    let proxy = Proxy::haproxy(&addresses(&replicas)).await;
    let [first, second] = replicas;
    let load = Load::on(proxy.gateway().url.clone());
    sleep(Duration::from_secs(2)).await;
    let counted = Instant::now();
    let at_it = proxy.in_flight_at("gateway-1").await;
    let killed = Instant::now();
    drop(first); // this is kill -9
    sleep(Duration::from_secs(5)).await;
    let asked = load.stop().await;
    drop(second);

    let most = at_it + asked.iter().filter(|one| one.begun >= counted && one.begun <= killed).count();
    let after = asked.iter().filter(|one| one.begun > killed).count();
    let failed = failures(&asked);
    let again = asked_again(&proxy);
    figure(&format!(
        "kill -9 of one of two behind HAProxy: {} requests, {at_it} to {most} in flight at it, {} failed, {again} repeated at the other, {after} begun after it",
        asked.len(),
        failed.len(),
    ));
    assert!(at_it > 0 && after > 100, "there was load: {at_it}, {after}");
    assert!(failed.len() <= most && failed.iter().all(|one| one.is_in_flight_at(killed)), "only what it had may fail: {failed:#?}");
    assert!(again > 0, "what the killed one had in flight was asked again");
}
