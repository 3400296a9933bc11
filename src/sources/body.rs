//! Makes JSON readable that RFC 8259 does not allow but some programs write. Pure.
//!
//! Neither backend documents this; it is assumed that both may do it. .NET may write a byte order mark first, and a text
//! that was cut to a number of UTF-16 units may end in half a surrogate pair, which many programs then escape (RFC 8259,
//! 8.1 and 8.2). Neither may hide a customer's users.

use std::ops::RangeInclusive;

use memchr::memchr;

/// UTF-8's byte order mark.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The first and the second half of a character that UTF-16 writes as a surrogate pair.
const FIRST_HALF: RangeInclusive<u16> = 0xd800..=0xdbff;
const SECOND_HALF: RangeInclusive<u16> = 0xdc00..=0xdfff;

/// The escaped replacement character (U+FFFD), which is exactly as long as the escape that it replaces.
const LOST: &[u8; 6] = b"\\ufffd";

/// Returns the body without its byte order mark, if it has one.
pub(super) fn unmarked(body: &[u8]) -> &[u8] {
    body.strip_prefix(MARK).unwrap_or(body)
}

/// Returns the body with U+FFFD in place of each half of a pair whose other half is missing, and how many there were;
/// `None` if there is none.
pub(super) fn with_whole_pairs(body: &[u8]) -> Option<(Vec<u8>, u64)> {
    let (mut mended, mut lone, mut at) = (Vec::new(), 0, 0);
    while let Some(next) = body.get(at..).and_then(|rest| memchr(b'\\', rest)) {
        at += next;
        match (escaped(body, at), escaped(body, at + LOST.len())) {
            (Some(first), Some(second)) if FIRST_HALF.contains(&first) && SECOND_HALF.contains(&second) => at += 2 * LOST.len(),
            (Some(half), _) if FIRST_HALF.contains(&half) || SECOND_HALF.contains(&half) => {
                if mended.is_empty() {
                    mended = body.to_vec();
                }
                mended.get_mut(at..at + LOST.len())?.copy_from_slice(LOST);
                (lone, at) = (lone + 1, at + LOST.len());
            }
            _ => at += 2, // any other escape, including that of a backslash
        }
    }
    (lone > 0).then_some((mended, lone))
}

/// Returns the code unit that is escaped at this place with four hexadecimal digits.
fn escaped(body: &[u8], at: usize) -> Option<u16> {
    let digits = body.get(at..at + LOST.len())?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn half_a_pair_is_a_lost_character_and_nothing_else_changes() {
        for (body, expected) in [
            (r#"["Ann \ud83d"]"#, Some((r#"["Ann \ufffd"]"#, 1))),
            (r#"["\uDE00\uD83D\ude00"]"#, Some((r#"["\ufffd\uD83D\ude00"]"#, 1))),
            (r#"["\ud83d\ud83d\ude00","\ud83dx"]"#, Some((r#"["\ufffd\ud83d\ude00","\ufffdx"]"#, 2))),
            (r#"["\ud83d\ude00", "\\ud83d", "\u00e9"]"#, None),
            (r#"["\ud83"#, None),
            (r#"["\u+83d"]"#, None),
            ("\\", None),
            ("", None),
        ] {
            let mended = with_whole_pairs(body.as_bytes());
            assert_eq!(mended, expected.map(|(text, lone)| (text.as_bytes().to_vec(), lone)), "{body}");
        }
    }

    proptest! {
        #[test]
        fn what_is_mended_can_be_read(halves in prop::collection::vec(prop::sample::select(vec!["\\ud83d", "\\ude00", "\\\\", "\\n", "u", "d83d"]), 0..12)) {
            let text = format!("\"{}\"", halves.concat());
            let mended = with_whole_pairs(text.as_bytes());
            prop_assert_eq!(mended.is_none(), serde_json::from_str::<String>(&text).is_ok());
            if let Some((mended, _)) = mended {
                prop_assert!(serde_json::from_slice::<String>(&mended).is_ok());
            }
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_body() {
        assert_eq!(unmarked(b"\xef\xbb\xbf{}"), b"{}");
        assert_eq!(unmarked(b"{}"), b"{}");
        assert_eq!(unmarked(b""), b"");
    }
}
