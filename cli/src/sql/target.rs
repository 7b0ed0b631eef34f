//! Where the statements of `arachne sql` are run.

use std::sync::Arc;

use arachne_engine::Error;
use arachne_server::settings::Settings;
use tokio::runtime::Handle;

use super::SqlOptions;
use crate::engine::Engine;
use crate::queries::Queries;
use crate::remote::Remote;

/// As the flags have it; nothing is open yet.
pub(crate) enum Target {
    Here(Box<Settings>),
    There(Remote),
}

impl Target {
    /// # Errors
    /// What is wrong with the flags, or the settings.
    pub(crate) fn of(options: &SqlOptions) -> Result<Self, String> {
        match &options.remote.url {
            Some(url) => Remote::of(url, &options.remote).map(Self::There),
            None => {
                let settings = options.settings.sources().load().map_err(|error| error.to_string())?;
                Ok(Self::Here(Box::new(settings)))
            }
        }
    }

    /// Queries of this process compute on `threads`.
    pub(crate) async fn open(self, threads: &Handle) -> Result<Arc<dyn Engine>, Error> {
        match self {
            Self::Here(settings) => Ok(Arc::new(Queries::open(&settings, threads).await?)),
            Self::There(server) => Ok(Arc::new(server)),
        }
    }
}
