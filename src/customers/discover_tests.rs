//! Which lists are accepted, and when they are read again.

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
