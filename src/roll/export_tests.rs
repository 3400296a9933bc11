//! CSV and JSON lines of invented rolls.

use proptest::prelude::*;

use super::*;
use crate::domain::{Placeholders, Record};

const LEFT: SourceName = SourceName::new("left");
const RIGHT: SourceName = SourceName::new("right");

fn record<'a>(id: &'a str, name: &'a str, email: &'a str) -> Record<'a> {
    Record { id, display_name: Some(name), email: Some(email).filter(|email| !email.is_empty()), ..Record::default() }
}

fn export<'a>(
    lefts: impl IntoIterator<Item = Record<'a>>,
    rights: impl IntoIterator<Item = Record<'a>>,
    view: View,
    format: ExportFormat,
) -> Export {
    let sides = vec![(LEFT, lefts.into_iter().collect()), (RIGHT, rights.into_iter().collect())];
    let roll = Roll::of_records("acme".parse().unwrap(), sides, &Placeholders::new(&[] as &[&str]));
    Export::new(Arc::new(roll), view, format, vec![LEFT, RIGHT])
}

fn text(export: Export) -> String {
    String::from_utf8(export.flatten().collect()).unwrap()
}

/// Returns the rows of a CSV text, each cell by its column.
fn rows(text: &str) -> Vec<std::collections::BTreeMap<String, String>> {
    csv::Reader::from_reader(text.as_bytes()).deserialize().map(Result::unwrap).collect()
}

#[test]
fn a_row_has_the_users_fields_and_each_sources_id() {
    let left = Record {
        enabled: Some(true),
        phone: Some("+1 555"),
        roles: ["Admin", "Client"].into_iter().collect(),
        ..record("l,1", "Lee, \"Ann\"", "ann@acme.example")
    };
    let text = text(export(
        vec![left],
        vec![record("r1", "A. Lee", "ANN@acme.example"), record("r2", "Bo", "")],
        View::default(),
        ExportFormat::Csv,
    ));
    let header = text.lines().next().unwrap().replace('"', "");
    assert_eq!(
        header,
        "id,display_name,first_name,last_name,email,username,phone,enabled,can_sign_in,roles,primary_contact,inherited,placeholder,deleted,matched_by,left_id,right_id"
    );
    assert!(text.ends_with("\r\n"));
    let rows = rows(&text);
    let ann = &rows[1];
    for (column, expected) in [
        ("display_name", "Lee, \"Ann\""),
        ("phone", "'+1 555"),
        ("enabled", "true"),
        ("can_sign_in", ""),
        ("roles", "Admin;Client"),
        ("matched_by", "email"),
        ("left_id", "l,1"),
        ("right_id", "r1"),
        ("placeholder", "false"),
    ] {
        assert_eq!(ann[column], expected, "{column}");
    }
    let bo = &rows[0];
    assert_eq!((bo["display_name"].as_str(), bo["left_id"].as_str(), bo["right_id"].as_str()), ("Bo", "", "r2"));
}

#[test]
fn no_cell_is_taken_for_a_formula() {
    let roles = ["Admin", "=cmd|x", "A;@b"].into_iter().collect();
    let left = Record { roles, ..record("=id", "=name", "=mail@acme.example") };
    let right = record("r;-1", "Ann;=1", "=mail@acme.example");
    let with = View { with_conflicts: true, ..View::default() };
    let row = &rows(&text(export(vec![left], vec![right], with, ExportFormat::Csv)))[0];
    for (column, expected) in [
        ("left_id", "'=id"),
        ("right_id", "r;'-1"),
        ("display_name", "'=name"),
        ("email", "'=mail@acme.example"),
        ("roles", "Admin;'=cmd|x;A;'@b"),
    ] {
        assert_eq!(row[column], expected, "{column}");
    }
    assert!(row["conflicts"].contains("Ann;'=1"), "{}", row["conflicts"]);
}

#[test]
fn a_roll_without_anybody_is_a_header_or_nothing() {
    assert_eq!(rows(&text(export(vec![], vec![], View::default(), ExportFormat::Csv))).len(), 0);
    assert_eq!(text(export(vec![], vec![], View::default(), ExportFormat::JsonLines)), "");
}

#[test]
fn conflicts_come_with_either_where_they_are_asked_for() {
    let both = |view: &View, format| {
        let (left, right) = (record("1", "Ann", "ann@acme.example"), record("2", "Anna", "ann@acme.example"));
        text(export(vec![left], vec![right], view.clone(), format))
    };
    let with = View { with_conflicts: true, ..View::default() };
    assert!(rows(&both(&with, ExportFormat::Csv))[0]["conflicts"].contains("\"chosen\":\"left\""));
    assert!(both(&with, ExportFormat::JsonLines).contains("\"conflicts\":[{"));
    assert!(!both(&View::default(), ExportFormat::Csv).contains("conflicts"));
    assert!(!both(&View::default(), ExportFormat::JsonLines).contains("conflicts"));
}

#[test]
fn a_large_roll_comes_in_pieces() {
    let names: Vec<String> = (0..5000).map(|number| format!("P{number:04}")).collect();
    let crowd: Vec<Record<'_>> = names.iter().map(|name| record(name, name, "")).collect();
    for format in [ExportFormat::Csv, ExportFormat::JsonLines] {
        let pieces: Vec<Vec<u8>> = export(crowd.clone(), vec![], View::default(), format).collect();
        assert!(pieces.len() > 3, "{}", pieces.len());
        assert!(pieces.iter().all(|piece| piece.len() < 2 * PIECE));
    }
}

proptest! {
    #[test]
    fn every_user_is_one_row_and_one_line(names in prop::collection::vec("\\PC{0,8}|[=+@\",\r\n\t-]{0,5}", 0..12)) {
        let ids: Vec<String> = (0..names.len()).map(|id| id.to_string()).collect();
        let records: Vec<Record<'_>> = ids.iter().zip(&names).map(|(id, name)| record(id, name, "")).collect();
        let rows = rows(&text(export(records.clone(), vec![], View::default(), ExportFormat::Csv)));
        prop_assert_eq!(rows.len(), names.len());
        for row in rows {
            let name = &names[row["left_id"].parse::<usize>().unwrap()];
            prop_assert_eq!(row["display_name"].replace('\'', ""), name.replace('\'', ""));
            prop_assert!(!row["display_name"].starts_with(['=', '+', '-', '@', '\t', '\r', '\n']));
        }
        let lines = text(export(records, vec![], View::default(), ExportFormat::JsonLines));
        prop_assert_eq!(lines.lines().count(), names.len());
        for line in lines.lines() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(line).is_ok_and(|user| user["sources"][0]["source"] == "left"));
        }
    }
}

#[test]
fn what_tells_exports_apart_is_the_same_however_the_users_stand() {
    let person = |id, name, enabled| Record { enabled: Some(enabled), ..record(id, name, "") };
    let (ann, bo, cy) = (person("1", "Ann", true), person("2", "Bo", false), person("3", "Cy", true));
    let substance = |records: &[&Record<'static>], enabled| {
        let view = View { enabled, ..View::default() };
        export(records.iter().copied().cloned(), vec![], view, ExportFormat::Csv).substance().collect::<Vec<_>>().concat()
    };
    let both = substance(&[&ann, &cy], None);
    assert_eq!(substance(&[&ann, &bo, &cy], Some(true)), both, "Bo is between them, and is left out");
    assert_ne!(substance(&[&ann, &bo, &cy], None), both);
    assert_ne!(substance(&[&ann], None), both);
}
