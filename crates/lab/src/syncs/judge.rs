//! Whether acks left after the sync that covers them, and how many one sync covers.

use std::collections::BTreeMap;

use serde::Serialize;

use super::trace::{Call, numbers_after};
use crate::num;

/// In each payload, followed by the number of the message, which is its stream sequence.
pub(crate) const MARKER: &str = "lab-sync-";
/// As `strace` prints it.
const ACK: &str = r#"\"seq\":"#;

/// What became of the acks of a trace.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Proof {
    /// Acks that left after a sync that began after their data was written.
    pub(crate) covered: u64,
    /// Acks that left without one.
    pub(crate) early: u64,
    /// Acks of messages whose data was not seen on its way to a file.
    pub(crate) unwritten: u64,
    /// The first few that are not covered, in words.
    pub(crate) examples: Vec<String>,
}

impl Proof {
    /// Whether `count` acks were seen and all are covered.
    pub(crate) fn holds(&self, count: u64) -> bool {
        self.covered == count && self.early == 0 && self.unwritten == 0
    }
}

/// Looks at every ack of the trace.
pub(crate) fn prove(calls: &[Call]) -> Proof {
    let written = first_with_marker(calls.iter().filter(|call| call.is_file_write()));
    let syncs: Vec<&Call> = calls.iter().filter(|call| call.is_sync()).collect();
    let mut proof = Proof::default();
    for (seq, sent) in acks(calls) {
        let Some(write) = written.get(&seq) else {
            proof.unwritten += 1;
            proof.example(format!("ack {seq}: its data was not seen in any file write"));
            continue;
        };
        // The writes of one log are synced through any descriptor of the same file.
        let covers = |sync: &&&Call| {
            (sync.fd == write.fd || sync.target == write.target)
                && sync.begin > write.end
                && sync.end < sent.begin
        };
        if write.text.contains("RWF_DSYNC") || syncs.iter().any(|sync| covers(&sync)) {
            proof.covered += 1;
        } else {
            proof.early += 1;
            proof.example(format!(
                "ack {seq}: written on line {}, sent on line {}, no sync of {} between",
                write.end + 1,
                sent.begin + 1,
                write.target
            ));
        }
    }
    proof
}

/// How well syncs are shared.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Sharing {
    pub(crate) syncs: u64,
    /// Publishes read from a socket and not yet covered, added up over the begins of all syncs.
    pub(crate) waiting: u64,
    /// Of those, the ones whose data the sync then covered.
    pub(crate) taken: u64,
}

impl Sharing {
    /// The part of what was waiting that a sync took with it.
    pub(crate) fn share(&self) -> f64 {
        if self.waiting == 0 { 1.0 } else { num::float(self.taken) / num::float(self.waiting) }
    }
}

/// Adds up, sync by sync, what waited and what was covered.
pub(crate) fn share(calls: &[Call]) -> Sharing {
    let written = first_with_marker(calls.iter().filter(|call| call.is_file_write()));
    let received = first_with_marker(calls.iter().filter(|call| call.is_receive()));
    // A marker cut by the end of a read is seen only when written.
    let mut arrivals: Vec<usize> = written
        .iter()
        .map(|(seq, write)| received.get(seq).map_or(write.end, |receive| receive.end))
        .collect();
    arrivals.sort_unstable();
    let mut writes: Vec<usize> = written.values().map(|write| write.end).collect();
    writes.sort_unstable();
    let mut syncs: Vec<&Call> = calls.iter().filter(|call| call.is_sync()).collect();
    syncs.sort_by_key(|sync| sync.begin);
    let mut sharing = Sharing::default();
    let mut covered = 0;
    for sync in syncs {
        let arrived = arrivals.partition_point(|&at| at < sync.begin);
        let on_file = writes.partition_point(|&at| at < sync.begin);
        if on_file <= covered {
            // A sync of something else.
            continue;
        }
        sharing.syncs += 1;
        sharing.waiting += num::wide(arrived - covered);
        sharing.taken += num::wide(on_file - covered);
        covered = on_file;
    }
    sharing
}

/// Every ack once, with the call that sent it.
fn acks(calls: &[Call]) -> BTreeMap<u64, &Call> {
    let mut acks: BTreeMap<u64, &Call> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.is_send()) {
        for seq in numbers_after(&call.text, ACK) {
            let first = acks.entry(seq).or_insert(call);
            if call.begin < first.begin {
                *first = call;
            }
        }
    }
    acks
}

fn first_with_marker<'a>(calls: impl Iterator<Item = &'a Call>) -> BTreeMap<u64, &'a Call> {
    let mut found: BTreeMap<u64, &Call> = BTreeMap::new();
    for call in calls {
        for number in numbers_after(&call.text, MARKER) {
            found.entry(number).or_insert(call);
        }
    }
    found
}

impl Proof {
    fn example(&mut self, text: String) {
        const EXAMPLES_MAX: usize = 5;
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::trace::parse;
    use super::*;

    const SOCKET: &str = "9<TCP:[127.0.0.1:4222->127.0.0.1:5000]>";

    fn trace(lines: &[&str]) -> Vec<Call> {
        let lines: Vec<String> = lines
            .iter()
            .map(|line| {
                format!("1 1.0 {}", line.replace("SOCK", SOCKET).replace("LOG", "7</s/log>"))
            })
            .collect();
        parse(&lines.join("\n"))
    }

    const RECEIVE: &str = r#"recvfrom(SOCK, "PUB a 9\r\nlab-sync-1\r\n", 99, 0, NULL, NULL) = 30"#;
    const WRITE: &str = r#"pwrite64(LOG, "..lab-sync-1..", 30, 0) = 30"#;
    const SYNC: &str = "fdatasync(LOG) = 0";
    const SEND: &str =
        r#"sendto(SOCK, "MSG i 1 9\r\n{\"stream\":\"S\",\"seq\":1}\r\n", 9, 0, NULL, 0) = 9"#;

    #[test]
    fn an_ack_after_write_and_sync_is_covered() {
        let proof = prove(&trace(&[RECEIVE, WRITE, SYNC, SEND]));
        assert!(proof.holds(1), "{:?}", proof.examples);
        assert!(!proof.holds(2), "an ack is missing");
    }

    #[test]
    fn an_ack_without_its_sync_is_early() {
        let failed = "fdatasync(LOG) = -1 EIO (Input/output error)";
        let other = "fdatasync(8</s/other>) = 0";
        for lines in [
            &[RECEIVE, WRITE, SEND, SYNC][..],
            &[RECEIVE, SYNC, WRITE, SEND],
            &[RECEIVE, WRITE, failed, SEND],
            &[RECEIVE, WRITE, other, SEND],
        ] {
            let proof = prove(&trace(lines));
            assert_eq!((proof.covered, proof.early), (0, 1), "{lines:?}");
        }
    }

    #[test]
    fn a_sync_that_began_before_the_write_covers_nothing() {
        let begun = "1 1.0 fdatasync(7</s/log> <unfinished ...>\n";
        let middle = format!("2 1.0 {}\n", WRITE.replace("LOG", "7</s/log>"));
        let end = "1 1.0 <... fdatasync resumed>) = 0\n";
        let send = format!("2 1.0 {}\n", SEND.replace("SOCK", SOCKET));
        let proof = prove(&parse(&[begun, &middle, end, &send].concat()));
        assert_eq!(proof.early, 1);
    }

    #[test]
    fn an_ack_of_data_nobody_saw_is_not_proven() {
        assert_eq!(prove(&trace(&[RECEIVE, SYNC, SEND])).unwritten, 1);
    }

    #[test]
    fn a_sync_takes_a_share_of_what_waits() {
        let other = RECEIVE.replace("lab-sync-1", "lab-sync-2");
        let later = WRITE.replace("lab-sync-1", "lab-sync-2");
        let sharing = share(&trace(&[RECEIVE, &other, WRITE, SYNC, &later, SYNC]));
        assert_eq!(sharing, Sharing { syncs: 2, waiting: 3, taken: 2 });
        let both = share(&trace(&[RECEIVE, &other, WRITE, &later, SYNC, SYNC]));
        assert_eq!(both, Sharing { syncs: 1, waiting: 2, taken: 2 });
    }
}
