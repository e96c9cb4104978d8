//! Who may connect, and what they may then publish and subscribe to.
//!
//! Pure decisions: no socket, no file, no clock. [`Authenticator`] turns the credentials of a
//! `CONNECT` into a [`User`]; the user's [`Permissions`] then answer every publish (through the
//! connection's [`PublishGate`]) and every subscription.
//!
//! Nothing here ever shows a password, a token or a signature: not in an error, not in `{:?}`.

mod authenticator;
mod config;
mod filters;
mod gate;
mod password;
mod permissions;
mod responses;

pub use authenticator::{AuthFailure, Authenticator, Begin, Credentials, GLOBAL_ACCOUNT, User};
pub use config::{AuthConfig, AuthConfigError, Identity, UserConfig};
pub use gate::{PublishCache, PublishGate};
pub use password::{BcryptCheck, Secret};
pub use permissions::{
    AllowDeny, Permissions, PermissionsConfig, PermissionsError, SubscribeVerdict,
};
pub use responses::{ResponsePermission, ResponseTracker};
