//! A worker of compute `cluster`: what `arachne worker --cluster` is, in this program.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Result;
use arachne_engine::cluster::{ClusterWorker, ClusterWorkerSettings};
use arachne_server::settings::Sources;
use arachne_server::wiring;
use tokio::runtime::Handle;

use crate::output::say;

/// Says its URL on standard output and serves until standard input ends.
pub(crate) async fn serve_cluster_worker() -> Result<()> {
    let sources = Sources { file: None, environment: std::env::vars().collect(), flags: Vec::new() };
    let stores = Arc::new(wiring::object_stores(&sources.load()?).await);
    let settings = ClusterWorkerSettings::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let worker = ClusterWorker::bind(settings, stores, Handle::current()).await?;
    say(format_args!("http://{}", worker.address()))?;
    let input_ended = async {
        tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await.ok();
    };
    worker.serve(input_ended).await?;
    Ok(())
}
