//! `arachne serve`, as a user starts it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use arrow_flight::sql::client::FlightSqlServiceClient;
use tokio::process::{Child, Command};
use tonic::transport::Channel;

use crate::processes::resident;

/// How long the server may take to answer for the first time.
const START: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    child: Child,
    http: SocketAddr,
    flight: SocketAddr,
}

impl Server {
    /// The program that lies beside this one, with more variables in its environment.
    pub(crate) async fn start_with(dir: &Path, variables: &[(String, String)]) -> Result<Self> {
        let program = std::env::current_exe()?.with_file_name("arachne");
        ensure!(program.exists(), "{} is missing: build it with `cargo build --release`", program.display());
        let (http, flight) = (free_address()?, free_address()?);
        let child = Command::new(program)
            .arg("serve")
            .env("ARACHNE_HTTP__ADDRESS", http.to_string())
            .env("ARACHNE_FLIGHT_SQL__ADDRESS", flight.to_string())
            .env("ARACHNE_CATALOG__PATH", dir.join("catalog.sqlite"))
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .kill_on_drop(true)
            .spawn()?;
        let server = Self { child, http, flight };
        tokio::time::timeout(START, server.answers()).await.context("the server did not start")??;
        Ok(server)
    }

    async fn answers(&self) -> Result<()> {
        while reqwest::get(self.url("/healthz")).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    /// A client with a connection of its own.
    pub(super) async fn flight(&self) -> Result<FlightSqlServiceClient<Channel>> {
        connect(self.flight).await
    }

    /// Bytes resident now.
    pub(super) fn memory(&self) -> Result<u64> {
        let Some(id) = self.child.id() else { bail!("the server has ended") };
        resident(id).context("the server's memory")
    }
}

pub(super) async fn connect(address: SocketAddr) -> Result<FlightSqlServiceClient<Channel>> {
    let channel = Channel::from_shared(format!("http://{address}"))?.connect().await?;
    Ok(FlightSqlServiceClient::new(channel))
}

/// An address of this machine that nobody listens on now.
pub(super) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
