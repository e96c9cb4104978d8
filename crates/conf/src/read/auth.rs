//! `authorization` and its users.

use std::collections::BTreeSet;
use std::time::Duration;

use nkeys::{KeyPair, KeyPairType};

use super::scalars::set;
use super::{Reader, in_order, shown};
use crate::config::{Authorization, Credentials, Permissions, Secret, Setting, User};
use crate::duration::SignedDuration;
use crate::keys::Block;
use crate::value::{Map, Node, Value};

/// Longer than this is more likely a slip than meant.
const TIMEOUT_WARNED_SECS: f64 = 60.0;

impl Reader {
    pub(super) fn authorization(&mut self, node: &Node) -> Option<Setting<Authorization>> {
        let Value::Map(map) = &node.value else {
            return self.wrong_type(node, "map[string]interface {}");
        };
        let mut auth = Authorization::default();
        let mut defaults: Option<Setting<Permissions>> = None;
        for entry in self.entries(Block::Authorization, map) {
            let node = entry.node;
            match entry.name {
                "user" => auth.username = self.string(node),
                "password" => auth.password = self.secret(node),
                "token" => auth.token = self.secret(node),
                "timeout" => auth.timeout = self.auth_timeout(entry.typed, node),
                "users" => auth.users = self.users(node),
                "default_permissions" => {
                    defaults = self.permissions(node).map(|found| set(node, found));
                }
                other => debug_assert!(false, "{other} is marked as supported"),
            }
        }
        self.check_kinds(node, &auth);
        self.check_duplicates(node, auth.users.as_deref().unwrap_or_default());
        if let Some(defaults) = defaults {
            self.apply_defaults(&mut auth, &defaults);
        }
        Some(set(node, auth))
    }

    fn secret(&mut self, node: &Node) -> Option<Setting<Secret>> {
        self.string(node).map(|text| Setting { value: Secret(text.value), at: text.at })
    }

    /// A duration or a number of seconds, fractions included.
    fn auth_timeout(&mut self, typed: &str, node: &Node) -> Option<Setting<Duration>> {
        let (shown, timeout) = match &node.value {
            Value::Int(seconds) => (seconds.to_string(), SignedDuration::from_secs(*seconds)),
            Value::Float(seconds) => (seconds.to_string(), seconds_of(*seconds)),
            Value::String(text) => match SignedDuration::parse(text) {
                Ok(duration) => (text.clone(), Some(duration)),
                Err(reason) => {
                    return self.refuse(
                        node,
                        format!("error parsing authorization config, 'timeout' {reason}"),
                    );
                }
            },
            _ => {
                return self.refuse(
                    node,
                    "error parsing authorization config, 'timeout' wrong type".to_owned(),
                );
            }
        };
        let Some(timeout) = timeout else {
            return self.refuse(node, format!("{typed} value is too big"));
        };
        let timeout = self.not_negative(typed, node, timeout)?;
        let seconds = timeout.value.as_secs_f64();
        if TIMEOUT_WARNED_SECS < seconds {
            let reason = format!(
                "timeout of {shown} ({seconds:.6} seconds) is high, consider keeping it under 60 \
                 seconds. possibly caused by unquoted duration; use '1m' instead of 1m, for example"
            );
            self.warn_as_reference(node, typed, &reason);
        }
        Some(timeout)
    }

    fn users(&mut self, node: &Node) -> Option<Vec<User>> {
        let Value::Array(items) = &node.value else {
            let found = shown(&node.value);
            return self.refuse(node, format!("Expected users field to be an array, got {found}"));
        };
        let mut users = Vec::new();
        for item in items {
            match &item.value {
                Value::Map(map) => users.extend(self.user(item, map)),
                other => {
                    let found = shown(other);
                    self.fail(item, format!("Expected user entry to be a map/struct, got {found}"));
                }
            }
        }
        Some(users)
    }

    fn user(&mut self, node: &Node, map: &Map) -> Option<User> {
        let (mut username, mut password, mut nkey) = (None, None, None);
        let mut permissions = None;
        for entry in self.entries(Block::User, map) {
            match entry.name {
                "user" => username = self.string(entry.node),
                "password" => password = self.secret(entry.node),
                "nkey" => nkey = self.string(entry.node),
                "permissions" => permissions = self.permissions(entry.node),
                other => debug_assert!(false, "{other} is marked as supported"),
            }
        }
        let text =
            |setting: Option<Setting<String>>| setting.map(|it| it.value).unwrap_or_default();
        let (username, nkey) = (text(username), text(nkey));
        let password = password.map(|it| it.value).unwrap_or_default();
        // nats-server tells where the entry's last field is; ours is where the entry starts.
        let place = in_order(map).first().map_or(node, |(_, first)| first);
        let credentials = match (username.is_empty(), nkey.is_empty()) {
            (true, true) => return self.refuse(place, "User entry requires a user".to_owned()),
            (false, true) => Credentials::Password { username, password },
            (_, false) if !is_public_user_key(&nkey) => {
                return self.refuse(place, "Not a valid public nkey for a user".to_owned());
            }
            (true, false) if password.0.is_empty() => Credentials::Nkey(nkey),
            (_, false) => {
                let reason = "Nkey users do not take usernames or passwords";
                return self.refuse(place, reason.to_owned());
            }
        };
        Some(User { at: place.at.clone(), credentials, permissions })
    }

    fn check_kinds(&mut self, node: &Node, auth: &Authorization) {
        let some = |text: &str| !text.is_empty();
        let user = auth.username.as_ref().is_some_and(|name| some(&name.value));
        let password = auth.password.as_ref().is_some_and(|word| some(&word.value.0));
        let token = auth.token.as_ref().is_some_and(|token| some(&token.value.0));
        if (user || password) && token {
            self.fail(node, "Cannot have a user/pass and token");
        } else if auth.users.is_some() && user {
            self.fail(node, "Can not have a single user/pass and a users array");
        } else if auth.users.is_some() && token {
            self.fail(node, "Can not have a token and a users array");
        }
    }

    fn check_duplicates(&mut self, node: &Node, users: &[User]) {
        let mut seen = BTreeSet::new();
        for user in users {
            let (kind, name) = match &user.credentials {
                Credentials::Password { username, .. } => ("user", username),
                Credentials::Nkey(key) => ("nkey", key),
            };
            if !seen.insert(name) {
                self.fail(node, format!("Duplicate {kind} {name:?} detected"));
            }
        }
    }

    fn apply_defaults(&mut self, auth: &mut Authorization, defaults: &Setting<Permissions>) {
        if auth.users.is_none() {
            // They guard less than they seem to, in nats-server as well.
            self.warn(
                &defaults.at,
                "default permissions apply to \"users\" only, and there are none",
            );
        }
        for user in auth.users.iter_mut().flatten() {
            user.permissions.get_or_insert_with(|| defaults.value.clone());
        }
    }
}

fn is_public_user_key(text: &str) -> bool {
    KeyPair::from_public_key(text)
        .is_ok_and(|pair| matches!(pair.key_pair_type(), KeyPairType::User))
}

fn seconds_of(seconds: f64) -> Option<SignedDuration> {
    let size = Duration::try_from_secs_f64(seconds.abs()).ok()?;
    let nanos = i64::try_from(size.as_nanos()).ok()?;
    Some(SignedDuration(if seconds < 0.0 { -nanos } else { nanos }))
}
