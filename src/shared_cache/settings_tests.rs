//! `[shared_cache]`: what is accepted, and the messages about what is not.

use super::*;
use crate::config::Layers;

fn read(text: &str, key: &str) -> (Option<Settings>, String) {
    let file = std::env::temp_dir().join(format!("rollcall-cache-key-{}-{:x}", std::process::id(), fastrand::u64(..)));
    std::fs::write(&file, key).unwrap();
    let text = text.replace("KEY", file.to_str().unwrap());
    let mut reader = Reader::new(Layers::from_text(&text).ok().unwrap());
    let settings = Settings::read(&mut reader);
    std::fs::remove_file(&file).unwrap();
    let faults = reader.finish().err().map(|faults| faults.to_string()).unwrap_or_default();
    (settings, faults)
}

#[test]
fn the_least_is_a_url_and_a_key() {
    let key = new_key().unwrap();
    let (settings, faults) = read("[shared_cache]\nurl = \"redis://user:hunter2@127.0.0.1:6379/0\"\nkey_file = \"KEY\"", key.reveal());
    let settings = settings.unwrap();
    assert_eq!((faults.as_str(), settings.namespace.as_str(), settings.timeout), ("", "rollcall", Duration::from_millis(50)));
    let printed = format!("{settings:?}");
    assert!(!printed.contains("hunter2") && !printed.contains(key.reveal()), "{printed}");
    assert_ne!(new_key().unwrap(), key);
    assert_eq!(read("", "").1, "");
}

#[test]
fn what_is_wrong_is_named_with_its_key_and_without_the_secret() {
    let good = new_key().unwrap();
    let url = "url = \"redis://127.0.0.1:1\"\n";
    for (text, key, fault) in [
        ("key_file = \"KEY\"".to_owned(), good.reveal(), "shared_cache.url: is required"),
        ("url = \"http://hunter2@127.0.0.1\"\nkey_file = \"KEY\"".to_owned(), good.reveal(), "shared_cache.url: must be a URL"),
        ("url = \"redis://:hunter2@[::1\"\nkey_file = \"KEY\"".to_owned(), good.reveal(), "shared_cache.url: must be a URL"),
        (url.to_owned(), "", "shared_cache.key_file: is required"),
        (format!("{url}key_file = \"KEY\""), "aHVudGVyMg==", "must hold 32 bytes in base64"),
        (format!("{url}key_file = \"KEY\""), "hunter2 hunter2", "must hold 32 bytes in base64"),
        (format!("{url}key_file = \"KEY.gone\""), "", "cannot be read"),
        (format!("{url}key_file = \"KEY\"\nnamespace = \"a b\""), good.reveal(), "shared_cache.namespace: must have"),
        (format!("{url}key_file = \"KEY\"\ntimeout = \"1m\""), good.reveal(), "shared_cache.timeout: must be between"),
        (format!("{url}key_file = \"KEY\"\ntimout = \"1s\""), good.reveal(), "Did you mean shared_cache.timeout?"),
    ] {
        let (_, faults) = read(&format!("[shared_cache]\n{text}"), key);
        assert!(faults.contains(fault), "{text}: {faults}");
        assert!(!faults.contains("hunter2") && !faults.contains("aHVudGVyMg"), "{faults}");
    }
}
