use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::S3ErrorCode;
use s3s::auth::SecretKey;
use s3s::service::S3ServiceBuilder;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::access::{Access, KeyPair};
use super::backend::Backend;
use super::request_log::RequestLog;
use super::server_conditions::S3Conditions;
use super::service::LoggedService;
use super::settings::S3Settings;
use super::store::Store;
use super::wire::Wire;

/// How long [`S3Server::shutdown`] waits for requests in flight.
const GRACE: Duration = Duration::from_secs(10);
/// Wait after an accept that failed, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why a local S3 server could not be started or used.
#[derive(Debug, thiserror::Error)]
pub enum S3ServerError {
    #[error("cannot use {} for the local s3's objects: {source}", dir.display())]
    Storage { dir: PathBuf, source: io::Error },
    #[error("cannot open the request log {}: {source}", path.display())]
    LogFile { path: PathBuf, source: io::Error },
    #[error("cannot listen on {addr}: {source}")]
    Listen { addr: SocketAddr, source: io::Error },
    #[error("cannot make the bucket {bucket}: {reason}")]
    Bucket { bucket: String, reason: String },
}

/// A running local S3. Dropping it stops it without waiting; [`shutdown`](Self::shutdown) waits.
pub struct S3Server {
    addr: SocketAddr,
    settings: S3Settings,
    store: Arc<Store>,
    log: Arc<RequestLog>,
    conditions: Arc<S3Conditions>,
    stop: CancellationToken,
    accepting: Option<JoinHandle<()>>,
}

impl S3Server {
    /// Opens the directory, makes the buckets asked for, and serves on the current tokio runtime.
    pub async fn start(settings: S3Settings) -> Result<Self, S3ServerError> {
        let store = open_store(&settings).await?;
        let log = RequestLog::open(settings.log_capacity, settings.log_file.as_deref())
            .map_err(|source| S3ServerError::LogFile { path: settings.log_file.clone().unwrap_or_default(), source })?;
        let log = Arc::new(log);
        let conditions = Arc::new(S3Conditions::default());
        conditions.set_latency(Duration::from_millis(settings.latency_ms));
        conditions.set_shape(settings.shape.clone());
        for bucket in &settings.denied_buckets {
            conditions.deny_bucket(bucket);
        }
        let listen_error = |source| S3ServerError::Listen { addr: settings.addr, source };
        let listener = TcpListener::bind(settings.addr).await.map_err(listen_error)?;
        let addr = listener.local_addr().map_err(listen_error)?;

        let service = LoggedService {
            s3: s3_service(&settings, Arc::clone(&store), Arc::clone(&conditions)),
            store: Arc::clone(&store),
            conditions: Arc::clone(&conditions),
            log: Arc::clone(&log),
            last_request: AtomicU64::new(0),
        };
        let stop = CancellationToken::new();
        let accepting = tokio::spawn(accept(listener, Arc::new(service), stop.clone()));
        tracing::debug!(%addr, dir = %settings.dir.display(), "local s3 listens");
        let server = Self { addr, settings, store, log, conditions, stop, accepting: Some(accepting) };
        for bucket in &server.settings.buckets {
            server.create_bucket(bucket).await?;
        }
        Ok(server)
    }

    /// The endpoint, `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub fn settings(&self) -> &S3Settings {
        &self.settings
    }

    /// The environment variables that point the AWS CLI, the SDKs and `object_store` at this server.
    pub fn environment(&self) -> Vec<(String, String)> {
        let S3Settings { access_key, secret_key, region, .. } = &self.settings;
        [
            ("AWS_ENDPOINT_URL_S3", self.url().as_str()),
            ("AWS_ACCESS_KEY_ID", access_key),
            ("AWS_SECRET_ACCESS_KEY", secret_key),
            ("AWS_REGION", region),
            ("AWS_DEFAULT_REGION", region),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// What was asked of the server.
    pub fn request_log(&self) -> &RequestLog {
        &self.log
    }

    /// Latency, bandwidth, denied buckets and faults, which may be changed while the server runs.
    pub fn conditions(&self) -> &S3Conditions {
        &self.conditions
    }

    /// Makes a bucket, without a request. An existing one is fine.
    pub async fn create_bucket(&self, bucket: &str) -> Result<(), S3ServerError> {
        let (store, name) = (Arc::clone(&self.store), bucket.to_owned());
        match super::store::blocking(move || store.create_bucket(&name)).await {
            Err(error) if *error.code() != S3ErrorCode::BucketAlreadyOwnedByYou => {
                let reason = error.message().map_or_else(|| format!("{error:?}"), str::to_owned);
                Err(S3ServerError::Bucket { bucket: bucket.to_owned(), reason })
            }
            _ => Ok(()),
        }
    }

    /// Stops accepting, lets requests in flight end (for up to 10 seconds), and frees the directory.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        if let Some(accepting) = self.accepting.take()
            && let Err(error) = accepting.await
        {
            tracing::warn!(%error, "the local s3 did not stop in order");
        }
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn open_store(settings: &S3Settings) -> Result<Arc<Store>, S3ServerError> {
    let dir = settings.dir.clone();
    let opened = tokio::task::spawn_blocking(move || Store::open(&dir)).await;
    let storage_error = |source| S3ServerError::Storage { dir: settings.dir.clone(), source };
    opened.map_err(io::Error::other).flatten().map(Arc::new).map_err(storage_error)
}

fn s3_service(settings: &S3Settings, store: Arc<Store>, conditions: Arc<S3Conditions>) -> s3s::service::S3Service {
    let backend = Backend { store, region: settings.region.clone(), conditions: Arc::clone(&conditions) };
    let mut builder = S3ServiceBuilder::new(backend);
    let secret_key = SecretKey::from(settings.secret_key.as_str());
    builder.set_auth(KeyPair { access_key: settings.access_key.clone(), secret_key });
    builder.set_access(Access { conditions });
    builder.build()
}

async fn accept(listener: TcpListener, service: Arc<LoggedService>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, Arc::clone(&service), stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the local s3 could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all_ended).await.is_err() {
        tracing::warn!(connections = connections.len(), "the local s3 cuts requests that did not end");
        connections.shutdown().await;
    }
}

async fn serve(stream: TcpStream, service: Arc<LoggedService>, stop: CancellationToken) {
    // Without this an answer's last packet waits for the acknowledgement of the one before it.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let (wire, reset) = Wire::new(stream);
    let answer = service_fn(move |request| {
        let (service, reset) = (Arc::clone(&service), reset.clone());
        async move { service.serve(request, &reset).await }
    });
    let mut connection = std::pin::pin!(http1::Builder::new().serve_connection(TokioIo::new(wire), answer));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the local s3 ended early");
    }
}
