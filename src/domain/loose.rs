//! Memory that is kept for long should be no more than what lies in it.

/// Bytes from which on what was not written to takes no memory, and copying what was would take it twice.
const LARGE: usize = 4 << 20;

/// Whether what is kept in so much room should rather be copied to where it fits. The allocator makes a piece of
/// memory smaller only where less than half of it is wanted, so asking it to shrink does nothing.
pub const fn is_loose(length: usize, room: usize) -> bool {
    length < LARGE && room - length > length / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_room_for_much_more_is_loose_unless_it_is_large() {
        for (length, room, expected) in
            [(0, 0, false), (800, 800, false), (800, 900, false), (800, 901, true), (0, 1, true), (LARGE, 2 * LARGE, false)]
        {
            assert_eq!(is_loose(length, room), expected, "{length} in {room}");
        }
    }
}
