//! Any records: each is in exactly one user, and the pages show every user once.
#![no_main]

use std::collections::BTreeSet;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rollcall::{
    domain::{Placeholders, Record, Records, SourceName},
    roll::{PageOf, Roll, View},
};

#[derive(Arbitrary, Debug)]
struct Row {
    name: Option<String>,
    email: Option<String>,
    deleted: bool,
}

#[derive(Arbitrary, Debug)]
struct Input {
    left: Vec<Row>,
    right: Vec<Row>,
    page_size: u8,
}

fn records(rows: &[Row]) -> Records {
    let mut records = Records::default();
    for (id, Row { name, email, deleted }) in rows.iter().enumerate() {
        let email = email.as_deref().map(str::trim).filter(|email| !email.is_empty());
        records.push(&Record { id: &id.to_string(), display_name: name.as_deref(), email, deleted: *deleted, ..Record::default() });
    }
    records
}

fuzz_target!(|input: Input| {
    let customer = "acme".parse().expect("a plain id");
    let nobody = Placeholders::new(&["unknown_*@unknown.com", "*@dummy.com"]);
    let sources = vec![(SourceName::new("left"), records(&input.left)), (SourceName::new("right"), records(&input.right))];
    let roll = Roll::of_records(customer, sources, &nobody);
    let view = View { with_deleted: true, ..View::default() };
    let (mut seen, mut records, mut cursor) = (BTreeSet::new(), 0, None::<String>);
    loop {
        let of = PageOf::new(&roll.customer, &view, cursor.as_deref(), usize::from(input.page_size) + 1).expect("our own cursor");
        let page = roll.page(&view, &of);
        for (listed, _) in &page.users {
            let user = roll.json(listed);
            records += user.matches("{\"source\":").count();
            assert!(seen.insert(user.to_owned()), "shown twice: {user}");
        }
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(seen.len(), roll.len());
    assert!(records >= input.left.len() + input.right.len());
});
