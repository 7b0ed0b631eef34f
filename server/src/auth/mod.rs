//! Who a caller is: users with passwords, tokens, client certificates; and what the server signs so that it knows it again.
//!
//! What a caller may do is not decided here but in the engine (`access`), for every door alike. Nothing in here prints a
//! password, a token or a key: they are compared as hashes, and the types that hold them have no text.

mod authenticator;
mod credentials;
mod denied;
mod header;
mod issued;
mod key;
mod passwords;
mod seal;
mod secret;
mod throttle;
mod tokens;

pub use authenticator::{Authenticator, AuthenticatorSettings};
pub(crate) use credentials::without_value;
pub use credentials::{Credentials, CredentialsError, Moment, TokenEntry, UserEntry};
pub use denied::Denied;
pub use issued::BearerToken;
pub use key::SigningKey;
pub use passwords::hash_password;
pub use seal::SealError;
pub use secret::Secret;
pub use tokens::NewToken;

#[cfg(test)]
mod tests;
