//! What is known about the links and outlives a configuration change.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use super::file::LinkFile;
use crate::domain::{ListedCustomer, Moment};

/// The last lists of the sources, and the last file of links in use.
#[derive(Default)]
pub struct KeptLinks {
    /// The lists, keyed by where and with which identity each is read.
    pub(super) lists: Mutex<HashMap<String, KeptList>>,
    pub(super) file: Mutex<Option<Arc<LinkFile>>>,
}

/// The last list of a source.
#[derive(Clone, Debug)]
pub(super) struct KeptList {
    pub(super) customers: Arc<Vec<ListedCustomer>>,
    pub(super) at: Moment,
    /// How many customers the last list had that was not accepted.
    pub(super) doubted: Option<usize>,
}
