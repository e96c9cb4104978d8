//! The real stream, consumer and store code on a disk that crashes, fails and lies, judged by an
//! oracle that was written from the promises and not from the code.
//!
//! One number, the seed, decides everything: streams, operations, clock, faults, what a crash leaves
//! ([`Plan::of_seed`]). A run that finds something wrong panics, and [`attempt`] catches it; the same
//! seed does the same again.
//!
//! What it is not: it has no sockets, no server and no threads of the engine; jobs run when the
//! simulation says so. `tradewind-lab` is for the rest.
//!
//! * `plan` makes up what happens, `life` does it, `world` and `driver` stand for server and clients;
//! * `oracle` knows what must be true, `found` and `check` hold it against what is there;
//! * `script` and `failure` are the exhaustive part: a fixed script, and a fault at each operation;
//! * `rot` damages files;
//! * `coverage` counts what the seeds came by.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a simulation that is surprised stops: that is how it reports"
)]

mod attempt;
mod check;
mod coverage;
mod dice;
mod driver;
mod exhaustive;
mod failure;
mod found;
mod life;
mod oracle;
mod plan;
mod rot;
mod script;
mod story;
mod tap;
mod world;

pub use crate::{
    attempt::{Outcome, attempt, attempt_on, shrink},
    check::Figures,
    coverage::{Coverage, Seen},
    exhaustive::{crash_everywhere, io_error_at, n_disk_ops, no_space_at, rot_cases},
    plan::Plan,
};
pub use tradewind_store::mutant::Mutant;
