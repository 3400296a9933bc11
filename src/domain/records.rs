//! Many records in little memory: all texts lie one behind the other, and are read where they lie.

use std::cmp::Ordering;

use smallvec::SmallVec;

use super::{address::normalise, record::Record};

/// The places of some texts among those of a record, in the order in which they are added.
const ID: usize = 0;
const OWNER: usize = 1;
const DISPLAY_NAME: usize = 2;
const EMAIL: usize = 5;
const KEY_APART: usize = 6;

/// Records for which there is room from the first one on.
const FIRST_RECORDS: usize = 32;

/// Bytes of flags in front of a record's lengths.
const FLAGS: usize = 2;

/// Records of one source, packed: three allocations, however many there are.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// All texts, with nothing between them.
    texts: String,
    /// Each record's flags, and how long each of its texts is.
    shapes: Vec<u8>,
    /// Where each record ends.
    ends: Vec<End>,
}

/// Where a record ends in the texts and in the shapes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct End {
    text: usize,
    shape: usize,
}

/// How a record's key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    /// There is none.
    None,
    /// It is the address as written.
    Email,
    /// It is another text.
    Apart,
}

/// Reads one record's texts, one after the other.
struct Cursor<'a> {
    texts: &'a str,
    shape: &'a [u8],
}

// === impl Records ===

impl Records {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes that they hold.
    pub fn weight(&self) -> usize {
        self.texts.capacity() + self.shapes.capacity() + self.ends.capacity() * size_of::<End>()
    }

    /// Adds a record, and makes the key that it is joined by. Destructures, so that a new field
    /// cannot be forgotten.
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
        let flags = [*enabled, *can_sign_in, *primary_contact, *inherited].map(flag);
        self.shapes.push(flags.iter().rev().fold(0, |bits, flag| bits << 2 | flag));
        self.shapes.push(u8::from(*deleted) | (key as u8) << 1);
        self.text(Some(id));
        let apart = normal.as_deref().filter(|_| key == Key::Apart);
        for text in [*owner, *display_name, *first_name, *last_name, *email, apart, *username, *phone] {
            self.text(text);
        }
        for role in roles {
            self.text(Some(role));
        }
        self.end();
    }

    /// A record, by its place.
    pub fn get(&self, place: usize) -> Option<Record<'_>> {
        let mut cursor = self.cursor(place)?;
        let ([flags, more], shape) = cursor.shape.split_first_chunk()?;
        cursor.shape = shape;
        let (id, owner, display_name, first_name, last_name) = (cursor.text()?, cursor.text(), cursor.text(), cursor.text(), cursor.text());
        let (email, _key, username, phone) = (cursor.text(), cursor.text(), cursor.text(), cursor.text());
        let mut roles = SmallVec::new();
        while !cursor.shape.is_empty() {
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
            enabled: unflag(*flags),
            can_sign_in: unflag(flags >> 2),
            roles,
            primary_contact: unflag(flags >> 4),
            inherited: unflag(flags >> 6),
            deleted: more & 1 != 0,
        })
    }

    /// A record's id at its source.
    pub fn id(&self, place: usize) -> Option<&str> {
        self.field(place, ID)
    }

    /// The customer that a record's source says it belongs to.
    pub fn owner(&self, place: usize) -> Option<&str> {
        self.field(place, OWNER)
    }

    /// A record's whole name.
    pub fn display_name(&self, place: usize) -> Option<&str> {
        self.field(place, DISPLAY_NAME)
    }

    /// A record's address as written.
    pub fn email(&self, place: usize) -> Option<&str> {
        self.field(place, EMAIL)
    }

    /// Whether its source has marked a record deleted.
    pub fn is_deleted(&self, place: usize) -> bool {
        self.cursor(place).and_then(|cursor| cursor.shape.get(1).copied()).is_some_and(|more| more & 1 != 0)
    }

    /// What a record is joined by: its address normalised, if it has one.
    pub fn key(&self, place: usize) -> Option<&str> {
        let kept = self.cursor(place)?.shape.get(1)? >> 1;
        if kept == Key::None as u8 {
            return None;
        }
        self.field(place, if kept == Key::Email as u8 { EMAIL } else { KEY_APART })
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        (0..self.len()).map(|place| self.get(place).unwrap_or_default()) // every place is one of a record
    }

    /// One record for each id of all these, in the order of the ids. Of two with one id the greater
    /// stands, so that the order in which they came decides nothing.
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

    /// Whether each id comes once, and in order.
    fn is_in_order(&self) -> bool {
        (1..self.len()).all(|place| self.id(place - 1) < self.id(place))
    }

    /// The same in no more memory than they take.
    fn shrunk(mut self) -> Self {
        self.texts.shrink_to_fit();
        self.shapes.shrink_to_fit();
        self.ends.shrink_to_fit();
        self
    }

    /// Those that `keep` leaves.
    #[must_use]
    pub fn filtered(&self, mut keep: impl FnMut(&Record<'_>) -> bool) -> Self {
        let is_kept = |place: &usize| self.get(*place).is_some_and(|record| keep(&record));
        let places: Vec<usize> = (0..self.len()).filter(is_kept).collect();
        Self::of_rows(places.into_iter().map(|place| (self, place)))
    }

    /// The place of the record with an id, where they are in the order of their ids.
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

    /// Copies rows as they are packed, into no more memory than they take.
    fn of_rows<'a>(rows: impl Iterator<Item = (&'a Self, usize)> + Clone) -> Self {
        let (mut count, mut text, mut shape) = (0, 0, 0);
        for cursor in rows.clone().filter_map(|(records, place)| records.cursor(place)) {
            (count, text, shape) = (count + 1, text + cursor.texts.len(), shape + cursor.shape.len());
        }
        let mut copied = Self { texts: String::with_capacity(text), shapes: Vec::with_capacity(shape), ends: Vec::with_capacity(count) };
        for cursor in rows.filter_map(|(records, place)| records.cursor(place)) {
            copied.texts.push_str(cursor.texts);
            copied.shapes.extend_from_slice(cursor.shape);
            copied.end();
        }
        copied
    }

    fn cursor(&self, place: usize) -> Option<Cursor<'_>> {
        let end = self.ends.get(place)?;
        let begin = place.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        Some(Cursor { texts: self.texts.get(begin.text..end.text)?, shape: self.shapes.get(begin.shape..end.shape)? })
    }

    /// One of a record's texts, in the order in which they are added.
    fn field(&self, place: usize, number: usize) -> Option<&str> {
        let mut cursor = self.cursor(place)?;
        cursor.shape = cursor.shape.get(FLAGS..)?;
        for _ in 0..number {
            cursor.text();
        }
        cursor.text()
    }

    /// Adds a text of the record that is being added: its length and one, in base 128, the lowest
    /// digits first; 0 for none.
    fn text(&mut self, text: Option<&str>) {
        let mut length = text.map_or(0, |text| text.len() + 1);
        while length > 0x7f {
            self.shapes.push(0x80 | low_seven(length));
            length >>= 7;
        }
        self.shapes.push(low_seven(length));
        self.texts.push_str(text.unwrap_or_default());
    }

    /// Room for what is not seldom there, so that it does not grow step by step.
    fn reserve(&mut self) {
        self.texts.reserve(FIRST_RECORDS * 160);
        self.shapes.reserve(FIRST_RECORDS * 16);
        self.ends.reserve(FIRST_RECORDS);
    }

    fn end(&mut self) {
        self.ends.push(End { text: self.texts.len(), shape: self.shapes.len() });
    }
}

impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts && self.shapes == other.shapes && self.ends == other.ends
    }
}

impl Eq for Records {}

impl<'a> FromIterator<Record<'a>> for Records {
    fn from_iter<I: IntoIterator<Item = Record<'a>>>(records: I) -> Self {
        let mut packed = Self::default();
        records.into_iter().for_each(|record| packed.push(&record));
        packed
    }
}

// === impl Cursor ===

impl<'a> Cursor<'a> {
    /// The next text, if there is one.
    fn text(&mut self) -> Option<&'a str> {
        let length = self.length().checked_sub(1)?;
        let (text, rest) = self.texts.split_at_checked(length)?;
        self.texts = rest;
        Some(text)
    }

    fn length(&mut self) -> usize {
        let (mut length, mut shift) = (0, 0);
        while let Some((digit, rest)) = self.shape.split_first() {
            self.shape = rest;
            length |= usize::from(digit & 0x7f) << shift;
            if digit & 0x80 == 0 {
                break;
            }
            shift += 7;
        }
        length
    }
}

#[expect(clippy::cast_possible_truncation, reason = "seven bits fit")]
const fn low_seven(number: usize) -> u8 {
    (number & 0x7f) as u8
}

/// A flag in two bits.
fn flag(flag: Option<bool>) -> u8 {
    flag.map_or(0, |flag| 2 | u8::from(flag))
}

fn unflag(bits: u8) -> Option<bool> {
    (bits & 2 != 0).then_some(bits & 1 != 0)
}

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;
