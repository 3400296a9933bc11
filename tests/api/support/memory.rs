//! The memory usage of the real program, as reported by the kernel.

use std::fs;

use super::Program;

/// A mebibyte.
pub(crate) const MIB: u64 = 1 << 20;

impl Program {
    /// Its current memory in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.kernel_says("VmRSS:")
    }

    /// Its peak memory in bytes.
    pub(crate) fn most_memory(&self) -> u64 {
        self.kernel_says("VmHWM:")
    }

    fn kernel_says(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
    }
}
