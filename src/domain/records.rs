//! Many records in little memory: packed one after another, and read in place.

use std::cmp::Ordering;

use smallvec::SmallVec;

use super::{
    address::normalise,
    digits::{digits, number, write_number},
    record::Record,
};

/// The positions of some of a record's texts, in the order in which they are added.
const ID: usize = 0;
const OWNER: usize = 1;
const DISPLAY_NAME: usize = 2;
const EMAIL: usize = 5;
const KEY_APART: usize = 6;

/// The number of records to reserve room for at the first one, and about how many bytes each takes.
const FIRST_RECORDS: usize = 32;
const USUAL_RECORD: usize = 176;

/// Records of one source, packed into two allocations, however many there are.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// Each record: two characters of flags; the size of its table of lengths; for each text its length plus
    /// one, or 0 for none; then the texts. Everything except the texts is ASCII: numbers in base 64, lowest
    /// digit first.
    packed: String,
    /// Where each record ends.
    ends: Vec<usize>,
}

/// How a record's key is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    /// No key.
    None,
    /// The address as written.
    Email,
    /// A separate text.
    Apart,
}

/// Reads one record's texts in order.
struct FieldCursor<'a> {
    flags: [u8; 2],
    lengths: &'a [u8],
    texts: &'a str,
}

// === impl Records ===

impl Records {
    /// Returns how many records there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns how many bytes they take.
    pub fn weight(&self) -> usize {
        self.packed.capacity() + self.ends.capacity() * size_of::<usize>()
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
        let normal = email.map(normalise).filter(|key| !key.is_empty());
        let key = match &normal {
            None => Key::None,
            Some(key) if Some(key.as_ref()) == *email => Key::Email,
            Some(_) => Key::Apart,
        };
        if self.ends.is_empty() {
            self.reserve();
        }
        let apart = normal.as_deref().filter(|_| key == Key::Apart);
        let texts = [Some(*id), *owner, *display_name, *first_name, *last_name, *email, apart, *username, *phone];
        let texts = || texts.into_iter().chain(roles.iter().copied().map(Some));
        let to = &mut self.packed;
        to.push((flag(*enabled) | flag(*can_sign_in) << 2 | flag(*primary_contact) << 4).into());
        to.push((flag(*inherited) | u8::from(*deleted) << 2 | (key as u8) << 3).into());
        write_number(texts().map(|text| digits(length(text))).sum(), to);
        texts().for_each(|text| write_number(length(text), to));
        texts().flatten().for_each(|text| to.push_str(text));
        self.ends.push(self.packed.len());
    }

    /// Returns a record by its place.
    #[inline]
    pub fn get(&self, place: usize) -> Option<Record<'_>> {
        let mut cursor = self.cursor(place)?;
        let [flags, more] = cursor.flags;
        let (id, owner, display_name, first_name, last_name) = (cursor.text()?, cursor.text(), cursor.text(), cursor.text(), cursor.text());
        let (email, _key, username, phone) = (cursor.text(), cursor.text(), cursor.text(), cursor.text());
        let mut roles = SmallVec::new();
        while !cursor.lengths.is_empty() {
            roles.extend(cursor.text());
        }
        Some(Record {
            id,
            owner,
            display_name,
            first_name,
            last_name,
            email,
            username,
            phone,
            enabled: unflag(flags),
            can_sign_in: unflag(flags >> 2),
            roles,
            primary_contact: unflag(flags >> 4),
            inherited: unflag(more),
            deleted: more & 4 != 0,
        })
    }

    /// Returns a record's id at its source.
    pub fn id(&self, place: usize) -> Option<&str> {
        self.field(place, ID)
    }

    /// Returns the customer of each record whose source states one, and whether that record is inherited from above
    /// the customer, where its source reports that.
    pub fn owners(&self) -> impl Iterator<Item = (&str, Option<bool>)> {
        let cursors = (0..self.len()).filter_map(|place| self.cursor(place));
        cursors.filter_map(|cursor| {
            let [_, more] = cursor.flags;
            Some((cursor.nth(OWNER)?, unflag(more)))
        })
    }

    /// Returns a record's whole name.
    pub fn display_name(&self, place: usize) -> Option<&str> {
        self.field(place, DISPLAY_NAME)
    }

    /// Returns a record's address as written.
    pub fn email(&self, place: usize) -> Option<&str> {
        self.field(place, EMAIL)
    }

    /// Returns whether its source has marked a record deleted.
    pub fn is_deleted(&self, place: usize) -> bool {
        self.cursor(place).is_some_and(|cursor| cursor.flags[1] & 4 != 0)
    }

    /// Returns what a record is joined by: its normalised address, if it has one.
    pub fn key(&self, place: usize) -> Option<&str> {
        let cursor = self.cursor(place)?;
        let kept = cursor.flags[1] >> 3;
        if kept == Key::None as u8 {
            return None;
        }
        cursor.nth(if kept == Key::Email as u8 { EMAIL } else { KEY_APART })
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
        self.packed.shrink_to_fit();
        self.ends.shrink_to_fit();
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
        let rows = rows.filter_map(|(records, place)| records.one(place));
        let (count, bytes) = rows.clone().fold((0, 0), |(count, bytes), one| (count + 1, bytes + one.len()));
        let mut copied = Self { packed: String::with_capacity(bytes), ends: Vec::with_capacity(count) };
        for one in rows {
            copied.packed.push_str(one);
            copied.ends.push(copied.packed.len());
        }
        copied
    }

    /// Returns a record in packed form.
    fn one(&self, place: usize) -> Option<&str> {
        let end = *self.ends.get(place)?;
        let begin = place.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        self.packed.get(begin..end)
    }

    fn cursor(&self, place: usize) -> Option<FieldCursor<'_>> {
        let one = self.one(place)?;
        let (flags, mut rest) = one.as_bytes().split_first_chunk()?;
        let size = number(&mut rest);
        let texts = one.get(one.len() - rest.len() + size..)?;
        Some(FieldCursor { flags: *flags, lengths: rest.get(..size)?, texts })
    }

    /// Returns one of a record's texts, by its position in the order in which they are added.
    fn field(&self, place: usize, number: usize) -> Option<&str> {
        self.cursor(place)?.nth(number)
    }

    /// Reserves room for a usual number of records, so that it does not grow step by step.
    fn reserve(&mut self) {
        self.packed.reserve(FIRST_RECORDS * USUAL_RECORD);
        self.ends.reserve(FIRST_RECORDS);
    }
}

impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        self.packed == other.packed && self.ends == other.ends
    }
}

impl Eq for Records {}

impl<'a> FromIterator<Record<'a>> for Records {
    fn from_iter<I: IntoIterator<Item = Record<'a>>>(records: I) -> Self {
        let mut packed = Self::default();
        records.into_iter().for_each(|record| packed.push(&record));
        packed.shrunk()
    }
}

// === impl FieldCursor ===

impl<'a> FieldCursor<'a> {
    /// Returns the text at this position, counted from 0, if there is one.
    fn nth(mut self, position: usize) -> Option<&'a str> {
        let before: usize = (0..position).map(|_| number(&mut self.lengths).saturating_sub(1)).sum();
        self.texts = self.texts.get(before..)?;
        self.text()
    }

    /// Returns the next text, if there is one.
    #[inline]
    fn text(&mut self) -> Option<&'a str> {
        let length = number(&mut self.lengths).checked_sub(1)?;
        let (text, rest) = self.texts.split_at_checked(length)?;
        self.texts = rest;
        Some(text)
    }
}

/// Encodes a text's length.
fn length(text: Option<&str>) -> usize {
    text.map_or(0, |text| text.len() + 1)
}

/// Encodes a flag in two bits.
fn flag(flag: Option<bool>) -> u8 {
    flag.map_or(0, |flag| 2 | u8::from(flag))
}

fn unflag(bits: u8) -> Option<bool> {
    (bits & 2 != 0).then_some(bits & 1 != 0)
}

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;
