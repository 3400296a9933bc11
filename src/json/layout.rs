//! How the members of an object are written, learned from those before it.
//!
//! Rows are alike: their members come in one order and are written in one way, and the unwanted parts are the
//! same in most. So the bytes between two wanted values are guessed to be the same as in an earlier row. A
//! right guess saves parsing: the same bytes in the same position mean the same. A wrong guess costs one
//! comparison.

/// Members that are remembered of one type. When there are more, remembering starts over.
const MOST: usize = 64;

/// Bytes that are guessed at once. A sender whose rows defeat the guessing costs no more than this each time.
const LONGEST: usize = 1024;

/// Where the name of a member begins after a comma and a quote, if there are no blanks.
const NAME: usize = 2;

/// How objects of one type are written.
#[derive(Default)]
pub(super) struct Layout<'a> {
    /// The names of the wanted fields.
    names: &'static [&'static str],
    members: Vec<Member<'a>>,
    /// The place of the member that is guessed to come next.
    next: usize,
    /// Whether an object has been read to its end. Only the members of a later one are likely to be known.
    has_ended: bool,
}

/// What has been seen between two values.
struct Member<'a> {
    /// Everything after the previous value: the opening brace or a comma, perhaps unwanted members, a name
    /// and a colon, or the closing brace.
    written: &'a [u8],
    what: What,
    /// What is known of an unwanted value.
    before: Before<'a>,
}

/// What follows it.
#[derive(Clone, Copy)]
pub(super) enum What {
    /// The value of a wanted field, by its place among the names.
    Wanted(u64),
    /// An unwanted value.
    Unwanted,
    /// Nothing: the object has ended.
    End,
}

/// What an unwanted value was in earlier rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before<'a> {
    /// It has not been seen.
    Unseen,
    /// Always this.
    Same(&'a [u8]),
    /// It varies.
    Varying,
}

// === impl Layout ===

impl<'a> Layout<'a> {
    pub(super) fn new(names: &'static [&'static str]) -> Self {
        Self { names, members: Vec::with_capacity(MOST / 2), next: 0, has_ended: false }
    }

    /// Returns whether it belongs to the type with these fields. The list of one type may have two addresses,
    /// which only means learning twice; two types with the same address have the same fields.
    pub(super) fn is_of(&self, names: &'static [&'static str]) -> bool {
        std::ptr::eq(self.names, names)
    }

    /// Begins an object.
    pub(super) fn begin(&mut self) {
        self.next = 0;
    }

    /// Returns the field of the next member and the rest after it, if it is wanted, short, and written as guessed.
    #[inline]
    pub(super) fn guess_short<'b>(&mut self, rest: &'b [u8]) -> Option<(u64, &'b [u8])> {
        let member = self.members.get(self.next)?;
        let What::Wanted(field) = member.what else { return None };
        let (begin, rest) = rest.split_at_checked(member.written.len())?;
        if !is_short_and_same(member.written, begin) {
            return None;
        }
        self.next += 1;
        Some((field, rest))
    }

    /// Returns the next member's kind and the rest after it, if it is written as guessed.
    #[inline]
    pub(super) fn guess<'b>(&mut self, rest: &'b [u8]) -> Option<(What, &'b [u8])> {
        let member = self.members.get(self.next)?;
        let rest = rest.strip_prefix(member.written)?;
        self.next += 1;
        Some((member.what, rest))
    }

    /// Does the same if it is written like any known member.
    #[cold]
    pub(super) fn find<'b>(&mut self, rest: &'b [u8]) -> Option<(What, &'b [u8])> {
        if !self.has_ended {
            return None;
        }
        let name = rest.get(NAME);
        // Comparing one byte first saves most of the other comparisons. A brace at the end has no name.
        let may_be = |written: &[u8]| written.get(NAME).is_none_or(|first| Some(first) == name);
        self.next = self.members.iter().position(|member| may_be(member.written) && rest.starts_with(member.written))?;
        self.guess(rest)
    }

    /// Remembers a new member; without a name, the end of the object.
    #[cold]
    pub(super) fn note(&mut self, written: &'a [u8], name: Option<&str>) -> What {
        let names = self.names;
        let wanted = |name| names.iter().position(|wanted| *wanted == name);
        let what = match name.map(wanted) {
            None => {
                self.has_ended = true;
                What::End
            }
            Some(None) => What::Unwanted,
            Some(Some(place)) => What::Wanted(place as u64),
        };
        if self.members.len() == MOST {
            self.members.clear();
        }
        self.next = self.next.min(self.members.len());
        self.members.insert(self.next, Member { written, what, before: Before::Unseen });
        self.next += 1;
        what
    }

    /// Remembers the last member's value, which is unwanted. Returns whether it is the same as before.
    pub(super) fn pass(&mut self, value: &'a [u8]) -> bool {
        let last = self.next.checked_sub(1).and_then(|last| self.members.get_mut(last));
        let Some(Member { before, .. }) = last else { return false };
        let is_same = *before == Before::Same(value);
        *before = if is_same || *before == Before::Unseen { Before::Same(value) } else { Before::Varying };
        is_same
    }

    /// Merges the last member with the one before it, whose value is unwanted and the same as before.
    /// Together they read `written`. Returns whether it merged them: if that is too long they stay apart.
    pub(super) fn merge(&mut self, written: &'a [u8]) -> bool {
        let Some(before) = self.next.checked_sub(2).filter(|_| written.len() <= LONGEST) else { return false };
        self.members.remove(before);
        self.next -= 1;
        if let Some(member) = self.members.get_mut(before) {
            member.written = written;
        }
        true
    }
}

/// Compares two texts of one length, which is that of a member's name. This is faster than calling a function that compares
/// any bytes.
#[inline]
fn is_short_and_same(one: &[u8], other: &[u8]) -> bool {
    match one.len() {
        8..=16 => has_same_ends::<8>(one, other),
        17..=32 => has_same_ends::<16>(one, other),
        4..8 => has_same_ends::<4>(one, other),
        _ => false,
    }
}

/// Compares the first bytes and the last ones, which may be some of the first.
#[inline]
fn has_same_ends<const BYTES: usize>(one: &[u8], other: &[u8]) -> bool {
    one.first_chunk::<BYTES>() == other.first_chunk() && one.last_chunk::<BYTES>() == other.last_chunk()
}
