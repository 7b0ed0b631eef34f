//! `arachne demo`: the whole walk on one machine, with nothing to set up.
//!
//! This process is the sandbox (`local_cloud`); the walk itself runs in a child of it whose environment points at the
//! sandbox, exactly as a user's shell does after `source sandbox.env`. The walk: `data` is generated and uploaded, `tables` declares it,
//! `queries` run over the workers, `answers` says whether they are right, `print` shows it all.

mod answers;
mod compare;
mod data;
mod print;
mod queries;
mod tables;
mod walk;

use std::path::Path;
use std::process::Stdio;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context as _;
use arachne_sandbox::s3::S3Shape;
use clap::Args;
use tokio::process::Command;
use tokio::runtime::{Handle, Runtime};

use crate::exit::Exit;
use crate::local_cloud::{LambdaSize, LocalCloud, LocalCloudSettings};
use crate::shutdown;
use crate::sql::run::say;

/// How long the walk may take to end after Ctrl-C.
const GRACE: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 when every answer is right, 1 otherwise.")]
pub(crate) struct DemoOptions {
    /// TPC-H scale factor: 1 is 6 million rows in the largest table
    #[arg(long, value_name = "FACTOR", default_value = "0.1")]
    scale: Scale,

    /// Keep the generated data and the tables, and say how to use them
    #[arg(long)]
    keep: bool,

    #[command(flatten)]
    size: LambdaSize,

    /// The walk alone, in the environment of a sandbox that runs already
    #[arg(long, hide = true)]
    walk_only: bool,
}

/// A scale factor as it was written, which names the file of its known answers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scale {
    text: String,
    factor: f64,
}

impl FromStr for Scale {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<f64>() {
            Ok(factor) if (0.001..=1000.0).contains(&factor) => Ok(Self { text: factor.to_string(), factor }),
            _ => Err("use a number from 0.001 to 1000".to_owned()),
        }
    }
}

/// `front` hears signals and prints; `threads` compute.
pub(crate) fn run(options: &DemoOptions, front: &Runtime, threads: &Handle) -> anyhow::Result<Exit> {
    if options.walk_only { front.block_on(walk::run(&options.scale, threads)) } else { threads.block_on(host(options)) }
}

/// Is the sandbox until the walk has ended.
async fn host(options: &DemoOptions) -> anyhow::Result<Exit> {
    // Listens for signals before anything is there to clean up.
    let asked_to_end = tokio::spawn(shutdown::requested());
    let folder =
        tempfile::Builder::new().prefix("arachne-demo-").tempdir().context("cannot make a temporary folder")?;
    let settings = LocalCloudSettings {
        dir: folder.path().to_path_buf(),
        size: options.size.clone(),
        faults: None,
        shape: S3Shape::default(),
        s3_port: 0,
        lambda_port: 0,
    };
    let cloud = LocalCloud::start(settings).await?;
    let exit = walk_in_child(&options.scale, &cloud, asked_to_end).await;
    cloud.shutdown().await;
    if options.keep {
        say_how_to_go_on(&folder.keep());
    }
    exit
}

async fn walk_in_child(
    scale: &Scale,
    cloud: &LocalCloud,
    asked_to_end: tokio::task::JoinHandle<()>,
) -> anyhow::Result<Exit> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut command = Command::new(program);
    command.args(["demo", "--walk-only", "--scale", &scale.text]).stdin(Stdio::null()).kill_on_drop(true);
    #[cfg(unix)]
    command.arg0(program_name());
    for (name, _) in std::env::vars_os() {
        // Settings and credentials of the user's own are not meant for the sandbox.
        let name_text = name.to_string_lossy();
        if name_text.starts_with("AWS_") || (name_text.starts_with("ARACHNE_") && name_text.contains("__")) {
            command.env_remove(&name);
        }
    }
    let mut child = command.envs(cloud.environment()).spawn().context("cannot start the demo's second process")?;
    let status = tokio::select! {
        status = child.wait() => status?,
        _ = asked_to_end => {
            // Ctrl-C reached the child too; a SIGTERM did not.
            if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
                child.kill().await?;
            }
            return Ok(Exit::Interrupted);
        }
    };
    Ok(match status.code() {
        Some(0) => Exit::Done,
        Some(130) => Exit::Interrupted,
        _ => Exit::Failed,
    })
}

/// How the user called this program, so that the commands it suggests can be pasted.
fn program_name() -> String {
    std::env::args().next().unwrap_or_else(|| "arachne".to_owned())
}

fn say_how_to_go_on(dir: &Path) {
    let (dir, arachne) = (dir.display(), program_name());
    say(&format!("\nkept in {dir}. To go on with it:"));
    say(&format!("  {arachne} sandbox --dir {dir} --env-file {dir}/env &"));
    say(&format!("  source {dir}/env"));
    say(&format!("  {arachne} sql --compute lambda --database tpch"));
}
