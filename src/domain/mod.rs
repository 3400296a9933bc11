//! The vocabulary that every other folder uses: names, addresses, records, users, failures. Imports no other
//! module of this crate and does no I/O.

mod address;
mod cursor;
mod customer;
mod digits;
mod failure;
mod moment;
mod names;
mod record;
mod records;
mod user;
mod warning;

pub use address::{EmailKey, Placeholders, is_address};
pub use cursor::{InvalidCursor, open_cursor, seal_cursor};
pub use customer::{LinkedBy, ListedCustomer};
pub use failure::{Failure, FailureKind};
pub use moment::Moment;
pub use names::{CustomerId, InvalidCustomerId, RemoteId, SourceName, is_path_segment};
pub use record::{Record, fold_onto, folded, text};
pub use records::Records;
pub use user::{Conflict, MatchedBy, SourceRecord, User};
pub use warning::{Warning, WarningCode};
