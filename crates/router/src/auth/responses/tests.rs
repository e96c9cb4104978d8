use super::*;

const START: Timestamp = Timestamp(1_700_000_000_000_000_000);

fn after(millis: u64) -> Timestamp {
    START.plus(Duration::from_millis(millis))
}

fn tracker(max: i64, expires: Duration) -> ResponseTracker {
    ResponseTracker::new(ResponsePermission { max, expires })
}

#[test]
fn a_request_may_be_answered_so_often_and_so_long() {
    let forever = ResponsePermission::FOREVER;
    for (max, expires, at, answers) in [
        (1, Duration::from_mins(2), 0, 1),
        (0, Duration::ZERO, 120_000, 1),
        (0, Duration::ZERO, 120_001, 0),
        (3, Duration::from_millis(300), 300, 3),
        (3, Duration::from_millis(300), 301, 0),
        (-1, Duration::from_secs(1), 1000, 9),
        (2, forever, 100 * 365 * 86_400_000, 2),
        (-1, forever, 1, 9),
    ] {
        let mut tracker = tracker(max, expires);
        tracker.record(START, b"rep");
        let got = (0..9).filter(|_| tracker.permitted(after(at), b"rep")).count();
        assert_eq!(got, answers, "{max} {expires:?} {at}");
        assert!(!tracker.permitted(START, b"other"));
    }
}

#[test]
fn a_second_request_with_the_same_reply_subject_starts_again() {
    let mut tracker = tracker(2, Duration::from_secs(1));
    tracker.record(START, b"rep");
    assert!(tracker.permitted(after(900), b"rep"));
    tracker.record(after(900), b"rep");
    assert_eq!(tracker.len(), 1);
    assert!(tracker.permitted(after(1800), b"rep"));
    assert!(tracker.permitted(after(1900), b"rep"));
    assert!(!tracker.permitted(after(1900), b"rep"));
    assert_eq!((tracker.len(), tracker.bytes), (0, 0));
}

#[test]
fn a_reply_subject_with_a_wildcard_is_literal() {
    let mut tracker = tracker(-1, ResponsePermission::FOREVER);
    tracker.record(START, b"rep.*");
    tracker.record(START, b"");
    assert!(tracker.permitted(START, b"rep.*"));
    assert!(!tracker.permitted(START, b"rep.a"));
    assert!(!tracker.permitted(START, b""));
}

#[test]
fn expired_grants_go_within_a_second_or_4096_requests() {
    let mut tracker = tracker(1, Duration::from_millis(100));
    for number in 0..5000 {
        tracker.record(START, format!("a.{number}").as_bytes());
    }
    assert_eq!(tracker.len(), 5000);
    for number in 0..=RECORDED_MAX {
        tracker.record(after(500), format!("b.{number}").as_bytes());
    }
    assert_eq!(tracker.len(), RECORDED_MAX + 1);
    tracker.record(after(1700), b"c");
    assert_eq!(tracker.len(), 1);
    assert_eq!(tracker.bytes, cost(b"c"));
}

#[test]
fn grants_that_never_expire_are_bounded_and_the_latest_survive() {
    let mut tracker = tracker(-1, ResponsePermission::FOREVER);
    let long = "x".repeat(4000);
    let n_grants = 2 * GRANTS_BYTES_MAX / long.len();
    for number in 0..n_grants {
        tracker.record(START, format!("{number:08}.{long}").as_bytes());
        assert!(tracker.bytes <= GRANTS_BYTES_MAX);
    }
    let last = format!("{:08}.{long}", n_grants - 1);
    assert!(tracker.permitted(START, last.as_bytes()));
    assert!(tracker.len() >= n_grants / 5);
}
