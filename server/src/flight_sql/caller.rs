//! Who calls, in which session, and until when an answer is waited for.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use arachne_engine::ErrorCode;
use arachne_engine::access::Principal;
use tokio::time::Instant;
use tonic::Request;
use tonic::metadata::MetadataMap;

use super::door::Inner;
use super::session::{Session, SessionKey};
use super::status::{Refusal, Result};

#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) principal: Principal,
    pub(super) session_key: SessionKey,
    pub(super) session: Session,
    pub(super) deadline: Deadline,
    /// ADBC's driver, whatever is built on it.
    pub(super) is_adbc: bool,
}

impl Caller {
    /// # Errors
    /// `UNAUTHENTICATED`.
    pub(super) async fn of<T>(door: &Inner, request: &Request<T>) -> Result<Self> {
        let headers = request.metadata();
        let deadline = Deadline::of(headers);
        // A listener that has authenticated the connection, by its certificate, says so.
        let principal = match request.extensions().get::<Principal>() {
            Some(principal) => principal.clone(),
            None => door.doors.auth.authenticate(headers.as_ref()).await?,
        };
        let session_key = SessionKey::new(headers, peer(request), &principal);
        let session = door.sessions.get(&session_key).unwrap_or_default().with_headers(headers);
        let user_agent = headers.get("user-agent").and_then(|value| value.to_str().ok());
        let is_adbc = user_agent.is_some_and(|text| text.starts_with("ADBC "));
        Ok(Self { principal, session_key, session, deadline, is_adbc })
    }
}

fn peer<T>(request: &Request<T>) -> Option<SocketAddr> {
    let connection = || request.extensions().get::<axum::extract::ConnectInfo<SocketAddr>>().map(|info| info.0);
    request.remote_addr().or_else(connection)
}

/// From the header `grpc-timeout`; none lasts for ever.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    fn of(headers: &MetadataMap) -> Self {
        let timeout = headers.get("grpc-timeout").and_then(|value| timeout(value.to_str().ok()?));
        Self(timeout.and_then(|timeout| Instant::now().checked_add(timeout)))
    }

    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// # Errors
    /// `DEADLINE_EXCEEDED` when it takes longer; then the work is dropped, and with it its query.
    pub(super) async fn within<T>(self, work: impl Future<Output = T>) -> Result<T> {
        match self.0 {
            None => Ok(work.await),
            Some(deadline) => tokio::time::timeout_at(deadline, work).await.map_err(|_| exceeded()),
        }
    }
}

fn exceeded() -> Refusal {
    Refusal::new(ErrorCode::Timeout, "the client's deadline has passed, the query was cancelled")
}

/// Eight digits at most and a unit: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_timeouts_as_grpc_writes_them() {
        assert_eq!(timeout("30S"), Some(Duration::from_secs(30)));
        assert_eq!(timeout("1500m"), Some(Duration::from_millis(1500)));
        assert_eq!(timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for wrong in ["", "S", "12", "-1S", "123456789S", "1é", "é"] {
            assert_eq!(timeout(wrong), None, "{wrong}");
        }
    }
}
