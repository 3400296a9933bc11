//! The pages for people: the start page, and the API browser, all served from inside the binary.

use crate::support::{Answer, Folder, Gateway, Reply, World};

/// The values of the attributes `src` and `href` on a page.
fn named(html: &str) -> Vec<String> {
    let after = |mark| html.split(mark).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned);
    after("src=\"").chain(after("href=\"")).collect()
}

/// The target of a name on a page; panics if it is another host.
#[track_caller]
fn resolve(page: &str, name: &str) -> String {
    let base = url::Url::parse("http://gateway").unwrap().join(page).unwrap();
    let target = base.join(name).unwrap();
    assert_eq!(target.host_str(), Some("gateway"), "{page} names another host: {name}");
    target.path().to_owned()
}

#[track_caller]
fn assert_typed(path: &str, answer: &Answer) {
    assert_eq!(answer.status, 200, "{path}");
    let kinds =
        [(".js", "javascript"), (".css", "text/css"), (".png", "image/png"), (".json", "application/json"), (".yaml", "application/yaml")];
    let expected = kinds.iter().find(|(ending, _)| path.ends_with(ending)).map_or("text/html", |(_, kind)| *kind);
    assert!(answer.header("content-type").unwrap().contains(expected), "{path}: {:?}", answer.headers);
}

#[tokio::test]
async fn the_api_can_be_browsed_from_inside_the_binary() {
    for base in ["", "/gate"] {
        let gateway = World::new().await.gateway().set("server.base_path", base).start().await;
        let index_path = format!("{base}/docs/");
        let moved = gateway.send_raw(&format!("GET {base}/docs HTTP/1.1"), &[]).await;
        assert!(matches!(moved.status, 301 | 302 | 307 | 308) && moved.header("location") == Some(&index_path), "{moved:?}");
        let index = gateway.get(&index_path).await;
        assert_typed(&index_path, &index);
        assert!(index.header("content-security-policy").unwrap().contains("default-src 'none'"), "{:?}", index.headers);
        let names = named(&index.text);
        assert!(
            names.iter().filter(|name| name.contains(".js")).count() >= 2 && names.iter().any(|name| name.contains(".css")),
            "{names:?}"
        );
        for name in names {
            let path = resolve(&index_path, &name);
            assert_typed(&path, &gateway.get(&path).await);
        }
        let initializer = gateway.get(&format!("{base}/docs/swagger-initializer.js")).await;
        assert!(initializer.text.contains(&format!("\"{base}/openapi.json\"")), "{}", initializer.text);
        assert!(!initializer.text.contains("://"), "it names another host: {}", initializer.text);
        assert_eq!(gateway.get(&format!("{base}/docs/nothing.js")).await.code(), "route_not_found");
    }
}

#[tokio::test]
async fn the_start_page_says_what_this_is_and_how_each_source_is() {
    let world = World::new().await;
    let gateway = world.start().await;
    let page = gateway.get("/").await;
    assert_typed("/", &page);
    assert!(page.text.contains("Rollcall") && page.text.contains("/customers/{customer_id}/users"), "{}", page.text);
    assert_eq!(states(&page), [("advanced_automation", "not asked yet"), ("my_reports", "not asked yet")].map(owned));
    world.my_reports.always(Reply::status(403));
    gateway.get("/customers/acme/users").await;
    let page = gateway.get("/").await;
    let [(_, persons), (_, users)] = &states(&page)[..] else { panic!("{}", page.text) };
    assert!(persons.starts_with("answered at ") && users.contains("forbidden"), "{persons}, {users}");
    assert!(!page.text.contains("{sources}") && !page.text.contains("{base}") && !page.text.contains("{version}"), "{}", page.text);
}

/// Each source on the start page, with its state.
fn states(page: &Answer) -> Vec<(String, String)> {
    let cells: Vec<&str> = page.text.split("<td").skip(1).filter_map(|cell| cell.split_once('>')?.1.split('<').next()).collect();
    cells.chunks(2).map(|pair| owned((pair[0], pair[1]))).collect()
}

fn owned((source, state): (&str, &str)) -> (String, String) {
    (source.to_owned(), state.to_owned())
}

#[tokio::test]
async fn what_pages_and_links_name_is_behind_the_base_path() {
    let world = World::new().await;
    world.persons(crate::support::crowd(3));
    let gateway: Gateway = world.gateway().set("server.base_path", "/gate/way").start().await;
    assert_eq!(gateway.get("/gate/way/openapi.json").await.json()["servers"][0]["url"], "/gate/way");
    let first = gateway.get("/gate/way/customers/acme/users?page_size=2").await;
    let next = first.header("link").unwrap().trim_start_matches('<').split('>').next().unwrap();
    assert!(next.starts_with("/gate/way/customers/acme/users?"), "{next}");
    assert_eq!(gateway.get(next).await.names(), ["P002"]);
    let page = gateway.get("/gate/way/").await;
    let names = named(&page.text);
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        let path = resolve("/gate/way/", &name);
        assert_typed(&path, &gateway.get(&path).await);
    }
}

#[tokio::test]
async fn the_next_page_of_the_customers_is_behind_the_base_path_too() {
    let (world, folder) = (World::new().await, Folder::new());
    let file = folder.write("links.csv", "customer_id,name,advanced_automation_id,my_reports_id\na,A,1,\nb,B,2,\nc,C,3,\n");
    let setup = world.gateway().set("customers.links", "file").set("customers.file", file.to_str().unwrap());
    let gateway = setup.set("server.base_path", "/gate/way").start().await;
    let first = gateway.get("/gate/way/customers?page_size=2").await;
    let link = first.header("link").unwrap();
    let next = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
    assert!(next.starts_with("/gate/way/customers?"), "{next}");
    let last = gateway.get(next).await;
    assert_eq!((&last.json()["data"][0]["id"], last.header("link")), (&"c".into(), None), "{last:?}");
}
