//! One run, caught when it fails.

use std::{
    cell::{Cell, RefCell},
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

use tradewind_store::mutant::{self, Mutant};

use crate::{
    check::Figures,
    coverage::{self, Seen},
    life,
    plan::Plan,
    story,
};

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Equal for equal runs.
    pub trace: u64,
    /// How much was tried.
    pub figures: Figures,
    /// What the run came by.
    pub seen: Seen,
    /// What is wrong.
    pub failure: Option<String>,
    /// The story, if it was asked for.
    pub lines: Vec<String>,
}

thread_local! {
    static IS_RUNNING: Cell<bool> = const { Cell::new(false) };
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Carries out a plan.
pub fn attempt(plan: &Plan, told: bool) -> Outcome {
    attempt_with(None, told, |figures| life::run(plan, figures))
}

/// Carries out a plan on an engine with a seeded bug.
pub fn attempt_on(mutant: Mutant, plan: &Plan) -> Outcome {
    attempt_with(Some(mutant), false, |figures| life::run(plan, figures))
}

/// Runs anything that panics when something is wrong.
pub(crate) fn attempt_with(
    mutant: Option<Mutant>,
    told: bool,
    run: impl FnOnce(&mut Figures),
) -> Outcome {
    listen();
    story::begin(told);
    _ = coverage::take();
    mutant::choose(mutant);
    IS_RUNNING.set(true);
    let mut figures = Figures::default();
    let result = panic::catch_unwind(AssertUnwindSafe(|| run(&mut figures)));
    IS_RUNNING.set(false);
    let caught = CAUGHT.take();
    mutant::choose(None);
    let (trace, lines) = story::end();
    let failure = result.err().map(|_| caught.unwrap_or_else(|| "a panic".to_owned()));
    Outcome { trace, figures, seen: coverage::take(), failure, lines }
}

/// From now on the panics of a run are its result, and not printed.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_RUNNING.get() {
                usual(info);
                return;
            }
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            let what = info.payload_as_str().unwrap_or("a panic");
            // The first one counts: what follows may only be its consequence.
            CAUGHT.with_borrow_mut(|caught| {
                caught.get_or_insert_with(|| format!("{what} ({place})"));
            });
        }));
    });
}

/// The least part of a failing plan that was found to fail.
pub fn shrink(plan: &Plan) -> Plan {
    let fails = |plan: &Plan| attempt(plan, false).failure.is_some();
    let mut least = plan.clone();
    for index in (0..plan.n_lives()).rev() {
        if let Some(smaller) = least.without_life(index).filter(fails) {
            least = smaller;
        }
    }
    let mut size = least.n_steps() / 2;
    while 0 < size {
        let mut from = 0;
        while from < least.n_steps() {
            let smaller = least.without(from, from + size);
            if fails(&smaller) {
                least = smaller;
            } else {
                from += size;
            }
        }
        size /= 2;
    }
    least
}
