use std::sync::Arc;

use tradewind_subject::int::usize_from_u32;

/// Subjects noted, by number, at most.
const SUBJECTS_MAX: u32 = 64 * 1024;

/// Which subjects of one index a filter set wants, as far as that was asked before.
///
/// No part of what the set is: all are equal, and a copy starts empty.
#[derive(Debug, Default)]
pub(crate) struct Known {
    index: Option<Arc<()>>,
    blocks: Vec<Block>,
}

/// 64 subjects.
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    /// When they were noted.
    epoch: u32,
    asked: u64,
    wanted: u64,
}

impl Known {
    /// Forgets all, unless the notes are about `index`.
    pub(crate) fn bind(&mut self, index: &Arc<()>) {
        if !self.index.as_ref().is_some_and(|known| Arc::ptr_eq(known, index)) {
            *self = Known { index: Some(Arc::clone(index)), blocks: Vec::new() };
        }
    }

    /// Whether the subject `id` is wanted: as noted in its `epoch`, or else by asking.
    pub(crate) fn is_wanted(&mut self, id: u32, epoch: u32, ask: impl FnOnce() -> bool) -> bool {
        if SUBJECTS_MAX <= id {
            return ask();
        }
        let at = usize_from_u32(id / 64);
        if self.blocks.len() <= at {
            self.blocks.resize(at + 1, Block::default());
        }
        let (block, bit) = (&mut self.blocks[at], 1 << (id % 64));
        if block.epoch != epoch {
            *block = Block { epoch, ..Block::default() };
        }
        if block.asked & bit == 0 {
            block.asked |= bit;
            if ask() {
                block.wanted |= bit;
            }
        }
        block.wanted & bit != 0
    }
}

impl Clone for Known {
    fn clone(&self) -> Known {
        Known::default()
    }
}

impl PartialEq for Known {
    fn eq(&self, _: &Known) -> bool {
        true
    }
}

impl Eq for Known {}
