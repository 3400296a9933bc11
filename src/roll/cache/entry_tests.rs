//! An entry is read as it was written, and its age is never understated.

use proptest::prelude::*;

use super::*;
use crate::domain::Records;

const SOURCE: SourceName = SourceName::new("test");

fn text() -> impl Strategy<Value = Option<String>> {
    prop::option::of(".{1,12}")
}

prop_compose! {
    /// One record, packed.
    fn record()(
        id in ".{1,8}", texts in prop::collection::vec(text(), 6), email in prop::option::of("[a-zA-ZäÖ]{1,5}@[a-z]{1,5}(\\.example)?"),
        flags in prop::collection::vec(any::<Option<bool>>(), 4), roles in prop::collection::vec("[A-Za-z]{1,6}", 0..3), deleted: bool,
    ) -> Records {
        let text = |place: usize| texts[place].as_deref();
        let record = Record {
            id: &id, owner: text(0), display_name: text(1), first_name: text(2), last_name: text(3), email: email.as_deref(),
            username: text(4), phone: text(5), enabled: flags[0], can_sign_in: flags[1], roles: roles.iter().map(String::as_str).collect(),
            primary_contact: flags[2], inherited: flags[3], deleted,
        };
        [record].into_iter().collect()
    }
}

prop_compose! {
    fn walk()(all in prop::collection::vec(record(), 0..5), complete: bool, other_customer in text(), warned: bool, count: Option<u64>) -> Walk {
        let warning = Warning { code: WarningCode::CustomerIdDiffers, source: Some(SOURCE), count };
        let warnings = warned.then_some(warning).into_iter().collect();
        Walk { records: Records::distinct(all), complete, warnings, other_customer: other_customer.map(Into::into) }
    }
}

fn moment(millis: i64) -> Moment {
    Moment::from_millis(millis).unwrap()
}

proptest! {
    #[test]
    fn what_a_source_said_is_read_as_it_was_written(walk in walk(), at in 0_i64..4_000_000_000_000, life in 0_u64..9_999_999, owner in ".{0,9}") {
        let (answer, life) = (SourceAnswer::Users(walk.clone()), Duration::from_millis(life));
        let entry = read(SOURCE, &write(&owner, moment(at), life, Saying::Known(&answer))).unwrap();
        prop_assert_eq!((&entry.owner, entry.at, entry.life), (&owner, moment(at), life));
        let Said::Known(SourceAnswer::Users(back)) = entry.said else { panic!("{entry:?}") };
        prop_assert_eq!(back, walk);
    }

    #[test]
    fn nothing_looks_younger_than_either_clock_says(at in -9_000_i64..9_000, now in -9_000_i64..9_000, life in 0_u64..9_000, left in any::<Option<u16>>()) {
        let (life, left) = (Duration::from_millis(life), left.map(|left| Duration::from_millis(left.into())));
        let age = age(moment(at), moment(now), life, left);
        prop_assert!(i64::try_from(age.as_millis()).unwrap() >= now - at);
        prop_assert!(left.is_none_or(|left| age + left >= life));
        prop_assert!(age <= Duration::from_secs(18).max(life));
    }
}

#[test]
fn an_age_is_told_by_the_clocks_or_by_what_is_left() {
    let (life, second) = (Duration::from_secs(100), Duration::from_secs);
    for (now, left, age_in_seconds, why) in [
        (20_000, Some(80), 20, "both agree"),
        (20_000, Some(40), 60, "our clock is behind"),
        (90_000, Some(80), 90, "our clock is ahead"),
        (-5_000, Some(99), 1, "the future counts as now"),
        (-5_000, None, 0, "the future counts as now, and the place has no end"),
    ] {
        assert_eq!(age(moment(0), moment(now), life, left.map(second)), second(age_in_seconds), "{why}");
    }
}

#[test]
fn every_other_outcome_is_read_as_it_was_written() {
    let failure = Failure { retry_after: Some(Duration::from_millis(1500)), ..Failure::answered(FailureKind::RateLimited, 429) };
    let not_found = Failure::answered(FailureKind::NotFound, 404);
    let back = |saying| read(SOURCE, &write("me", moment(5), Duration::ZERO, saying)).unwrap().said;
    assert!(matches!(back(Saying::Failed(failure)), Said::Failed(back) if back == failure));
    let answer = SourceAnswer::NotFound(not_found);
    assert!(matches!(back(Saying::Known(&answer)), Said::Known(SourceAnswer::NotFound(back)) if back == not_found));
    assert!(matches!(back(Saying::Ended), Said::Ended));
    for bad in [&b""[..], b"{}", b"null", b"{\"owner\":\"\",\"at\":0,\"life\":0,\"said\":{\"users\":{\"records\":[{}],\"complete\":true,\"warnings\":[],\"other_customer\":null}}}"] {
        assert!(read(SOURCE, bad).is_none());
    }
}
