//! The searchable text of many entries in one buffer, so that a search is one linear scan.

use std::borrow::Cow;

use memchr::memmem;

/// Ends each text. No search text contains a control character.
const END: char = '\n';

/// Everything that is searched of persons or customers, one after another.
#[derive(Debug, Default)]
pub(crate) struct SearchText {
    all: String,
    /// Where each entry's texts end.
    ends: Vec<u32>,
}

impl SearchText {
    /// Adds the texts of the next entry, folded.
    pub(crate) fn push<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) {
        for text in texts {
            // A control character in a text would look like its end. No search could match one anyway.
            self.all.extend(searchable(text).chars().map(|letter| if letter == END { '\u{b}' } else { letter }));
            self.all.push(END);
        }
        self.ends.push(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
    }

    /// Releases spare capacity.
    pub(crate) fn shrink(&mut self) {
        self.all.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// Returns for each entry whether a folded text is part of one of its texts.
    pub(crate) fn mentioning(&self, part: &str) -> Vec<bool> {
        let mut mentioned = vec![false; self.ends.len()];
        let part = searchable(part);
        let finder = memmem::Finder::new(part.as_bytes());
        let (mut from, mut one) = (0, 0);
        while let Some(found) = self.all.as_bytes().get(from..).and_then(|rest| finder.find(rest)) {
            let rest = self.ends.get(one..).unwrap_or_default();
            one += rest.partition_point(|end| *end as usize <= from + found);
            let (Some(mark), Some(end)) = (mentioned.get_mut(one), self.ends.get(one)) else { break };
            *mark = true;
            from = *end as usize;
            one += 1;
        }
        mentioned
    }
}

/// Returns the form in which a folded text is searched: the Greek sigma has two small forms, and only one
/// capital.
fn searchable(folded: &str) -> Cow<'_, str> {
    if folded.contains('ς') { folded.replace('ς', "σ").into() } else { folded.into() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_sweep_finds_whom_a_look_at_each_finds(people in prop::collection::vec(prop::collection::vec("[ab\nςσ]{0,4}", 0..4), 0..8), part in "[abςσ]{1,3}") {
            let mut texts = SearchText::default();
            for person in &people {
                texts.push(person.iter().map(String::as_str));
            }
            let has = |person: &Vec<String>| person.iter().any(|text| text.replace('ς', "σ").contains(&part.replace('ς', "σ")));
            prop_assert_eq!(texts.mentioning(&part), people.iter().map(has).collect::<Vec<_>>());
        }
    }
}
