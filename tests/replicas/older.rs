//! An older value does not replace a newer one, whichever replica writes it late.

use redis::Commands;

use crate::{
    redis_server::{Redis, counted, path},
    support::{World, sources::roll, until, until_so},
};

const WRITTEN: &str = "rollcall_shared_cache_calls_total{call=\"write\",result=\"ok\"}";

#[tokio::test]
#[ignore = "needs redis-server"]
async fn who_has_lost_the_lock_replaces_only_what_is_older() {
    let (redis, world) = (Redis::start().await, World::of_two().await);
    world.answer_persons(|call| roll(call).after(std::time::Duration::from_millis(400)));
    let [gateway] = redis.replicas(|| world.gateway()).await;
    assert_eq!(gateway.get(&path("a")).await.status, 200);
    redis.until_copies(2).await;
    let mut connection = redis.ask();
    let like = redis.copies().into_iter().find(|name| name.contains("advanced_automation")).unwrap();
    for (stamp, is_lost, is_replaced, why) in [
        ("9999999999999999", true, false, "newer"),
        ("9999999999999999", false, true, "the lock is still ours"),
        ("0000000000000001", true, true, "older"),
        ("inf             ", true, true, "garbage"),
    ] {
        let customer = format!("c{}{}", stamp.trim().trim_start_matches('0'), u8::from(is_lost));
        let name = format!("{}{customer}", like.strip_suffix('a').unwrap());
        let there = format!("{stamp}what cannot be opened");
        connection.set::<_, _, ()>(&name, &there).unwrap();
        let (asked, written) = (world.asked().0, counted(&gateway, WRITTEN).await);
        let answer = async { gateway.get(&path(&customer)).await };
        let steal = async {
            until("the walk to begin", || world.asked().0 > asked).await;
            if is_lost {
                redis.ask().set_ex::<_, _, ()>(name.replace(":copy:", ":lock:"), "another", 2).unwrap();
            }
        };
        assert_eq!(tokio::join!(answer, steal).0.status, 200);
        until_so(format!("{why}: both to be written"), async || counted(&gateway, WRITTEN).await >= written + 2).await;
        assert_eq!(connection.get::<_, Vec<u8>>(&name).unwrap() != there.as_bytes(), is_replaced, "{why}");
    }
}
