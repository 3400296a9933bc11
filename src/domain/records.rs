//! Many records in little memory: packed one after another, and read in place.

use std::cmp::Ordering;

use smallvec::SmallVec;

use super::{
    address::normalise,
    digits::{number, write_number},
    record::Record,
};

/// How many texts a record has besides its roles.
const TEXTS: usize = 9;

/// The positions of some of them. Those that are looked up often are at the front, where they are found soonest.
const ID: usize = 0;
const KEY_APART: usize = 1;
const EMAIL: usize = 2;
const DISPLAY_NAME: usize = 3;
const OWNER: usize = 4;

/// The length of a text that there is not, and the one that stands for any that is too large for a byte.
const NONE: u8 = 0;
const LARGE: u8 = u8::MAX;

/// The number of records to reserve room for at the first one, and about how many bytes the texts of each take.
const FIRST_RECORDS: usize = 32;
const USUAL_TEXTS: usize = 152;

/// Records of one source, packed into two allocations, however many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// The texts of one record after another. Each role follows its length, and so does a text with a large one.
    texts: String,
    rows: Vec<Row>,
}

/// One record without its texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    /// Where its texts begin.
    at: usize,
    /// For each text its length plus one, [`NONE`] or [`LARGE`]. The key is there if it differs from the address.
    lengths: [u8; TEXTS],
    enabled: Option<bool>,
    can_sign_in: Option<bool>,
    primary_contact: Option<bool>,
    inherited: Option<bool>,
    deleted: bool,
}

// === impl Records ===

impl Records {
    /// Returns how many records there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns how many bytes they take.
    pub fn weight(&self) -> usize {
        self.texts.capacity() + self.rows.capacity() * size_of::<Row>()
    }

    /// Adds a record, and computes its join key. Destructures, so that a new field cannot be forgotten.
    pub fn push(&mut self, record: &Record<'_>) {
        let Record {
            id,
            owner,
            display_name,
            first_name,
            last_name,
            email,
            username,
            phone,
            enabled,
            can_sign_in,
            roles,
            primary_contact,
            inherited,
            deleted,
        } = record;
        let normal = email.map(normalise);
        let apart = normal.as_deref().filter(|key| Some(*key) != *email);
        if self.rows.is_empty() {
            self.reserve();
        }
        let at = self.texts.len();
        let texts = [Some(*id), apart, *email, *display_name, *owner, *first_name, *last_name, *username, *phone];
        let lengths = texts.map(|text| add(text, &mut self.texts));
        for role in roles {
            write_number(role.len(), &mut self.texts);
            self.texts.push_str(role);
        }
        self.rows.push(Row {
            at,
            lengths,
            enabled: *enabled,
            can_sign_in: *can_sign_in,
            primary_contact: *primary_contact,
            inherited: *inherited,
            deleted: *deleted,
        });
    }

    /// Returns a record by its place.
    #[inline]
    pub fn get(&self, place: usize) -> Option<Record<'_>> {
        let row = self.rows.get(place)?;
        let mut rest = self.texts_of(place)?;
        let [id, key_apart, email, display_name, owner, first_name, last_name, username, phone] = row.lengths;
        let id = take(id, &mut rest)?;
        take(key_apart, &mut rest);
        Some(Record {
            id,
            email: take(email, &mut rest),
            display_name: take(display_name, &mut rest),
            owner: take(owner, &mut rest),
            first_name: take(first_name, &mut rest),
            last_name: take(last_name, &mut rest),
            username: take(username, &mut rest),
            phone: take(phone, &mut rest),
            roles: roles(rest),
            enabled: row.enabled,
            can_sign_in: row.can_sign_in,
            primary_contact: row.primary_contact,
            inherited: row.inherited,
            deleted: row.deleted,
        })
    }

    /// Returns a record's id at its source.
    pub fn id(&self, place: usize) -> Option<&str> {
        self.text(place, ID)
    }

    /// Returns the customer of each record whose source states one, and whether that record is inherited from above
    /// the customer, where its source reports that.
    pub fn owners(&self) -> impl Iterator<Item = (&str, Option<bool>)> {
        (0..).zip(&self.rows).filter_map(|(place, row)| Some((self.text(place, OWNER)?, row.inherited)))
    }

    /// Returns a record's whole name.
    pub fn display_name(&self, place: usize) -> Option<&str> {
        self.text(place, DISPLAY_NAME)
    }

    /// Returns a record's address as written.
    pub fn email(&self, place: usize) -> Option<&str> {
        self.text(place, EMAIL)
    }

    /// Returns whether its source has marked a record deleted.
    pub fn is_deleted(&self, place: usize) -> bool {
        self.rows.get(place).is_some_and(|row| row.deleted)
    }

    /// Returns what a record is joined by: its normalised address, if it has one.
    pub fn key(&self, place: usize) -> Option<&str> {
        self.text(place, KEY_APART).or_else(|| self.email(place)).filter(|key| !key.is_empty())
    }

    /// Iterates over all records in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        (0..self.len()).map(|place| self.get(place).unwrap_or_default()) // every place in this range holds a record
    }

    /// Returns one record for each id in all of these, ordered by id. Of two records with the same id the
    /// greater one stays, so that the order of arrival does not matter.
    pub fn distinct(mut all: Vec<Self>) -> Self {
        if let [one] = all.as_mut_slice()
            && one.is_in_order()
        {
            return std::mem::take(one).shrunk();
        }
        let mut rows: Vec<(&str, &Self, usize)> = Vec::with_capacity(all.iter().map(Self::len).sum());
        for records in &all {
            rows.extend((0..records.len()).filter_map(|place| Some((records.id(place)?, records, place))));
        }
        rows.sort_unstable_by(|(a, one, here), (b, other, there)| a.cmp(b).then_with(|| other.get(*there).cmp(&one.get(*here))));
        rows.dedup_by(|(later, ..), (kept, ..)| later == kept);
        Self::of_rows(rows.into_iter().map(|(_, records, place)| (records, place)))
    }

    /// Returns whether the ids are distinct and in order.
    fn is_in_order(&self) -> bool {
        (0..self.len()).map(|place| self.id(place)).is_sorted_by(|before, id| before < id)
    }

    /// Returns the same records without spare capacity.
    fn shrunk(mut self) -> Self {
        self.texts.shrink_to_fit();
        self.rows.shrink_to_fit();
        self
    }

    /// Returns the records for which `keep` holds.
    #[must_use]
    pub fn filtered(&self, mut keep: impl FnMut(&Record<'_>) -> bool) -> Self {
        let is_kept = |place: &usize| self.get(*place).is_some_and(|record| keep(&record));
        let places: Vec<usize> = (0..self.len()).filter(is_kept).collect();
        Self::of_rows(places.into_iter().map(|place| (self, place)))
    }

    /// Returns the place of the record with an id; requires that they are ordered by id.
    pub fn find(&self, id: &str) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.id(middle)?.cmp(id) {
                Ordering::Equal => return Some(middle),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Copies rows in packed form, without spare capacity.
    fn of_rows<'a>(rows: impl Iterator<Item = (&'a Self, usize)> + Clone) -> Self {
        let rows = rows.filter_map(|(records, place)| Some((records.rows.get(place)?, records.texts_of(place)?)));
        let (count, bytes) = rows.clone().fold((0, 0), |(count, bytes), (_, texts)| (count + 1, bytes + texts.len()));
        let mut copied = Self { texts: String::with_capacity(bytes), rows: Vec::with_capacity(count) };
        for (row, texts) in rows {
            copied.rows.push(Row { at: copied.texts.len(), ..*row });
            copied.texts.push_str(texts);
        }
        copied
    }

    /// Returns all texts of a record.
    fn texts_of(&self, place: usize) -> Option<&str> {
        let end = self.rows.get(place + 1).map_or(self.texts.len(), |next| next.at);
        self.texts.get(self.rows.get(place)?.at..end)
    }

    /// Returns one of a record's texts by its position, if there is one.
    fn text(&self, place: usize, position: usize) -> Option<&str> {
        let row = self.rows.get(place)?;
        let mut rest = self.texts.get(row.at..)?;
        let (length, before) = row.lengths.get(..=position)?.split_last()?;
        for length in before {
            take(*length, &mut rest);
        }
        take(*length, &mut rest)
    }

    /// Reserves room for a usual number of records, so that it does not grow step by step.
    fn reserve(&mut self) {
        self.texts.reserve(FIRST_RECORDS * USUAL_TEXTS);
        self.rows.reserve(FIRST_RECORDS);
    }
}

impl<'a> FromIterator<Record<'a>> for Records {
    fn from_iter<I: IntoIterator<Item = Record<'a>>>(records: I) -> Self {
        let mut packed = Self::default();
        records.into_iter().for_each(|record| packed.push(&record));
        packed.shrunk()
    }
}

/// Adds a text to others, and returns its length as it is stored.
fn add(text: Option<&str>, to: &mut String) -> u8 {
    let Some(text) = text else { return NONE };
    let length = u8::try_from(text.len() + 1).unwrap_or(LARGE);
    if length == LARGE {
        write_number(text.len(), to);
    }
    to.push_str(text);
    length
}

/// Takes the next text from the front, by its length as it is stored, if there is one.
#[inline]
fn take<'a>(length: u8, from: &mut &'a str) -> Option<&'a str> {
    let length = match length {
        NONE => return None,
        LARGE => number(from),
        small => usize::from(small) - 1,
    };
    let (text, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(text)
}

/// Splits roles, each of which follows its length.
fn roles(mut all: &str) -> SmallVec<[&str; 2]> {
    let mut roles = SmallVec::new();
    while !all.is_empty() {
        roles.extend(take(LARGE, &mut all));
    }
    roles
}

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;
