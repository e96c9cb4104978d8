//! A shard as a whole, on a disk in memory.

#[cfg(test)]
mod help;
#[cfg(test)]
mod lifetimes;
