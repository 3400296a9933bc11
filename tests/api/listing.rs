//! `discover`: which readings of the sources' lists are kept, for how long, and what callers learn about them.

use std::time::Duration;

use rollcall::access::new_key;
use serde_json::{Value, json};

use crate::{
    discover::{discovering, every_case, links, ready},
    support::{
        Folder, Gateway, Reply, World,
        lists::{Lists, customer, customers_page, is_list, tenant, tenants_page},
        until, until_so, with_tokens,
    },
};

async fn code(gateway: &Gateway) -> Option<String> {
    gateway.get("/customers").await.json()["code"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn a_list_that_fails_does_not_make_the_other_one_be_read_again() {
    let world = World::new().await;
    world.list(&every_case());
    world.my_reports.always(Reply::status(503));
    let gateway = discovering(&world).set("customers.refresh", "1h").start().await;
    until("the list to be tried again and again", || world.lists_asked().1 >= 3).await;
    assert_eq!(world.lists_asked().0, 2, "a page, and one that proves the end");
    world.list(&every_case());
    ready(&gateway).await;
    assert_eq!(world.lists_asked().0, 2);
}

#[tokio::test]
async fn a_server_that_returns_fewer_customers_than_requested_is_read_to_its_end() {
    // What follows the end: an empty page, a refusal, or the last page once more.
    let count = 25;
    for beyond in ["empty", "refused", "repeated"] {
        let world = World::new().await;
        let tenants: Vec<Value> = (0..count).map(|number| tenant(&format!("m-{number}"), "M", "")).collect();
        world.list(&Lists { advanced_automation: every_case().advanced_automation, ..Lists::default() });
        world.my_reports.answer(move |call| {
            let index = if beyond == "repeated" { call.number("pageIndex").min(2) } else { call.number("pageIndex") };
            let data: Vec<&Value> = tenants.iter().skip(index * 10).take(10).collect();
            match beyond {
                "refused" if data.is_empty() => Reply::status(400),
                _ => Reply::json(200, &json!({"page_size": data.len(), "data": data, "status": "success"})),
            }
        });
        let gateway = discovering(&world).start().await;
        ready(&gateway).await;
        let links = links(&gateway).await;
        assert_eq!(links.iter().filter(|link| link.contains(" | m-")).count(), count, "{beyond}: {links:?}");
    }
}

#[tokio::test]
async fn a_list_whose_second_page_fails_is_not_taken_for_whole() {
    for trouble in [500, 503] {
        let world = World::new().await;
        let tenants: Vec<Value> = (0..25).map(|number| tenant(&format!("m-{number}"), "M", "")).collect();
        world.list(&Lists { advanced_automation: every_case().advanced_automation, ..Lists::default() });
        world.my_reports.answer(move |call| match call.number("pageIndex") {
            0 => Reply::json(200, &json!({"data": &tenants[..10], "status": "success"})),
            _ => Reply::status(trouble),
        });
        let gateway = discovering(&world).set("sources.my_reports.retries", "0").start().await;
        let failed = "rollcall_customer_lists_total{source=\"my_reports\",outcome=\"unavailable\"} 2";
        until_so(failed, async || gateway.has_metric(failed).await).await;
        assert_eq!(code(&gateway).await.as_deref(), Some("links_unavailable"), "{trouble}");
    }
}

#[tokio::test]
async fn a_list_that_was_not_read_yet_is_counted_so_that_its_first_reading_is_seen() {
    let world = World::new().await;
    world.list(&every_case());
    world.my_reports.always(Reply::status(503));
    let gateway = discovering(&world).start().await;
    let read = "rollcall_customer_lists_total{source=\"my_reports\",outcome=\"ok\"}";
    let metrics = gateway.get("/metrics").await.text;
    assert!(metrics.contains(&format!("{read} 0\n")), "{metrics}");
    world.list(&every_case());
    ready(&gateway).await;
    assert!(!gateway.get("/metrics").await.text.contains(&format!("{read} 0\n")));
}

#[tokio::test]
async fn while_a_list_fails_the_others_are_refreshed() {
    let world = World::new().await;
    world.list(&every_case());
    let gateway = discovering(&world).start().await;
    ready(&gateway).await;
    world.my_reports.always(Reply::status(503));
    let mut lists = every_case();
    lists.advanced_automation.push(customer("a-new", "New", "", "108"));
    let rows = lists.advanced_automation;
    world.advanced_automation.answer(with_tokens(move |call| customers_page(&rows, call)));
    until_so("the new customer", async || links(&gateway).await.contains(&"a-new: a-new listed | ".to_owned())).await;
}

#[tokio::test]
async fn a_list_read_as_somebody_else_is_not_used_on() {
    let world = World::new().await;
    world.list(&every_case());
    let setup = || discovering(&world).set("customers.refresh", "1h");
    let gateway = setup().start().await;
    ready(&gateway).await;
    let rows = every_case().my_reports;
    world.my_reports.answer(move |call| tenants_page(&rows, call).after(Duration::from_secs(2)));
    for (key, value) in [("sources.my_reports.timeout", "5s"), ("sources.advanced_automation.page_size", "7")] {
        gateway.reload(setup().set(key, value).config().unwrap());
        assert_eq!(code(&gateway).await, None, "the identity is unchanged: {key}");
    }
    gateway.reload(setup().set("sources.my_reports.token", "another").config().unwrap());
    assert_eq!(code(&gateway).await.as_deref(), Some("links_unavailable"));
    gateway.reload(setup().config().unwrap());
    assert_eq!(code(&gateway).await.as_deref(), Some("links_unavailable"), "what was no longer configured is forgotten");
    gateway.reload(setup().set("sources.advanced_automation.client_id", "another").config().unwrap());
    assert_eq!(code(&gateway).await.as_deref(), Some("links_unavailable"));
    ready(&gateway).await;
}

#[tokio::test]
async fn a_short_list_that_is_empty_now_is_believed_when_it_is_read_so_twice() {
    let world = World::new().await;
    let lists =
        Lists { advanced_automation: vec![customer("a", "A", "", "1")], my_reports: vec![tenant("m", "M", "1")], ..Lists::default() };
    world.list(&lists);
    let gateway = discovering(&world).set("customers.refresh", "2s").start().await;
    ready(&gateway).await;
    let (linked, asked) = (links(&gateway).await, world.lists_asked().1);
    world.list(&Lists { my_reports: vec![], ..lists });
    until("the list to be read again", || world.lists_asked().1 > asked).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(links(&gateway).await, linked, "once is not enough");
    until("the list to be read twice", || world.lists_asked().1 > asked + 1).await;
    until_so("it to be believed", async || links(&gateway).await == ["a: a listed | "]).await;
}

#[tokio::test]
async fn a_list_with_as_many_customers_as_it_says_is_whole_though_a_row_came_twice() {
    let (world, lists) = (World::new().await, every_case());
    world.list(&lists);
    let rows = lists.advanced_automation;
    world.advanced_automation.answer(with_tokens(move |call| {
        // The last row of the first page is the first row of the second.
        let begin = (call.number("Page") - 1) * (call.number("PageSize") - 1);
        let shown: Vec<&Value> = rows.iter().skip(begin).take(call.number("PageSize")).collect();
        Reply::json(200, &json!({"Customers": shown, "AmountRecordsFound": rows.len(), "AmountOfPages": 0}))
    }));
    let gateway = discovering(&world).set("customers.refresh", "1h").set("sources.advanced_automation.page_size", "5").start().await;
    ready(&gateway).await;
    assert_eq!((gateway.get("/customers").await.json()["total"].as_u64(), world.lists_asked().0), (Some(14), 2));
}

#[tokio::test]
async fn a_list_may_take_longer_than_a_walk() {
    let world = World::new().await;
    world.list(&every_case());
    let rows = every_case().my_reports;
    world.my_reports.answer(move |call| tenants_page(&rows, call).after(Duration::from_millis(if is_list(call) { 800 } else { 0 })));
    let gateway = discovering(&world).set("sources.my_reports.walk_deadline", "500ms").start().await;
    ready(&gateway).await;
}

#[tokio::test]
async fn customers_who_cannot_be_asked_for_are_counted_only_for_whom_nobody_is_hidden_from() {
    let world = World::new().await;
    world.list(&every_case());
    let (everybody, some) = (new_key().unwrap(), new_key().unwrap());
    let mut setup = discovering(&world).set("auth.mode", "keys");
    for (number, name, key, customers) in [(0, "everybody", &everybody, "*"), (1, "some", &some, "a-*")] {
        for (what, value) in [("name", name), ("key_sha256", key.sha256.as_str()), ("customers", customers)] {
            setup = setup.set(&format!("auth.callers.{number}.{what}"), value);
        }
    }
    let gateway = setup.start().await;
    let counted = async |key: &rollcall::access::NewKey| {
        let list = gateway.get_with("/customers", &[("x-api-key", key.key.reveal())]).await;
        (list.status, list.text.contains("customers_not_listed"))
    };
    until_so("the lists to be read", async || counted(&everybody).await.0 == 200).await;
    assert_eq!((counted(&everybody).await, counted(&some).await), ((200, true), (200, false)));
}

#[tokio::test]
async fn whom_the_file_links_can_be_asked_for_whatever_the_id_at_the_source() {
    let (world, folder) = (World::new().await, Folder::new());
    world.list(&every_case());
    for (links, rows, warned) in
        [("file,discover", "spaced,,,m no", false), ("discover,file", "spaced,,,M NO", false), ("file,discover", "acme,,a,b", true)]
    {
        let file = folder.write("customers.csv", &format!("customer_id,name,advanced_automation_id,my_reports_id\n{rows}\n"));
        let setup = discovering(&world).set("customers.links", links).set("customers.file", file.to_str().unwrap());
        let gateway = setup.start().await;
        ready(&gateway).await;
        let list = gateway.get("/customers").await.json();
        let counted = json!({"code": "customers_not_listed", "source": "my_reports", "count": 1});
        assert_eq!(list["warnings"].as_array().unwrap().contains(&counted), warned, "{links} {rows}: {list}");
    }
}

#[tokio::test]
async fn links_are_as_old_as_the_lists_they_are_made_of_until_one_changes() {
    let world = World::new().await;
    world.list(&every_case());
    let gateway = discovering(&world).start().await;
    ready(&gateway).await;
    let timestamp = async || gateway.get("/customers").await.json()["timestamp"].as_str().unwrap().to_owned();
    let (first, read) = (timestamp().await, world.lists_asked());
    until("both lists to be read twice more", || world.lists_asked().0 >= read.0 + 2 && world.lists_asked().1 >= read.1 + 2).await;
    assert_eq!(timestamp().await, first);
    let mut lists = every_case();
    lists.my_reports[0]["name"] = json!("Another name");
    world.list(&lists);
    until_so("the change to be shown", async || timestamp().await != first).await;
}
