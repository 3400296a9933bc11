//! `discover`: customers that the sources list themselves, linked by the references from one list to another.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    Folder, Gateway, Reply, Setup, World,
    lists::{Lists, customer, customers_page, is_list, tenant, tenants_page},
    person, until, until_so, user, with_tokens,
};

const NIL: &str = "00000000-0000-0000-0000-000000000000";

/// One customer of every kind.
pub(crate) fn every_case() -> Lists {
    let partner = json!({"Id": "partner", "Tenant": "partner", "Name": "Partner", "ExternalTenantUUID": "u-p", "ExternalTenantId": "1"});
    Lists {
        advanced_automation: vec![
            partner,
            customer("a-id", "By Id", NIL, "101"),
            customer("a-uuid", "By UUID", "uuid-2", "102"),
            customer("a-number", "By Number", NIL, "103"),
            customer("a-alone", "Alone", NIL, "104"),
            customer("a-twice", "Twice", NIL, "105"),
            customer("a-one", "One", NIL, "106"),
            customer("a-two", "Two", NIL, "106"),
        ],
        my_reports: vec![
            tenant("m-id", "Mine by Id", "a-id"),
            tenant("m-uuid", "Mine by UUID", "uuid-2"),
            tenant("m-number", "Mine by Number", "103"),
            tenant("m-longer", "Contains", "1030"),
            tenant("m-name", "Alone", ""),
            tenant("m-nil", "Zeros", NIL),
            tenant("m-first", "First", "a-twice"),
            tenant("m-second", "Second", "a-twice"),
            tenant("m-both", "Both", "106"),
            tenant("m-partner", "Of the partner", "partner"),
            tenant("m no", "No id of ours", ""),
        ],
        persons: vec![person("1", "Ann", "ann@acme.example")],
        users: vec![user("2", "Bo", "bo@acme.example")],
    }
}

pub(crate) fn discovering(world: &World) -> Setup {
    world
        .gateway()
        .set("customers.links", "discover")
        .set("customers.refresh", "200ms")
        .set("sources.my_reports.retries", "0")
        .set("sources.advanced_automation.retries", "0")
}

/// Waits until the lists have been read.
pub(crate) async fn ready(gateway: &Gateway) {
    until_so("the lists to be read", async || gateway.get("/customers").await.status == 200).await;
}

/// Each customer with its id at either source, and what each link is based on.
pub(crate) async fn links(gateway: &Gateway) -> Vec<String> {
    let list = gateway.get("/customers?page_size=1000").await.json();
    let shown = |customer: &Value| {
        let at = |place: usize| {
            let link = &customer["links"][place];
            link["id"].as_str().map(|id| format!("{id} {}", link["matched_by"].as_str().unwrap())).unwrap_or_default()
        };
        format!("{}: {} | {}", customer["id"].as_str().unwrap(), at(0), at(1))
    };
    list["data"].as_array().unwrap().iter().map(shown).collect()
}

#[tokio::test]
async fn customers_are_linked_by_reference_exactly_and_only_once() {
    let world = World::new().await;
    world.list(&every_case());
    let gateway = discovering(&world).start().await;
    ready(&gateway).await;
    let expected = [
        "a-alone: a-alone listed | ",
        "a-id: a-id listed | m-id reference_is_id",
        "a-number: a-number listed | m-number reference_is_tenant_id",
        "a-one: a-one listed | ",
        "a-twice: a-twice listed | ",
        "a-two: a-two listed | ",
        "a-uuid: a-uuid listed | m-uuid reference_is_tenant_uuid",
        "m-both:  | m-both listed",
        "m-first:  | m-first listed",
        "m-longer:  | m-longer listed",
        "m-name:  | m-name listed",
        "m-nil:  | m-nil listed",
        "m-partner:  | m-partner listed",
        "m-second:  | m-second listed",
    ];
    assert_eq!(links(&gateway).await, expected);
    let warning = |code: &str, count: u64| json!({"code": code, "source": "my_reports", "count": count});
    let list = gateway.get("/customers").await.json();
    assert_eq!(list["warnings"], json!([warning("ambiguous_reference", 3), warning("customers_not_listed", 1)]));
    for (id, apart) in [("a-twice", 2), ("m-first", 2), ("a-one", 1), ("m-both", 1), ("a-id", 0), ("m-longer", 0)] {
        let expected = if apart > 0 { json!([warning("ambiguous_reference", apart)]) } else { json!([]) };
        assert_eq!(gateway.get(&format!("/customers/{id}")).await.json()["warnings"], expected, "{id}");
        let roll = gateway.get(&format!("/customers/{id}/users")).await.json();
        assert_eq!((roll["status"].as_str(), &roll["warnings"]), (Some("success"), &expected), "{id}");
    }
    for nobody in ["partner", "m-id", "m-uuid", "zoe"] {
        assert_eq!(gateway.get(&format!("/customers/{nobody}/users")).await.code(), "customer_not_found", "{nobody}");
    }
    for (reason, count) in [("shared_reference", 2), ("fits_several", 1), ("unknown_reference", 3), ("no_reference", 1), ("invalid_id", 1)]
    {
        let line = format!("rollcall_customers_unlinked{{source=\"my_reports\",reason=\"{reason}\"}} {count}");
        assert!(gateway.has_metric(&line).await, "{line}: {}", gateway.get("/metrics").await.text);
    }
    assert!(gateway.has_metric("rollcall_customer_links{strategy=\"discover\"} 14").await);
}

#[tokio::test]
async fn a_roll_tells_of_a_customer_with_the_same_id_at_the_other_source() {
    let world = World::new().await;
    world.list(&Lists { advanced_automation: vec![customer("x", "X", "", "1")], my_reports: vec![tenant("x", "X", "")], ..every_case() });
    let gateway = discovering(&world).set("customers.links", "discover,same_id").start().await;
    ready(&gateway).await;
    let roll = gateway.get("/customers/x/users").await;
    assert_eq!((roll.status, roll.source("my_reports")["status"].as_str()), (200, Some("not_linked")), "{roll:?}");
    let warning = |count: u64| json!({"code": "ambiguous_reference", "source": "my_reports", "count": count});
    assert_eq!(roll.json()["warnings"], json!([warning(1)]));
    let list = gateway.get("/customers").await.json();
    assert_eq!((&list["data"].as_array().unwrap().len(), &list["warnings"][0]), (&1, &warning(1)), "{list}");
}

#[tokio::test]
async fn the_list_tells_of_those_left_apart_though_nobody_can_ask_for_them() {
    let world = World::new().await;
    let (one, other) = (customer("a", "A", "", "7"), customer("b", "B", "", "7"));
    world.list(&Lists { advanced_automation: vec![one, other], my_reports: vec![tenant("a", "A", "7")], ..every_case() });
    let gateway = discovering(&world).start().await;
    ready(&gateway).await;
    let warning = json!({"code": "ambiguous_reference", "source": "my_reports", "count": 1});
    for path in ["/customers", "/customers/a", "/customers/b", "/customers/a/users"] {
        assert_eq!(gateway.get(path).await.json()["warnings"][0], warning, "{path}");
    }
}

#[tokio::test]
async fn a_discovered_customer_is_asked_for_by_its_id_at_each_source() {
    let world = World::new().await;
    world.list(&every_case());
    let gateway = discovering(&world).start().await;
    ready(&gateway).await;
    let roll = gateway.get("/customers/a-number/users").await;
    assert_eq!((roll.names(), &roll.json()["data"][0]["matched_by"]), (vec!["Ann".to_owned(), "Bo".to_owned()], &Value::Null));
    let (persons, users) = (world.advanced_automation.calls(), world.my_reports.calls());
    assert!(persons.iter().any(|call| call.parameter("Customer") == Some("a-number")));
    assert!(users.iter().any(|call| call.path.ends_with("/customers/m-number/users")));
    assert_eq!(gateway.get("/customers/m-name/users").await.source("advanced_automation")["status"], "not_linked");
}

#[tokio::test]
async fn the_lists_are_asked_for_as_documented_and_walked_to_their_end() {
    let world = World::new().await;
    let many = |count: usize| Lists {
        advanced_automation: (0..count).map(|number| customer(&format!("a{number}"), "A", "", &(number + 1).to_string())).collect(),
        my_reports: (0..count).map(|number| tenant(&format!("m{number}"), "M", &(number + 1).to_string())).collect(),
        ..Lists::default()
    };
    world.list(&many(2050));
    let setup = discovering(&world)
        .set("customers.refresh", "1h")
        .set("sources.my_reports.account_id", "account-1")
        .set("sources.advanced_automation.page_size", "500");
    let gateway = setup.start().await;
    ready(&gateway).await;
    assert_eq!(gateway.get("/customers").await.json()["total"], 2050);
    assert_eq!(world.lists_asked(), (5, 4));
    let (persons, users) = (world.advanced_automation.calls(), world.my_reports.calls());
    let asked = persons.iter().find(|call| is_list(call)).unwrap();
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str(), asked.parameter("Active")),
        ("POST", "/api/advanced-automation/v1/Customer", Some("true"))
    );
    assert_eq!((asked.body.len(), asked.header("content-length")), (0, Some("0")));
    assert_eq!(users[0].path, "/api/v1.0/accounts/account-1/customers");
    let pages: Vec<(usize, usize)> = users.iter().map(|call| (call.number("pageIndex"), call.number("pageSize"))).collect();
    assert_eq!(pages, [(0, 1000), (1, 1000), (2, 1000), (3, 1000)], "the last one proves the end");
}

#[tokio::test]
async fn until_both_lists_were_read_nobody_is_known() {
    let world = World::new().await;
    world.list(&every_case());
    world.my_reports.always(Reply::status(503));
    let gateway = discovering(&world).start().await;
    until("the lists to be requested", || world.lists_asked().0 > 0 && world.lists_asked().1 > 0).await;
    for path in ["/customers", "/customers/a-id", "/customers/a-id/users", "/customers/a-id/users/my_reports:2"] {
        let answer = gateway.get(path).await;
        assert_eq!((answer.code().as_str(), &answer.json()["retryable"]), ("links_unavailable", &json!(true)), "{path}");
        assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    }
    assert_eq!(world.asked().0, 0, "no source is asked for users");
    world.list(&every_case());
    ready(&gateway).await;
}

#[tokio::test]
async fn the_old_links_stay_where_a_list_cannot_be_read_again() {
    let answers = [
        Reply::status(503),
        Reply::status(403),
        Reply::html(200),
        Reply::json(200, &json!({"page_size": 3, "data": [], "status": "success"})),
        Reply::json(200, &json!({"page_size": 0, "data": [], "status": "success"})),
    ];
    let stay = async |broken| {
        let world = World::new().await;
        world.list(&every_case());
        let gateway = discovering(&world).set("customers.refresh", "2s").start().await;
        ready(&gateway).await;
        let (before, asked) = (links(&gateway).await, world.lists_asked().1);
        world.my_reports.always(broken);
        until("the list to be requested again", || world.lists_asked().1 > asked).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(links(&gateway).await, before);
        assert_eq!(gateway.get("/customers/a-id").await.status, 200);
    };
    join_all(answers.map(stay)).await;
}

#[tokio::test]
async fn a_list_whose_counts_do_not_agree_is_read_twice_and_then_is_none() {
    let world = World::new().await;
    let rows = every_case().advanced_automation;
    world.list(&every_case());
    world
        .advanced_automation
        .answer(with_tokens(move |_| Reply::json(200, &json!({"Customers": rows, "AmountRecordsFound": 99, "AmountOfPages": 0}))));
    let gateway = discovering(&world).set("customers.refresh", "1h").start().await;
    until("the list to be read twice", || world.lists_asked().0 >= 2).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(gateway.get("/customers").await.code(), "links_unavailable");
    let tenants: Vec<Value> = (0..1500).map(|number| tenant(&format!("m{}", number % 1400), "M", "")).collect();
    let (world, lists) = (World::new().await, every_case());
    world.list(&lists);
    world.my_reports.answer(move |call| tenants_page(&tenants, call));
    let gateway = discovering(&world).set("customers.refresh", "1h").start().await;
    until("the list to be read twice", || world.lists_asked().1 >= 4).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(gateway.get("/customers").await.code(), "links_unavailable", "a row that comes twice shows that another was missed");
}

#[tokio::test]
async fn the_links_are_refreshed_behind_the_requests_and_never_by_them() {
    let world = World::new().await;
    world.list(&every_case());
    let gateway = discovering(&world).set("customers.refresh", "1h").start().await;
    ready(&gateway).await;
    let asked = world.lists_asked();
    for path in ["/customers", "/customers/a-id", "/customers/a-id/users", "/customers/nobody/users"] {
        gateway.get_with(path, &[("cache-control", "no-cache")]).await;
    }
    assert_eq!(world.lists_asked(), asked);

    let world = World::new().await;
    world.list(&every_case());
    let gateway = discovering(&world).start().await;
    ready(&gateway).await;
    let mut lists = every_case();
    lists.my_reports[4] = tenant("m-name", "Alone", "a-alone");
    world.list(&lists);
    until_so("the new link", async || links(&gateway).await.contains(&"a-alone: a-alone listed | m-name reference_is_id".to_owned())).await;
}

#[tokio::test]
async fn whom_nobody_lists_is_found_by_the_next_strategy() {
    let world = World::new().await;
    world.list(&every_case());
    let gateway = discovering(&world).set("customers.links", "discover,same_id").start().await;
    ready(&gateway).await;
    let one = gateway.get("/customers/zoe").await.json();
    assert_eq!((&one["data"]["links"][0]["matched_by"], &one["data"]["links"][1]["matched_by"]), (&json!("same_id"), &json!("same_id")));
    let list = gateway.get("/customers").await.json();
    assert_eq!(list["total"], 14);
    assert!(list["warnings"].as_array().unwrap().contains(&json!({"code": "customers_not_listed", "source": null, "count": null})));
}

#[tokio::test]
async fn rows_of_a_customer_who_is_linked_elsewhere_are_a_wrong_answer() {
    let world = World::new().await;
    let mut lists = every_case();
    lists.persons[0]["Customer"] = json!("A-UUID");
    world.list(&lists);
    let gateway = discovering(&world).start().await;
    ready(&gateway).await;
    for (id, status) in [("a-id", "invalid_response"), ("a-uuid", "ok")] {
        assert_eq!(gateway.get(&format!("/customers/{id}/users")).await.source("advanced_automation")["status"], status, "{id}");
    }
    // An id that is listed belongs to a customer, whether or not that customer can be requested.
    let (world, mut lists) = (World::new().await, every_case());
    lists.advanced_automation.push(customer("a no", "No id of ours", NIL, "107"));
    lists.persons[0]["Customer"] = json!("A NO");
    world.list(&lists);
    let gateway = discovering(&world).start().await;
    ready(&gateway).await;
    assert_eq!(gateway.get("/customers/a-id/users").await.source("advanced_automation")["status"], "invalid_response");
    // The partner is not a customer, and certainly not this one.
    let (world, mut lists) = (World::new().await, every_case());
    lists.persons[0]["Customer"] = json!("PARTNER");
    world.list(&lists);
    let gateway = discovering(&world).start().await;
    ready(&gateway).await;
    assert_eq!(gateway.get("/customers/a-id/users").await.source("advanced_automation")["status"], "invalid_response");
    let warnings = gateway.get("/customers").await.json()["warnings"].clone();
    let hidden = |warning: &&Value| warning["code"] == "customers_not_listed" && warning["source"] == "advanced_automation";
    assert_eq!(warnings.as_array().unwrap().iter().find(hidden), None, "and the list does not count it as missing");
}

#[tokio::test]
async fn an_id_that_is_another_customers_finds_nobody_by_itself() {
    let world = World::new().await;
    world.list(&every_case());
    let gateway = discovering(&world).set("customers.links", "discover,same_id").start().await;
    ready(&gateway).await;
    let asked = world.asked();
    // At MyReports the customer is a-id; at Advanced Automation the id belongs to no customer.
    let answer = gateway.get("/customers/m-id").await.json();
    let links = |place: usize| answer["data"]["links"][place]["matched_by"].clone();
    assert_eq!((links(0), links(1)), (json!("same_id"), Value::Null), "{answer}");
    let roll = gateway.get("/customers/m-id/users").await;
    assert_eq!(roll.source("my_reports")["status"], "not_linked", "{roll:?}");
    assert_eq!(world.asked().1, asked.1, "another customer's users are not shown");
}

#[tokio::test]
async fn an_id_that_is_somebodys_everywhere_is_nobodys_by_itself() {
    let (world, folder) = (World::of_two().await, Folder::new());
    let file = folder.write("links.csv", "customer_id,name,advanced_automation_id,my_reports_id\nacme,Acme,one,one\nbirch,Birch,two,\n");
    let setup = world.gateway().set("customers.links", "file,same_id").set("customers.file", file.to_str().unwrap());
    let gateway = setup.start().await;
    for (id, status) in [("acme", 200), ("one", 404), ("ONE", 404), ("two", 200), ("zoe", 200)] {
        assert_eq!(gateway.get(&format!("/customers/{id}/users")).await.status, status, "{id}");
    }
    assert_eq!(gateway.get("/customers/two/users").await.source("advanced_automation")["status"], "not_linked");
}

#[tokio::test]
async fn a_list_that_is_slow_does_not_keep_the_rest_from_being_answered() {
    let world = World::new().await;
    world.list(&every_case());
    let rows = every_case().advanced_automation;
    world.advanced_automation.answer(with_tokens(move |call| customers_page(&rows, call).after(Duration::from_secs(5))));
    let gateway = discovering(&world).set("sources.advanced_automation.timeout", "30s").start().await;
    let started = tokio::time::Instant::now();
    assert_eq!(gateway.get("/customers/a-id").await.code(), "links_unavailable");
    assert!(started.elapsed() < Duration::from_secs(3), "a request never waits for a list");
    ready(&gateway).await;
}

#[tokio::test]
async fn a_changed_configuration_does_not_begin_without_links() {
    let world = World::new().await;
    world.list(&every_case());
    let gateway = discovering(&world).set("customers.refresh", "1h").start().await;
    ready(&gateway).await;
    let rows = every_case().advanced_automation;
    world.advanced_automation.answer(with_tokens(move |call| customers_page(&rows, call).after(Duration::from_secs(2))));
    gateway.reload(discovering(&world).set("cache.fresh", "10s").config().unwrap());
    assert_eq!(gateway.get("/customers").await.json()["total"], 14, "at once, although the lists are being read");
}

#[tokio::test]
async fn a_roll_says_what_is_known_of_its_links_now_and_not_when_it_was_read() {
    let world = World::new().await;
    world.list(&every_case());
    let gateway = discovering(&world).start().await;
    ready(&gateway).await;
    let warnings = async || gateway.get("/customers/a-alone/users").await.json()["warnings"].clone();
    assert_eq!(warnings().await, json!([]));
    let mut lists = every_case();
    lists.my_reports[3] = tenant("m-longer", "Contains", "a-alone");
    lists.my_reports[4] = tenant("m-name", "Alone", "a-alone");
    world.list(&lists);
    until_so("the warning", async || warnings().await == json!([{"code": "ambiguous_reference", "source": "my_reports", "count": 2}]))
        .await;
    assert_eq!(world.asked().0, 1, "from the same copy");
}
