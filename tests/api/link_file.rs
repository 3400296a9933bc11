//! The file of links: read again when it changes, as a whole or not at all.

use std::{fs, path::Path, time::Duration};

use crate::support::{Folder, Gateway, Program, Setup, World, figure::figure, until_so, until_so_within};

const HEADER: &str = "customer_id,name,advanced_automation_id,my_reports_id\n";

fn linking(world: &World, file: &Path) -> Setup {
    world.gateway().set("customers.links", "file").set("customers.file", file.to_str().unwrap())
}

async fn gateway(world: &World, file: &Path) -> Gateway {
    linking(world, file).start().await
}

async fn remote(gateway: &Gateway, customer: &str) -> Option<String> {
    let answer = gateway.get(&format!("/customers/{customer}")).await.json();
    answer["data"]["links"][0]["id"].as_str().map(str::to_owned)
}

/// Waits until a customer has this id at the first source.
async fn reaches(gateway: &Gateway, customer: &str, id: Option<&str>) {
    let promised = Duration::from_secs(5);
    until_so_within(promised, "a change to be in use", async || remote(gateway, customer).await.as_deref() == id).await;
}

async fn until_metric(gateway: &Gateway, line: &str) {
    until_so(line, async || gateway.has_metric(line).await).await;
}

#[tokio::test]
async fn a_changed_file_is_in_use_within_five_seconds() {
    let (world, folder) = (World::new().await, Folder::new());
    let file = folder.write("links.csv", &format!("{HEADER}acme,,A-1,\n"));
    let gateway = gateway(&world, &file).await;
    assert_eq!(remote(&gateway, "acme").await.as_deref(), Some("A-1"));
    folder.write("links.csv", &format!("{HEADER}acme,,A-2,\n")); // as long as before
    reaches(&gateway, "acme", Some("A-2")).await;
    folder.write("next.csv", &format!("{HEADER}birch,,B-1,\n"));
    fs::rename(folder.path("next.csv"), &file).unwrap();
    reaches(&gateway, "birch", Some("B-1")).await;
    assert_eq!(gateway.get("/customers/acme").await.code(), "customer_not_found");
    assert!(gateway.has_metric("rollcall_customer_file_loads_total{result=\"taken\"} 2").await);
    assert!(gateway.has_metric("rollcall_customer_links{strategy=\"file\"} 1").await);
}

#[tokio::test]
async fn who_holds_the_links_of_an_old_file_is_sent_the_new_ones() {
    let (world, folder) = (World::new().await, Folder::new());
    let file = folder.write("links.csv", &format!("{HEADER}acme,,A-1,\n"));
    let gateway = gateway(&world, &file).await;
    let paths = ["/customers", "/customers/acme"];
    let mut held = Vec::new();
    for path in paths {
        let tag = gateway.get(path).await.header("etag").unwrap().to_owned();
        assert_eq!(gateway.get_with(path, &[("if-none-match", &tag)]).await.status, 304, "{path}");
        held.push(tag);
    }
    folder.write("links.csv", &format!("{HEADER}acme,,A-2,\n"));
    reaches(&gateway, "acme", Some("A-2")).await;
    for (path, tag) in paths.iter().zip(&held) {
        let answer = gateway.get_with(path, &[("if-none-match", tag)]).await;
        assert!(answer.status == 200 && answer.header("etag") != Some(tag) && answer.text.contains("A-2"), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_still_being_written_is_not_put_to_use() {
    let (world, folder) = (World::new().await, Folder::new());
    let file = folder.write("links.csv", &format!("{HEADER}acme,,A-1,\nbirch,,B-1,\n"));
    let gateway = gateway(&world, &file).await;
    let both = async || (remote(&gateway, "acme").await, remote(&gateway, "birch").await);
    let before = both().await;
    folder.write("links.csv", &format!("{HEADER}acme,,A-2,m")); // a row, and possibly not all of it
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(both().await, before, "half a file keeps the old links");
    let mut text = format!("{HEADER}acme,,A-2,\n");
    for number in 0..20 {
        text = format!("{text}c{number},,C-{number},\n");
        folder.write("links.csv", &text);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(both().await, before, "rows are still being added");
    }
    folder.write("links.csv", &format!("{text}birch,,B-2,\n"));
    reaches(&gateway, "birch", Some("B-2")).await;
    assert_eq!(remote(&gateway, "acme").await.as_deref(), Some("A-2"));
}

#[tokio::test]
async fn a_reload_does_not_put_half_a_file_to_use() {
    let (world, folder) = (World::new().await, Folder::new());
    let file = folder.write("links.csv", &format!("{HEADER}acme,,A-1,\nbirch,,B-1,\n"));
    let gateway = gateway(&world, &file).await;
    folder.write("links.csv", &format!("{HEADER}acme,,A-2,m")); // a row, and possibly not all of it
    for page_size in ["7", "8"] {
        gateway.reload(linking(&world, &file).set("sources.advanced_automation.page_size", page_size).config().unwrap());
        let both = (remote(&gateway, "acme").await, remote(&gateway, "birch").await);
        assert_eq!(both, (Some("A-1".into()), Some("B-1".into())), "the previous links stay in use");
    }
    folder.write("links.csv", &format!("{HEADER}acme,,A-2,\nbirch,,B-2,\n"));
    reaches(&gateway, "birch", Some("B-2")).await;
    let another = folder.write("another.csv", &format!("{HEADER}birch,,B-3,\n"));
    gateway.reload(linking(&world, &another).config().unwrap());
    assert_eq!(remote(&gateway, "birch").await.as_deref(), Some("B-3"), "a different file is used at once");
}

#[tokio::test]
async fn a_file_that_is_saved_without_its_last_line_end_is_taken_a_little_later() {
    let (world, folder) = (World::new().await, Folder::new());
    let file = folder.write("links.csv", &format!("{HEADER}acme,,A-1,"));
    let gateway = gateway(&world, &file).await;
    assert_eq!(remote(&gateway, "acme").await.as_deref(), Some("A-1"), "at startup, it is used as it is");
    folder.write("links.csv", &format!("{HEADER}acme,,A-2,"));
    let began = tokio::time::Instant::now();
    reaches(&gateway, "acme", Some("A-2")).await;
    assert!(began.elapsed() > Duration::from_secs(3), "it could have been half a file");
}

#[tokio::test]
async fn a_swap_of_links_is_a_change_as_containers_make_it() {
    let (world, folder) = (World::new().await, Folder::new());
    for (version, id) in [("one", "A-1"), ("two", "A-2")] {
        fs::create_dir(folder.path(version)).unwrap();
        fs::write(
            folder.path(version).join("links.toml"),
            format!("[[customers]]\ncustomer_id = 'acme'\nadvanced_automation_id = '{id}'\n"),
        )
        .unwrap();
    }
    std::os::unix::fs::symlink("one", folder.path("data")).unwrap();
    let gateway = gateway(&world, &folder.path("data/links.toml")).await;
    assert_eq!(remote(&gateway, "acme").await.as_deref(), Some("A-1"));
    std::os::unix::fs::symlink("two", folder.path("next")).unwrap();
    fs::rename(folder.path("next"), folder.path("data")).unwrap();
    reaches(&gateway, "acme", Some("A-2")).await;
}

#[tokio::test]
async fn a_broken_file_keeps_the_old_links_and_is_told_once_with_every_fault() {
    let (world, folder) = (World::new().await, Folder::new());
    folder.write("links.csv", &format!("{HEADER}acme,,A-1,\n"));
    let configuration = world.toml_with_secrets(&folder, "customers.links = [\"file\"]\ncustomers.file = \"links.csv\"\n");
    let (program, gateway) = Program::serve(&configuration, &[]).await;
    folder.write("links.csv", &format!("{HEADER}birch,,B-1,\nbirch,,B-2,\na/b,,B-3,\ncedar,,b-1,\n"));
    until_metric(&gateway, "rollcall_customer_file_loads_total{result=\"refused\"} 1").await;
    for line in [
        "rollcall_customer_file_faults{reason=\"duplicate_id\"} 1",
        "rollcall_customer_file_fault_line{reason=\"duplicate_id\"} 3",
        "rollcall_customer_file_fault_line{reason=\"bad_id\"} 4",
        "rollcall_customer_file_fault_line{reason=\"shared_remote_id\"} 5",
        "rollcall_customer_file_faults{reason=\"wrong_header\"} 0",
    ] {
        assert!(gateway.has_metric(line).await, "{line}");
    }
    assert_eq!((remote(&gateway, "acme").await.as_deref(), remote(&gateway, "birch").await), (Some("A-1"), None));
    tokio::time::sleep(Duration::from_millis(2500)).await; // longer than the time between two checks
    let said = program.said();
    for part in ["line=3", "line=4", "line=5", "duplicate_id", "shared_remote_id"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(said.matches("the file of links is invalid").count(), 3, "once for each change: {said}");

    fs::remove_file(folder.path("links.csv")).unwrap();
    until_metric(&gateway, "rollcall_customer_file_loads_total{result=\"refused\"} 2").await;
    assert_eq!(remote(&gateway, "acme").await.as_deref(), Some("A-1"), "a missing file counts as invalid");
    folder.write("links.csv", &format!("{HEADER}birch,,B-1,\n"));
    reaches(&gateway, "birch", Some("B-1")).await;
    assert!(gateway.has_metric("rollcall_customer_file_faults{reason=\"unreadable\"} 0").await);
}

#[tokio::test]
async fn a_file_that_is_cut_to_nothing_keeps_the_old_links_and_one_that_says_nobody_does_not() {
    for (name, text, nobody) in [
        ("links.csv", format!("{HEADER}acme,,A-1,\n"), HEADER),
        ("links.toml", "[[customers]]\ncustomer_id = \"acme\"\nadvanced_automation_id = \"A-1\"\n".to_owned(), "customers = []\n"),
    ] {
        let (world, folder) = (World::new().await, Folder::new());
        let gateway = gateway(&world, &folder.write(name, &text)).await;
        folder.write(name, "");
        until_metric(&gateway, "rollcall_customer_file_faults{reason=\"wrong_header\"} 1").await;
        assert_eq!(remote(&gateway, "acme").await.as_deref(), Some("A-1"), "{name}");
        folder.write(name, nobody);
        reaches(&gateway, "acme", None).await;
        let unknown = gateway.get("/customers/acme/users").await;
        assert_eq!((unknown.code().as_str(), unknown.header("cache-status")), ("customer_not_found", None), "no source was asked");
    }
}

#[tokio::test]
async fn a_file_that_is_broken_at_the_start_is_a_fault_of_the_configuration() {
    let (world, folder) = (World::new().await, Folder::new());
    let run = async |command: &str, more: &str| {
        let configuration = world.toml_with_secrets(&folder, more);
        let ended = Program::run(&[command, "--config", configuration.to_str().unwrap()], &[]).await;
        (ended.code, ended.err)
    };
    folder.write("links.csv", &format!("{HEADER}acme,,A-1,\nacme,,A-2,\nb/d,,,\n"));
    folder.write("links.toml", "[[customers]]\ncustomer_id = 'a b'\n[[customers]]\ncustomer_id = 7\n");
    folder.write("links.json", "{}");
    for command in ["check", "serve"] {
        for (more, expected) in [
            ("customers.links = [\"file\"]\ncustomers.file = \"links.csv\"", &["links.csv, line 3: ", "links.csv, line 4: "][..]),
            ("customers.links = [\"file\"]\ncustomers.file = \"links.toml\"", &["links.toml, line 2: ", "links.toml, line 4: "]),
            ("customers.links = [\"file\"]\ncustomers.file = \"none.csv\"", &["none.csv, line 1: cannot be read"]),
            ("customers.links = [\"file\"]\ncustomers.file = \"links.json\"", &["must end in .csv or .toml"]),
            ("customers.links = [\"file\"]", &["customers.file: is required"]),
            ("customers.file = \"links.csv\"", &["customers.file: is not used"]),
            ("customers.links = [\"guess\"]", &["customers.links: must be a list"]),
            ("customers.links = [\"same_id\", \"same_id\"]", &["customers.links: must be a list"]),
            (
                "customers.links = [\"same_id\", \"file\"]\ncustomers.file = \"links.json\"",
                &["customers.links: must have \"same_id\" as its last entry", "must end in .csv or .toml"],
            ),
            ("customers.links = []", &["customers.links: must be a list"]),
            ("customers.refresh = \"1ms\"", &["customers.refresh: must be between"]),
        ] {
            let (code, err) = run(command, more).await;
            assert_eq!((code, err.lines().count()), (Some(2), expected.len()), "{more}: {err}");
            assert!(expected.iter().all(|part| err.contains(part)), "{more}: {err}");
        }
    }
    folder.write("links.csv", &format!("{HEADER}acme,,A-1,\n"));
    assert_eq!(
        run("check", "customers.links = [\"file\"]\ncustomers.file = \"links.csv\"").await.0,
        Some(0),
        "relative to the configuration"
    );
}

#[tokio::test]
async fn a_hundred_thousand_links_are_found_and_paged() {
    let (world, folder) = (World::new().await, Folder::new());
    let row = |number: usize| {
        format!("customer-{number:06},Customer number {number},00000000-0000-4000-8000-{number:012},10000000-0000-4000-8000-{number:012}")
    };
    let rows: Vec<String> = (0..100_000).map(row).collect();
    let file = folder.write("links.csv", &format!("{HEADER}{}", rows.join("\n")));
    let more = format!("customers.links = [\"file\"]\ncustomers.file = \"{}\"\n", file.display());
    let configuration = world.toml_with_secrets(&folder, &more);
    let (program, gateway) = Program::serve(&configuration, &[]).await;
    let page = gateway.get("/customers?q=099999").await.json();
    assert_eq!((&page["total"], &page["data"][0]["id"]), (&1.into(), &"customer-099999".into()));
    assert_eq!(remote(&gateway, "customer-050000").await.as_deref(), Some("00000000-0000-4000-8000-000000050000"));
    figure(&format!("100,000 links: {} MiB resident", program.memory() >> 20));
}
