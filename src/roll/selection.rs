//! Which persons a view leaves, decided for a whole roll at once.
//!
//! What is searched lies in one piece of memory, so that a search goes through it in one sweep; what
//! else decides lies in the list itself. Nothing follows a pointer for each of 50,000 persons.

use std::hash::{DefaultHasher, Hash, Hasher};

use memchr::memmem;

use super::{
    listing::{Listed, Roll, searchable},
    query::View,
};
use crate::domain::EmailKey;

/// Stands between two persons' texts. No text to search for has a control character.
const END: char = '\n';

/// The place of a source that the roll has nothing of.
const NO_SOURCE: u16 = u16::MAX;

/// Everything of a roll that is searched, person by person in the order of the default sort.
#[derive(Debug, Default)]
pub(super) struct Texts {
    all: String,
    /// Where each person's text ends.
    ends: Vec<u32>,
}

/// Which persons a view leaves.
pub(super) struct Selection<'a> {
    view: &'a View,
    /// Whether each person's texts have the part that is searched for.
    mentioned: Option<Vec<bool>>,
    address: Option<u64>,
    /// The place of the source that a record must be of among those that the roll is of.
    source: Option<u16>,
    roll: &'a Roll,
}

impl Texts {
    /// Adds the next person's texts, folded.
    pub(super) fn push<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) {
        for text in texts {
            // A control character in a text would look like its end; no search finds one anyway.
            self.all.extend(searchable(text).chars().map(|letter| if letter == END { '\u{b}' } else { letter }));
            self.all.push(END);
        }
        self.ends.push(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
    }

    /// About how many bytes it holds.
    pub(super) fn weight(&self) -> usize {
        self.all.len() + self.ends.len() * size_of::<u32>()
    }

    /// For each person, whether a folded text is part of one of his.
    fn mentioning(&self, part: &str) -> Vec<bool> {
        let mut mentioned = vec![false; self.ends.len()];
        let part = searchable(part);
        let finder = memmem::Finder::new(part.as_bytes());
        let (mut from, mut person) = (0, 0);
        while let Some(found) = self.all.as_bytes().get(from..).and_then(|rest| finder.find(rest)) {
            let rest = self.ends.get(person..).unwrap_or_default();
            person += rest.partition_point(|end| *end as usize <= from + found);
            let (Some(mark), Some(end)) = (mentioned.get_mut(person), self.ends.get(person)) else { break };
            *mark = true;
            from = *end as usize;
            person += 1;
        }
        mentioned
    }
}

impl<'a> Selection<'a> {
    pub(super) fn new(roll: &'a Roll, view: &'a View) -> Self {
        Self {
            mentioned: view.q.as_deref().map(|part| roll.texts().mentioning(part)),
            address: view.email.as_ref().map(digest),
            source: view.source.map(|source| roll.place_of(source).unwrap_or(NO_SOURCE)),
            view,
            roll,
        }
    }

    /// Whether the view leaves a person, given with his place in the order of the default sort.
    pub(super) fn has(&self, place: usize, listed: &Listed) -> bool {
        let View { q: _, email, source: _, enabled, with_deleted, without_placeholders, with_conflicts: _, sort: _ } = self.view;
        (*with_deleted || !listed.is_deleted())
            && !(*without_placeholders && listed.is_placeholder())
            && enabled.is_none_or(|enabled| listed.enabled() == Some(enabled))
            && self.source.is_none_or(|source| listed.is_of(source))
            && self.address.is_none_or(|address| listed.address() == Some(address))
            && self.mentioned.as_ref().is_none_or(|mentioned| mentioned.get(place).copied().unwrap_or(false))
            // Last, for it looks further: two addresses may have one digest.
            && email.as_ref().is_none_or(|key| self.roll.has_address(listed, key))
    }
}

/// An address as a number, which is compared first.
pub(super) fn digest(key: &EmailKey) -> u64 {
    let mut hash = DefaultHasher::new();
    key.as_str().hash(&mut hash);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_sweep_finds_whom_a_look_at_each_finds(people in prop::collection::vec(prop::collection::vec("[ab\nςσ]{0,4}", 0..4), 0..8), part in "[abςσ]{1,3}") {
            let mut texts = Texts::default();
            for person in &people {
                texts.push(person.iter().map(String::as_str));
            }
            let has = |person: &Vec<String>| person.iter().any(|text| text.replace('ς', "σ").contains(&part.replace('ς', "σ")));
            prop_assert_eq!(texts.mentioning(&part), people.iter().map(has).collect::<Vec<_>>());
        }
    }
}
