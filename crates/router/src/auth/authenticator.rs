use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use nkeys::{KeyPair, KeyPairType};
use tradewind_proto::Connect;

use super::config::{AuthConfig, AuthConfigError, Identity, UserConfig};
use super::password::{BcryptCheck, Secret};
use super::permissions::{Permissions, PermissionsConfig};

/// The account of everybody, as long as no others are configured.
pub const GLOBAL_ACCOUNT: &str = "$G";

/// Shown for a client that is known by a token only.
const REDACTED: &str = "[REDACTED]";

/// What a client presents in its `CONNECT`; empty where it presents nothing.
#[derive(Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// User name.
    pub user: &'a str,
    /// Password.
    pub pass: &'a str,
    /// Token.
    pub auth_token: &'a str,
    /// Public nkey.
    pub nkey: &'a str,
    /// Signature of the nonce, in base64.
    pub sig: &'a str,
    /// Whether an account is asked for, which nobody may.
    pub names_account: bool,
}

impl<'a> From<&'a Connect> for Credentials<'a> {
    fn from(connect: &'a Connect) -> Credentials<'a> {
        Credentials {
            user: &connect.user,
            pass: &connect.pass,
            auth_token: &connect.auth_token,
            nkey: &connect.nkey,
            sig: &connect.sig,
            names_account: connect.names_account,
        }
    }
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .field("nkey", &self.nkey)
            .finish_non_exhaustive()
    }
}

/// Who a client turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// For logs and `authorized_user` in /connz: user name or public nkey, `[REDACTED]` for a
    /// token, absent for a client that neither had to nor did say who it is.
    pub name: Option<Box<str>>,
    /// What the user may do; absent for everything.
    pub permissions: Option<Arc<Permissions>>,
    /// Account the user belongs to.
    pub account: Box<str>,
}

impl User {
    fn new(name: Option<&str>, permissions: Option<Arc<Permissions>>) -> User {
        User { name: name.map(Box::from), permissions, account: Box::from(GLOBAL_ACCOUNT) }
    }

    /// A user that the configuration has no entry for, by what it says of itself.
    fn unlisted(credentials: &Credentials<'_>, otherwise: Option<&str>) -> Arc<User> {
        let said = (!credentials.user.is_empty()).then_some(credentials.user);
        Arc::new(User::new(said.or(otherwise), None))
    }
}

/// A refused client. `{}` is the line for the log; the client itself is only told
/// `Authorization Violation`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthFailure {
    /// It presented this nkey.
    #[error("authentication error - Nkey {0:?}")]
    Nkey(Box<str>),
    /// It presented this user name.
    #[error("authentication error - User {0:?}")]
    User(Box<str>),
    /// It presented a token.
    #[error("authentication error - Token \"[REDACTED]\"")]
    Token,
    /// It presented nothing.
    #[error("authentication error")]
    Nobody,
}

/// A name in the log is cut here: it comes from somebody who was not let in.
const LOGGED_CHARS_MAX: usize = 128;

impl AuthFailure {
    fn of(credentials: &Credentials<'_>) -> AuthFailure {
        let shown = |name: &str| name.chars().take(LOGGED_CHARS_MAX).collect();
        if !credentials.nkey.is_empty() {
            AuthFailure::Nkey(shown(credentials.nkey))
        } else if !credentials.user.is_empty() {
            AuthFailure::User(shown(credentials.user))
        } else if !credentials.auth_token.is_empty() {
            AuthFailure::Token
        } else {
            AuthFailure::Nobody
        }
    }
}

/// The answer to some credentials, or the work that leads to it.
#[derive(Debug)]
pub enum Begin {
    /// The answer.
    Done(Result<Arc<User>, AuthFailure>),
    /// [`BcryptCheck::run`] has the answer.
    Bcrypt(BcryptCheck),
}

/// Who may connect.
///
/// As far as time can tell, an unknown user is refused like a known one with a wrong password: if
/// any password is a bcrypt hash, every refusal of a user name or token costs one check.
pub struct Authenticator {
    users: BTreeMap<Box<str>, PasswordUser>,
    nkeys: BTreeMap<Box<str>, NkeyUser>,
    token: Option<Secret>,
    no_auth_user: Option<Arc<User>>,
    /// The costliest of the bcrypt hashes.
    decoy: Option<Secret>,
}

#[derive(Debug)]
struct PasswordUser {
    password: Secret,
    user: Arc<User>,
}

struct NkeyUser {
    key: KeyPair,
    user: Arc<User>,
}

impl Authenticator {
    /// Checks `config` and makes it ready to be asked.
    ///
    /// # Errors
    ///
    /// What in it is contradictory or unusable.
    pub fn new(config: AuthConfig) -> Result<Authenticator, AuthConfigError> {
        config.check()?;
        let mut made = Authenticator {
            users: BTreeMap::new(),
            nkeys: BTreeMap::new(),
            token: config.token,
            no_auth_user: None,
            decoy: None,
        };
        let default_permissions = compile(config.default_permissions)?;
        for user in config.users {
            made.add(user, default_permissions.as_ref())?;
        }
        if let Some(name) = config.user.filter(|name| !name.is_empty()) {
            let password = config.password.unwrap_or_else(|| Secret::from(""));
            made.add_password_user(&name, password, None);
        }
        if let Some(name) = config.no_auth_user {
            made.no_auth_user = Some(made.named(&name)?);
        }
        made.decoy = made
            .users
            .values()
            .map(|entry| &entry.password)
            .chain(&made.token)
            .filter(|secret| secret.is_bcrypt())
            .max_by_key(|secret| secret.bcrypt_cost())
            .cloned();
        Ok(made)
    }

    fn add(
        &mut self,
        config: UserConfig,
        default_permissions: Option<&Arc<Permissions>>,
    ) -> Result<(), AuthConfigError> {
        let permissions =
            compile(config.permissions)?.or_else(|| default_permissions.map(Arc::clone));
        match config.identity {
            Identity::Password { user, .. } if user.is_empty() => Err(AuthConfigError::NoName),
            Identity::Password { user, .. } if self.users.contains_key(&*user) => {
                Err(AuthConfigError::DuplicateUser(user))
            }
            Identity::Password { user, password } => {
                self.add_password_user(&user, password, permissions);
                Ok(())
            }
            Identity::Nkey(nkey) if self.nkeys.contains_key(&*nkey) => {
                Err(AuthConfigError::DuplicateNkey(nkey))
            }
            Identity::Nkey(nkey) => match KeyPair::from_public_key(&nkey) {
                Ok(key) if key.key_pair_type() == KeyPairType::User => {
                    let user = Arc::new(User::new(Some(&nkey), permissions));
                    self.nkeys.insert(Box::from(nkey), NkeyUser { key, user });
                    Ok(())
                }
                _ => Err(AuthConfigError::BadNkey(nkey)),
            },
        }
    }

    fn add_password_user(
        &mut self,
        name: &str,
        password: Secret,
        permissions: Option<Arc<Permissions>>,
    ) {
        let user = Arc::new(User::new(Some(name), permissions));
        self.users.insert(Box::from(name), PasswordUser { password, user });
    }

    fn named(&self, name: &str) -> Result<Arc<User>, AuthConfigError> {
        let by_name = self.users.get(name).map(|entry| &entry.user);
        by_name
            .or_else(|| self.nkeys.get(name).map(|entry| &entry.user))
            .map(Arc::clone)
            .ok_or_else(|| AuthConfigError::NoAuthUserUnknown(name.to_owned()))
    }

    /// Whether a client must present something: `auth_required` in `INFO`.
    ///
    /// Not a reason to skip [`Authenticator::begin`], which also knows who a client is that
    /// presents nothing, and refuses wrong credentials even where none are needed.
    pub fn required(&self) -> bool {
        self.is_configured() && self.no_auth_user.is_none()
    }

    /// Whether `INFO` must carry a nonce for clients to sign.
    pub fn needs_nonce(&self) -> bool {
        !self.nkeys.is_empty()
    }

    /// Whether the password of a user is in clear text in the configuration, which is worth a
    /// warning: `Plaintext passwords detected, use nkeys or bcrypt`.
    pub fn plaintext_passwords(&self) -> bool {
        self.users.values().any(|entry| !entry.password.is_bcrypt())
    }

    fn is_configured(&self) -> bool {
        self.token.is_some() || !self.users.is_empty() || !self.nkeys.is_empty()
    }

    /// Decides about `credentials`; `nonce` is the one sent to this client in `INFO`.
    ///
    /// Takes microseconds. What would take longer is handed back as [`Begin::Bcrypt`].
    ///
    /// An nkey, where any is configured, decides alone: unlike nats-server, a wrong signature is
    /// refused even if `no_auth_user` would let the client in without one.
    pub fn begin(&self, credentials: &Credentials<'_>, nonce: &[u8]) -> Begin {
        let refused = || Begin::Done(Err(AuthFailure::of(credentials)));
        if credentials.names_account {
            return refused();
        }
        if !self.is_configured() {
            return Begin::Done(Ok(User::unlisted(credentials, None)));
        }
        if !credentials.nkey.is_empty() && !self.nkeys.is_empty() {
            return match self.check_nkey(credentials, nonce) {
                Some(user) => Begin::Done(Ok(user)),
                None => refused(),
            };
        }
        let presents_nothing = credentials.user.is_empty()
            && credentials.pass.is_empty()
            && credentials.auth_token.is_empty();
        if let Some(user) = &self.no_auth_user
            && presents_nothing
        {
            return Begin::Done(Ok(Arc::clone(user)));
        }
        if let Some(token) = &self.token {
            return if credentials.auth_token.is_empty() {
                refused()
            } else {
                let user = User::unlisted(credentials, Some(REDACTED));
                self.compare(credentials, credentials.auth_token, token, Some(user))
            };
        }
        if credentials.user.is_empty() {
            return refused();
        }
        match self.users.get(credentials.user) {
            Some(entry) => {
                let user = Arc::clone(&entry.user);
                self.compare(credentials, credentials.pass, &entry.password, Some(user))
            }
            // Nobody's password: any will do.
            None => match self.users.values().next() {
                Some(entry) => self.compare(credentials, credentials.pass, &entry.password, None),
                None => refused(),
            },
        }
    }

    /// Who it is by the signature. An unknown nkey costs a verification too.
    fn check_nkey(&self, credentials: &Credentials<'_>, nonce: &[u8]) -> Option<Arc<User>> {
        let found = self.nkeys.get(credentials.nkey);
        let entry = found.or_else(|| self.nkeys.values().next())?;
        let signature = decode_signature(credentials.sig)?;
        let valid = !nonce.is_empty() && entry.key.verify(nonce, &signature).is_ok();
        found.filter(|_| valid).map(|entry| Arc::clone(&entry.user))
    }

    /// Holds `given` against `expected`; `user` is who it is if they fit, and nobody for a
    /// comparison that only takes time.
    fn compare(
        &self,
        credentials: &Credentials<'_>,
        given: &str,
        expected: &Secret,
        user: Option<Arc<User>>,
    ) -> Begin {
        let failure = AuthFailure::of(credentials);
        let fits = expected.equals(given);
        match (user, &self.decoy) {
            (Some(user), _) if expected.is_bcrypt() => {
                Begin::Bcrypt(BcryptCheck::new(given, expected.clone(), Some(user), failure))
            }
            (Some(user), _) if fits => Begin::Done(Ok(user)),
            (_, Some(decoy)) => {
                Begin::Bcrypt(BcryptCheck::new(given, decoy.clone(), None, failure))
            }
            (_, None) => Begin::Done(Err(failure)),
        }
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator")
            .field("users", &self.users.keys())
            .field("nkeys", &self.nkeys.keys())
            .field("token", &self.token)
            .field("no_auth_user", &self.no_auth_user)
            .finish_non_exhaustive()
    }
}

fn compile(config: Option<PermissionsConfig>) -> Result<Option<Arc<Permissions>>, AuthConfigError> {
    Ok(config.map(Permissions::compile).transpose()?.map(Arc::new))
}

/// Go's `RawURLEncoding`, which does not look at the bits that are left over.
const URL_RAW: GeneralPurpose = engine(&alphabet::URL_SAFE, DecodePaddingMode::RequireNone);
const STANDARD: GeneralPurpose = engine(&alphabet::STANDARD, DecodePaddingMode::Indifferent);

const fn engine(alphabet: &alphabet::Alphabet, padding: DecodePaddingMode) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(padding)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(alphabet, config)
}

fn decode_signature(text: &str) -> Option<Vec<u8>> {
    URL_RAW.decode(text).or_else(|_| STANDARD.decode(text)).ok()
}

#[cfg(test)]
mod tests;
