//! The binary `arachne`: arguments in, one command run, an exit status out.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout))]

mod credentials;
mod demo;
mod doctor;
mod engine;
mod exit;
mod format;
mod local_cloud;
mod queries;
mod remote;
mod repl;
mod sandbox;
mod serve;
mod shutdown;
mod sql;
mod terminal;
mod worker;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::runtime::{self, Handle, Runtime};
use tracing_subscriber::EnvFilter;

use exit::Exit;

/// Memory that was used is used again, where the system's allocator gives it back between two batches and takes it anew. How it is
/// set up is in `.cargo/config.toml`, what it gives in docs/performance.md.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A serverless SQL engine over S3.
///
/// Plans a query, fans its fragments out to AWS Lambda workers that read Parquet and CSV straight from S3, merges their
/// partial results, and says what it cost.
#[derive(Debug, Parser)]
#[command(
    name = "arachne",
    version,
    propagate_version = true,
    after_help = "\
Start here:
  arachne demo                       a local S3, a local Lambda, TPC-H, queries fanned out, costs shown
  arachne sql -c \"SELECT 1\"          one statement
  arachne sql                        the REPL

Settings: defaults < file (--config) < environment (ARACHNE_SECTION__KEY) < flag. ARACHNE_LOG=debug shows logs."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run SQL: statements from -c, -f or standard input, else the REPL
    Sql(Box<sql::SqlOptions>),
    /// See it work: a local S3 and Lambda, TPC-H as Parquet and CSV, queries fanned out, answers checked, costs shown
    Demo(demo::DemoOptions),
    /// Run a local S3 and a local Lambda in the foreground
    Sandbox(sandbox::SandboxOptions),
    /// Serve SQL over HTTP and Flight SQL
    Serve(serve::ServeOptions),
    /// Hash a password for the users of `arachne serve`
    Password(credentials::PasswordOptions),
    /// Make a token for a user of `arachne serve`
    Token(credentials::TokenOptions),
    /// Check settings, catalog, storage and worker function, and say what to do
    Doctor(doctor::DoctorOptions),
    /// Be a worker: of Lambda, answering invocations from its Runtime API, or of a cluster of your own
    Worker(worker::WorkerOptions),
}

fn main() -> ExitCode {
    // Exits by itself, with status 2, when the arguments are wrong.
    let cli = Cli::parse();
    let ended = run(cli.command);
    match ended {
        Ok(exit) => exit.into(),
        Err(error) => {
            sql::run::say(&format!("{} {error:#}", terminal::Colors::of_stderr().error("error:")));
            Exit::Failed.into()
        }
    }
}

fn run(command: Command) -> anyhow::Result<Exit> {
    // The Lambda worker and the server have logs of their own.
    let own_log = match &command {
        Command::Worker(options) => !options.cluster,
        Command::Serve(_) => true,
        _ => false,
    };
    if !own_log {
        log_to_stderr();
    }
    let threads = runtime::Builder::new_multi_thread().thread_stack_size(STACK_BYTES).enable_all().build()?;
    let front = runtime::Builder::new_multi_thread().worker_threads(FRONT_THREADS).enable_all().build()?;
    let exit = dispatch(command, &front, threads.handle());
    // A thread that computes, or is blocked on a terminal or a pipe, must not hold up the end.
    front.shutdown_background();
    threads.shutdown_background();
    exit
}

/// Threads for what faces the user: doors and output, but nothing that computes a query.
const FRONT_THREADS: usize = 2;

/// Of the threads that compute: an expression is evaluated by recursion, and the deepest one that the parser lets through wants more than
/// the usual 2 MB. What is not used is no memory.
const STACK_BYTES: usize = 32 * 1024 * 1024;

/// `front` is for what faces the user, `threads` are for queries, and for servers that run none.
fn dispatch(command: Command, front: &Runtime, threads: &Handle) -> anyhow::Result<Exit> {
    match command {
        Command::Sql(options) => sql::run_sql(&options, front, threads),
        Command::Demo(options) => demo::run(&options, front, threads),
        Command::Sandbox(options) => threads.block_on(sandbox::run(options)),
        Command::Serve(options) => front.block_on(serve::run(options, threads)),
        Command::Password(options) => credentials::password(options),
        Command::Token(options) => credentials::token(options),
        Command::Doctor(options) => threads.block_on(doctor::run(options)),
        Command::Worker(options) if options.cluster => front.block_on(worker::serve_cluster(options, threads)),
        Command::Worker(_) => front.block_on(worker::run(threads)),
    }
}

/// Errors only, unless `ARACHNE_LOG` says otherwise (`debug`, `arachne_engine=trace`, ...).
fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("ARACHNE_LOG").unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_usage_has_its_own_status() {
        for arguments in
            [vec!["arachne"], vec!["arachne", "sql", "-c", "x", "-f", "y"], vec!["arachne", "sql", "--format", "pdf"]]
        {
            assert_eq!(Cli::try_parse_from(arguments).unwrap_err().exit_code(), 2);
        }
    }
}
