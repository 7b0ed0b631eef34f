//! `Retry-After` (RFC 9110, section 10.2.3): how long a server asks not to be asked again.
//!
//! The object store's errors carry no headers, so the connection below it leaves the wish with the request that it answers, and
//! that request's error carries it up to who decides when to ask again.

use std::cell::Cell;
use std::error::Error as StdError;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use http::header::RETRY_AFTER;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use object_store::{ClientOptions, Error, Result};

tokio::task_local! {
    static ASKED: Cell<Option<Duration>>;
}

/// Makes a request through a client that [`Listening`] connects. When it fails and the answer asked for a pause, the error knows.
pub(super) async fn heeding<T>(request: impl Future<Output = Result<T>>) -> Result<T> {
    let request = async {
        let answer = request.await;
        (answer, ASKED.with(Cell::take))
    };
    match ASKED.scope(Cell::new(None), request).await {
        (Err(source), Some(pause)) => Err(asking_for(pause, source)),
        (answer, _) => answer,
    }
}

/// The pause that the server asked for when it refused, if it did.
pub(super) fn asked_pause(error: &Error) -> Option<Duration> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(current) = next {
        if let Some(asked) = current.downcast_ref::<AskedToWait>() {
            return Some(asked.pause);
        }
        next = current.source();
    }
    None
}

fn asking_for(pause: Duration, source: Error) -> Error {
    Error::Generic { store: "S3", source: Box::new(AskedToWait { pause, source }) }
}

#[derive(Debug, thiserror::Error)]
#[error("{source}")]
struct AskedToWait {
    pause: Duration,
    source: Error,
}

/// Connects as the library does, and listens for the wish. Who connects with the same options shares the connections: each client
/// otherwise reads all certificates of the system, which takes longer than a small query.
#[derive(Debug, Default, Clone)]
pub(super) struct Listening {
    clients: Arc<Mutex<Vec<(String, HttpClient)>>>,
}

impl HttpConnector for Listening {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        // Options cannot be compared. Within one bucket, those of different uses (metadata services have their own) also read differently.
        let wanted = format!("{options:?}");
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = clients.iter().find(|(options, _)| *options == wanted) {
            return Ok(client.clone());
        }
        let client = HttpClient::new(ListeningService(ReqwestConnector::default().connect(options)?));
        clients.push((wanted, client.clone()));
        Ok(client)
    }
}

#[derive(Debug)]
struct ListeningService(HttpClient);

#[async_trait]
impl HttpService for ListeningService {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response = self.0.execute(request).await?;
        if let Some(pause) = wish(&response) {
            // Requests that are retried by the library have nobody to tell.
            let _ = ASKED.try_with(|asked| asked.set(Some(pause)));
        }
        Ok(response)
    }
}

/// Seconds; S3 and its likes send no dates.
fn wish(response: &HttpResponse) -> Option<Duration> {
    if !matches!(response.status(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        return None;
    }
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[tokio::test]
    async fn a_refused_request_says_how_long_to_wait_and_stays_what_it_was() {
        let refusal = || Error::Generic { store: "S3", source: "Server returned 503: <Code>SlowDown</Code>".into() };
        let refused = heeding::<()>(async {
            ASKED.with(|asked| asked.set(Some(Duration::from_secs(3))));
            Err(refusal())
        });
        let error = refused.await.unwrap_err();
        assert_eq!(asked_pause(&error), Some(Duration::from_secs(3)));
        assert_eq!(crate::Error::from(&error).code, crate::Error::from(&refusal()).code);
        assert_eq!(crate::Error::from(&error).code, ErrorCode::Throttled);

        let silent = heeding::<()>(async { Err(refusal()) }).await.unwrap_err();
        assert_eq!(asked_pause(&silent), None);
    }

    #[test]
    fn only_refusals_have_a_wish() {
        let response = |status: u16, after: &str| {
            let response = http::Response::builder().status(status).header(RETRY_AFTER, after);
            response.body(String::new().into()).unwrap()
        };
        assert_eq!(wish(&response(503, "2")), Some(Duration::from_secs(2)));
        assert_eq!(wish(&response(429, " 1 ")), Some(Duration::from_secs(1)));
        assert_eq!(wish(&response(200, "2")), None);
        assert_eq!(wish(&response(503, "soon")), None);
    }
}
