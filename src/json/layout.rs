//! How the members of an object are written, learned from those before it.
//!
//! Rows are alike: their members come in one order, written in one way, and what nobody wants of them is
//! the same in most. So what stands between two wanted values is guessed to be, byte by byte, what stood
//! there in a row before. A right guess saves reading it: the same bytes in the same place mean the same.
//! A wrong one costs a look.

/// Members that are noted of one type. When there are more, noting begins anew.
const MOST: usize = 64;

/// Bytes of what is guessed at once. Whoever sends rows to be guessed wrongly costs no more than this each time.
const LONGEST: usize = 1024;

/// How objects of one type are written.
#[derive(Default)]
pub(super) struct Layout<'a> {
    /// The names of the fields that are wanted.
    names: &'static [&'static str],
    members: Vec<Member<'a>>,
    /// The place of the member that is guessed to be next.
    next: usize,
}

/// What has stood between two values.
struct Member<'a> {
    /// All that stood behind the value before: the opening brace or a comma, perhaps members that nobody
    /// wants, a name and a colon, or the closing brace.
    written: &'a [u8],
    what: What,
    /// What is known of a value that nobody wants.
    before: Before<'a>,
}

/// What comes behind it.
#[derive(Clone, Copy)]
pub(super) enum What {
    /// The value of a field that is wanted, by its place among the names.
    Wanted(u64),
    /// A value that nobody wants.
    Unwanted,
    /// Nothing: the object has ended.
    End,
}

/// What a value that nobody wants was in the rows before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before<'a> {
    /// It has not been seen.
    Unseen,
    /// This.
    Same(&'a [u8]),
    /// Now one thing, then another.
    Varying,
}

// === impl Layout ===

impl<'a> Layout<'a> {
    pub(super) fn new(names: &'static [&'static str]) -> Self {
        Self { names, members: Vec::with_capacity(MOST / 2), next: 0 }
    }

    /// Whether it is of the type that has these fields. One type's may have two addresses, which costs
    /// learning twice; two types with one address have the same fields.
    pub(super) fn is_of(&self, names: &'static [&'static str]) -> bool {
        std::ptr::eq(self.names, names)
    }

    /// Begins with an object.
    pub(super) fn begin(&mut self) {
        self.next = 0;
    }

    /// What follows and all behind it, if it is written as the member that is next.
    #[inline]
    pub(super) fn guess<'b>(&mut self, rest: &'b [u8]) -> Option<(What, &'b [u8])> {
        let member = self.members.get(self.next)?;
        let rest = rest.strip_prefix(member.written)?;
        self.next += 1;
        Some((member.what, rest))
    }

    /// The same, if it is written as any member was.
    #[cold]
    pub(super) fn find<'b>(&mut self, rest: &'b [u8]) -> Option<(What, &'b [u8])> {
        self.next = self.members.iter().position(|member| rest.starts_with(member.written))?;
        self.guess(rest)
    }

    /// Notes a member that has not been seen; without a name, the end.
    #[cold]
    pub(super) fn note(&mut self, written: &'a [u8], name: Option<&str>) -> What {
        let wanted = |name| self.names.iter().position(|wanted| *wanted == name);
        let what = match name.map(wanted) {
            None => What::End,
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

    /// Notes the value of the last member, which nobody wants. Whether it is the same as before.
    pub(super) fn pass(&mut self, value: &'a [u8]) -> bool {
        let last = self.next.checked_sub(1).and_then(|last| self.members.get_mut(last));
        let Some(Member { before, .. }) = last else { return false };
        let is_same = *before == Before::Same(value);
        *before = if is_same || *before == Before::Unseen { Before::Same(value) } else { Before::Varying };
        is_same
    }

    /// Makes one of the last member and the one before it, whose value nobody wants and which was the same
    /// as before. Both together are `written` so. Whether it did: where that is long they stay apart.
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
