//! A shard as a whole, on a disk in memory.

#[cfg(test)]
mod clock;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod help;
#[cfg(test)]
mod ids;
#[cfg(test)]
mod levels;
#[cfg(test)]
mod lifetimes;
