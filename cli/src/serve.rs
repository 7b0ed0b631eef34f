//! `arachne serve`: the doors.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use arachne_server::listen::{self, Ended, Entrance, EntranceError};
use arachne_server::settings::Settings;
use arachne_server::telemetry::{self, Metrics, Traces};
use arachne_server::{Doors, wiring};
use clap::Args;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

use crate::exit::Exit;
use crate::shutdown;
use crate::sql::run::say;
use crate::sql::{SettingsOptions, cannot_start};
use crate::terminal::Colors;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  arachne serve &
  curl -d 'SELECT 1 AS one' -H 'Accept: text/csv' http://127.0.0.1:8642/v1/sql
  curl -d '{\"sql\": \"SELECT 1 AS one\"}' http://127.0.0.1:8642/v1/queries

For others than this machine, users and TLS are needed:
  echo \"[users.ana]
  password = '$(arachne password)'\" > credentials.toml; chmod 600 credentials.toml
  export ARACHNE_ACCESS__CREDENTIALS=credentials.toml ARACHNE_TLS__SELF_MADE=true
  arachne serve --address 0.0.0.0:8642 --flight-sql-address 0.0.0.0:8643

Settings: sections http, flight_sql, tls, access, telemetry, shutdown
(docs/security.md, docs/operations.md).")]
pub(crate) struct ServeOptions {
    /// Where HTTP listens [default: 127.0.0.1:8642]
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<SocketAddr>,

    /// Where Flight SQL listens [default: 127.0.0.1:8643]
    #[arg(long, value_name = "HOST:PORT")]
    flight_sql_address: Option<SocketAddr>,

    #[command(flatten)]
    settings: SettingsOptions,
}

/// Listens on the current runtime; queries compute on `threads`.
pub(crate) async fn run(options: ServeOptions, threads: &Handle) -> anyhow::Result<Exit> {
    let mut settings = match options.settings.sources().load() {
        Ok(settings) => settings,
        Err(error) => return Ok(wrong_usage(&error)),
    };
    settings.http.address = options.address.unwrap_or(settings.http.address);
    settings.flight_sql.address = options.flight_sql_address.unwrap_or(settings.flight_sql.address);
    let traces = match install_telemetry(&settings) {
        Ok(traces) => traces,
        Err(error) => return Ok(cannot_start(&error)),
    };
    let exit = serve(&settings, threads).await;
    tokio::task::spawn_blocking(|| traces.finish()).await?;
    exit
}

async fn serve(settings: &Settings, threads: &Handle) -> anyhow::Result<Exit> {
    let folder = match wiring::catalog_path(settings) {
        Ok(path) => path.parent().map(ToOwned::to_owned).unwrap_or_default(),
        Err(error) => return Ok(cannot_start(&error)),
    };
    let entrance = match Entrance::open(settings, &folder).await {
        Err(error @ EntranceError::Listen { .. }) => return Err(error.into()),
        Err(error) => return Ok(wrong_usage(&error)),
        Ok(entrance) => entrance,
    };
    let metrics = Arc::new(Metrics::new());
    let service = match wiring::served(settings, threads, entrance.access.clone(), metrics.clone()).await {
        Ok(service) => service,
        Err(error) => return Ok(cannot_start(&error)),
    };
    // Listens for signals before anybody knows that there is something to end.
    let asked = AbortOnDropHandle::new(tokio::spawn(shutdown::requested()));
    entrance.start_lines().iter().for_each(|line| say(line));
    let house = service.clone();
    let _housekeeping = AbortOnDropHandle::new(tokio::spawn(async move { house.keep_house().await }));
    let doors = Doors { service: service.clone(), auth: entrance.auth.clone(), metrics };
    let asked = async {
        // A task that cannot be waited for has nothing to say.
        let _ = asked.await;
    };
    // Listens from when it is waited for: what was asked once is no hurry.
    let asked_again = async { shutdown::requested().await };
    let ended = listen::serve(entrance, doors, asked, asked_again).await.context("a door failed")?;
    if ended == Ended::CutOff {
        say("requests were still open: they are cut off");
    }
    service.close().await;
    Ok(Exit::Done)
}

fn install_telemetry(settings: &Settings) -> Result<Traces, arachne_engine::Error> {
    let variable = |name| std::env::var(name).ok();
    let endpoint = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or_else(|| variable("OTEL_EXPORTER_OTLP_ENDPOINT"));
    telemetry::install(&settings.telemetry, variable("ARACHNE_LOG").as_deref(), endpoint)
}

fn wrong_usage(error: &impl std::fmt::Display) -> Exit {
    say(&format!("{} {error}", Colors::of_stderr().error("error:")));
    Exit::BadUsage
}
