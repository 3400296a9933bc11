//! Numbers written as ASCII characters, in base 64, lowest digit first: how [`Records`](super::Records)
//! stores the lengths of roles, and of texts that are too long for a byte.

/// Marks a digit that another one follows.
const MORE: usize = 0x40;

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
#[cold]
pub(super) fn number(from: &mut &str) -> usize {
    let (mut number, mut shift) = (0, 0);
    for (place, digit) in from.bytes().map(usize::from).enumerate() {
        number |= (digit % MORE) << shift;
        if digit < MORE {
            *from = from.get(place + 1..).unwrap_or_default();
            break;
        }
        shift += MORE.ilog2();
    }
    number
}
