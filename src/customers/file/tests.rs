//! Both readers of a file of links: what they accept and which faults they report.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::domain::CustomerId;

const SOURCES: [SourceName; 2] = [SourceName::new("left"), SourceName::new("right")];
const HEADER: &str = "customer_id,name,left_id,right_id\n";

/// A customer's name and its ids at the two sources.
type Told = (Option<String>, Option<String>, Option<String>);

fn told(table: &Table) -> BTreeMap<String, Told> {
    let row = |entry: &crate::customers::table::Entry| {
        let remote = |source| entry.remote(source).map(str::to_owned);
        (entry.id.to_string(), (entry.name.as_deref().map(str::to_owned), remote(0), remote(1)))
    };
    table.entries().iter().map(row).collect()
}

fn csv(rows: &str) -> Result<Table, Vec<LineFault>> {
    read(format!("{HEADER}{rows}").as_bytes(), Format::Csv, &SOURCES)
}

/// Returns the lines and the kinds of all faults.
#[track_caller]
fn faults(read: Result<Table, Vec<LineFault>>) -> Vec<(u64, &'static str)> {
    let faults = read.expect_err("there are faults");
    for fault in &faults {
        assert!(fault.what.ends_with(['.', '?']), "a sentence: {fault}");
    }
    faults.into_iter().map(|fault| (fault.line, fault.reason.as_str())).collect()
}

#[test]
fn both_formats_say_the_same() {
    let csv = csv("acme,Acme GmbH,A-1,m-1\nbirch,\"Birch, Ltd\",,m-2\n\ncedar,,C-3,\n").unwrap();
    let toml = "
        [[customers]]
        customer_id = 'acme'
        name = 'Acme GmbH'
        left_id = 'A-1'
        right_id = 'm-1'
        [[customers]]
        customer_id = 'birch'
        name = 'Birch, Ltd'
        left_id = ''
        right_id = 'm-2'
        [[customers]]
        customer_id = 'cedar'
        left_id = 'C-3'";
    let toml = read(toml.as_bytes(), Format::Toml, &SOURCES).unwrap();
    assert_eq!(told(&csv), told(&toml));
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(told(&csv)["birch"], (some("Birch, Ltd"), None, some("m-2")));
    assert_eq!(told(&csv)["cedar"], (None, some("C-3"), None));
}

#[test]
fn a_header_may_have_another_order_and_a_file_another_machines_ends_of_lines() {
    let text = "\u{feff}right_id,customer_id,left_id,name\r\nm-1,acme,A-1,Acme\r\n";
    let table = read(text.as_bytes(), Format::Csv, &SOURCES).unwrap();
    assert_eq!(told(&table)["acme"], (Some("Acme".into()), Some("A-1".into()), Some("m-1".into())));
}

#[test]
fn a_wrong_header_is_told_and_nothing_else() {
    for header in ["customer_id,name,left_id", "customer_id,name,left_id,middle_id", "customer_id,name,left_id,left_id", "a;b;c;d"] {
        let text = format!("{header}\n,,,\n");
        assert_eq!(faults(read(text.as_bytes(), Format::Csv, &SOURCES)), [(1, "wrong_header")], "{header}");
    }
    assert_eq!(faults(read(b"", Format::Csv, &SOURCES)), [(1, "wrong_header")]);
}

#[test]
fn every_fault_is_told_with_its_line() {
    let rows = "acme,Acme,A-1,m-1\n\
        acme,Twice,A-2,m-2\n\
        b/d,Bad,A-3,m-3\n\
        \n\
        birch,Birch,a-1,m-4\n\
        cedar,Cedar,A-5\n\
        dogwood,Dog\twood,..,M-1\n\
        elm,\"El\nm\",A-7,m-7\n\
        ,,,\n";
    let expected = [
        (3, "duplicate_id"),
        (4, "bad_id"),
        (6, "shared_remote_id"),
        (7, "wrong_cells"),
        (8, "bad_cell"),
        (8, "bad_cell"),
        (8, "shared_remote_id"),
        (9, "bad_cell"),
        (11, "bad_id"),
    ];
    assert_eq!(faults(csv(rows)), expected);
    let mut binary = HEADER.as_bytes().to_vec();
    binary.extend_from_slice(b"acme,Acme,A-1,m-1\nbirch,B\xff,A-2,m-2\n");
    assert_eq!(faults(read(&binary, Format::Csv, &SOURCES)), [(3, "bad_cell")]);
}

#[test]
fn every_fault_of_a_toml_file_is_told_with_its_line() {
    let text = "other = 1\n[[customers]]\ncustomer_id = 'acme'\nleft_id = 7\nmiddle_id = 'x'\n[[customers]]\nname = 'Nobody'\n";
    let expected = [(1, "wrong_header"), (4, "bad_cell"), (5, "wrong_cells"), (6, "bad_id")];
    assert_eq!(faults(read(text.as_bytes(), Format::Toml, &SOURCES)), expected);
    let broken = "[[customers]]\ncustomer_id = 'acme\n[[customers]]\nname == 'x'\n";
    assert_eq!(faults(read(broken.as_bytes(), Format::Toml, &SOURCES)), [(2, "unreadable"), (4, "unreadable")]);
    assert_eq!(faults(read(b"a = 1\nb = '\xff'", Format::Toml, &SOURCES)), [(2, "unreadable")]);
}

#[test]
fn a_file_of_nothing_but_faults_is_given_up_after_a_thousand() {
    let (rows, tables) = ("a/b,,,\n".repeat(5000), "[[customers]]\ncustomer_id = 'a/b'\n".repeat(5000));
    let keys = (0..5000).map(|number| format!("x{number} = 1")).collect::<Vec<_>>().join("\n");
    let toml = |text: String| read(text.as_bytes(), Format::Toml, &SOURCES);
    let nothing = "= ]\n".repeat(5000);
    for refused in [csv(&rows), toml(tables), toml(format!("[[customers]]\n{keys}")), toml(nothing)] {
        let faults = refused.expect_err("there are faults");
        assert!(faults.len() <= 1001, "{}", faults.len());
        assert_eq!(faults.iter().filter(|fault| fault.what == "and more.").count(), 1);
    }
    let large = "= ]\n".repeat(500_000);
    assert_eq!(faults(toml(large)), [(1, "unreadable")]);
}

#[test]
fn one_id_at_two_sources_is_no_shared_one() {
    assert!(csv("acme,,same,same\nbirch,,other,OTHER\n").is_ok());
}

#[test]
fn the_ending_says_how_a_file_is_written() {
    for (name, format) in [("a.csv", Some(Format::Csv)), ("a.b.TOML", Some(Format::Toml)), ("a.json", None), ("csv", None)] {
        assert_eq!(Format::of(std::path::Path::new(name)), format, "{name}");
    }
}

type Cells = (String, String, String, String);

fn any_row() -> impl Strategy<Value = Cells> {
    ("[a-c]{1,2}", "\\PC{0,6}", "[A-Ca-c]{0,2}", "[A-Ca-c]{0,2}")
}

proptest! {
    #[test]
    fn a_file_is_taken_whole_or_not_at_all(rows in prop::collection::vec(any_row(), 0..8)) {
        let mut writer = ::csv::Writer::from_writer(HEADER.as_bytes().to_vec());
        for (id, name, left, right) in &rows {
            writer.write_record([id, name, left, right]).unwrap();
        }
        let text = writer.into_inner().unwrap();
        let taken = read(&text, Format::Csv, &SOURCES);
        let repeats = |column: fn(&Cells) -> String| {
            let mut cells: Vec<String> = rows.iter().map(column).filter(|cell| !cell.is_empty()).collect();
            let all = cells.len();
            cells.sort_unstable();
            cells.dedup();
            all != cells.len()
        };
        let broken = repeats(|row| row.0.clone()) || repeats(|row| row.2.to_lowercase()) || repeats(|row| row.3.to_lowercase());
        prop_assert_eq!(taken.is_err(), broken);
        if let Ok(table) = taken {
            prop_assert_eq!(table.entries().len(), rows.len());
            for (id, _, left, right) in &rows {
                let customer: CustomerId = id.parse().unwrap();
                let entry = table.find(&customer).unwrap();
                for (source, cell) in [(0, left), (1, right)] {
                    prop_assert_eq!(entry.remote(source).unwrap_or_default(), cell.as_str());
                    let found = table.find_remote(source, &cell.to_uppercase());
                    prop_assert_eq!(found.map(|entry| entry.id.clone()), (!cell.is_empty()).then_some(customer.clone()));
                }
            }
        }
    }

    #[test]
    fn whatever_the_text_reading_it_ends(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[a-c,\"\n\\[\\]= _]{0,120}") {
        for text in [bytes, format!("{HEADER}{text}").into_bytes(), text.into_bytes()] {
            for format in [Format::Csv, Format::Toml] {
                if let Err(faults) = read(&text, format, &SOURCES) {
                    prop_assert!(!faults.is_empty() && faults.is_sorted());
                }
            }
        }
    }
}
