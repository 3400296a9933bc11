//! Lists in headers whose elements may hold quoted strings (RFC 9110, 5.6.4). Pure.

/// Splits at a character outside quotes; `None` if a quote is not closed.
pub(super) fn split(text: &str, at: char) -> Option<Vec<&str>> {
    let (mut parts, mut begins, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (place, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            letter if letter == at && !quoted => {
                parts.push(text.get(begins..place)?);
                begins = place + letter.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(begins..)?);
    (!quoted).then_some(parts)
}
