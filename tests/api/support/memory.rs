//! How much memory the real program has, as the kernel counts it.

use std::fs;

use super::Program;

/// A mebibyte.
pub(crate) const MIB: u64 = 1 << 20;

impl Program {
    /// Bytes that it has now.
    pub(crate) fn memory(&self) -> u64 {
        self.kernel_says("VmRSS:")
    }

    /// Bytes that it had at most.
    pub(crate) fn most_memory(&self) -> u64 {
        self.kernel_says("VmHWM:")
    }

    fn kernel_says(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
    }
}
