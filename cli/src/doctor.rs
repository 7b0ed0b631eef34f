//! `arachne doctor`: tries each thing that a query needs, one line each.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use arachne_engine::invoker::InvokeError;
use arachne_engine::protocol::ENGINE_VERSION;
use arachne_engine::query::Compute;
use arachne_engine::storage::ObjectStores;
use arachne_engine::{Error, ErrorCode};
use arachne_server::settings::Settings;
use arachne_server::wiring;
use bytes::Bytes;
use clap::Args;
use futures::StreamExt as _;
use object_store::{ObjectStoreExt as _, PutPayload};
use url::Url;
use uuid::Uuid;

use crate::exit::Exit;
use crate::sql::SettingsOptions;
use crate::terminal::Colors;

#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 all is well, 1 a check failed, 2 the settings are wrong.")]
pub(crate) struct DoctorOptions {
    /// Folders of the lake that should be readable, as s3://bucket/prefix/
    #[arg(value_name = "LOCATION")]
    locations: Vec<String>,

    #[command(flatten)]
    settings: SettingsOptions,
}

pub(crate) async fn run(options: DoctorOptions) -> anyhow::Result<Exit> {
    let mut report = Report { colors: Colors::of_stdout(), failed: false };
    let sources = options.settings.sources();
    let from = sources
        .file
        .as_deref()
        .map_or_else(|| "no file, environment and flags only".to_owned(), |path: &Path| path.display().to_string());
    let settings = match sources.load() {
        Ok(settings) => settings,
        Err(error) => {
            report.failed("settings", error, "correct it there");
            return Ok(Exit::BadUsage);
        }
    };
    report.ok("settings", &from);
    report.check("catalog", catalog(&settings).await);
    let stores = Arc::new(wiring::object_stores(&settings).await);
    for location in &options.locations {
        report.check("lake", readable(&stores, location).await);
    }
    match &settings.exchange.location {
        Some(location) => report.check("exchange", writable(&stores, location).await),
        None if settings.compute.mode == Compute::Lambda => {
            report.failed(
                "exchange",
                "no location is set, so queries of several stages cannot run",
                "set exchange.location, or ARACHNE_EXCHANGE__LOCATION, to s3://bucket/prefix/",
            );
        }
        None => report.skipped("exchange", "needed by compute lambda only"),
    }
    match settings.compute.lambda.function {
        Some(_) => report.check("function", function(&settings).await),
        None if settings.compute.mode == Compute::Lambda => {
            report.check("function", wiring::invoker(&settings.compute).await.map(|_| String::new()))
        }
        None => report.skipped("function", "needed by compute lambda only"),
    }
    Ok(if report.failed { Exit::Failed } else { Exit::Done })
}

struct Report {
    colors: Colors,
    failed: bool,
}

impl Report {
    fn check(&mut self, what: &str, result: Result<String, Error>) {
        match result {
            Ok(detail) => self.ok(what, &detail),
            Err(error) => self.failed(what, &error, error.hint.as_deref().unwrap_or_default()),
        }
    }

    fn ok(&self, what: &str, detail: &str) {
        print(&format!("{}    {what:<10}{detail}", self.colors.good("ok")));
    }

    fn skipped(&self, what: &str, why: &str) {
        print(&format!("{}     {what:<10}{why}", self.colors.faint("-")));
    }

    fn failed(&mut self, what: &str, why: impl Display, do_this: &str) {
        self.failed = true;
        print(&format!("{}  {what:<10}{why}", self.colors.error("fail")));
        if !do_this.is_empty() {
            print(&format!("                {} {do_this}", self.colors.hint("do:")));
        }
    }
}

/// If nobody reads it, there is nobody to tell.
fn print(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

async fn catalog(settings: &Settings) -> Result<String, Error> {
    let path = wiring::catalog_path(settings)?;
    let catalog = wiring::catalog(settings).await?;
    let databases = catalog.databases().await.map_err(|error| Error::new(ErrorCode::Unavailable, error.message))?;
    Ok(format!(
        "{} ({} {})",
        path.display(),
        databases.len(),
        if databases.len() == 1 { "database" } else { "databases" }
    ))
}

async fn readable(stores: &ObjectStores, location: &str) -> Result<String, Error> {
    let (store, prefix) = place(stores, location)?;
    match store.list(Some(&prefix)).next().await.transpose().map_err(|error| storage_hint(error.into()))? {
        Some(first) => Ok(format!("{location} can be listed; it holds {}", first.location)),
        None => Err(Error::new(ErrorCode::NotFound, format!("{location} holds no object"))
            .with_hint("check the name of the folder")),
    }
}

/// Writes, reads and deletes one small object, as workers do.
async fn writable(stores: &ObjectStores, location: &str) -> Result<String, Error> {
    let (store, prefix) = place(stores, location)?;
    let probe = prefix.join(format!("doctor-{}", Uuid::new_v4()));
    let failed = |error: object_store::Error| storage_hint(error.into());
    let content = Bytes::from_static(b"written by arachne doctor");
    store.put(&probe, PutPayload::from_bytes(content.clone())).await.map_err(failed)?;
    let read = store.get(&probe).await.map_err(failed)?.bytes().await.map_err(failed)?;
    store.delete(&probe).await.map_err(failed)?;
    if read != content {
        return Err(Error::new(ErrorCode::InvalidData, format!("{location} gave back other bytes than were written")));
    }
    Ok(format!("{location} can be written, read and deleted"))
}

fn place(
    stores: &ObjectStores,
    location: &str,
) -> Result<(Arc<dyn object_store::ObjectStore>, object_store::path::Path), Error> {
    let not_a_location = || {
        Error::new(ErrorCode::InvalidArgument, format!("{location} is not a location"))
            .with_hint("write it as s3://bucket/prefix/")
    };
    let url = Url::parse(location).map_err(|_| not_a_location())?;
    let prefix = object_store::path::Path::from_url_path(url.path()).map_err(|_| not_a_location())?;
    Ok((stores.get(&url)?, prefix))
}

fn storage_hint(error: Error) -> Error {
    if error.hint.is_some() {
        return error;
    }
    let hint = match error.code {
        ErrorCode::PermissionDenied => {
            "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may do with the bucket"
        }
        ErrorCode::NotFound => "check the name of the bucket, and AWS_REGION",
        _ => "check AWS_ENDPOINT_URL_S3, AWS_REGION, the credentials, and the network",
    };
    error.with_hint(hint)
}

/// An empty event is no task, and an Arachne worker says so, naming its version; anything else is no Arachne worker.
async fn function(settings: &Settings) -> Result<String, Error> {
    let name = settings.compute.lambda.function.clone().unwrap_or_default();
    let Some(invoker) = wiring::invoker(&settings.compute).await? else {
        return Err(Error::new(ErrorCode::InvalidArgument, "no function is named"));
    };
    let fail = |code, message: String, hint: &str| Err(Error::new(code, message).with_hint(hint));
    match invoker.invoke(Bytes::from_static(b"{}")).await {
        Err(InvokeError::Permanent { detail, .. }) if detail.contains(ENGINE_VERSION) => {
            Ok(format!("{name} answers, version {ENGINE_VERSION}"))
        }
        Err(InvokeError::Permanent { detail, .. }) if detail.contains("Arachne worker") => fail(
            ErrorCode::InvalidArgument,
            format!("{name} is a worker of another version than this program's {ENGINE_VERSION}: {detail}"),
            "deploy the function from the same version",
        ),
        Err(InvokeError::Permanent { detail, permission_denied: true }) => {
            fail(ErrorCode::PermissionDenied, detail, "allow lambda:InvokeFunction on the function")
        }
        Err(InvokeError::Permanent { detail, permission_denied: false }) => {
            fail(ErrorCode::NotFound, detail, "check compute.lambda.function and the region")
        }
        Err(error @ InvokeError::Unavailable { .. }) => {
            fail(ErrorCode::Unavailable, error.to_string(), "check AWS_ENDPOINT_URL_LAMBDA, the region and the network")
        }
        Err(error) => fail(ErrorCode::Unavailable, error.to_string(), "read the function's log"),
        Ok(_) => fail(
            ErrorCode::InvalidArgument,
            format!("{name} is not an Arachne worker"),
            "check compute.lambda.function",
        ),
    }
}
