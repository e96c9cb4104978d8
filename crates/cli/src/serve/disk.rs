//! Where configuration comes from: the disk and the environment.

use std::io;

use tradewind_conf::Source;

/// Files as they are and variables as they are set.
#[derive(Debug)]
pub(super) struct Disk;

impl Source for Disk {
    fn read(&mut self, path: &str) -> io::Result<String> {
        std::fs::read_to_string(path)
    }

    fn env(&mut self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}
