//! Why a caller was not let in.

use std::time::Duration;

/// Says as little as a caller may know: an unknown user and a wrong password are one case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("this server wants to know who you are: send a user and password, or a token")]
    Missing,
    #[error("the Authorization header is neither Basic nor Bearer as RFC 7617 and RFC 6750 have them")]
    Malformed,
    #[error("the user or the password is wrong")]
    WrongPassword,
    #[error("the token is not valid")]
    WrongToken,
    #[error("the token has expired")]
    Expired,
    #[error("the client certificate belongs to no user of this server")]
    UnknownCertificate,
    #[error("too many failed attempts for this user: try again in {} s", .retry_after.as_secs().max(1))]
    TooManyAttempts { retry_after: Duration },
}

impl From<Denied> for tonic::Status {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::TooManyAttempts { .. } => Self::resource_exhausted(denied.to_string()),
            Denied::Missing
            | Denied::Malformed
            | Denied::WrongPassword
            | Denied::WrongToken
            | Denied::Expired
            | Denied::UnknownCertificate => Self::unauthenticated(denied.to_string()),
        }
    }
}
