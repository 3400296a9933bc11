//! What is known of the links and outlives a change of the configuration.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use super::file::LinkFile;
use crate::domain::{ListedCustomer, Moment};

/// The sources' lists as they were last read, and the file of links that was last in use.
#[derive(Default)]
pub struct KeptLinks {
    /// The lists, by where and as whom each is read.
    pub(super) lists: Mutex<HashMap<String, KeptList>>,
    pub(super) file: Mutex<Option<Arc<LinkFile>>>,
}

/// A source's list as it was last read.
#[derive(Clone, Debug)]
pub(super) struct KeptList {
    pub(super) customers: Arc<Vec<ListedCustomer>>,
    pub(super) at: Moment,
    /// How many customers a list had that was not believed.
    pub(super) doubted: Option<usize>,
}
