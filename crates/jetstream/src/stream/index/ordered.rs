/// Most ids in one block.
const BLOCK: usize = 512;

/// Ids in the order of something their owner knows: a two-level sorted list.
///
/// Costs four bytes an id. Every call gets a predicate that is true for exactly the ids in front of the
/// place meant; it is asked a logarithmic number of times.
#[derive(Debug, Default)]
pub(super) struct Ordered {
    /// None of them empty.
    blocks: Vec<Vec<u32>>,
}

impl Ordered {
    /// Inserts `id` behind the ids for which `before` holds.
    pub(super) fn insert(&mut self, id: u32, before: impl Fn(u32) -> bool) {
        let Some(block_idx) = self.block_of(&before) else {
            self.blocks.push(vec![id]);
            return;
        };
        let at = self.blocks[block_idx].partition_point(|&other| before(other));
        if self.blocks[block_idx].len() < BLOCK {
            self.blocks[block_idx].insert(at, id);
        } else if at == BLOCK {
            // Subjects that arrive in order fill their blocks.
            self.blocks.insert(block_idx + 1, vec![id]);
        } else {
            let upper = self.blocks[block_idx].split_off(BLOCK / 2);
            self.blocks.insert(block_idx + 1, upper);
            let (block_idx, at) =
                if at <= BLOCK / 2 { (block_idx, at) } else { (block_idx + 1, at - BLOCK / 2) };
            self.blocks[block_idx].insert(at, id);
        }
    }

    /// Removes the first id for which `before` does not hold.
    pub(super) fn remove(&mut self, before: impl Fn(u32) -> bool) {
        let Some((block_idx, at)) = self.find(before) else { return };
        let block = &mut self.blocks[block_idx];
        block.remove(at);
        if block.is_empty() {
            self.blocks.remove(block_idx);
        }
    }

    /// The ids for which `before` does not hold, in order.
    pub(super) fn from(&self, before: impl Fn(u32) -> bool) -> impl Iterator<Item = u32> {
        let (block_idx, at) = self.find(before).unwrap_or((self.blocks.len(), 0));
        self.blocks[block_idx..].iter().flatten().skip(at).copied()
    }

    /// Heap bytes held.
    pub(super) fn heap_bytes(&self) -> usize {
        self.blocks.iter().map(|block| block.capacity() * 4 + size_of::<Vec<u32>>()).sum()
    }

    fn find(&self, before: impl Fn(u32) -> bool) -> Option<(usize, usize)> {
        let block_idx = self.block_of(&before)?;
        let at = self.blocks[block_idx].partition_point(|&other| before(other));
        if at < self.blocks[block_idx].len() {
            Some((block_idx, at))
        } else {
            (block_idx + 1 < self.blocks.len()).then_some((block_idx + 1, 0))
        }
    }

    /// The last block that starts with an id in front of the place, else the first.
    fn block_of(&self, before: &impl Fn(u32) -> bool) -> Option<usize> {
        let after = self.blocks.partition_point(|block| before(block[0]));
        (!self.blocks.is_empty()).then(|| after.saturating_sub(1))
    }
}
