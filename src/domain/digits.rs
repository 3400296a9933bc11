//! Numbers written as ASCII characters, in base 64, lowest digit first: how [`Records`](super::Records)
//! stores lengths.

use smallvec::SmallVec;

/// Marks a digit that another one follows.
const MORE: usize = 0x40;

/// Numbers while they are written, without an allocation for as many as a record usually has.
pub(super) type Ascii = SmallVec<[u8; 32]>;

/// Writes a number.
pub(super) fn write_number(mut number: usize, to: &mut Ascii) {
    while number >= MORE {
        to.push(digit(MORE | (number % MORE)));
        number /= MORE;
    }
    to.push(digit(number));
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
