//! MyReports' single-use refresh token, shared by two replicas: one renewal for both, and none at all while
//! they cannot reach each other.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use redis::Commands;

use crate::{
    redis_server::{Redis, counted},
    support::{
        Gateway, Reply, World,
        identity::{Shared, ask, numbered, sent},
        until, until_so, until_so_within,
    },
};

/// Two replicas, each with its own store that holds the first token.
struct Pair {
    redis: Redis,
    world: World,
    given: Shared,
}

impl Pair {
    async fn new(life: u64) -> Self {
        let (redis, world) = (Redis::start().await, World::of_two().await);
        let given = world.identity(life, |_, reply| reply);
        for name in ["one.token", "other.token"] {
            redis.folder.write(name, "refresh-0\n");
        }
        Self { redis, world, given }
    }

    fn store(&self, name: &str) -> PathBuf {
        self.redis.folder.path(&format!("{name}.token"))
    }

    async fn replica(&self, name: &str) -> Gateway {
        self.redis.shared_by(self.world.with_store(&self.store(name))).start().await
    }

    fn stored(&self, name: &str) -> String {
        self.stored_if_any(name).unwrap()
    }

    fn stored_if_any(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.store(name)).ok().map(|text| text.trim().to_owned())
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn two_replicas_need_one_renewal_and_both_keep_what_came() {
    let pair = Pair::new(3600).await;
    let (one, other) = (pair.replica("one").await, pair.replica("other").await);
    let (first, second) = tokio::join!(ask(&one, "a"), ask(&other, "b"));
    assert_eq!((first.status, second.status), (200, 200), "{first:?} {second:?}");
    assert_eq!(sent(&pair.given), numbered(1));
    assert_eq!((pair.stored("one").as_str(), pair.stored("other").as_str()), ("refresh-1", "refresh-1"));
    let third = pair.replica("third").await; // has no store yet
    assert_eq!(ask(&third, "c").await.status, 200);
    assert_eq!((sent(&pair.given), pair.stored("third").as_str()), (numbered(1), "refresh-1"), "one login serves all");
    let mut connection = pair.redis.ask();
    for name in pair.redis.names() {
        let dump: Vec<u8> = redis::cmd("DUMP").arg(&name).query(&mut connection).unwrap();
        for secret in ["refresh-", "access-"] {
            assert!(!dump.windows(secret.len()).any(|part| part == secret.as_bytes()), "{name}");
        }
    }
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn renewals_go_from_hand_to_hand() {
    let pair = Pair::new(5).await; // renewed after four seconds
    let (one, other) = (pair.replica("one").await, pair.replica("other").await);
    let mut number = 0;
    until_so_within(Duration::from_mins(1), "four renewals", async || {
        for replica in [&one, &other] {
            number += 1;
            let answer = ask(replica, &format!("c{number}")).await;
            assert_eq!(answer.status, 200, "{answer:?} {:?}", sent(&pair.given));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        sent(&pair.given).len() >= 4
    })
    .await;
    assert_eq!(sent(&pair.given)[..4], numbered(4), "each was sent once");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn without_redis_nobody_renews_and_copies_stand_in() {
    let mut pair = Pair::new(5).await;
    let (one, other) = (pair.replica("one").await, pair.replica("other").await);
    for replica in [&one, &other] {
        assert_eq!(ask(replica, "a").await.status, 200);
    }
    pair.redis.stop();
    let before = sent(&pair.given);
    for replica in [&one, &other] {
        until_unauthorized(replica).await;
        let copy = ask(replica, "a").await;
        assert_eq!(copy.status, 200, "{copy:?}");
        assert!(counted(replica, "rollcall_shared_cache_renewals_withheld_total{source=\"my_reports\"}").await > 0);
    }
    assert_eq!(sent(&pair.given), before, "nothing was spent");
    pair.redis.start_again().await; // empty, so both offer what they have
    for replica in [&one, &other] {
        until_so("a new token", async || ask(replica, "b").await.status == 200).await;
    }
    let sent = sent(&pair.given);
    assert_eq!(sent, numbered(sent.len()), "none was sent twice");
    assert!(sent.len() > before.len());
}

/// Waits until the access token has expired.
async fn until_unauthorized(gateway: &Gateway) {
    let mut number = 0;
    until_so("the token to expire", async || {
        number += 1;
        let answer = ask(gateway, &format!("cold-{number}")).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        answer.status == 401 && answer.code() == "upstream_unauthorized"
    })
    .await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_replica_that_comes_late_with_an_old_token_takes_the_new_one() {
    let mut pair = Pair::new(3600).await;
    let one = pair.replica("one").await;
    assert_eq!(ask(&one, "a").await.status, 200);
    // Redis loses everything; the replica with the newest token offers it before an older one is spent.
    pair.redis.stop();
    pair.redis.start_again().await;
    let other = pair.replica("other").await;
    pair.redis.until_heard_by(2).await;
    assert_eq!(ask(&other, "b").await.status, 200, "{:?}", sent(&pair.given));
    assert_eq!(sent(&pair.given), numbered(2), "refresh-0 is not sent again");
    assert_eq!(pair.stored("other"), "refresh-2");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_login_at_one_replica_is_one_for_both() {
    let pair = Pair::new(3600).await;
    let given = Arc::clone(&pair.given);
    // An identity server that has forgotten all tokens except that of a new login.
    pair.world.my_reports.answer(move |call| {
        let mut known = given.lock().unwrap();
        if call.path != "/connect/token" {
            return known.users(call);
        }
        if known.given < 9 {
            known.sent.push("in vain".to_owned());
            return Reply::json(400, &serde_json::json!({"error": "invalid_grant"}));
        }
        known.renew(call, 3600)
    });
    let (one, other) = (pair.replica("one").await, pair.replica("other").await);
    for replica in [&one, &other] {
        assert_eq!(ask(replica, "a").await.code(), "upstream_unauthorized");
    }
    fs::write(pair.store("other"), "refresh-9\n").unwrap();
    pair.given.lock().unwrap().given = 9;
    until_so("the login to be used", async || ask(&one, "a").await.status == 200).await;
    assert_eq!((ask(&other, "b").await.status, sent(&pair.given).last().map(String::as_str)), (200, Some("refresh-9")));
    until("both to keep it", || pair.stored("one") == "refresh-10" && pair.stored("other") == "refresh-10").await;
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_login_while_another_replica_renews_is_not_lost_to_what_that_one_gets() {
    let pair = Pair::new(3600).await;
    let given = pair.world.identity(3600, |_, reply| reply.after(Duration::from_millis(1500)));
    let (_one, other) = (pair.replica("one").await, pair.replica("other").await);
    let log_in = async {
        until("the renewal", || !sent(&given).is_empty()).await;
        tokio::time::sleep(Duration::from_millis(100)).await; // the clock that dates files may be a little behind
        fs::write(pair.store("one"), "login\n").unwrap();
    };
    let (answer, ()) = tokio::join!(ask(&other, "a"), log_in);
    assert_eq!((answer.status, sent(&given)), (200, numbered(1)), "{answer:?}");
    until("both to keep the login", || pair.stored("one") == "login" && pair.stored("other") == "login").await;
    tokio::time::sleep(Duration::from_millis(2200)).await; // two more looks
    assert_eq!((pair.stored("one").as_str(), pair.stored("other").as_str()), ("login", "login"));
}

/// The name of the only place of this kind.
async fn name_of(pair: &Pair, kind: &str) -> String {
    let find = || pair.redis.names().into_iter().find(|name| name.contains(kind));
    until("it to be there", || find().is_some()).await;
    find().unwrap()
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn a_replica_that_is_idle_keeps_the_newest_token_too_and_says_so_where_redis_lost_it() {
    let pair = Pair::new(3600).await;
    let (one, _idle) = (pair.replica("one").await, pair.replica("idle").await);
    assert_eq!(ask(&one, "a").await.status, 200);
    until("the idle one to follow", || pair.stored_if_any("idle").as_deref() == Some("refresh-1")).await;
    drop(one);
    let name = name_of(&pair, ":token:").await;
    let mut connection = pair.redis.ask();
    assert_eq!(connection.pttl::<_, i64>(&name).unwrap(), -1, "it does not expire, and is not evicted when Redis is full");
    connection.del::<_, ()>(&name).unwrap();
    name_of(&pair, ":token:").await; // without losing any connection
    let late = pair.replica("other").await;
    assert_eq!((ask(&late, "b").await.status, sent(&pair.given)), (200, numbered(2)), "refresh-0 is not sent again");
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn garbage_under_the_name_of_the_token_keeps_nobody_out() {
    let pair = Pair::new(3600).await;
    let one = pair.replica("one").await;
    assert_eq!(ask(&one, "a").await.status, 200);
    let name = name_of(&pair, ":token:").await;
    let mut connection = pair.redis.ask();
    let good: Vec<u8> = connection.hget(&name, "value").unwrap();
    let stamp: String = connection.hget(&name, "stamp").unwrap();
    for (stamp, value) in
        [("9999999999999999", Some(&b"garbage"[..])), ("9999999999999999", Some(&good)), ("inf", None), ("-inf", Some(b""))]
    {
        let mut spoil = redis::pipe();
        spoil.del(&name).hset(&name, "stamp", stamp);
        if let Some(value) = value {
            spoil.hset(&name, "value", value);
        }
        spoil.exec(&mut connection).unwrap();
        until("what is good to be there again", || stamp_of(&pair, &name).is_some_and(|there| there != stamp)).await;
    }
    assert_eq!(stamp_of(&pair, &name), Some(stamp));
    connection.set::<_, _, ()>(&name, "garbage").unwrap();
    let late = pair.replica("other").await;
    assert_eq!((ask(&late, "b").await.status, sent(&pair.given)), (200, numbered(2)), "refresh-0 is not sent again");
}

fn stamp_of(pair: &Pair, name: &str) -> Option<String> {
    pair.redis.ask().hget(name, "stamp").unwrap()
}

#[tokio::test]
#[ignore = "needs redis-server"]
async fn who_has_lost_the_lock_spends_nothing_unless_nobody_has_it() {
    let pair = Pair::new(3600).await;
    let one = pair.replica("one").await;
    let steal = async {
        let name = name_of(&pair, ":renewal:").await;
        pair.redis.ask().set_ex::<_, _, ()>(name, "another", 4).unwrap();
    };
    let (answer, ()) = tokio::join!(ask(&one, "a"), steal);
    assert_eq!((answer.code().as_str(), sent(&pair.given).len()), ("upstream_unauthorized", 0), "{answer:?}");
    assert!(counted(&one, "rollcall_shared_cache_renewals_withheld_total{source=\"my_reports\"}").await > 0);
    until("the lock to end", || !pair.redis.names().iter().any(|name| name.contains(":renewal:"))).await;
    let lose = async {
        let name = name_of(&pair, ":renewal:").await;
        pair.redis.ask().del::<_, ()>(name).unwrap();
    };
    let (answer, ()) = tokio::join!(ask(&one, "b"), lose);
    assert_eq!((answer.status, sent(&pair.given)), (200, numbered(1)), "it takes it again: {answer:?}");
}
