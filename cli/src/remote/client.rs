//! HTTP: requests with credentials, answers as documents, problems as errors.

use std::time::Duration;

use arachne_engine::{Error, ErrorCode};
use arachne_server::http::document::ProblemDocument;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Certificate, Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::RemoteOptions;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    credentials: Credentials,
}

#[derive(Clone)]
enum Credentials {
    None,
    Token(String),
    Password { user: String, password: Option<String> },
}

/// Without secrets.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

impl Client {
    pub(super) fn of(url: &str, options: &RemoteOptions) -> Result<Self, String> {
        let base = base(url)?;
        let mut http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("arachne/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &options.ca_cert {
            let pem = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            let certificates = Certificate::from_pem_bundle(&pem);
            let certificates =
                certificates.map_err(|error| format!("{} holds no certificates: {error}", path.display()))?;
            http = certificates.into_iter().fold(http, reqwest::ClientBuilder::add_root_certificate);
        }
        let http = http.build().map_err(|error| format!("cannot speak HTTP: {error}"))?;
        let RemoteOptions { token, user, password, .. } = options;
        let credentials = match (user, token) {
            (Some(user), _) => match user.split_once(':') {
                Some((user, password)) => {
                    Credentials::Password { user: user.to_owned(), password: Some(password.to_owned()) }
                }
                None => Credentials::Password { user: user.clone(), password: password.clone() },
            },
            (None, Some(token)) => Credentials::Token(token.clone()),
            (None, None) => Credentials::None,
        };
        Ok(Self { http, base, credentials })
    }

    /// # Errors
    /// What the server says is wrong, or that it cannot be reached.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Error> {
        self.document(self.request(Method::GET, path)).await
    }

    pub(super) async fn delete<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Error> {
        self.document(self.request(Method::DELETE, path)).await
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Error> {
        let path: Vec<&str> = path.split('/').collect();
        let body = serde_json::to_vec(body).map_err(|error| Error::internal(error.to_string()))?;
        self.document(self.request(Method::POST, &path).header(CONTENT_TYPE, "application/json").body(body)).await
    }

    /// The body as it comes.
    pub(super) async fn stream(&self, path: &[&str], media: &str) -> Result<Response, Error> {
        self.answer(self.request(Method::GET, path).header(ACCEPT, media)).await
    }

    /// What went wrong on the way.
    pub(super) fn broken(&self, error: &reqwest::Error) -> Error {
        let mut text = String::new();
        let mut source: Option<&dyn std::error::Error> = std::error::Error::source(error);
        while let Some(error) = source {
            text = format!(": {error}");
            source = error.source();
        }
        if error.is_connect() || error.is_timeout() {
            return Error::new(ErrorCode::Unavailable, format!("cannot reach {}{text}", self.base))
                .with_hint("is the server running there? `arachne serve` starts one");
        }
        Error::new(ErrorCode::Unavailable, format!("the connection to {} broke off{text}", self.base))
    }

    async fn document<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Error> {
        let body = self.answer(request).await?.bytes().await.map_err(|error| self.broken(&error))?;
        serde_json::from_slice(&body).map_err(|error| self.not_arachne(&error.to_string()))
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Response, Error> {
        let request = match &self.credentials {
            Credentials::None => request,
            Credentials::Token(token) => request.bearer_auth(token),
            Credentials::Password { user, password } => request.basic_auth(user, password.as_deref()),
        };
        let response = request.send().await.map_err(|error| self.broken(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.bytes().await.map_err(|error| self.broken(&error))?;
        Err(match serde_json::from_slice::<ProblemDocument>(&body) {
            Ok(problem) => self.explained(problem),
            Err(_) => self.not_arachne(&format!("it answered {status}")),
        })
    }

    fn explained(&self, problem: ProblemDocument) -> Error {
        let unauthenticated = problem.status == 401;
        let error = Error::from(problem);
        if !unauthenticated || error.hint.is_some() {
            return error;
        }
        error.with_hint("give --token (or ARACHNE_TOKEN), or --user with its password in ARACHNE_PASSWORD")
    }

    fn not_arachne(&self, what: &str) -> Error {
        Error::new(ErrorCode::Unavailable, format!("{} does not speak as an arachne server does: {what}", self.base))
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        // A URL of http always has segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        self.http.request(method, url)
    }
}

fn base(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("--url {text}: {error}; write it as http://host:8642"))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err(format!("--url {text}: write it as http://host:8642 or https://host:8642")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_url_with_or_without_a_path() {
        for wrong in ["localhost:8642", "ftp://host", "", "http://"] {
            assert!(base(wrong).is_err(), "{wrong}");
        }
        for (url, whole) in [
            ("http://host:1", "http://host:1/v1/queries/a%2Fb"),
            ("https://host/lake/", "https://host/lake/v1/queries/a%2Fb"),
            ("https://host/lake", "https://host/lake/v1/queries/a%2Fb"),
        ] {
            let client =
                Client { http: reqwest::Client::new(), base: base(url).unwrap(), credentials: Credentials::None };
            let request = client.request(Method::GET, &["v1", "queries", "a/b"]).build().unwrap();
            assert_eq!(request.url().as_str(), whole);
        }
    }
}
