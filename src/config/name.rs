//! Names given by the operator, which may appear unescaped in a log, a metric and another configuration.

/// The longest name, in characters.
const LONGEST: usize = 64;

/// The message for a text that is not a valid name.
pub const NO_NAME: &str = "must have 1 to 64 characters from A-Z a-z 0-9 . _ -.";

/// Whether a text is a valid name.
pub fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_stand_anywhere() {
        assert!(is_name("billing-2.eu_x") && is_name(&"x".repeat(64)));
        assert!(["", "a b", "ä", "a\"b", "a\n", &"x".repeat(65)].iter().all(|name| !is_name(name)));
    }
}
