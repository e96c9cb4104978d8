use super::*;
use crate::auth::{AllowDeny, PermissionsConfig, ResponsePermission};
use std::time::Duration;

fn permissions(
    allow: &[&str],
    deny: &[&str],
    responses: Option<ResponsePermission>,
) -> Arc<Permissions> {
    let list = |entries: &[&str]| entries.iter().map(|&entry| entry.to_owned()).collect();
    let publish = Some(AllowDeny { allow: list(allow), deny: list(deny) });
    let config = PermissionsConfig { publish, subscribe: None, allow_responses: responses };
    Arc::new(Permissions::compile(config).unwrap())
}

const NOW: Timestamp = Timestamp(1_000_000_000_000);

#[test]
fn the_cache_answers_like_the_permissions_and_stays_small() {
    let permissions = permissions(&["a.>"], &["a.*.7"], None);
    let mut cache = PublishCache::new(Arc::clone(&permissions));
    for round in 0..3 {
        for number in 0..1000 {
            for subject in [format!("a.{number}.7"), format!("a.b.{number}"), format!("{number}")] {
                let expected = permissions.can_publish(subject.as_bytes());
                assert_eq!(cache.can_publish(subject.as_bytes()), expected, "{round} {subject}");
            }
        }
        assert!(cache.verdicts.len() <= VERDICTS_MAX);
    }
    cache.verdicts.clear();
    assert!(cache.can_publish(&[b"a.".as_slice(), &[b'x'; 4000]].concat()));
    assert!(cache.verdicts.is_empty());
}

/// Rows seen on nats-server 2.15.1.
#[test]
fn a_response_is_allowed_where_nothing_else_is() {
    let max_2 = ResponsePermission { max: 2, ..ResponsePermission::default() };
    let any_number = ResponsePermission { max: -1, ..ResponsePermission::default() };
    for (allow, deny, permission, expected) in [
        (&[][..], &[][..], ResponsePermission::default(), [true, false, false]),
        (&["ok.>"], &[], max_2, [true, true, false]),
        (&[], &["rep.>"], ResponsePermission::default(), [true, false, false]),
        (&[], &["rep.>"], any_number, [true, true, true]),
        (&["rep.a"], &[], ResponsePermission::default(), [true, true, true]),
    ] {
        let mut gate = PublishGate::new(permissions(allow, deny, Some(permission)));
        assert!(gate.tracks_responses());
        assert_eq!(gate.permits(NOW, b"rep.a"), allow == ["rep.a"]);
        gate.delivered(NOW, b"rep.a");
        assert_eq!(expected.map(|_| gate.permits(NOW, b"rep.a")), expected, "{allow:?} {deny:?}");
        assert!(!gate.permits(NOW, b"rep.b"));
    }
}

#[test]
fn a_reply_subject_that_is_allowed_anyway_is_not_tracked() {
    let mut gate =
        PublishGate::new(permissions(&["rep.>"], &[], Some(ResponsePermission::default())));
    gate.delivered(NOW, b"rep.a");
    assert!(gate.responses.as_ref().unwrap().is_empty());
    gate.delivered(NOW, b"other.a");
    assert_eq!(gate.responses.as_ref().unwrap().len(), 1);
}

#[test]
fn a_refusal_is_forgotten_when_a_request_comes() {
    let mut gate = PublishGate::new(permissions(&[], &[], Some(ResponsePermission::default())));
    assert!(!gate.permits(NOW, b"_INBOX.1"));
    gate.delivered(NOW, b"_INBOX.1");
    assert!(gate.permits(NOW.plus(Duration::from_secs(1)), b"_INBOX.1"));
}

#[test]
fn without_allow_responses_a_request_grants_nothing() {
    let mut gate = PublishGate::new(permissions(&["a"], &[], None));
    assert!(!gate.tracks_responses());
    gate.delivered(NOW, b"rep");
    assert!(!gate.permits(NOW, b"rep"));
}
