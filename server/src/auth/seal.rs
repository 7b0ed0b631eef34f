//! Bytes that go out to a client and come back: tickets, handles, page cursors. Sealed, they can only come back unchanged, from
//! the one they were made for, for the purpose they were made for, and in time. They are signed, not encrypted.
//!
//! version (1 byte), expiry (8, milliseconds since 1970, big-endian), payload, signature (32)

use std::time::Duration;

use arachne_engine::{Error, ErrorCode};

use super::key::SigningKey;

const VERSION: u8 = 1;
const EXPIRY: usize = size_of::<i64>();
const SIGNATURE: usize = 32;

/// Why bytes that came back are not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("it is cut short or was not made by a server like this one")]
    Malformed,
    /// Signed for another user or purpose, by another key, or changed on the way: a signature cannot tell which.
    #[error("it was changed, or made for another user or by another server")]
    Foreign,
    #[error("it has expired")]
    Expired,
}

impl From<SealError> for Error {
    fn from(error: SealError) -> Self {
        let (code, hint) = match error {
            SealError::Malformed => (ErrorCode::InvalidArgument, "send back what the server gave, byte for byte"),
            SealError::Foreign | SealError::Expired => {
                (ErrorCode::NotFound, "start the request again from the beginning")
            }
        };
        Self::new(code, format!("the ticket, handle or cursor is not valid: {error}")).with_hint(hint)
    }
}

pub(super) fn seal(key: &SigningKey, purpose: &str, user: &str, payload: &[u8], now: i64, valid: Duration) -> Vec<u8> {
    let expires = now.saturating_add(i64::try_from(valid.as_millis()).unwrap_or(i64::MAX)).to_be_bytes();
    let signature = key.sign(&purpose_of(purpose), &[user.as_bytes(), &expires, payload]);
    [&[VERSION], expires.as_slice(), payload, signature.as_slice()].concat()
}

pub(super) fn unseal(
    key: &SigningKey,
    purpose: &str,
    user: &str,
    bytes: &[u8],
    now: i64,
) -> Result<Vec<u8>, SealError> {
    let (version, rest) = bytes.split_first().ok_or(SealError::Malformed)?;
    let (expires, rest) = rest.split_first_chunk::<EXPIRY>().ok_or(SealError::Malformed)?;
    let (payload, signature) = rest.split_last_chunk::<SIGNATURE>().ok_or(SealError::Malformed)?;
    if *version != VERSION {
        return Err(SealError::Malformed);
    }
    if !key.verify(&purpose_of(purpose), &[user.as_bytes(), expires, payload], signature) {
        return Err(SealError::Foreign);
    }
    if i64::from_be_bytes(*expires) <= now {
        return Err(SealError::Expired);
    }
    Ok(payload.to_vec())
}

/// No purpose of a seal is one of the key's others.
fn purpose_of(purpose: &str) -> String {
    format!("seal {purpose}")
}
