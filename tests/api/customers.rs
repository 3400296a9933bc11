//! Which customers there are, and which id each has at every source.

use serde_json::{Value, json};

use crate::support::{Folder, Gateway, Reply, World, person};

/// A gateway with these links in a file, and the file's folder.
async fn with_file(world: &World, links: &str, rows: &str) -> (Gateway, Folder) {
    let folder = Folder::new();
    let file = folder.write("links.csv", &format!("customer_id,name,advanced_automation_id,my_reports_id\n{rows}"));
    let setup = world.gateway().set("customers.links", links).set("customers.file", file.to_str().unwrap());
    (setup.start().await, folder)
}

fn link(source: &str, id: &str, matched_by: &str) -> Value {
    json!({"source": source, "id": id, "matched_by": matched_by})
}

fn ids(answer: &crate::support::Answer) -> Vec<String> {
    answer.json()["data"].as_array().unwrap().iter().map(|customer| customer["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn with_the_same_id_alone_nobody_knows_the_list_and_everybody_is_found() {
    let world = World::new().await;
    let gateway = world.start().await;
    let list = gateway.get("/customers").await;
    let expected = json!({"page_size": 0, "total": 0, "next_cursor": null, "data": [], "status": "success",
        "warnings": [{"code": "customers_not_listed", "source": null, "count": null}], "timestamp": list.json()["timestamp"]});
    assert_eq!((list.status, list.json()), (200, expected));
    list.has_the_usual_headers();
    let one = gateway.get("/customers/Acme~1").await.json();
    let links = [link("advanced_automation", "Acme~1", "same_id"), link("my_reports", "Acme~1", "same_id")];
    assert_eq!(one["data"], json!({"id": "Acme~1", "name": null, "links": links}));
    assert_eq!(one["warnings"], json!([]));
    assert_eq!(gateway.get("/customers/a%20b").await.code(), "invalid_customer_id");
    assert_eq!(world.asked(), (0, 0), "no source is asked");
}

#[tokio::test]
async fn the_file_says_whom_to_ask_for_at_each_source() {
    let world = World::new().await;
    world.persons(vec![person("1", "Ann", "ann@acme.example")]);
    let (gateway, _folder) = with_file(&world, "file", "acme,Acme GmbH,A-1,m-1\nbirch,Birch,,m-2\ncedar,,,\n").await;
    let acme = gateway.get("/customers/acme").await.json();
    let links = [link("advanced_automation", "A-1", "file"), link("my_reports", "m-1", "file")];
    assert_eq!(acme["data"], json!({"id": "acme", "name": "Acme GmbH", "links": links}));
    assert_eq!(gateway.get("/customers/acme/users").await.names(), ["Ann"]);
    assert_eq!(world.advanced_automation.calls().last().unwrap().parameter("Customer"), Some("A-1"));
    assert!(world.my_reports.calls()[0].path.ends_with("/customers/m-1/users"));

    let birch = gateway.get("/customers/birch/users").await;
    assert_eq!((birch.json()["status"].as_str(), &birch.json()["warnings"]), (Some("success"), &json!([])));
    let unlinked = json!({"source": "advanced_automation", "status": "not_linked", "users": null, "fetched_at": null, "stale": false});
    assert_eq!(birch.source("advanced_automation"), unlinked);
    assert_eq!(world.asked(), (1, 2), "a source is not asked about a customer that is not linked to it");

    for nobody in ["cedar", "zoe", "A-1"] {
        for path in ["", "/users", "/users/my_reports:1"] {
            let answer = gateway.get(&format!("/customers/{nobody}{path}")).await;
            assert_eq!((answer.status, answer.code().as_str()), (404, "customer_not_found"), "{nobody}{path}");
        }
    }
    assert_eq!(world.asked(), (1, 2), "no source is asked about a customer without links");
}

#[tokio::test]
async fn the_first_strategy_that_knows_a_customer_decides_for_both_sources() {
    let world = World::new().await;
    let rows = "acme,Acme,A-1,\n";
    for (links, zoe) in [("file,same_id", ["zoe", "zoe"]), ("file", ["", ""])] {
        let (gateway, _folder) = with_file(&world, links, rows).await;
        for (id, expected) in [("acme", ["A-1", ""]), ("zoe", zoe)] {
            let answer = gateway.get(&format!("/customers/{id}")).await.json();
            let at = |place: usize| answer["data"]["links"][place]["id"].as_str().unwrap_or_default().to_owned();
            assert_eq!([at(0), at(1)], expected, "{links} {id}");
        }
        let list = gateway.get("/customers").await;
        let warnings = list.json()["warnings"].as_array().unwrap().len();
        assert_eq!((ids(&list), warnings), (vec!["acme".to_owned()], usize::from(links != "file")), "{links}");
    }
}

#[tokio::test]
async fn only_a_link_that_nothing_says_is_called_unverified() {
    let world = World::new().await;
    world.my_reports.always(Reply::status(404));
    let (gateway, _folder) = with_file(&world, "file,same_id", "acme,Acme,A-1,m-1\n").await;
    for (customer, warned) in [("acme", false), ("zoe", true)] {
        let answer = gateway.get(&format!("/customers/{customer}/users")).await.json();
        assert_eq!(answer["status"], "success");
        let expected = if warned { json!([{"code": "unverified_link", "source": "my_reports", "count": null}]) } else { json!([]) };
        assert_eq!(answer["warnings"], expected, "{customer}");
    }
}

#[tokio::test]
async fn an_id_that_is_another_customers_at_one_source_is_in_doubt_at_the_other() {
    let world = World::new().await;
    let (gateway, _folder) = with_file(&world, "file,same_id", "acme,Acme,A-1,zoe\n").await;
    let roll = gateway.get("/customers/zoe/users").await;
    assert_eq!((roll.status, &roll.source("my_reports")["status"]), (200, &json!("not_linked")), "{roll:?}");
    assert_eq!(roll.json()["warnings"], json!([{"code": "unverified_link", "source": "advanced_automation", "count": null}]));
}

#[tokio::test]
async fn the_list_comes_in_pages_and_by_id_or_name() {
    let world = World::new().await;
    let rows: Vec<String> = (0..25).map(|number| format!("c{number:02},Customer {number},A-{number},")).collect();
    let (gateway, _folder) = with_file(&world, "file", &rows.join("\n")).await;
    let (mut seen, mut path) = (Vec::new(), "/customers?page_size=10&q=CUST".to_owned());
    loop {
        let page = gateway.get(&path).await;
        assert_eq!((page.status, &page.json()["total"]), (200, &json!(25)));
        assert_eq!(page.json()["page_size"], ids(&page).len());
        seen.extend(ids(&page));
        assert!(seen.len() <= 25, "the list has no end: {seen:?}");
        let Some(next) = page.header("link") else { break };
        assert!(next.contains(page.json()["next_cursor"].as_str().unwrap()));
        path = next.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
        assert!(path.starts_with("/customers?page_size=10&q=CUST&cursor="), "{path}");
    }
    assert_eq!(seen, (0..25).map(|number| format!("c{number:02}")).collect::<Vec<_>>());
    assert_eq!(ids(&gateway.get("/customers?q=c07").await), ["c07"]);
    assert_eq!(ids(&gateway.get("/customers?q=customer+1").await).len(), 11);
    let cursor = gateway.get("/customers?page_size=1").await.json()["next_cursor"].as_str().unwrap().to_owned();
    for (query, code) in [
        ("page_size=0", "invalid_parameter"),
        ("page_size=1001", "invalid_parameter"),
        ("q=", "invalid_parameter"),
        ("q=a&q=a", "invalid_parameter"),
        ("sort=id", "invalid_parameter"),
        ("cursor=nonsense", "invalid_cursor"),
        (&format!("q=a&cursor={cursor}"), "invalid_cursor"),
    ] {
        assert_eq!(gateway.get(&format!("/customers?{query}")).await.code(), code, "{query}");
    }
    assert_eq!(gateway.get("/customers/c01?page_size=1").await.code(), "invalid_parameter");
}

#[tokio::test]
async fn customers_are_answered_as_everything_else_is() {
    let world = World::new().await;
    let (gateway, _folder) = with_file(&world, "file", "acme,Acme,A-1,m-1\n").await;
    for path in ["/customers", "/customers/acme"] {
        let first = gateway.get(path).await;
        first.has_the_usual_headers();
        assert_eq!((first.header("content-type"), first.header("cache-control")), (Some("application/json"), Some("private, max-age=0")));
        assert_eq!(gateway.get(path).await.text, first.text, "identical, byte for byte");
        let tag = first.header("etag").unwrap();
        let held = gateway.get_with(path, &[("if-none-match", tag)]).await;
        assert_eq!((held.status, held.text.as_str(), held.header("etag")), (304, "", Some(tag)));
        let bare = gateway.send("HEAD", path, &[]).await;
        assert_eq!((bare.status, bare.text.as_str(), bare.header("etag")), (200, "", Some(tag)));
        let wrong = gateway.send("POST", path, &[]).await;
        assert_eq!((wrong.code().as_str(), wrong.header("allow")), ("method_not_allowed", Some("GET,HEAD")));
        assert_eq!(gateway.get_with(path, &[("accept", "text/csv")]).await.code(), "not_acceptable");
        let problem = gateway.get_with(&format!("{path}?x=1"), &[("accept", "application/problem+json")]).await;
        assert_eq!(problem.problem_code(), "invalid_parameter");
    }
}

#[tokio::test]
async fn rows_of_another_customer_who_is_linked_to_somebody_else_are_a_wrong_answer() {
    let world = World::new().await;
    let mut row = person("1", "Ann", "ann@acme.example");
    row["Customer"] = json!("b-1");
    world.persons(vec![row]);
    // A row that does not say whether it is inherited may name the reseller, but not somebody else's tenant.
    let unsaid = json!({"id": "2", "displayName": "Bo", "email": "", "primaryTenant": "M-2"});
    world.users(vec![unsaid, json!({"id": "3", "displayName": "Cy", "email": ""})]);
    let (gateway, folder) = with_file(&world, "file,same_id", "acme,Acme,A-1,m-1\nbirch,Birch,B-1,m-2\n").await;
    for (customer, status) in [("acme", "invalid_response"), ("zoe", "invalid_response"), ("birch", "ok")] {
        let answer = gateway.get(&format!("/customers/{customer}/users")).await;
        for source in ["advanced_automation", "my_reports"] {
            assert_eq!(answer.source(source)["status"], status, "{customer}: {}", answer.text);
        }
    }
    drop(folder);
    // If nothing says who the other customer is, the vendor's own example is such an answer.
    let (gateway, _folder) = with_file(&world, "file,same_id", "acme,Acme,A-1,m-1\n").await;
    for customer in ["acme", "zoe"] {
        let answer = gateway.get(&format!("/customers/{customer}/users")).await.json();
        let warning = json!([{"code": "customer_id_differs", "source": "advanced_automation", "count": 1}]);
        assert_eq!((answer["status"].as_str(), &answer["warnings"]), (Some("success"), &warning), "{customer}");
    }
}
