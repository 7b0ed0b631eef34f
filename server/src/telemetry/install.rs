//! Logs to standard error, and spans to a collector where one is named.

use std::io::IsTerminal as _;
use std::time::Duration;

use arachne_engine::{Error, ErrorCode};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use crate::settings::TelemetrySettings;

/// For the last spans to leave.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// What goes out to a collector; to be [finished](Self::finish) before the process ends.
#[derive(Debug, Default)]
pub struct Traces {
    provider: Option<SdkTracerProvider>,
}

impl Traces {
    /// Sends what is left. Blocks for a moment at most.
    pub fn finish(self) {
        if let Some(provider) = self.provider {
            // A collector that is not there any longer is no reason to fail.
            let _ = provider.shutdown_with_timeout(LAST_SPANS);
        }
    }
}

/// Once a process. `log` is a filter as `ARACHNE_LOG` has it; errors only by default. Needs a runtime of tokio when traces go out.
///
/// # Errors
/// An endpoint that is no address, logging that is installed already.
pub fn install(
    settings: &TelemetrySettings,
    log: Option<&str>,
    environment_endpoint: Option<String>,
) -> Result<Traces, Error> {
    let endpoint = settings.otlp_endpoint.clone().or(environment_endpoint).filter(|endpoint| !endpoint.is_empty());
    let provider = endpoint.map(|endpoint| provider(&endpoint)).transpose()?;
    let filter = log.and_then(|log| EnvFilter::try_new(log).ok()).unwrap_or_else(|| EnvFilter::new("error"));
    let registry = tracing_subscriber::registry().with(provider.as_ref().map(spans));
    let installed = if settings.json_logs {
        let lines = fmt::layer().json().flatten_event(true).with_writer(std::io::stderr);
        registry.with(lines.with_filter(filter)).try_init()
    } else {
        let lines = fmt::layer().with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr);
        registry.with(lines.with_filter(filter)).try_init()
    };
    installed.map_err(|error| Error::internal(format!("logging cannot be set up: {error}")))?;
    Ok(Traces { provider })
}

/// Our own spans only: those of libraries name hosts and objects.
pub(super) fn spans<S: Subscriber + for<'span> LookupSpan<'span>>(
    provider: &SdkTracerProvider,
) -> impl Layer<S> + use<S> {
    let ours = Targets::new()
        .with_target("arachne_server", LevelFilter::INFO)
        .with_target("arachne_engine", LevelFilter::INFO)
        .with_target("arachne_lambda", LevelFilter::INFO);
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("arachne"))
        .with_location(false)
        .with_threads(false)
        .with_filter(ours)
}

pub(super) fn provider(endpoint: &str) -> Result<SdkTracerProvider, Error> {
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build().map_err(|error| {
        Error::new(ErrorCode::InvalidArgument, format!("traces cannot go to {endpoint}: {error}"))
            .with_hint("set telemetry.otlp_endpoint to http://host:4317")
    })?;
    let resource = Resource::builder().with_service_name("arachne").build();
    Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
}
