//! Finds out who calls.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use arachne_engine::access::Principal;
use arachne_engine::query::Clock;
use http::HeaderMap;

use super::credentials::{Credentials, CredentialsError, UserEntry};
use super::denied::Denied;
use super::header::Authorization;
use super::issued::{self, BearerToken, Claimed};
use super::key::SigningKey;
use super::passwords::Passwords;
use super::seal::{self, SealError};
use super::secret::Secret;
use super::tokens::{self, KnownToken};

/// The workgroup of users who are given none, and of everybody where there are no users.
const USUAL_WORKGROUP: &str = "primary";
const USUAL_TOKEN_LIFETIME: Duration = Duration::from_secs(12 * 3600);

/// What an [`Authenticator`] is made of.
#[derive(Debug)]
pub struct AuthenticatorSettings {
    pub credentials: Credentials,
    pub key: SigningKey,
    /// How long the tokens are valid that [`Authenticator::issue`] gives.
    pub token_lifetime: Duration,
    pub clock: Clock,
}

/// Knows users, tokens and certificates; signs what goes out to clients and comes back.
#[derive(Debug)]
pub struct Authenticator {
    /// None: nobody has to say who they are.
    known: Option<RwLock<Arc<Known>>>,
    key: SigningKey,
    token_lifetime: Duration,
    clock: Clock,
}

#[derive(Debug)]
struct Known {
    users: BTreeMap<String, UserEntry>,
    tokens: Vec<KnownToken>,
    passwords: Passwords,
}

impl Authenticator {
    /// For a server on loopback without credentials: everybody is [`Principal::local`], whatever they say.
    pub fn open() -> Self {
        Self { known: None, key: SigningKey::random(), token_lifetime: USUAL_TOKEN_LIFETIME, clock: crate::wiring::now }
    }

    /// # Errors
    /// What is wrong with the credentials.
    pub fn new(settings: AuthenticatorSettings) -> Result<Self, CredentialsError> {
        let AuthenticatorSettings { credentials, key, token_lifetime, clock } = settings;
        let known = Known::of(credentials, &key)?;
        Ok(Self { known: Some(RwLock::new(Arc::new(known))), key, token_lifetime, clock })
    }

    /// Other users and tokens from now on; who is not among them does not come in any more, and a password that has changed is
    /// asked for anew. An authenticator that is open stays so.
    ///
    /// # Errors
    /// What is wrong with the credentials; those of before stay.
    pub fn renew(&self, credentials: Credentials) -> Result<(), CredentialsError> {
        let Some(known) = &self.known else { return Ok(()) };
        let renewed = Arc::new(Known::of(credentials, &self.key)?);
        *known.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        Ok(())
    }

    fn known(&self) -> Option<Arc<Known>> {
        self.known.as_ref().map(|known| Arc::clone(&known.read().unwrap_or_else(PoisonError::into_inner)))
    }

    pub fn is_open(&self) -> bool {
        self.known.is_none()
    }

    /// Who sent these headers: `Authorization: Basic` or `Bearer`. For gRPC, give `metadata.into_headers()`.
    ///
    /// # Errors
    /// When they do not say, or it is not true.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Principal, Denied> {
        if self.is_open() {
            return Ok(Principal::local());
        }
        match Authorization::of(headers)? {
            Authorization::Basic { user, password } => self.password(&user, &password).await,
            Authorization::Bearer(token) => self.token(&token),
        }
    }

    /// # Errors
    /// [`Denied::WrongPassword`] for a user who does not exist too, after as long.
    pub async fn password(&self, user: &str, password: &str) -> Result<Principal, Denied> {
        let Some(known) = self.known() else { return Ok(Principal::local()) };
        let hash = known.users.get(user).and_then(|entry| entry.password.as_ref()).map(Secret::expose);
        known.passwords.verify(user, password, hash, (self.clock)()).await?;
        known.principal(user).ok_or(Denied::WrongPassword)
    }

    /// A token that an administrator handed out, or one that was [issued](Self::issue).
    ///
    /// # Errors
    /// When it is neither, or not any longer.
    pub fn token(&self, bearer: &str) -> Result<Principal, Denied> {
        let Some(known) = self.known() else { return Ok(Principal::local()) };
        let now = (self.clock)();
        let Some(claimed) = Claimed::parse(bearer) else {
            let user = tokens::owner(&known.tokens, bearer, now)?;
            return known.principal(user).ok_or(Denied::WrongToken);
        };
        claimed.verify(&self.key, known.password_hash(&claimed.user), now)?;
        known.principal(&claimed.user).ok_or(Denied::WrongToken)
    }

    /// The user of a client certificate that TLS has verified: the one that its common name names.
    ///
    /// # Errors
    /// When there is none.
    pub fn certificate(&self, common_name: &str) -> Result<Principal, Denied> {
        let Some(known) = self.known() else { return Ok(Principal::local()) };
        known.principal(common_name).ok_or(Denied::UnknownCertificate)
    }

    /// A token for somebody who has come in otherwise.
    pub fn issue(&self, principal: &Principal) -> BearerToken {
        let known = self.known();
        let password_hash = known.as_ref().map_or("", |known| known.password_hash(&principal.user));
        issued::issue(&self.key, &principal.user, password_hash, (self.clock)(), self.token_lifetime)
    }

    /// Bytes for a client that only come back unchanged, from the same principal, for the same purpose, and in time.
    pub fn seal(&self, purpose: &str, principal: &Principal, payload: &[u8], valid: Duration) -> Vec<u8> {
        seal::seal(&self.key, purpose, &principal.user, payload, (self.clock)(), valid)
    }

    /// The payload of [`seal`](Self::seal).
    ///
    /// # Errors
    /// When the bytes are not what was sealed for this purpose and principal, or too old.
    pub fn unseal(&self, purpose: &str, principal: &Principal, bytes: &[u8]) -> Result<Vec<u8>, SealError> {
        seal::unseal(&self.key, purpose, &principal.user, bytes, (self.clock)())
    }
}

impl Known {
    /// Remembers no passwords of before.
    fn of(credentials: Credentials, key: &SigningKey) -> Result<Self, CredentialsError> {
        let tokens = credentials.check()?;
        Ok(Self { users: credentials.users, tokens, passwords: Passwords::new(key.clone()) })
    }

    fn principal(&self, user: &str) -> Option<Principal> {
        let entry = self.users.get(user)?;
        let workgroup = entry.workgroup.clone().unwrap_or_else(|| USUAL_WORKGROUP.to_owned());
        Some(Principal { user: user.to_owned(), workgroup })
    }

    fn password_hash(&self, user: &str) -> &str {
        self.users.get(user).and_then(|entry| entry.password.as_ref()).map_or("", Secret::expose)
    }
}
