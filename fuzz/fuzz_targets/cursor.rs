//! Any cursor: reading it terminates. A text that the gateway did not write is refused; the digest is no secret, so any
//! position may come with a valid one. The pages after that are the rest of the roll, in order.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rollcall::{
    domain::{CustomerId, Placeholders, Record, Records, SourceName},
    roll::{PageOf, Roll, View, seal_place},
};

const SORTS: [&str; 6] = ["display_name", "-display_name", "email", "-email", "id", "-id"];

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    text: &'a str,
    place: &'a [u8],
    rows: Vec<(Option<&'a str>, Option<&'a str>)>,
    sort: u8,
    page_size: u8,
}

fn roll(customer: CustomerId, rows: &[(Option<&str>, Option<&str>)]) -> Roll {
    let mut records = Records::default();
    for (id, (display_name, email)) in rows.iter().enumerate() {
        let email = email.map(str::trim).filter(|email| !email.is_empty());
        records.push(&Record { id: &id.to_string(), display_name: *display_name, email, ..Record::default() });
    }
    Roll::of_records(customer, vec![(SourceName::new("left"), records)], &Placeholders::new(&["*@dummy.com"]))
}

/// All users from a position on, page by page.
fn walk(roll: &Roll, view: &View, mut of: PageOf, size: usize) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        let page = roll.page(view, &of);
        seen.extend(page.users.iter().map(|(listed, _)| roll.json(listed).to_owned()));
        assert!(seen.len() <= roll.len(), "it does not end");
        let Some(next) = page.next_cursor else { return seen };
        of = PageOf::new(&roll.customer, view, Some(&next), size).expect("our own cursor");
    }
}

fuzz_target!(|input: Input<'_>| {
    let customer: CustomerId = "acme".parse().expect("a plain id");
    let sort = SORTS[usize::from(input.sort) % SORTS.len()].parse().expect("an order");
    let (view, size) = (View { sort, ..View::default() }, usize::from(input.page_size) + 1);
    assert!(PageOf::new(&customer, &view, Some(input.text), size).is_err());
    let cursor = seal_place(&customer, &view, input.place);
    let Ok(of) = PageOf::new(&customer, &view, Some(&cursor), size) else { return };
    let roll = roll(customer, &input.rows);
    let first = PageOf::new(&roll.customer, &view, None, size).expect("no cursor");
    let (rest, whole) = (walk(&roll, &view, of, size), walk(&roll, &view, first, size));
    assert_eq!(whole.len(), roll.len());
    assert!(whole.ends_with(&rest), "not in order: {rest:?} of {whole:?}");
});
