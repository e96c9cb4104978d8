use std::time::Duration;

use tradewind_conf::{AllowResponses, Authorization, Credentials, Permissions, SubjectPermission};
use tradewind_server::auth::{
    AllowDeny, AuthConfig, Identity, PermissionsConfig, ResponsePermission, Secret, UserConfig,
};

use super::Resolver;

impl Resolver<'_> {
    /// Who may connect, and how long they may take to say who they are.
    pub(super) fn auth(&mut self, usual_timeout: Duration) -> (AuthConfig, Duration) {
        let block = self.config.authorization.clone();
        if let Some(block) = block.as_ref().filter(|block| admits_nobody(&block.value)) {
            self.problems.push(format!(
                "{}: \"users\" is empty, so nobody could connect; list a user or remove it",
                block.at
            ));
        }
        let block = block.map(|block| block.value).unwrap_or_default();
        let flags = self.flags;
        let secret = |flag: Option<&tradewind_conf::Secret>, setting| {
            let given = flag.cloned().or(setting).filter(|secret| !secret.0.is_empty());
            given.map(|secret| Secret::from(secret.0))
        };
        let user = flags.username.clone().or_else(|| Some(block.username?.value));
        let auth = AuthConfig {
            user: user.filter(|user| !user.is_empty()),
            password: secret(flags.password.as_ref(), block.password.map(|it| it.value)),
            token: secret(flags.token.as_ref(), block.token.map(|it| it.value)),
            users: block.users.unwrap_or_default().into_iter().map(user_config).collect(),
            // The reader of the file has applied them to each user.
            default_permissions: None,
            no_auth_user: super::value(self.config.no_auth_user.as_ref())
                .filter(|name| !name.is_empty()),
        };
        let timeout = block.timeout.map(|timeout| timeout.value);
        (auth, timeout.filter(|timeout| !timeout.is_zero()).unwrap_or(usual_timeout))
    }
}

/// An empty list is not the same as none.
fn admits_nobody(block: &Authorization) -> bool {
    block.users.as_ref().is_some_and(Vec::is_empty)
}

fn user_config(user: tradewind_conf::User) -> UserConfig {
    let identity = match user.credentials {
        Credentials::Password { username, password } => {
            Identity::Password { user: username, password: Secret::from(password.0) }
        }
        Credentials::Nkey(key) => Identity::Nkey(key),
    };
    UserConfig { identity, permissions: user.permissions.map(permissions) }
}

fn permissions(permissions: Permissions) -> PermissionsConfig {
    let Permissions { publish, subscribe, allow_responses } = permissions;
    PermissionsConfig {
        publish: publish.map(lists),
        subscribe: subscribe.map(lists),
        allow_responses: allow_responses.map(responses),
    }
}

fn lists(permission: SubjectPermission) -> AllowDeny {
    AllowDeny { allow: permission.allow.unwrap_or_default(), deny: permission.deny }
}

fn responses(responses: AllowResponses) -> ResponsePermission {
    ResponsePermission {
        max: responses.max.map_or(-1, |max| i64::try_from(max).unwrap_or(i64::MAX)),
        expires: responses.expires.unwrap_or(ResponsePermission::FOREVER),
    }
}
