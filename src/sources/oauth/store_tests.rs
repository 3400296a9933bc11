//! What the store holds if its writer ends at any step, and who may read it.

use std::os::unix::fs::{MetadataExt, chown, symlink};

use super::*;

/// A temporary folder for one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rollcall-store-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn store(&self) -> Store {
        Store::new(self.0.join("token"))
    }

    /// Returns the user and the group that own a file.
    fn owner(&self, name: &str) -> (u32, u32) {
        let metadata = fs::symlink_metadata(self.0.join(name)).unwrap();
        (metadata.uid(), metadata.gid())
    }

    /// Gives a file to another user, if root runs this; otherwise it keeps its owner. Returns the owner that it has then.
    fn give_away(&self, name: &str) -> (u32, u32) {
        drop(chown(self.0.join(name), Some(4711), Some(4712)));
        self.owner(name)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

async fn lock(store: &Store) -> LockedStore {
    store.lock(Deadline::after(Duration::from_secs(5))).await.unwrap()
}

/// What a process finds that starts after the previous one ended.
async fn found(store: &Store) -> String {
    lock(store).await.read().unwrap().unwrap().token.reveal().to_owned()
}

/// Writes a token, and ends after the given step.
fn go_until(step: &str, locked: LockedStore, token: &Secret) {
    if step == "locked" {
        return;
    }
    let mut place = locked.place().unwrap();
    match step {
        "placed" => return,
        "half" => return place.file.write_all(b"ne").unwrap(),
        _ => place.write(token).unwrap(),
    }
    match step {
        "written" => {}
        "flushed" => place.file.sync_all().unwrap(),
        "renamed" => fs::rename(place.store.next(), &place.store.path).unwrap(),
        _ => drop(place.commit().unwrap()),
    }
}

#[tokio::test]
async fn whoever_ends_at_any_step_leaves_a_token_and_the_new_one_once_it_was_written() {
    let (old, new) = (Secret::new("old"), Secret::new("new"));
    for (step, expected) in [
        ("locked", "old"),
        ("placed", "old"),
        ("half", "old"),
        ("written", "new"),
        ("flushed", "new"),
        ("renamed", "new"),
        ("whole", "new"),
    ] {
        let folder = Folder::new(step);
        let store = folder.store();
        lock(&store).await.write(&old).unwrap();
        go_until(step, lock(&store).await, &new);
        // The kernel releases the lock of a process that has ended; everything else stays as it was.
        assert_eq!(found(&store).await, expected, "{step}");
        assert_eq!(found(&store).await, expected, "{step}, once more");
        lock(&store).await.write(&Secret::new("third")).unwrap();
        assert_eq!(found(&store).await, "third", "{step}: leftovers are not in the way");
        assert_eq!(folder.names(), ["token", "token.lock"], "{step}");
    }
}

#[tokio::test]
async fn what_is_left_beside_an_absent_store_is_taken_where_it_is_whole() {
    for (left, expected) in [("new\n", Some("new")), ("ne", None), ("", None), ("\n", None), ("a\nb\n", None), ("\0\0\0\n", None)] {
        let folder = Folder::new("absent");
        let store = folder.store();
        assert!(!store.is_there());
        fs::write(folder.0.join("token.new"), left).unwrap();
        assert_eq!(store.is_there(), expected.is_some(), "{left:?}");
        let stored = lock(&store).await.read().unwrap();
        assert_eq!(stored.as_ref().map(|stored| stored.token.reveal()), expected, "{left:?}");
        assert_eq!(folder.names().contains(&"token".to_owned()), expected.is_some());
    }
}

#[tokio::test]
async fn whoever_takes_the_next_place_does_not_throw_away_what_a_crash_left_there() {
    let folder = Folder::new("crashed");
    let store = folder.store();
    fs::write(store.path(), "spent\n").unwrap();
    fs::write(folder.0.join("token.new"), "good\n").unwrap();
    drop(lock(&store).await.place().unwrap()); // a login that is never completed
    assert_eq!(found(&store).await, "good");
}

#[tokio::test]
async fn its_owner_reads_it_and_nobody_else() {
    let folder = Folder::new("mode");
    let store = folder.store();
    let mode = |name: &str| fs::metadata(folder.0.join(name)).unwrap().permissions().mode() & 0o777;
    let open = fs::Permissions::from_mode(0o644);
    fs::write(store.path(), "by hand").unwrap();
    fs::write(folder.0.join("token.new"), "").unwrap();
    for name in ["token", "token.new"] {
        fs::set_permissions(folder.0.join(name), open.clone()).unwrap();
    }
    let stored = lock(&store).await.read().unwrap().unwrap();
    assert_eq!((stored.token.reveal(), stored.is_open_to_others), ("by hand", true), "a person need not add a newline");
    let mut place = lock(&store).await.place().unwrap();
    assert_eq!(mode("token.new"), 0o600, "before anything is written to it");
    place.write(&Secret::new("new")).unwrap();
    drop(place.commit().unwrap());
    assert_eq!((mode("token"), mode("token.lock")), (0o600, 0o600));
    assert_eq!(fs::read_to_string(store.path()).unwrap(), "new\n");
    assert!(!lock(&store).await.read().unwrap().unwrap().is_open_to_others);
}

#[tokio::test]
async fn what_is_made_beside_a_store_belongs_to_its_owner_whoever_makes_it() {
    for (name, given, before) in [("owner-file", "token", Some("old")), ("owner-folder", ".", None)] {
        let folder = Folder::new(name);
        let store = folder.store();
        if let Some(before) = before {
            fs::write(store.path(), before).unwrap();
        }
        let whose = folder.give_away(given);
        let mut place = lock(&store).await.place().unwrap();
        assert_eq!((folder.owner("token.lock"), folder.owner("token.new")), (whose, whose), "{name}");
        place.write(&Secret::new("new")).unwrap();
        drop(place.commit().unwrap());
        assert_eq!(folder.owner("token"), whose, "{name}");
    }
}

#[tokio::test]
async fn what_somebody_put_there_as_a_lock_is_not_given_away() {
    let folder = Folder::new("lock-link");
    fs::write(folder.0.join("elsewhere"), "theirs").unwrap();
    symlink(folder.0.join("elsewhere"), folder.0.join("token.lock")).unwrap();
    let (whose, _) = (folder.owner("elsewhere"), folder.give_away("."));
    drop(lock(&folder.store()).await);
    assert_eq!(folder.owner("elsewhere"), whose);
}

#[tokio::test]
async fn a_store_that_is_a_link_is_the_file_behind_it() {
    for (name, links, before) in [
        ("link-there", &[("token", "volume/real")][..], Some("old")),
        ("link-dangling", &[("token", "volume/real")], None),
        ("link-to-link", &[("token", "second"), ("second", "volume/real")], Some("old")),
    ] {
        let folder = Folder::new(name);
        let (store, real) = (folder.store(), folder.0.join("volume/real"));
        fs::create_dir(folder.0.join("volume")).unwrap();
        if let Some(before) = before {
            fs::write(&real, before).unwrap();
        }
        for (link, to) in links {
            symlink(to, folder.0.join(link)).unwrap();
        }
        let before = folder.names();
        assert_eq!(store.is_there(), real.exists(), "{name}");
        drop(lock(&store).await.write(&Secret::new("new")).unwrap());
        assert_eq!(fs::read_to_string(&real).unwrap(), "new\n", "{name}");
        assert_eq!(folder.names(), before, "{name}: nothing is beside the link, and it is still a link");
        let held = lock(&store).await;
        let other = Store::new(real.clone()).lock(Deadline::after(Duration::from_millis(60))).await;
        assert!(other.is_err(), "{name}: a process that uses the file itself waits for the lock, too");
        drop(held);
        fs::rename(&real, folder.0.join("volume/real.new")).unwrap();
        assert!(store.is_there(), "{name}: what a crash left beside the file is seen");
        assert_eq!(found(&store).await, "new", "{name}");
    }
}

#[tokio::test]
async fn a_link_that_somebody_put_there_is_not_followed() {
    let folder = Folder::new("link");
    let (store, elsewhere) = (folder.store(), folder.0.join("elsewhere"));
    fs::write(&elsewhere, "theirs").unwrap();
    symlink(&elsewhere, folder.0.join("token.new")).unwrap();
    drop(lock(&store).await.write(&Secret::new("ours")).unwrap());
    assert_eq!((fs::read_to_string(&elsewhere).unwrap().as_str(), found(&store).await.as_str()), ("theirs", "ours"));
}

#[tokio::test]
async fn one_at_a_time_has_it() {
    let folder = Folder::new("turns");
    let store = folder.store();
    let held = lock(&store).await;
    let impatient = store.lock(Deadline::after(Duration::from_millis(60))).await.unwrap_err();
    assert!(impatient.to_string().ends_with("token.lock: cannot be locked: another process holds it"), "{impatient}");
    let waiting = tokio::spawn(async move { found(&store).await });
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(!waiting.is_finished());
    drop(held.write(&Secret::new("first")).unwrap());
    assert_eq!(waiting.await.unwrap(), "first");
}

#[tokio::test]
async fn a_store_that_cannot_be_used_names_its_file_and_not_what_is_in_it() {
    let folder = Folder::new("unusable");
    let nowhere = Store::new(folder.0.join("nowhere").join("token"));
    let error = nowhere.lock(Deadline::after(Duration::from_secs(1))).await.unwrap_err().to_string();
    assert!(error.contains("nowhere/token.lock: cannot be written: "), "{error}");
    for text in ["", " \n", "hunter2\nhunter3\n"] {
        fs::write(folder.store().path(), text).unwrap();
        let error = lock(&folder.store()).await.read().unwrap_err().to_string();
        assert!(error.contains("/token: cannot be read: ") && !error.contains("hunter"), "{error}");
    }
}

#[test]
fn a_token_that_comes_is_newer_than_the_one_before_whatever_the_clocks_say() {
    let now = millis(SystemTime::now());
    assert!(newer_than(0) >= now);
    assert_eq!(newer_than(now + 3_600_000), now + 3_600_001);
    assert_eq!(newer_than(i64::MAX), i64::MAX);
}
