//! Passwords, as argon2 hashes.
//!
//! A verification takes 20 MiB and some ten milliseconds on purpose, so it runs on threads that may block, few at a time; and
//! a password that was right is known again for some minutes, by a signature of it, so that `Basic` on every request is cheap.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use super::denied::Denied;
use super::key::{Signature, SigningKey};
use super::throttle::Throttle;

/// How long a password that was right is known again.
const REMEMBERED: Duration = Duration::from_secs(300);
const AT_ONCE: usize = 2;
/// Longer ones are no passwords but work for the hash.
const MAX_BYTES: usize = 1024;

/// Checks passwords, and remembers those that were right.
#[derive(Debug)]
pub(super) struct Passwords {
    key: SigningKey,
    /// Verified in place of a user's who does not exist, or has no password, so that both take alike.
    nobody: String,
    turns: Semaphore,
    known: Mutex<HashMap<String, Known>>,
    throttle: Mutex<Throttle>,
}

#[derive(Debug)]
struct Known {
    signature: Signature,
    until: i64,
}

/// The hash of a password in PHC form (argon2id, random salt), as the credentials file has it.
///
/// # Errors
/// When the password is too long, or the operating system gives no random salt.
pub fn hash_password(password: &str) -> Result<String, String> {
    if password.len() > MAX_BYTES {
        return Err(format!("the password is longer than {MAX_BYTES} bytes"));
    }
    let hash = Argon2::default().hash_password(password.as_bytes()).map_err(|error| error.to_string())?;
    Ok(hash.to_string())
}

/// Whether a text is a hash that [`hash_password`] could have made.
pub(super) fn is_hash(text: &str) -> bool {
    PasswordHash::new(text).is_ok_and(|hash| hash.algorithm.as_str().starts_with("argon2") && hash.hash.is_some())
}

impl Passwords {
    pub(super) fn new(key: SigningKey) -> Self {
        // A hash of nothing in particular: a verification of it costs what one of a user's does, and is never believed.
        let nobody = hash_password("").unwrap_or_default();
        Self { key, nobody, turns: Semaphore::new(AT_ONCE), known: Mutex::default(), throttle: Mutex::default() }
    }

    /// `hash` is none for a user who does not exist, or has no password.
    pub(super) async fn verify(&self, user: &str, password: &str, hash: Option<&str>, now: i64) -> Result<(), Denied> {
        let signature = self.key.sign("password", &[user.as_bytes(), password.as_bytes()]);
        if hash.is_some() && self.knows(user, &signature, now) {
            return Ok(());
        }
        if let Some(retry_after) = lock(&self.throttle).wait(user, now) {
            return Err(Denied::TooManyAttempts { retry_after });
        }
        let is_right = self.is_right(password, hash.unwrap_or(&self.nobody)).await;
        if is_right && hash.is_some() {
            lock(&self.throttle).succeeded(user);
            let until = now.saturating_add(i64::try_from(REMEMBERED.as_millis()).unwrap_or(0));
            lock(&self.known).insert(user.to_owned(), Known { signature, until });
            return Ok(());
        }
        lock(&self.throttle).failed(user, now);
        Err(Denied::WrongPassword)
    }

    fn knows(&self, user: &str, signature: &Signature, now: i64) -> bool {
        let known = lock(&self.known);
        known.get(user).is_some_and(|known| known.until > now && bool::from(known.signature.ct_eq(signature)))
    }

    async fn is_right(&self, password: &str, hash: &str) -> bool {
        let (password, hash) = (password.to_owned(), hash.to_owned());
        let Ok(_turn) = self.turns.acquire().await else { return false };
        let verified = tokio::task::spawn_blocking(move || {
            let Ok(hash) = PasswordHash::new(&hash) else { return false };
            password.len() <= MAX_BYTES && Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
        });
        verified.await.unwrap_or(false)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
