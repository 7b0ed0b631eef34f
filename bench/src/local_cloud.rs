//! The local S3 and the local Lambda that benches run on, as their clients see them.

use std::sync::Arc;

use anyhow::{Context, Result};
use arachne_sandbox::lambda::{LambdaServer, LambdaServerSettings};
use arachne_sandbox::s3::S3Server;
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;

/// Where the tables of all benches lie.
pub(crate) const BUCKET: &str = "bench";
/// The one function of the local Lambda.
pub(crate) const FUNCTION: &str = "arachne-worker";

/// A client of [`BUCKET`], with the credentials in hand instead of in the environment.
pub(crate) fn bucket(s3: &S3Server) -> Result<Arc<dyn ObjectStore>> {
    let settings = s3.settings();
    let store = AmazonS3Builder::new()
        .with_bucket_name(BUCKET)
        .with_endpoint(s3.url())
        .with_allow_http(true)
        .with_region(&settings.region)
        .with_access_key_id(&settings.access_key)
        .with_secret_access_key(&settings.secret_key)
        .build()?;
    Ok(Arc::new(store))
}

/// A Lambda whose [`FUNCTION`] is this program as a worker that reads this S3; the limits are those of `settings`.
pub(crate) async fn lambda(s3: &S3Server, settings: LambdaServerSettings) -> Result<LambdaServer> {
    let account = s3.settings().clone();
    let lambda = LambdaServer::start(LambdaServerSettings {
        function: FUNCTION.into(),
        command: vec![std::env::current_exe()?.display().to_string(), "worker".into()],
        env: [s3.environment(), settings.env.clone()].concat(),
        access_key: account.access_key,
        secret_key: account.secret_key,
        region: account.region,
        ..settings
    });
    lambda.await.context("the local Lambda did not start")
}
