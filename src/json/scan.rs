//! Finds where a text and a number end.

use wide::u8x16;

use super::Malformed;

/// Bytes that are examined together.
const BLOCK: usize = 16;

/// Returns how long a text is, without its quotes, if it has no escapes and does not end close to the end of the bytes.
/// `bytes` begin after the opening quote.
#[inline]
pub(super) fn plain_text(bytes: &[u8]) -> Option<usize> {
    let end = special_in_blocks(bytes, 0).ok()?;
    (bytes.get(end) == Some(&b'"')).then_some(end)
}

/// Returns how long a text is, without its quotes, and whether it has escapes. `bytes` begin after the
/// opening quote.
#[inline]
pub(super) fn text(bytes: &[u8]) -> Result<(usize, bool), Malformed> {
    let end = special(bytes, 0);
    if bytes.get(end) == Some(&b'"') { Ok((end, false)) } else { escaped(bytes, end).map(|length| (length, true)) }
}

/// Returns how long a text is if something other than the closing quote comes first, at `at`.
#[cold]
fn escaped(bytes: &[u8], mut at: usize) -> Result<usize, Malformed> {
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok(at),
            Some(b'\\') => at = special(bytes, escape(bytes, at)?),
            _ => return Err(Malformed), // a control character, or the end
        }
    }
}

/// Returns whether a text needs no escaping.
#[inline]
pub fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(last) = bytes.last_chunk::<BLOCK>() else { return marked(&some_order(bytes)) == 0 };
    bytes.as_chunks::<BLOCK>().0.iter().all(|block| marked(block) == 0) && marked(last) == 0
}

/// Fills a block with less than a block of bytes: in some order, perhaps twice, perhaps with blanks.
#[inline]
fn some_order(bytes: &[u8]) -> [u8; BLOCK] {
    let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) else { return padded(bytes) };
    (u128::from(u64::from_ne_bytes(*first)) << 64 | u128::from(u64::from_ne_bytes(*last))).to_ne_bytes()
}

/// Returns which bytes of a block are quotes, backslashes or control characters, one bit for each.
#[inline]
fn marked(block: &[u8; BLOCK]) -> u32 {
    let block = u8x16::new(*block);
    let is_control = block.min(u8x16::splat(0x1f)).simd_eq(block);
    (block.simd_eq(u8x16::splat(b'"')) | block.simd_eq(u8x16::splat(b'\\')) | is_control).to_bitmask()
}

/// Returns the first place from `at` with a quote, a backslash or a control character, or the end.
#[inline]
fn special(bytes: &[u8], at: usize) -> usize {
    special_in_blocks(bytes, at).unwrap_or_else(|at| {
        let rest = bytes.get(at..).unwrap_or_default();
        at + rest.len().min(marked(&padded(rest)).trailing_zeros() as usize)
    })
}

/// Does the same for whole blocks; if there is no such place in them, returns how far it has looked.
#[inline]
fn special_in_blocks(bytes: &[u8], mut at: usize) -> Result<usize, usize> {
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>) {
        let found = marked(block);
        if found != 0 {
            return Ok(at + found.trailing_zeros() as usize);
        }
        at += BLOCK;
    }
    Err(at)
}

/// Pads less than a block of bytes with blanks.
fn padded(rest: &[u8]) -> [u8; BLOCK] {
    let mut padded = [b' '; BLOCK];
    padded.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    padded
}

/// Returns the place after the escape whose backslash is at `at`.
fn escape(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') if bytes.get(at + 2..at + 6).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) => Ok(at + 6),
        _ => Err(Malformed),
    }
}

/// Returns how long a number is, and whether it is digits only.
#[inline]
pub(super) fn number(bytes: &[u8]) -> Result<(usize, bool), Malformed> {
    let begin = usize::from(bytes.first() == Some(&b'-'));
    let whole = digits(bytes, begin)?;
    if bytes.get(begin) == Some(&b'0') && whole - begin > 1 {
        return Err(Malformed); // no leading zeros
    }
    let mut end = whole;
    if bytes.get(end) == Some(&b'.') {
        end = digits(bytes, end + 1)?;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let is_signed = matches!(bytes.get(end + 1), Some(b'+' | b'-'));
        end = digits(bytes, end + 1 + usize::from(is_signed))?;
    }
    Ok((end, end == whole && begin == 0))
}

/// Returns the place after one or more digits.
#[inline]
fn digits(bytes: &[u8], at: usize) -> Result<usize, Malformed> {
    let rest = bytes.get(at..).unwrap_or_default();
    match rest.iter().take_while(|byte| byte.is_ascii_digit()).count() {
        0 => Err(Malformed),
        count => Ok(at + count),
    }
}
