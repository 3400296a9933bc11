//! Numbers written as ASCII characters, in base 64, lowest digit first: how [`Records`](super::Records)
//! stores lengths.

/// Marks a digit that another one follows.
const MORE: usize = 0x40;

/// Returns how many digits a number has.
pub(super) fn digits(number: usize) -> usize {
    if number < MORE { 1 } else { 1 + digits(number / MORE) }
}

/// Writes a number.
pub(super) fn write_number(mut number: usize, to: &mut String) {
    while number >= MORE {
        to.push(digit(MORE | (number % MORE)).into());
        number /= MORE;
    }
    to.push(digit(number).into());
}

/// Returns a digit as an ASCII character.
#[expect(clippy::cast_possible_truncation, reason = "it is cut to seven bits")]
const fn digit(digit: usize) -> u8 {
    (digit & 0x7f) as u8
}

/// Takes a number from the front.
#[inline]
pub(super) fn number(from: &mut &[u8]) -> usize {
    let (mut number, mut shift) = (0, 0);
    while let Some((digit, rest)) = from.split_first() {
        *from = rest;
        number |= (usize::from(*digit) % MORE) << shift;
        if usize::from(*digit) < MORE {
            break;
        }
        shift += MORE.ilog2();
    }
    number
}
