//! Finds one person in a roll without scanning the others.

use std::cmp::Ordering;

use uuid::Uuid;

use super::{
    joined_roll::Roll,
    query::{Sort, SortField},
    roll_entry::RollEntry,
};
use crate::domain::SourceName;

/// The order in which the gateway's own ids are searched.
const BY_ID: Sort = Sort { field: SortField::Id, descending: false };

/// What identifies the person to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserId {
    /// The gateway's own id.
    Ours(Uuid),
    /// The id of a record at its source.
    At(SourceName, Box<str>),
}

impl Roll {
    /// Finds one person by the gateway's id, or by the id of one of their records.
    pub fn find(&self, id: &UserId) -> Option<&RollEntry> {
        match id {
            UserId::Ours(id) => self.person(*id),
            UserId::At(source, id) => self.holder(*source, id),
        }
    }

    /// Returns whether finding a person takes long: it does for the first id of its kind in a large roll.
    pub fn is_long_to_find(&self, id: &UserId) -> bool {
        let is_ready = match id {
            UserId::Ours(_) => self.is_in_order(BY_ID),
            UserId::At(..) => self.knows_holders(),
        };
        self.is_large() && !is_ready
    }

    fn person(&self, id: Uuid) -> Option<&RollEntry> {
        let places = self.order(BY_ID)?;
        let listed = |place: &u32| self.everybody().get(*place as usize);
        let compared = |place: &u32| listed(place).map_or(Ordering::Less, |listed| listed.id.cmp(&id));
        listed(places.get(places.binary_search_by(compared).ok()?)?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::{Placeholders, Record, Records};

    const SOURCES: [SourceName; 2] = [SourceName::new("left"), SourceName::new("right")];

    fn roll(sides: &[Records; 2]) -> Roll {
        let sources = SOURCES.into_iter().zip(sides.clone()).collect();
        Roll::of_records("acme".parse().unwrap(), sources, &Placeholders::new(&["*@dummy.com"]))
    }

    /// Records with distinct ids, some of which share an address.
    fn records() -> impl Strategy<Value = Records> {
        prop::collection::btree_map("[a-c]{1,2}", "[a-d]", 0..12).prop_map(move |rows| {
            let mut records = Records::default();
            for (id, address) in rows.iter().rev() {
                records.push(&Record { id, email: Some(&format!("{address}@x.example")), ..Record::default() });
            }
            records
        })
    }

    proptest! {
        #[test]
        fn everybody_is_found_by_each_of_his_ids_and_nobody_by_another(left in records(), right in records()) {
            let sides = [left, right];
            let roll = roll(&sides);
            for listed in roll.everybody() {
                prop_assert!(roll.find(&UserId::Ours(listed.id())).is_some_and(|found| found.id() == listed.id()));
                for record in roll.user(listed).sources {
                    let found = roll.find(&UserId::At(record.source, record.id.into()));
                    prop_assert!(found.is_some_and(|found| found.id() == listed.id()));
                }
            }
            let ids = |side: &Records| side.iter().map(|record| record.id.to_owned()).collect::<BTreeSet<_>>();
            for (source, side) in SOURCES.into_iter().zip(&sides) {
                for id in ["", "a", "b", "cc", "ccc"] {
                    prop_assert_eq!(roll.find(&UserId::At(source, id.into())).is_some(), ids(side).contains(id));
                }
            }
            prop_assert!(roll.find(&UserId::At(SourceName::new("other"), "a".into())).is_none());
            prop_assert!(roll.find(&UserId::Ours(Uuid::nil())).is_none() && roll.find(&UserId::Ours(Uuid::max())).is_none());
        }
    }

    #[test]
    fn only_the_first_id_of_its_kind_in_a_large_roll_takes_long_to_find() {
        let crowd = |count: usize| {
            let mut records = Records::default();
            (0..count).for_each(|id| records.push(&Record { id: &id.to_string(), ..Record::default() }));
            records
        };
        let (small, large) = (roll(&[crowd(20), crowd(0)]), roll(&[crowd(600), crowd(0)]));
        let ours = UserId::Ours(Uuid::nil());
        assert!(!small.is_long_to_find(&ours) && large.is_long_to_find(&ours));
        let at_source = UserId::At(SOURCES[0], "7".into());
        assert!(!small.is_long_to_find(&at_source) && large.is_long_to_find(&at_source));
        assert!(large.find(&ours).is_none());
        assert!(!large.is_long_to_find(&ours) && large.is_long_to_find(&at_source));
        assert!(large.find(&at_source).is_some());
        assert!(!large.is_long_to_find(&at_source));
    }
}
