use super::*;

fn stored(stream_seq: u64, counter: u64) -> Stored {
    Stored { stream_seq, content: Content::Value(ValueId { publisher: 0, counter }) }
}

/// Messages 0 to 5 acked at 1 to 6, 2 deleted, 0 and 1 delivered and confirmed, 6 without an answer.
fn busy() -> (Ledger, Reading) {
    let mut ledger = Ledger::new(7);
    for counter in 0..7 {
        assert_eq!(ledger.sending().counter, counter);
        if counter < 6 {
            ledger.acked(counter, counter + 1);
        }
    }
    ledger.removing(Removal::Message(3));
    ledger.removed(Removal::Message(3));
    for seq in 1..=2 {
        ledger.delivered(stored(seq, seq - 1));
        ledger.confirmed(seq);
    }
    let places = [(1, 0), (2, 1), (4, 3), (5, 4), (6, 5)];
    let mut gets: BTreeMap<u64, Option<Content>> =
        places.iter().map(|&(seq, counter)| (seq, Some(stored(seq, counter).content))).collect();
    gets.insert(3, None);
    let reading = Reading {
        exists: true,
        last_seq: 6,
        stored: places.iter().map(|&(seq, counter)| stored(seq, counter)).collect(),
        gets,
        consumer: Some(ConsumerState { delivered_seq: 2, ack_floor: 2, backlog: 3 }),
    };
    (ledger, reading)
}

/// Which kinds of violation a change to the reading is.
#[track_caller]
fn check(change: impl FnOnce(&mut Ledger, &mut Reading), expected: &[&str]) {
    let (mut ledger, mut reading) = busy();
    change(&mut ledger, &mut reading);
    ledger.settle(&reading);
    let found = ledger.findings.violations.by_name();
    let found: Vec<&str> =
        found.into_iter().filter(|(_, count)| *count > 0).map(|(name, _)| name).collect();
    assert_eq!(found, expected, "{:?}", ledger.findings.examples);
}

fn lose(reading: &mut Reading, seq: u64) {
    reading.stored.retain(|stored| stored.stream_seq != seq);
    reading.gets.insert(seq, None);
}

#[test]
fn a_server_that_keeps_its_word_is_clean() {
    check(|_, _| (), &[]);
}

#[test]
fn a_message_without_an_answer_may_be_there_or_not() {
    let there = |_: &mut Ledger, reading: &mut Reading| {
        reading.stored.push(stored(7, 6));
        reading.last_seq = 7;
    };
    check(there, &[]);
}

#[test]
fn a_lost_message_is_placed_among_those_left() {
    check(|_, reading| lose(reading, 4), &["lost middle"]);
    check(|_, reading| lose(reading, 6), &["lost suffix"]);
    check(|_, reading| lose(reading, 1), &["lost prefix"]);
}

#[test]
fn what_a_removal_without_an_answer_covers_may_be_gone() {
    let one = |ledger: &mut Ledger, reading: &mut Reading| {
        ledger.removing(Removal::Message(4));
        lose(reading, 4);
    };
    check(one, &[]);
    let below = |ledger: &mut Ledger, reading: &mut Reading| {
        ledger.removing(Removal::Below(4));
        lose(reading, 1);
        lose(reading, 2);
    };
    check(below, &[]);
    let beyond = |ledger: &mut Ledger, reading: &mut Reading| {
        ledger.removing(Removal::Below(4));
        lose(reading, 4);
    };
    check(beyond, &["lost middle"]);
}

#[test]
fn what_was_deleted_or_purged_may_not_come_back() {
    let deleted = |_: &mut Ledger, reading: &mut Reading| {
        reading.stored.insert(2, stored(3, 2));
        reading.gets.insert(3, Some(stored(3, 2).content));
    };
    check(deleted, &["reborn"]);
    let only_by_number = |_: &mut Ledger, reading: &mut Reading| {
        reading.gets.insert(3, Some(stored(3, 2).content));
    };
    check(only_by_number, &["reborn"]);
    let purged = |ledger: &mut Ledger, _: &mut Reading| {
        ledger.removing(Removal::Below(5));
        ledger.removed(Removal::Below(5));
    };
    check(purged, &["reborn"]);
}

#[test]
fn what_was_missing_after_a_restart_may_not_come_later() {
    let (mut ledger, mut reading) = busy();
    ledger.settle(&reading);
    assert!(ledger.findings.violations.is_clean());

    reading.stored.push(stored(7, 6));
    reading.last_seq = 7;
    ledger.settle(&reading);

    assert_eq!(ledger.findings.violations.reborn, 1);
}

#[test]
fn what_was_there_after_a_restart_has_to_stay() {
    let (mut ledger, mut reading) = busy();
    reading.stored.push(stored(7, 6));
    reading.last_seq = 7;
    ledger.settle(&reading);
    assert!(ledger.findings.violations.is_clean());

    lose(&mut reading, 7);
    ledger.settle(&reading);

    assert_eq!(ledger.findings.violations.lost_suffix, 1);
}

#[test]
fn altered_bytes_are_found_wherever_they_are_read() {
    let read = |_: &mut Ledger, reading: &mut Reading| {
        reading.stored[3].content = Content::Altered;
        reading.gets.remove(&5);
    };
    check(read, &["lost middle", "altered"]);
    let got = |_: &mut Ledger, reading: &mut Reading| {
        reading.gets.insert(5, Some(Content::Altered));
    };
    check(got, &["altered"]);
    let delivered = |ledger: &mut Ledger, _: &mut Reading| {
        ledger.delivered(Stored { stream_seq: 5, content: Content::Altered });
    };
    check(delivered, &["altered"]);
}

#[test]
fn values_out_of_place_are_found() {
    let swapped = |_: &mut Ledger, reading: &mut Reading| {
        reading.stored.swap(2, 3);
    };
    check(swapped, &["reordered"]);
    let unknown = |_: &mut Ledger, reading: &mut Reading| {
        reading.stored.push(stored(7, 99));
        reading.last_seq = 7;
    };
    check(unknown, &["unexpected"]);
    let twice = |_: &mut Ledger, reading: &mut Reading| {
        reading.stored.push(stored(7, 5));
        reading.last_seq = 7;
    };
    check(twice, &["duplicates"]);
    let moved = |_: &mut Ledger, reading: &mut Reading| {
        lose(reading, 6);
        reading.stored.push(stored(7, 5));
        reading.last_seq = 7;
    };
    check(moved, &["lost suffix", "misplaced"]);
    let gone_by_number = |_: &mut Ledger, reading: &mut Reading| {
        reading.gets.insert(5, None);
    };
    check(gone_by_number, &["misplaced"]);
}

#[test]
fn a_retry_is_answered_with_the_first_place() {
    check(|ledger, _| ledger.retried(4, 5, true), &[]);
    check(|ledger, _| ledger.retried(4, 7, false), &["duplicates"]);
    check(|ledger, _| ledger.retried(4, 5, false), &["duplicates"]);
    check(|ledger, _| ledger.retried(2, 9, false), &[]);
}

#[test]
fn a_sequence_is_given_out_once() {
    check(|_, reading| reading.last_seq = 5, &["reused"]);
    let (mut ledger, reading) = busy();
    ledger.settle(&reading);
    let next = ledger.sending();
    ledger.acked(next.counter, 3);
    assert_eq!(ledger.findings.violations.reused, 1);
}

#[test]
fn a_consumer_is_held_to_its_confirmations() {
    check(|ledger, _| ledger.delivered(stored(2, 1)), &["confirmed redelivered"]);
    check(|ledger, _| ledger.delivered(stored(4, 3)), &[]);
    check(|ledger, _| ledger.delivered(stored(7, 6)), &["phantoms"]);
    let ahead = |_: &mut Ledger, reading: &mut Reading| {
        reading.consumer = Some(ConsumerState { delivered_seq: 9, ack_floor: 2, backlog: 0 });
    };
    check(ahead, &["ahead"]);
    let (mut ledger, reading) = busy();
    ledger.settle(&reading);
    ledger.close();
    assert_eq!(ledger.findings.violations.never_delivered, 3);
}

#[test]
fn a_stream_or_consumer_does_not_vanish() {
    check(|_, reading| reading.consumer = None, &["vanished"]);
    let stream = |_: &mut Ledger, reading: &mut Reading| *reading = Reading::default();
    check(stream, &["lost suffix", "reused", "vanished"]);
}
