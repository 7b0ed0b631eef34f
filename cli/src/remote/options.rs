//! Which server, and who asks.

use std::fmt;
use std::path::PathBuf;

use clap::Args;

/// Flags of `arachne sql` for a server.
#[derive(Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct RemoteOptions {
    /// Ask this server instead of running queries here: http://host:8642
    #[arg(long, env = "ARACHNE_URL", conflicts_with_all = ["config", "compute", "max_workers"])]
    pub(crate) url: Option<String>,

    /// A token of the server's
    #[arg(long, env = "ARACHNE_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,

    /// A user of the server's, as NAME or NAME:PASSWORD; without it the password is in ARACHNE_PASSWORD
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,

    #[arg(long, env = "ARACHNE_PASSWORD", hide = true, hide_env_values = true)]
    pub(crate) password: Option<String>,

    /// Trust the certificates in this file too (PEM), as for a server that made its own
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_cert: Option<PathBuf>,
}

/// Without secrets.
impl fmt::Debug for RemoteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteOptions").field("url", &self.url).finish_non_exhaustive()
    }
}
