//! People generated from a seed: the same seed and customer give the same people on every call.

use std::collections::HashMap;

use fastrand::Rng;

const FIRST: [&str; 40] = [
    "Ann", "Ben", "Carla", "David", "Elena", "Frank", "Grace", "Hugo", "Ines", "Jack", "Karin", "Liam", "Maria", "Noah", "Olga", "Paul",
    "Quentin", "Rosa", "Simon", "Tara", "Umar", "Vera", "Walter", "Xenia", "Yusuf", "Zara", "Amir", "Bella", "Chen", "Diana", "Emil",
    "Fatima", "Goran", "Helen", "Ivan", "Julia", "Kenji", "Laura", "Marco", "Nina",
];
const LAST: [&str; 50] = [
    "Lee", "Stone", "Diaz", "Wolf", "Fischer", "Berg", "Costa", "Dahl", "Evans", "Fox", "Garcia", "Hansen", "Ito", "Jensen", "Kumar",
    "Lopez", "Moreau", "Novak", "Olsen", "Perez", "Quinn", "Rossi", "Silva", "Tanaka", "Usman", "Vogel", "Weber", "Young", "Zimmer",
    "Adams", "Brown", "Clark", "Dubois", "Edwards", "Ferrari", "Green", "Hughes", "Ivanov", "Jones", "King", "Larsen", "Martin", "Nguyen",
    "Okafor", "Petit", "Roth", "Schmidt", "Taylor", "Varga", "Wright",
];
const COMPANIES: [&str; 8] = ["harbour", "birchwood", "northwind", "bluesky", "ironbridge", "meadow", "summit", "lakeside"];
const ACME: u16 = 2;

/// A person who works for a customer, with everything about them that is random.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Human {
    pub(super) first: &'static str,
    pub(super) last: &'static str,
    pub(super) email: String,
    /// Their id in Advanced Automation.
    pub(super) person_id: String,
    /// Their id in `MyReports`.
    pub(super) user_id: String,
    pub(super) phone: Option<String>,
    pub(super) enabled: bool,
    pub(super) signs_in: bool,
    pub(super) is_manager: bool,
}

/// The people of one customer, one after another.
pub(super) struct Crowd {
    random: Rng,
    domain: String,
    /// How many people already have this local part, so that no two addresses are the same.
    taken: HashMap<String, u32>,
}

// === impl Human ===

impl Human {
    /// Returns the first and the last name.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.first, self.last)
    }

    /// Returns the name with the first name as an initial: `A. Lee`.
    pub(super) fn short_name(&self) -> String {
        let initial: String = self.first.chars().take(1).collect();
        format!("{initial}. {}", self.last)
    }

    /// Returns the address as a person might type it, with capitals.
    pub(super) fn shouted_email(&self) -> String {
        self.email.to_uppercase()
    }
}

// === impl Crowd ===

impl Crowd {
    /// Creates the people of the customer whose id ends in `customer`.
    pub(super) fn new(seed: u64, customer: u16) -> Self {
        // The multiplier keeps the customers' seeds apart: seed 1 of one is not seed 2 of another.
        let mixed = seed ^ u64::from(customer).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut random = Rng::with_seed(mixed);
        let company = random.choice(COMPANIES).unwrap_or_default();
        let company = if customer == ACME { "acme" } else { company };
        Self { random, domain: format!("{company}.example"), taken: HashMap::new() }
    }

    /// Returns the next `count` people.
    pub(super) fn take(&mut self, count: usize) -> Vec<Human> {
        (0..count).map(|_| self.human()).collect()
    }

    /// Returns the next id: a random UUID. Advanced Automation prints such ids; that `MyReports` does, too,
    /// is an assumption.
    pub(super) fn id(&mut self) -> String {
        let bytes = self.random.u128(..).to_be_bytes();
        let id = uuid::Builder::from_random_bytes(bytes).into_uuid();
        id.to_string()
    }

    /// Shuffles rows: neither backend documents an order.
    pub(super) fn shuffle<T>(&mut self, rows: &mut [T]) {
        self.random.shuffle(rows);
    }

    fn human(&mut self) -> Human {
        let first = self.random.choice(FIRST).unwrap_or_default();
        let last = self.random.choice(LAST).unwrap_or_default();
        let signs_in = self.random.u8(..2) == 0;
        Human {
            first,
            last,
            email: self.email(first, last),
            person_id: self.id(),
            user_id: self.id(),
            phone: self.phone(),
            enabled: self.random.u8(..20) != 0,
            signs_in,
            is_manager: signs_in && self.random.u8(..6) == 0,
        }
    }

    fn email(&mut self, first: &str, last: &str) -> String {
        let local = format!("{first}.{last}").to_lowercase();
        let count = self.taken.entry(local.clone()).or_default();
        *count += 1;
        match *count {
            1 => format!("{local}@{}", self.domain),
            again => format!("{local}{again}@{}", self.domain),
        }
    }

    /// Returns a number for one person in three, from a range reserved for fiction.
    fn phone(&mut self) -> Option<String> {
        let number = self.random.u16(..1000);
        (self.random.u8(..3) == 0).then(|| format!("+44 20 7946 0{number:03}"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_seed_gives_the_same_people_again_and_another_seed_others() {
        let people = |seed, customer| Crowd::new(seed, customer).take(20);
        assert_eq!(people(1, 2), people(1, 2));
        assert_ne!(people(1, 2), people(2, 2));
        assert_ne!(people(1, 2), people(1, 5));
    }

    #[test]
    fn no_two_people_share_an_address_or_an_id() {
        let crowd = Crowd::new(7, 5).take(6000);
        let emails: HashSet<_> = crowd.iter().map(|human| &human.email).collect();
        let ids: HashSet<_> = crowd.iter().flat_map(|human| [&human.person_id, &human.user_id]).collect();
        assert_eq!((emails.len(), ids.len()), (6000, 12_000));
    }

    #[test]
    fn an_address_is_made_from_the_name() {
        let mut crowd = Crowd::new(1, ACME);
        assert_eq!(crowd.email("Ann", "Lee"), "ann.lee@acme.example");
        assert_eq!(crowd.email("Ann", "Lee"), "ann.lee2@acme.example");
    }
}
