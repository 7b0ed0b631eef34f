//! The key that the server signs with.

use std::fmt;

use hmac::digest::Key;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// HMAC-SHA-256. Every use has a purpose of its own, so that what was signed for one is worth nothing for another.
#[derive(Clone)]
pub struct SigningKey {
    mac: Hmac<Sha256>,
}

pub(super) type Signature = [u8; 32];

impl SigningKey {
    /// For one process: what it signs ends with it.
    pub fn random() -> Self {
        Self::of_bytes(rand::random())
    }

    /// The same key for the same text, so that several servers, or one after a restart, know each other's signatures.
    pub fn of_text(text: &str) -> Self {
        Self::of_bytes(Sha256::digest(text.as_bytes()).into())
    }

    fn of_bytes(bytes: [u8; 32]) -> Self {
        // HMAC pads short keys with zeros to its block.
        let mut block = Key::<Hmac<Sha256>>::default();
        block[..bytes.len()].copy_from_slice(&bytes);
        Self { mac: Hmac::new(&block) }
    }

    /// Each part goes in with its length, so that no two lists of parts are signed alike.
    pub(super) fn sign(&self, purpose: &str, parts: &[&[u8]]) -> Signature {
        let mut mac = self.mac.clone();
        for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// In a time that does not depend on where they differ.
    pub(super) fn verify(&self, purpose: &str, parts: &[&[u8]], signature: &[u8]) -> bool {
        self.sign(purpose, parts).as_slice().ct_eq(signature).into()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}
