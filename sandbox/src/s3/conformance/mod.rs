//! What the engine, and the clients people use, rely on of S3: one test a behaviour, asked through the real client
//! (`object_store`) where it can say it, and as signed HTTP where it cannot.

mod access;
mod buckets;
mod conditional;
mod copying;
mod deleting;
mod faults;
mod listing;
mod logging;
mod multipart;
mod names;
mod persistence;
mod reading;
mod writing;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use object_store::ClientOptions;
use object_store::aws::{AmazonS3, AmazonS3Builder, AwsAuthorizer, AwsCredential, S3CopyIfNotExists};
use object_store::client::{HttpClient, HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector};
use tempfile::TempDir;

use super::{S3Server, S3Settings};

/// The bucket that every test starts with.
const BUCKET: &str = "bucket";
const MIB: usize = 1024 * 1024;

/// A server on a directory of its own, with clients for it.
struct Sandbox {
    server: S3Server,
    store: AmazonS3,
    http: HttpClient,
    dir: TempDir,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Sandbox {
    async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap()).await
    }

    async fn start_in(dir: TempDir) -> Self {
        let settings = S3Settings { buckets: vec![BUCKET.to_owned()], ..S3Settings::new(dir.path().join("s3")) };
        let server = S3Server::start(settings).await.unwrap();
        let store = client(&server).build().unwrap();
        let http = ReqwestConnector::default().connect(&ClientOptions::new().with_allow_http(true)).unwrap();
        Self { server, store, http, dir }
    }

    /// Stops the server and starts another on the same directory.
    async fn restart(self) -> Self {
        self.server.shutdown().await;
        Self::start_in(self.dir).await
    }

    /// A signed request. `target` is the path with its query, encoded.
    async fn send(&self, method: Method, target: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        let request = self.signed(method, target, headers, body);
        self.answer(request).await
    }

    async fn get(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(Method::GET, target, headers, "").await
    }

    async fn head(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(Method::HEAD, target, headers, "").await
    }

    async fn put(&self, target: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        self.send(Method::PUT, target, headers, body).await
    }

    fn signed(&self, method: Method, target: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> HttpRequest {
        let mut request = self.request(method, target, headers, body);
        let S3Settings { access_key, secret_key, region, .. } = self.server.settings();
        let credential = AwsCredential { key_id: access_key.clone(), secret_key: secret_key.clone(), token: None };
        AwsAuthorizer::new(&credential, "s3", region).authorize(&mut request, None);
        request
    }

    fn request(&self, method: Method, target: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> HttpRequest {
        let mut request = http::Request::builder().method(method).uri(format!("{}{target}", self.server.url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(HttpRequestBody::from(body.into())).unwrap()
    }

    async fn answer(&self, request: HttpRequest) -> Answer {
        let (head, body) = self.http.execute(request).await.unwrap().into_parts();
        Answer { status: head.status, headers: head.headers, body: body.bytes().await.unwrap() }
    }
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers)).to_str().unwrap()
    }

    fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    /// The text of the first XML element of that name.
    fn element(&self, name: &str) -> &str {
        elements(self.text(), name).first().copied().unwrap_or_else(|| panic!("no {name} in {}", self.text()))
    }

    /// The HTTP status, and the code in the error document.
    fn error(&self) -> (u16, &str) {
        (self.status.as_u16(), self.element("Code"))
    }
}

fn elements<'x>(xml: &'x str, name: &str) -> Vec<&'x str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&open).skip(1).map(|rest| rest.split(&close).next().unwrap()).collect()
}

fn client(server: &S3Server) -> AmazonS3Builder {
    let S3Settings { access_key, secret_key, region, .. } = server.settings();
    AmazonS3Builder::new()
        .with_endpoint(server.url())
        .with_allow_http(true)
        .with_bucket_name(BUCKET)
        .with_region(region)
        .with_access_key_id(access_key)
        .with_secret_access_key(secret_key)
        .with_copy_if_not_exists(S3CopyIfNotExists::Multipart)
}

/// Bytes in which every place can be told from its neighbours.
fn pattern(length: usize) -> Bytes {
    (0..length).map(|index| (index * 31 + index / 251) as u8).collect()
}

fn md5_hex(bytes: &[u8]) -> String {
    use s3s::crypto::{Checksum, Md5};
    hex::encode(Md5::checksum(bytes))
}
