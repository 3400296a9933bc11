//! Which customers a caller may see: ids and prefixes. Pure.

use std::collections::HashSet;

use crate::domain::CustomerId;

/// The valid patterns, as the end of the sentence "must be …".
pub(super) const WANTED: &str = "customer ids, or prefixes that end with one *, such as [\"acme\", \"shop-*\"] or [\"*\"]";

/// The customers that a caller may see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CustomerFilter {
    /// Whole ids. A caller may have thousands, so a lookup does not go through them all.
    whole: HashSet<String>,
    beginnings: Vec<String>,
}

enum Pattern {
    Is(String),
    BeginsWith(String),
}

impl CustomerFilter {
    /// All customers.
    pub(super) fn all() -> Self {
        Self { whole: HashSet::new(), beginnings: vec![String::new()] }
    }

    /// Parses patterns; the error is the first invalid one.
    pub(super) fn read<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        patterns.into_iter().map(|text| Pattern::read(text).ok_or(text)).collect()
    }

    /// Parses the valid patterns; ignores all others, which then grant nothing.
    pub(super) fn read_what_can_be<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        patterns.into_iter().filter_map(Pattern::read).collect()
    }

    /// Whether an id is among them; ids are compared exactly.
    pub(super) fn hold(&self, id: &str) -> bool {
        self.whole.contains(id) || self.beginnings.iter().any(|beginning| id.starts_with(beginning))
    }
}

impl FromIterator<Pattern> for CustomerFilter {
    fn from_iter<I: IntoIterator<Item = Pattern>>(patterns: I) -> Self {
        let mut customers = Self::default();
        for pattern in patterns {
            match pattern {
                Pattern::Is(whole) => drop(customers.whole.insert(whole)),
                Pattern::BeginsWith(beginning) => customers.beginnings.push(beginning),
            }
        }
        customers
    }
}

impl Pattern {
    fn read(text: &str) -> Option<Self> {
        match text.strip_suffix('*') {
            // Characters that no id contains would match nothing, so they are a mistake.
            Some(beginning) if beginning.is_empty() || format!("{beginning}x").parse::<CustomerId>().is_ok() => {
                Some(Self::BeginsWith(beginning.to_owned()))
            }
            Some(_) => None,
            None => text.parse::<CustomerId>().is_ok().then(|| Self::Is(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_or_a_beginning_opens_what_it_says() {
        let customers = CustomerFilter::read(["acme", "shop-*"]).unwrap();
        for (id, seen) in
            [("acme", true), ("Acme", false), ("acme2", false), ("acm", false), ("shop-", true), ("shop-1", true), ("shop", false)]
        {
            assert_eq!(customers.hold(id), seen, "{id}");
        }
        assert!(CustomerFilter::all().hold("whatever"));
        assert_eq!(CustomerFilter::read(["*"]), Ok(CustomerFilter::all()));
        assert!(!CustomerFilter::default().hold("acme"));
    }

    #[test]
    fn what_is_no_pattern_is_named_or_opens_nothing() {
        for bad in ["", "a b", "*a", "a**", "a*b", "a/*", "ä*", "..", "**"] {
            assert_eq!(CustomerFilter::read(["good", bad]), Err(bad));
            assert_eq!(CustomerFilter::read_what_can_be([bad]), CustomerFilter::default(), "{bad}");
        }
        assert!(CustomerFilter::read_what_can_be(["a b", "good"]).hold("good"));
    }

    proptest! {
        /// Checks against the sentence in [`WANTED`], word by word.
        #[test]
        fn patterns_mean_what_is_said_of_them(patterns in prop::collection::vec("[ab.]{0,3}\\*?", 0..4), id in "[ab.]{1,4}") {
            let customers = CustomerFilter::read_what_can_be(patterns.iter().map(String::as_str));
            let opens = |pattern: &String| match pattern.strip_suffix('*') {
                Some(beginning) => id.starts_with(beginning),
                None => id == *pattern,
            };
            let is_one = |pattern: &&String| CustomerFilter::read([pattern.as_str()]).is_ok();
            prop_assert_eq!(customers.hold(&id), patterns.iter().filter(is_one).any(opens));
        }
    }
}
