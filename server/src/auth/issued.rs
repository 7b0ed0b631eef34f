//! Tokens that the server issues to who has come in, as Flight's Handshake answers with. Nothing is kept: who they are for and
//! how long they are valid stands in them, signed. They end with the user's password, and with the key.
//!
//! `v1.<user in base64url>.<milliseconds since 1970>.<signature in base64url>`

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::denied::Denied;
use super::key::SigningKey;

const VERSION: &str = "v1";
const PURPOSE: &str = "bearer token";

/// To be sent back as `Authorization: Bearer`.
pub struct BearerToken {
    pub text: String,
    /// Milliseconds since 1970.
    pub expires: i64,
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BearerToken until {}", self.expires)
    }
}

/// A token whose signature has still to be checked.
pub(super) struct Claimed {
    pub(super) user: String,
    expires: i64,
    signature: Vec<u8>,
}

/// `password_hash` is the user's, so that the token ends when it is changed.
pub(super) fn issue(key: &SigningKey, user: &str, password_hash: &str, now: i64, valid: Duration) -> BearerToken {
    let expires = now.saturating_add(i64::try_from(valid.as_millis()).unwrap_or(i64::MAX));
    let signature = key.sign(PURPOSE, &[user.as_bytes(), &expires.to_be_bytes(), password_hash.as_bytes()]);
    let (user, signature) = (URL_SAFE_NO_PAD.encode(user), URL_SAFE_NO_PAD.encode(signature));
    BearerToken { text: format!("{VERSION}.{user}.{expires}.{signature}"), expires }
}

impl Claimed {
    /// None for what is no issued token at all.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (version, user, expires, signature) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if version != VERSION || parts.next().is_some() {
            return None;
        }
        Some(Self {
            user: String::from_utf8(URL_SAFE_NO_PAD.decode(user).ok()?).ok()?,
            expires: expires.parse().ok()?,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    pub(super) fn verify(&self, key: &SigningKey, password_hash: &str, now: i64) -> Result<(), Denied> {
        let parts: [&[u8]; 3] = [self.user.as_bytes(), &self.expires.to_be_bytes(), password_hash.as_bytes()];
        if !key.verify(PURPOSE, &parts, &self.signature) {
            return Err(Denied::WrongToken);
        }
        if self.expires <= now { Err(Denied::Expired) } else { Ok(()) }
    }
}
