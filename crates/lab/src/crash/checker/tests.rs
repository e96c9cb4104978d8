use super::*;

fn id(publisher: u32, counter: u64) -> ValueId {
    ValueId { publisher, counter }
}

fn stored(stream_seq: u64, publisher: u32, counter: u64) -> Stored {
    Stored { stream_seq, content: Content::Value(id(publisher, counter)) }
}

/// Two publishers with three acked publishes each, stored in turn; a consumer that got and acked all.
fn clean() -> History {
    let read: Vec<Stored> =
        (0..6_u32).map(|n| stored(u64::from(n) + 1, n % 2, u64::from(n / 2))).collect();
    let publisher = |number: u64| PublisherHistory {
        attempted: 4,
        acks: (0..3).map(|counter| Ack { counter, stream_seq: counter * 2 + number + 1 }).collect(),
        refused: 0,
    };
    let events = read.iter().flat_map(|&stored| {
        [ConsumerEvent::Delivered(stored), ConsumerEvent::Confirmed(stored.stream_seq)]
    });
    History {
        publishers: vec![publisher(0), publisher(1)],
        consumers: vec![events.collect()],
        gets: read.iter().map(|stored| (stored.stream_seq, Some(stored.content))).collect(),
        read,
    }
}

/// Changes a clean history and tells which kinds of violation that is.
fn found(change: impl FnOnce(&mut History)) -> Vec<(&'static str, u64)> {
    let mut history = clean();
    change(&mut history);
    let report = check(&history);
    assert_eq!(report.findings.violations.is_clean(), report.findings.examples.is_empty());
    report.findings.violations.by_name().into_iter().filter(|(_, count)| *count > 0).collect()
}

fn lose(history: &mut History, seq: u64) {
    history.read.retain(|stored| stored.stream_seq != seq);
    history.gets.insert(seq, None);
    for events in &mut history.consumers {
        events.retain(|event| match event {
            ConsumerEvent::Delivered(stored) => stored.stream_seq != seq,
            ConsumerEvent::Confirmed(confirmed) => *confirmed != seq,
        });
    }
}

#[test]
fn a_history_without_fault_is_clean() {
    let report = check(&clean());
    assert!(report.findings.violations.is_clean(), "{:?}", report.findings.examples);
    assert_eq!((report.attempted, report.acked, report.read), (8, 6, 6));
    assert_eq!((report.delivered, report.confirmed, report.redelivered), (6, 6, 0));
}

#[test]
fn a_lost_message_is_placed_among_those_left() {
    assert_eq!(found(|h| lose(h, 1)), [("lost prefix", 1), ("misplaced", 1)]);
    assert_eq!(found(|h| lose(h, 3)), [("lost middle", 1), ("misplaced", 1)]);
    assert_eq!(found(|h| lose(h, 5)), [("lost suffix", 1), ("misplaced", 1)]);
}

#[test]
fn an_empty_stream_has_lost_everything() {
    let all = found(|h| (1..=6).for_each(|seq| lose(h, seq)));
    assert_eq!(all, [("lost suffix", 6), ("misplaced", 6)]);
}

#[test]
fn altered_bytes_are_a_violation_and_the_value_is_lost() {
    let altered = found(|h| {
        h.read[2].content = Content::Altered;
        h.gets.insert(3, Some(Content::Altered));
    });
    let phantom = ("phantoms", 1);
    assert_eq!(altered, [("lost middle", 1), ("misplaced", 1), ("altered", 1), phantom]);
}

#[test]
fn bytes_altered_only_on_delivery_are_a_violation() {
    let altered = found(|h| {
        let content = Content::Altered;
        h.consumers[0][0] = ConsumerEvent::Delivered(Stored { stream_seq: 1, content });
    });
    assert_eq!(altered, [("altered", 1)]);
}

#[test]
fn a_publishers_messages_must_stand_in_its_order() {
    let swapped = found(|h| {
        let (early, late) = (h.read[0].content, h.read[2].content);
        (h.read[0].content, h.read[2].content) = (late, early);
        h.consumers.clear();
    });
    assert_eq!(swapped, [("reordered", 1)]);
}

#[test]
fn sequences_must_rise() {
    let swapped = found(|h| h.read.swap(0, 1));
    assert_eq!(swapped, [("reordered", 1)]);
}

#[test]
fn messages_of_different_publishers_may_mix() {
    let mixed = found(|h| {
        let (one, other) = (h.read[0].content, h.read[1].content);
        (h.read[0].content, h.read[1].content) = (other, one);
        h.publishers[0].acks[0].stream_seq = 2;
        h.publishers[1].acks[0].stream_seq = 1;
        h.gets.insert(1, Some(other));
        h.gets.insert(2, Some(one));
        h.consumers.clear();
    });
    assert_eq!(mixed, []);
}

#[test]
fn a_value_beyond_the_last_attempt_is_unexpected() {
    let beyond = found(|h| {
        h.read.push(stored(7, 0, 4));
        h.consumers.clear();
    });
    assert_eq!(beyond, [("unexpected", 1)]);
    let stranger = found(|h| {
        h.read.push(stored(7, 9, 0));
        h.consumers.clear();
    });
    assert_eq!(stranger, [("unexpected", 1)]);
}

#[test]
fn an_unacknowledged_attempt_may_be_there() {
    let mut history = clean();
    history.read.push(stored(7, 0, 3));
    history.consumers[0].push(ConsumerEvent::Delivered(stored(7, 0, 3)));
    let report = check(&history);
    assert!(report.findings.violations.is_clean(), "{:?}", report.findings.examples);
    assert_eq!(report.recovered, 1);
}

#[test]
fn a_value_stored_twice_is_a_duplicate() {
    let twice = found(|h| {
        h.read.push(stored(7, 0, 2));
        h.consumers.clear();
    });
    assert_eq!(twice, [("duplicates", 1)]);
}

#[test]
fn an_ack_must_name_the_sequence_that_holds_the_value() {
    assert_eq!(found(|h| h.publishers[0].acks[0].stream_seq = 4), [("misplaced", 1)]);
}

#[test]
fn a_confirmed_ack_is_final() {
    let again = found(|h| h.consumers[0].push(ConsumerEvent::Delivered(stored(2, 1, 0))));
    assert_eq!(again, [("confirmed redelivered", 1)]);
}

#[test]
fn redelivery_before_the_confirmation_is_allowed() {
    let mut history = clean();
    history.consumers[0].insert(0, ConsumerEvent::Delivered(stored(2, 1, 0)));
    let report = check(&history);
    assert!(report.findings.violations.is_clean(), "{:?}", report.findings.examples);
    assert_eq!(report.redelivered, 1);
}

#[test]
fn a_consumer_must_get_every_message() {
    let skipped = found(|h| drop(h.consumers[0].drain(..2)));
    assert_eq!(skipped, [("never delivered", 1)]);
}

#[test]
fn a_delivered_message_must_stay_in_the_stream() {
    let gone = found(|h| h.consumers[0].push(ConsumerEvent::Delivered(stored(7, 0, 3))));
    assert_eq!(gone, [("phantoms", 1)]);
    let replaced = found(|h| h.consumers[0].insert(0, ConsumerEvent::Delivered(stored(1, 0, 3))));
    assert_eq!(replaced, [("phantoms", 1)]);
}
