//! Bytes as hexadecimal digits, and back.

/// Formats bytes as lower-case digits, two per byte.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |number: u8| char::from_digit(number.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Parses `N` bytes from twice as many digits in either case; `None` if the text is anything else.
pub fn unhex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return None };
    let digit = |letter: u8| char::from(letter).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok();
    pairs.iter().map(byte).collect::<Option<Vec<u8>>>()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let bytes = [0x01, 0x23, 0xab, 0xff];
        assert_eq!(hex(&bytes), "0123abff");
        assert_eq!((unhex("0123abff"), unhex("0123ABff")), (Some(bytes), Some(bytes)));
        for bad in ["", "0123abf", "0123abff0", "0123abff00", "0123abfg", "+123abff", " 123abff", "0123abü"] {
            assert_eq!(unhex::<4>(bad), None, "{bad}");
        }
    }
}
