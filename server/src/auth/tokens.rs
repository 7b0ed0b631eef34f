//! Tokens that an administrator hands out. The server keeps their SHA-256 only: they are random, so nobody guesses them from it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::denied::Denied;

/// So that people and secret scanners know one when they see it.
const PREFIX: &str = "arachne_";

/// A token that was just made: shown once, then only its hash is left.
pub struct NewToken {
    pub text: String,
    /// As the credentials file has it.
    pub sha256: String,
}

impl NewToken {
    /// 256 random bits.
    pub fn random() -> Self {
        let bytes: [u8; 32] = rand::random();
        let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        let sha256 = hex::encode(hash(&text));
        Self { text, sha256 }
    }
}

/// One that was handed out.
#[derive(Debug, Clone)]
pub(super) struct KnownToken {
    pub(super) user: String,
    pub(super) sha256: [u8; 32],
    /// Milliseconds since 1970.
    pub(super) expires: Option<i64>,
}

/// Whose token this is. All are compared, in constant time each.
pub(super) fn owner<'a>(tokens: &'a [KnownToken], text: &str, now: i64) -> Result<&'a str, Denied> {
    let hash = hash(text);
    let mut found = None;
    for token in tokens {
        if bool::from(token.sha256.ct_eq(&hash)) {
            found = Some(token);
        }
    }
    let token = found.ok_or(Denied::WrongToken)?;
    if token.expires.is_some_and(|expires| expires <= now) {
        return Err(Denied::Expired);
    }
    Ok(&token.user)
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
