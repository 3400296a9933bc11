//! Which module may import which: the dependencies between the folders of `src/`, checked by reading the sources.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    path::{Path, PathBuf},
};

use rollcall::sources::{Backend, REGISTRY};

/// The number of lines above which a file is too long for one reader.
const MOST_LINES: usize = 400;

/// The modules of ours that each module may import besides itself; `*` means all.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("config", &["domain"]),
    ("telemetry", &["config", "domain", "outbound"]), // spans are sent like every other outgoing call
    ("flight", &[]),
    ("json", &[]),
    ("kept", &[]),
    ("offload", &[]),
    // A breaker guards whatever is called over a network: a source, the shared cache.
    ("breaker", &["domain"]),
    // Below the sources, because a login's tokens are shared; it knows neither sources nor copies itself.
    // What it seals may be large.
    ("shared_cache", &["breaker", "config", "domain", "offload", "telemetry"]),
    ("search_text", &[]),
    ("outbound", &["config", "domain"]),
    ("sources", &["breaker", "config", "domain", "flight", "json", "kept", "offload", "outbound", "shared_cache", "telemetry"]),
    ("customers", &["config", "domain", "flight", "offload", "sources", "telemetry", "search_text"]),
    ("roll", &["customers", "domain", "flight", "json", "offload", "outbound", "shared_cache", "sources", "telemetry", "search_text"]),
    ("access", &["config", "domain", "flight", "kept", "outbound", "telemetry"]),
    ("api", &["access", "config", "customers", "domain", "offload", "outbound", "roll", "sources", "telemetry"]),
    ("server", &["api", "config"]),
    ("sandbox", &[]),
    ("app", &["*"]),
    ("commands", &["*"]),
    ("lib", &["*"]),
    ("main", &["*"]),
];

/// Words that show that code does I/O.
const IO: &[&str] = &["reqwest", "tokio", "async ", ".await", "std::fs", "std::net"];

/// Words that only some folders may contain, and which ones: those show that a folder uses an external library.
const WORDS: &[(&[&str], Where)] = &[
    (&["axum"], Where::OnlyIn(&["api/", "sandbox/", "commands/login/"])),
    (&["redis::"], Where::OnlyIn(&["shared_cache/"])),
    (&["axum", "reqwest", "hyper", "http::", "tower"], Where::NotIn(&["roll/", "domain/", "customers/", "config/"])),
    (IO, Where::NotIn(&["domain/"])),
    (&["advanced_automation", "my_reports"], Where::NotIn(&["roll/", "customers/", "sources/source.rs", "outbound/"])),
];

enum Where {
    OnlyIn(&'static [&'static str]),
    NotIn(&'static [&'static str]),
}

/// One file: its path below its root, and its text.
struct File {
    path: String,
    text: String,
}

impl File {
    /// The module of ours that it belongs to: `roll` for `roll/page.rs`, `search_text` for `search_text.rs`.
    fn module(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap()
    }

    /// The text without comments and without the tests at its end.
    fn code(&self) -> String {
        let before_tests = self.text.split("#[cfg(test)]\nmod ").next().unwrap();
        before_tests
            .lines()
            .map(|line| if line.trim_start().starts_with("//") { "" } else { line.split(" // ").next().unwrap() }.to_owned() + "\n")
            .collect()
    }

    /// The modules of ours that it imports.
    fn imports(&self) -> BTreeSet<String> {
        let code = self.code();
        let after = code.split("crate::").skip(1);
        after.flat_map(|rest| if rest.starts_with('{') { group(rest) } else { vec![word(rest)] }).collect()
    }
}

fn word(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect()
}

/// The first segments of the items between braces: `a` and `b` for `{a::{x, y}, b}`.
fn group(text: &str) -> Vec<String> {
    let (mut depth, mut words, mut begins) = (0, Vec::new(), false);
    for (at, letter) in text.char_indices() {
        match letter {
            '{' | '}' => depth += if letter == '{' { 1 } else { -1 },
            letter if begins && depth == 1 && !letter.is_whitespace() => words.push(word(&text[at..])),
            _ => {}
        }
        begins = (matches!(letter, '{' | ',') && depth == 1) || (begins && letter.is_whitespace());
        if depth == 0 {
            break;
        }
    }
    words
}

fn files(folder: &str) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found: Vec<PathBuf> = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(path) = found.pop() {
        if path.is_dir() {
            found.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let below = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            files.push(File { path: below, text: fs::read_to_string(&path).unwrap() });
        }
    }
    assert!(files.len() > 10, "{folder} was read");
    files
}

#[test]
fn imports_go_one_way() {
    let mut wrong = Vec::new();
    for file in files("src") {
        let (_, allowed) = ARROWS
            .iter()
            .find(|(module, _)| *module == file.module())
            .unwrap_or_else(|| panic!("state here what {} may import", file.path));
        let fits = |import: &str| allowed.contains(&"*") || allowed.contains(&import) || import == file.module();
        wrong.extend(file.imports().into_iter().filter(|import| !fits(import)).map(|import| format!("{} imports {import}", file.path)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// `json` counts a type's fields by name, which an alias would shift, and skips all others.
#[test]
fn wire_types_say_nothing_that_their_reader_does_not_know() {
    let mut wrong = Vec::new();
    for file in files("src").into_iter().filter(|file| file.path.starts_with("sources/")) {
        let attributes = file.text.lines().filter(|line| line.trim_start().starts_with("#[serde("));
        let said = attributes.filter(|line| ["alias", "deny_unknown_fields", "flatten"].iter().any(|word| line.contains(word)));
        wrong.extend(said.map(|line| format!("{}: {}", file.path, line.trim())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_library_is_known_only_where_it_belongs() {
    let mut wrong = Vec::new();
    for file in files("src") {
        let code = file.code();
        let is_in = |folders: &[&str]| folders.iter().any(|folder| file.path.starts_with(folder));
        for (words, place) in WORDS {
            let forbidden = match place {
                Where::OnlyIn(folders) => !is_in(folders),
                Where::NotIn(folders) => is_in(folders),
            };
            wrong.extend(words.iter().filter(|word| forbidden && code.contains(**word)).map(|word| format!("{} says {word}", file.path)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_backend_does_no_io() {
    let files = files("src");
    let is_entry = |file: &&File| file.path.starts_with("sources/") && file.text.contains("const BACKEND: Backend");
    let folders: Vec<&str> = files.iter().filter(is_entry).map(|file| file.path.trim_end_matches("mod.rs")).collect();
    assert_eq!(folders.len(), REGISTRY.len(), "each backend has a folder of its own: {folders:?}");
    for file in files.iter().filter(|file| folders.iter().any(|folder| file.path.starts_with(folder))) {
        let code = file.code();
        assert_eq!(IO.iter().find(|word| code.contains(**word)), None, "{}", file.path);
    }
}

#[test]
fn what_callers_bring_for_a_backend_has_a_header_of_its_own() {
    let headers: HashSet<_> = REGISTRY.iter().map(Backend::authorization_header).collect();
    assert_eq!(headers.len(), REGISTRY.len());
    for backend in REGISTRY {
        let header = backend.authorization_header();
        assert!(header.as_str().eq_ignore_ascii_case(backend.authorization_header), "{backend:?}");
        assert!(!["authorization", "x-api-key"].contains(&header.as_str()), "the gateway's own: {backend:?}");
    }
}

#[test]
fn every_file_opens_with_its_one_job_and_is_short_enough_to_read() {
    for folder in ["src", "tests"] {
        for file in files(folder) {
            assert!(file.text.starts_with("//! "), "{folder}/{} does not say what it is for", file.path);
            let lines = file.text.lines().count();
            assert!(lines <= MOST_LINES, "{folder}/{} has {lines} lines", file.path);
        }
    }
}

#[test]
fn this_test_reads_imports_as_the_compiler_does() {
    let file = |text: &str| File { path: "x.rs".to_owned(), text: text.to_owned() };
    for (text, expected) in [
        ("use crate::roll::Rolls;", &["roll"][..]),
        ("use crate::{\n    api::{self, Code},\n    domain,\n};", &["api", "domain"]),
        ("fn f(x: crate::domain::Failure) {} // crate::api", &["domain"]),
        ("//! crate::api\nuse crate::{a::{b::{c, d}, e}, f};", &["a", "f"]),
        ("use crate::a;\n#[cfg(test)]\nmod tests { use crate::b; }", &["a"]),
    ] {
        assert_eq!(file(text).imports().into_iter().collect::<Vec<_>>(), expected, "{text}");
    }
}
