//! The log as a whole, on disks that crash, fail and rot.

#[cfg(test)]
mod crash;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod os;
#[cfg(test)]
mod script;
