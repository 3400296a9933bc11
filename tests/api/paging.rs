//! Pages: every user once, in one order, whatever happens between two pages.

use serde_json::{Value, json};

use crate::support::{Answer, Gateway, World, crowd, person, user};

const USERS: &str = "/customers/acme/users";

/// A roll of three, its first page of one, and the cursor of the next.
async fn first_of_three() -> (World, Gateway, String) {
    let world = World::new().await;
    world.persons(crowd(3));
    let gateway = world.start().await;
    let first = gateway.get(&format!("{USERS}?page_size=1")).await;
    let cursor = cursor(&first).unwrap();
    (world, gateway, cursor)
}

fn cursor(answer: &Answer) -> Option<String> {
    answer.json()["next_cursor"].as_str().map(str::to_owned)
}

/// The path of the next page, from the `Link` header.
fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link")?;
    let path = link.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
    Some(path.unwrap_or_else(|| panic!("no link to a next page: {link}")).to_owned())
}

/// Follows the links through all pages; returns each page's users.
async fn walk(gateway: &Gateway, first: &str) -> Vec<Vec<Value>> {
    let (mut pages, mut path) = (Vec::new(), Some(first.to_owned()));
    while let Some(link) = path {
        let answer = gateway.get(&link).await;
        assert_eq!(answer.status, 200, "{link}: {}", answer.text);
        assert_eq!(next(&answer).is_some(), cursor(&answer).is_some(), "the link and the cursor agree");
        let users = answer.json()["data"].as_array().unwrap().clone();
        assert_eq!(answer.json()["page_size"], users.len(), "page_size counts this page's users");
        path = next(&answer);
        pages.push(users);
    }
    pages
}

#[tokio::test]
async fn a_page_has_a_hundred_users_unless_it_is_asked_for_otherwise() {
    let world = World::new().await;
    world.persons(crowd(1001));
    let gateway = world.start().await;
    for (query, users) in [("", 100), ("?page_size=1", 1), ("?page_size=999", 999), ("?page_size=1000", 1000)] {
        let answer = gateway.get(&format!("{USERS}{query}")).await;
        let body = answer.json();
        assert_eq!((answer.names().len(), &body["page_size"], &body["total"]), (users, &json!(users), &json!(1001)), "{query}");
    }
    for wrong in ["0", "1001", "-1", "+5", "1.5", "ten", "", "1e2", "99999999999999999999"] {
        let answer = gateway.get(&format!("{USERS}?page_size={wrong}")).await;
        let body = answer.json();
        assert_eq!((answer.status, body["code"].as_str()), (400, Some("invalid_parameter")), "{wrong}");
        assert!(body["message"].as_str().unwrap().contains("page_size"), "{wrong}");
    }
}

#[tokio::test]
async fn walking_the_pages_shows_everybody_once_in_the_order_of_one_large_page() {
    let world = World::new().await;
    world.persons(crowd(23));
    let mut users: Vec<Value> = (0..9).map(|number| user(&format!("u{number}"), "Same Name", "")).collect();
    users.extend((0..9).map(|number| user(&format!("v{number}"), &format!("P{number:03}"), &format!("P{number}@ACME.example"))));
    world.users(users);
    let gateway = world.start().await;
    for sort in ["display_name", "-display_name", "email", "-email", "id", "-id"] {
        let whole = gateway.get(&format!("{USERS}?sort={sort}&page_size=1000")).await.json()["data"].as_array().unwrap().clone();
        for size in [1, 5, 32] {
            let pages = walk(&gateway, &format!("{USERS}?sort={sort}&page_size={size}")).await;
            assert_eq!(pages.len(), whole.len().div_ceil(size), "{sort} {size}: no page is empty");
            assert_eq!(pages.concat(), whole, "{sort} {size}");
        }
    }
    assert_eq!(world.asked(), (1, 1));
}

#[tokio::test]
async fn the_link_repeats_the_other_parameters_and_is_relative() {
    let world = World::new().await;
    let odd = |number: usize| person(&number.to_string(), &format!("Ä & <ö>+{number}"), &format!("p{number}@acme.example"));
    world.persons((0..5).map(odd).collect());
    let gateway = world.start().await;
    let query = "?partial=allow&q=%C3%A4+%26+%3C%C3%B6%3E%2B&include=deleted%2Cconflicts&exclude=placeholder&sort=-email&page_size=2";
    let first = gateway.get(&format!("{USERS}{query}")).await;
    let link = next(&first).unwrap();
    assert!(link.starts_with("/customers/acme/users?") && link.contains("&cursor="), "{link}");
    for parameter in ["partial=allow", "exclude=placeholder", "sort=-email", "page_size=2"] {
        assert_eq!(link.matches(parameter).count(), 1, "{parameter}: {link}");
    }
    let pages = walk(&gateway, &link).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1], "the filters apply on each page");
    let last = gateway.get(&format!("{USERS}?page_size=5")).await;
    assert_eq!((last.header("link"), &last.json()["next_cursor"]), (None, &Value::Null), "a page that is exactly full is the last");
}

#[tokio::test]
async fn a_cursor_belongs_to_its_customer_and_its_view() {
    let (_world, gateway, cursor) = first_of_three().await;
    let damaged = format!("{}{}", if cursor.starts_with('A') { "B" } else { "A" }, &cursor[1..]);
    for (path, cursor) in [
        ("/customers/other/users?", cursor.as_str()),
        ("/customers/ACME/users?", &cursor),
        ("/customers/acme/users?q=p&", &cursor),
        ("/customers/acme/users?email=p0%40acme.example&", &cursor),
        ("/customers/acme/users?source=my_reports&", &cursor),
        ("/customers/acme/users?enabled=true&", &cursor),
        ("/customers/acme/users?include=deleted&", &cursor),
        ("/customers/acme/users?include=conflicts&", &cursor),
        ("/customers/acme/users?exclude=placeholder&", &cursor),
        ("/customers/acme/users?sort=-display_name&", &cursor),
        ("/customers/acme/users?sort=email&", &cursor),
        ("/customers/acme/users?", &damaged),
        ("/customers/acme/users?", &cursor[..cursor.len() - 1]),
        ("/customers/acme/users?", &format!("{cursor}A")),
        ("/customers/acme/users?", ""),
        ("/customers/acme/users?", "%00"),
    ] {
        let answer = gateway.get(&format!("{path}cursor={cursor}")).await;
        let body = answer.json();
        assert_eq!(
            (answer.status, body["code"].as_str(), body["owner"].as_str()),
            (400, Some("invalid_cursor"), Some("caller")),
            "{path}{cursor}"
        );
    }
}

#[tokio::test]
async fn a_wrong_cursor_is_refused_before_a_source_is_asked() {
    let world = World::new().await;
    let answer = world.start().await.get(&format!("{USERS}?cursor=AAAA")).await;
    assert_eq!((answer.status, world.asked()), (400, (0, 0)));
}

#[tokio::test]
async fn page_size_and_partial_may_change_between_pages_and_so_may_a_default_that_is_said() {
    let (_world, gateway, cursor) = first_of_three().await;
    for query in ["page_size=7", "partial=deny", "page_size=1000&partial=allow", "sort=display_name&page_size=2"] {
        let answer = gateway.get(&format!("{USERS}?{query}&cursor={cursor}")).await;
        assert_eq!((answer.status, answer.names()), (200, vec!["P001".to_owned(), "P002".to_owned()]), "{query}");
    }
}

#[tokio::test]
async fn a_refresh_between_two_pages_repeats_nobody_and_skips_nobody_who_stayed() {
    let world = World::new().await;
    let (mut rows, mut seen, mut gone) = (crowd(40), Vec::new(), Vec::new());
    world.persons(rows.clone());
    let gateway = world.start().await;
    let mut path = Some(format!("{USERS}?page_size=10"));
    while let Some(link) = path {
        let answer = gateway.get_with(&link, &[("cache-control", "no-cache")]).await;
        seen.extend(answer.names());
        path = next(&answer);
        // The last user of the page disappears; others are added at the beginning, just after that user, and at the end.
        let last = answer.names().pop().unwrap();
        rows.retain(|row| row["Name"] != last.as_str());
        for place in ["A", &last, "Z"] {
            let new = format!("{place} {}", seen.len());
            rows.push(person(&new, &new, ""));
        }
        world.persons(rows.clone());
        gone.push(last);
    }
    assert!(gone.len() >= 5, "pages: {gone:?}");
    assert!(seen.is_sorted(), "{seen:?}");
    assert!(seen.windows(2).all(|pair| pair[0] != pair[1]), "no user twice: {seen:?}");
    let stayed = crowd(40).into_iter().map(|row| row["Name"].as_str().unwrap().to_owned()).filter(|name| !gone.contains(name));
    assert_eq!(stayed.filter(|name| !seen.contains(name)).collect::<Vec<_>>(), [""; 0], "no remaining user was skipped");
    assert!(seen.contains(&"P009 10".to_owned()), "a user added after the page is on the next: {seen:?}");
}

#[tokio::test]
async fn the_order_is_by_code_point_with_those_who_have_no_value_last() {
    let world = World::new().await;
    let nameless = |id: &str, email: Value| json!({"Id": id, "Name": null, "Email": email});
    world.persons(vec![
        person("1", "zoe", "b@acme.example"),
        person("2", "A\u{30a}sa", "Z@acme.example"),
        person("3", "Ann", ""),
        person("4", "ann b", "ä@acme.example"),
        nameless("5", json!("a@acme.example")),
        nameless("6", Value::Null),
    ]);
    let gateway = world.start().await;
    for (sort, expected) in [
        ("display_name", ["3", "4", "1", "2", "?", "?"]),
        ("-display_name", ["2", "1", "4", "3", "?", "?"]),
        ("email", ["5", "1", "2", "4", "?", "?"]),
        ("-email", ["4", "2", "1", "5", "?", "?"]),
    ] {
        let users = gateway.get(&format!("{USERS}?sort={sort}")).await.json()["data"].as_array().unwrap().clone();
        let field = sort.trim_start_matches('-');
        let record =
            |user: &Value| if user[field].is_null() { "?".to_owned() } else { user["sources"][0]["id"].as_str().unwrap().to_owned() };
        assert_eq!(users.iter().map(record).collect::<Vec<_>>(), expected, "{sort}");
        let ids: Vec<&str> = users[4..].iter().map(|user| user["id"].as_str().unwrap()).collect();
        assert!(ids.is_sorted(), "{sort}: those without a value are sorted by id in either direction");
    }
    for (sort, descending) in [("id", false), ("-id", true)] {
        let users = gateway.get(&format!("{USERS}?sort={sort}")).await.json()["data"].as_array().unwrap().clone();
        let mut ids: Vec<&str> = users.iter().map(|user| user["id"].as_str().unwrap()).collect();
        if descending {
            ids.reverse();
        }
        assert!(ids.is_sorted(), "{sort}");
    }
}

#[tokio::test]
async fn total_counts_whom_the_filters_leave_and_nobody_in_a_partial_answer() {
    let world = World::new().await;
    world.persons(crowd(25));
    let gateway = world.gateway().set("sources.my_reports.retries", "0").start().await;
    let total = async |query: &str| gateway.get(&format!("{USERS}?page_size=2{query}")).await.json()["total"].clone();
    assert_eq!([total("").await, total("&q=p01").await, total("&q=nobody").await], [json!(25), json!(10), json!(0)]);
    world.my_reports.always(crate::support::Reply::status(503));
    let partial = gateway.get("/customers/other/users?page_size=2").await;
    assert_eq!((&partial.json()["status"], &partial.json()["total"]), (&json!("partial"), &Value::Null));
    assert_eq!(walk(&gateway, "/customers/other/users?page_size=10").await.concat().len(), 25, "a partial roll is paged, too");
}

#[tokio::test]
async fn a_name_however_long_makes_a_cursor_that_is_taken() {
    for length in [256, 257, 1024, 4000] {
        let (world, name) = (World::new().await, "\u{1d160}".repeat(length)); // three times as long after normalization
        world.users(vec![user("1", &name, "a@acme.example"), user("2", &name, "b@acme.example")]);
        let gateway = world.start().await;
        let q = if length == 256 { format!("&q={name}") } else { String::new() };
        let first = gateway.get(&format!("{USERS}?source=my_reports&page_size=1{q}")).await;
        let second = gateway.get(&next(&first).unwrap()).await;
        assert_eq!((second.status, second.names()), (200, first.names()), "{length}");
        assert_eq!(first.names()[0] == name, length == 256, "{length}: longer names are treated as absent");
    }
}
