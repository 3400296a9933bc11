//! A table that may hold secrets: its texts are wiped when it is dropped.

use secrecy::zeroize::Zeroize;
use toml::{Table, Value};

/// A table whose texts are wiped when it is dropped.
#[derive(Default)]
pub(super) struct Wiped(pub(super) Table);

impl Drop for Wiped {
    fn drop(&mut self) {
        wipe_all(&mut self.0);
    }
}

/// Wipes every text of a value.
pub(super) fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Table(table) => wipe_all(table),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}

fn wipe_all(table: &mut Table) {
    table.iter_mut().for_each(|(_, value)| wipe(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_wiped_however_deep() {
        let mut value: Value = "a = \"hunter2\"\n[b]\nc = [\"hunter2\", { d = \"hunter2\" }]".parse::<Table>().unwrap().into();
        wipe(&mut value);
        assert!(!value.to_string().contains("hunter2"), "{value}");
        assert!(value.to_string().contains('d'), "the value is still there");
    }
}
