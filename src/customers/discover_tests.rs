//! Which lists are accepted, when they are read again, and which customers the log names.

use super::*;

#[test]
fn a_list_that_has_lost_most_is_believed_when_it_is_said_twice() {
    for (before, now, doubted, expected) in [
        (0, 0, None, true),
        (9, 1, None, true),
        (9, 0, None, false),
        (9, 0, Some(1), false),
        (9, 0, Some(0), true),
        (1, 0, None, false),
        (100, 99, None, true),
        (100, 50, None, true),
        (100, 49, None, false),
        (100, 0, None, false),
        (100, 0, Some(0), true),
        (100, 40, Some(45), true),
        (100, 10, Some(45), false),
        (100, 20, Some(40), false),
        (100, 1000, None, true),
    ] {
        assert_eq!(is_believed(before, now, doubted), expected, "{before} {now} {doubted:?}");
    }
}

#[test]
fn a_list_that_cannot_be_read_is_tried_again_less_and_less_often() {
    let seconds = |failures| pause(failures, Duration::from_mins(15)).as_secs();
    assert_eq!([0, 1, 2, 3, 6, 7, 100].map(seconds), [900, 1, 2, 4, 32, 60, 60]);
    assert_eq!(pause(5, Duration::from_millis(200)), Duration::from_millis(200), "never later than the regular refresh");
}

#[test]
fn the_log_names_a_few_for_each_reason_and_those_first_who_can_be_mended() {
    let many = |reason, count: usize| {
        (0..count).map(move |number| Unlinked { source: SourceName::new("left"), id: number.to_string().into(), reason })
    };
    let unlinked: Vec<Unlinked> = many(UnlinkedReason::NotReferredTo, 500)
        .chain(many(UnlinkedReason::NoReference, 2))
        .chain(many(UnlinkedReason::UnknownReference, 20))
        .chain(many(UnlinkedReason::InvalidId, 1))
        .chain(many(UnlinkedReason::SharedReference, 11))
        .chain(many(UnlinkedReason::IdTaken, 1))
        .chain(many(UnlinkedReason::FitsSeveral, 3))
        .collect();
    let told = told(&unlinked);
    assert_eq!(told.len(), unlinked.len(), "all are logged at some level");
    let mut named: Vec<(&str, usize)> = Vec::new();
    for (unlinked, _) in told.iter().filter(|(_, is_named)| *is_named) {
        match named.last_mut() {
            Some((reason, count)) if *reason == unlinked.reason.as_str() => *count += 1,
            _ => named.push((unlinked.reason.as_str(), 1)),
        }
    }
    let expected = [
        ("fits_several", 3),
        ("shared_reference", 10),
        ("id_taken", 1),
        ("invalid_id", 1),
        ("unknown_reference", 10),
        ("no_reference", 2),
        ("not_referred_to", 10),
    ];
    assert_eq!(named, expected);
}
