use super::password::Secret;
use super::permissions::{PermissionsConfig, PermissionsError};

/// The `authorization` block and `no_auth_user`. All absent: whoever connects is let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthConfig {
    /// Name of the single user.
    pub user: Option<String>,
    /// Password of the single user; absent is empty.
    pub password: Option<Secret>,
    /// The single token.
    pub token: Option<Secret>,
    /// The users.
    pub users: Vec<UserConfig>,
    /// Permissions of those of `users` that have none of their own.
    pub default_permissions: Option<PermissionsConfig>,
    /// Which of `users`, by name or public nkey, a client is that presents nothing.
    pub no_auth_user: Option<String>,
}

/// One of the users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserConfig {
    /// How the user is known.
    pub identity: Identity,
    /// What the user may do.
    pub permissions: Option<PermissionsConfig>,
}

/// How a user is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// By name and password.
    Password {
        /// Name.
        user: String,
        /// Password; absent is empty.
        password: Secret,
    },
    /// By a signature made with the private half of this public nkey.
    Nkey(String),
}

/// Why an [`AuthConfig`] cannot be used. The texts are nats-server's, where it has one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthConfigError {
    /// Two users of the same name.
    #[error("Duplicate user {0:?} detected")]
    DuplicateUser(String),
    /// The same nkey twice.
    #[error("Duplicate nkey {0:?} detected")]
    DuplicateNkey(String),
    /// No public nkey of a user.
    #[error("Not a valid public nkey for a user")]
    BadNkey(String),
    /// A user without a name.
    #[error("User entry requires a user")]
    NoName,
    /// A single user and a token.
    #[error("Cannot have a user/pass and token")]
    UserAndToken,
    /// A single user and a list of users.
    #[error("Can not have a single user/pass and a users array")]
    UserAndUsers,
    /// A token and a list of users.
    #[error("Can not have a token and a users array")]
    TokenAndUsers,
    /// A password whose user has no name; nats-server then lets everybody in.
    #[error("a password requires a user")]
    PasswordWithoutUser,
    /// An empty token; nats-server then lets everybody in.
    #[error("the token is empty")]
    EmptyToken,
    /// `no_auth_user` without a list of users.
    #[error("no_auth_user: {0:?} present, but users/nkeys are not defined")]
    NoAuthUserWithoutUsers(String),
    /// `no_auth_user` is none of the users.
    #[error(
        "no_auth_user: {0:?} not present as user or nkey in authorization block or account configuration"
    )]
    NoAuthUserUnknown(String),
    /// Permissions that cannot be used.
    #[error(transparent)]
    Permissions(#[from] PermissionsError),
}

impl AuthConfig {
    /// Whether the parts go together; the users themselves are not looked at.
    pub(super) fn check(&self) -> Result<(), AuthConfigError> {
        let has_user = self.user.as_ref().is_some_and(|user| !user.is_empty());
        if self.token.as_ref().is_some_and(Secret::is_empty) {
            return Err(AuthConfigError::EmptyToken);
        }
        if self.password.as_ref().is_some_and(|password| !password.is_empty()) && !has_user {
            return Err(AuthConfigError::PasswordWithoutUser);
        }
        if has_user && self.token.is_some() {
            return Err(AuthConfigError::UserAndToken);
        }
        if self.users.is_empty() {
            return match &self.no_auth_user {
                Some(name) => Err(AuthConfigError::NoAuthUserWithoutUsers(name.clone())),
                None => Ok(()),
            };
        }
        if has_user {
            return Err(AuthConfigError::UserAndUsers);
        }
        if self.token.is_some() {
            return Err(AuthConfigError::TokenAndUsers);
        }
        Ok(())
    }
}
