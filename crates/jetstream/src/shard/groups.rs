//! Which messages are durable, by the commit that takes them.
//!
//! A commit tells of a thousand streams as cheaply as of one: a stream knows the last two groups it
//! has messages in, and looks up whether they are durable when somebody asks.

use std::collections::VecDeque;

use tradewind_store::StreamId;

/// A group is what goes to the disk with one commit.
#[derive(Debug)]
pub(super) struct Groups {
    /// The one that the next commit takes.
    open: u64,
    /// The last one that is durable, as are all before it.
    durable: u64,
    /// The last one with a message.
    marked: u64,
    /// Streams whose consumers wait for a group, by group.
    kicks: VecDeque<(u64, StreamId)>,
}

impl Default for Groups {
    fn default() -> Groups {
        Groups { open: 1, durable: 0, marked: 0, kicks: VecDeque::new() }
    }
}

impl Groups {
    /// A commit takes all so far.
    pub(super) fn start_next(&mut self) {
        self.open += 1;
    }

    /// What commits have taken is durable.
    pub(super) fn all_taken_are_durable(&mut self) {
        self.durable = self.open - 1;
    }

    /// Whether there is a message that is not durable.
    pub(super) fn has_undurable(&self) -> bool {
        self.durable < self.marked
    }

    /// Consumers of `stream` wait for what it has in the open group, or in one that was taken.
    fn kick_when_durable(&mut self, stream: StreamId, group: u64) {
        if group < self.open {
            self.kicks.push_front((group, stream));
        } else {
            self.kicks.push_back((group, stream));
        }
    }

    /// A stream whose consumers waited for what is durable now.
    pub(super) fn next_to_kick(&mut self) -> Option<StreamId> {
        let durable = self.durable;
        self.kicks.pop_front_if(|(group, _)| *group <= durable).map(|(_, stream)| stream)
    }
}

/// What of a stream is not durable: its messages in the last two groups that have any. There are no
/// more than two, one that is being committed and one that is open.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Undurable {
    newer: u64,
    older: u64,
    /// The last sequence in front of each.
    before_newer: u64,
    before_older: u64,
}

impl Undurable {
    /// What comes behind `last_seq` belongs to the open group; `waits` is the stream, if it has
    /// consumers.
    pub(super) fn mark(&mut self, groups: &mut Groups, last_seq: u64, waits: Option<StreamId>) {
        if self.newer == groups.open {
            return;
        }
        // Of three groups, which a disk without room may give, the oldest two count as one.
        if self.newer <= groups.durable {
            self.before_older = last_seq;
        } else if self.older <= groups.durable {
            self.before_older = self.before_newer;
        }
        self.older = self.newer;
        self.before_newer = last_seq;
        self.newer = groups.open;
        groups.marked = groups.open;
        if let Some(stream) = waits {
            groups.kick_when_durable(stream, groups.open);
        }
    }

    /// `stream` has a consumer more, which may wait for what is not durable.
    pub(super) fn wait(&self, groups: &mut Groups, stream: StreamId) {
        for group in [self.older, self.newer] {
            if groups.durable < group {
                groups.kick_when_durable(stream, group);
            }
        }
    }

    /// Messages up to here may be spoken of; `last_seq` is the last there is.
    pub(super) fn visible(&self, groups: &Groups, last_seq: u64) -> u64 {
        if self.newer <= groups.durable {
            last_seq
        } else if self.older <= groups.durable {
            self.before_newer
        } else {
            self.before_older
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_visible_when_the_commit_that_took_it_is_done() {
        let (mut groups, mut stream) = (Groups::default(), Undurable::default());

        stream.mark(&mut groups, 0, None);
        stream.mark(&mut groups, 1, None);
        assert_eq!(stream.visible(&groups, 2), 0);
        groups.start_next();
        stream.mark(&mut groups, 2, None);
        assert_eq!(stream.visible(&groups, 3), 0);
        groups.all_taken_are_durable();
        assert_eq!(stream.visible(&groups, 3), 2);
        assert!(groups.has_undurable());
        groups.start_next();
        groups.all_taken_are_durable();
        assert_eq!(stream.visible(&groups, 3), 3);
        assert!(!groups.has_undurable());
    }

    #[test]
    fn a_third_group_shows_nothing_early() {
        let (mut groups, mut stream) = (Groups::default(), Undurable::default());

        for last_seq in 0..3 {
            stream.mark(&mut groups, last_seq, None);
            groups.start_next();
            assert_eq!(stream.visible(&groups, last_seq + 1), 0);
        }
        groups.all_taken_are_durable();
        assert_eq!(stream.visible(&groups, 3), 3);
    }

    #[test]
    fn consumers_are_kicked_once_for_each_group_they_wait_for() {
        let (mut groups, [mut one, mut two]) = (Groups::default(), [Undurable::default(); 2]);
        let kicked = |groups: &mut Groups| {
            groups.all_taken_are_durable();
            std::iter::from_fn(|| groups.next_to_kick()).collect::<Vec<_>>()
        };

        one.mark(&mut groups, 0, None);
        two.mark(&mut groups, 0, Some(StreamId(2)));
        two.mark(&mut groups, 1, Some(StreamId(2)));
        groups.start_next();
        two.mark(&mut groups, 2, Some(StreamId(2)));
        one.wait(&mut groups, StreamId(1));
        assert_eq!(kicked(&mut groups), [StreamId(1), StreamId(2)]);
        groups.start_next();
        assert_eq!(kicked(&mut groups), [StreamId(2)]);
        one.wait(&mut groups, StreamId(1));
        assert_eq!(kicked(&mut groups), []);
    }
}
