//! `arachne serve`: the doors, of which there is one so far.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use arachne_server::{http, wiring};
use clap::Args;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

use crate::exit::Exit;
use crate::shutdown;
use crate::sql::run::say;
use crate::sql::{SettingsOptions, cannot_start};
use crate::terminal::Colors;

/// How long requests that are open may take when the server is asked to end.
const GRACE: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  arachne serve --address 127.0.0.1:8642 &
  curl -d 'SELECT 1 AS one' -H 'Accept: text/csv' http://127.0.0.1:8642/v1/sql
  curl -d '{\"sql\": \"SELECT 1 AS one\"}' http://127.0.0.1:8642/v1/queries   (goes on by itself, rows are kept)")]
pub(crate) struct ServeOptions {
    /// Where to listen; loopback only, because there are no credentials yet [default: 127.0.0.1:8642]
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<SocketAddr>,

    #[command(flatten)]
    settings: SettingsOptions,
}

/// Listens on the current runtime; queries compute on `threads`.
pub(crate) async fn run(options: ServeOptions, threads: &Handle) -> anyhow::Result<Exit> {
    let settings = match options.settings.sources().load() {
        Ok(settings) => settings,
        Err(error) => {
            say(&format!("{} {error}", Colors::of_stderr().error("error:")));
            return Ok(Exit::BadUsage);
        }
    };
    let service = match wiring::query_service(&settings, threads).await {
        Ok(service) => service,
        Err(error) => return Ok(cannot_start(&error)),
    };
    let address = options.address.unwrap_or(settings.http.address);
    let listener = match http::bind(address).await {
        Err(error) if error.kind() == ErrorKind::InvalidInput => {
            say(&format!("{} {error}", Colors::of_stderr().error("error:")));
            return Ok(Exit::BadUsage);
        }
        bound => bound.with_context(|| format!("cannot listen on {address}"))?,
    };
    say(&format!("arachne listens on http://{}; Ctrl-C ends it", listener.local_addr()?));
    let house = service.clone();
    let _housekeeping = AbortOnDropHandle::new(tokio::spawn(async move { house.keep_house().await }));
    let (ending, end) = tokio::sync::oneshot::channel();
    let serving = http::serve(listener, service.clone(), async move {
        shutdown::requested().await;
        let _ = ending.send(());
    });
    let too_late = async {
        if end.await.is_ok() {
            tokio::time::sleep(GRACE).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        served = serving => served.context("the HTTP door failed")?,
        () = too_late => say("requests were still open: they are cut off"),
    }
    service.close().await;
    Ok(Exit::Done)
}
