//! Where a new consumer starts.

use super::state::{LastPerSubject, State};
use crate::{
    api::config::{ConsumerConfig, DeliverPolicy},
    stream::{filter::FilterSet, index::Index},
};

/// The state of a new consumer.
pub(super) fn state(config: &ConsumerConfig, filter: &FilterSet, index: &Index) -> State {
    let (first, last) = (index.first_seq().max(1), index.last_seq());
    let asked = match config.deliver_policy {
        DeliverPolicy::All => first,
        DeliverPolicy::Last => index.last_matching(filter).unwrap_or(first),
        DeliverPolicy::New => last + 1,
        DeliverPolicy::ByStartSequence => config.opt_start_seq.unwrap_or(first).max(1),
        DeliverPolicy::ByStartTime => {
            let at = config.start_time();
            at.map_or(first, |at| index.seq_at_time(at)).min(last + 1)
        }
        DeliverPolicy::LastPerSubject => return last_per_subject(filter, index),
    };
    // A start sequence may lie behind the end: nothing before it is delivered, ever.
    State::starting_at(asked.max(first))
}

fn last_per_subject(filter: &FilterSet, index: &Index) -> State {
    let mut seqs = index.last_per_subject(filter);
    seqs.sort_unstable();
    let Some(&first) = seqs.first() else {
        return State::starting_at(index.last_seq().max(index.first_seq()).max(1));
    };
    let list = LastPerSubject { seqs: seqs.into(), up_to: index.last_seq() };
    State { last_per_subject: Some(Box::new(list)), ..State::starting_at(first) }
}
