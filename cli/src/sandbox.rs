//! `arachne sandbox`: AWS on loopback in the foreground.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use arachne_sandbox::faults::FaultSpec;
use arachne_sandbox::s3::S3Shape;
use clap::Args;

use crate::exit::Exit;
use crate::local_cloud::{LAKE_BUCKET, LambdaSize, LocalCloud, LocalCloudSettings};
use crate::shutdown;
use crate::sql::run::say;

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  arachne sandbox --env-file sandbox.env --dir ./sandbox &
  source sandbox.env
  aws s3 cp events.parquet s3://lake/events/
  arachne sql --compute lambda -c \"SELECT count(*) FROM 's3://lake/events/'\"

Faults, the same ones for the same seed:
  arachne sandbox --faults 'seed=7,s3.slow-down=0.1,lambda.throttle=0.05'

  seed=N                    other faults for another number
  delay=2s                  how late the slow and late ones are
  s3.CLASS=RATE             for a share of the requests, 0 to 1
  s3.CLASS:get@lake/a/=RATE the same for one operation, bucket, prefix (each may be left out)
  lambda.CLASS=RATE         for a share of the invocations
  s3.latency=30ms           every request waits so long
  s3.bytes-per-second=N     no answer is sent faster

  CLASS of s3:     internal-error, slow-down, slow-down-retry-after, reset, answer-lost, cut-body,
                   slow-first-byte, slow-body, wrong-range, or all
  CLASS of lambda: throttle, throttle-retry-after, service-error, timeout, crash-before-output,
                   crash-after-output, out-of-memory, duplicate, late-answer, cut-answer,
                   truncated-answer, cold-start, or all")]
pub(crate) struct SandboxOptions {
    /// Write the `export NAME=value` lines to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,

    /// Keep objects and tables in this folder [default: a temporary folder, deleted at the end]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    #[command(flatten)]
    size: LambdaSize,

    /// Inject faults: seed and rates of classes, see below
    #[arg(long, value_name = "SPEC")]
    faults: Option<FaultSpec>,

    /// Answer as S3 does, not as fast as it goes: first byte after 18 ms (p99: 84 ms), 60 to 90 MB/s a connection,
    /// 5,500 reads a second and prefix
    #[arg(long)]
    like_s3: bool,

    /// Port of the local S3 [default: a free one]
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    s3_port: u16,

    /// Port of the local Lambda [default: a free one]
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    lambda_port: u16,
}

pub(crate) async fn run(options: SandboxOptions) -> anyhow::Result<Exit> {
    // Listens for signals before anything is there to clean up.
    let asked_to_end = tokio::spawn(shutdown::requested());
    let temporary =
        options.dir.is_none().then(|| tempfile::Builder::new().prefix("arachne-sandbox-").tempdir()).transpose()?;
    let dir =
        options.dir.clone().or_else(|| temporary.as_ref().map(|dir| dir.path().to_path_buf())).context("no folder")?;
    let settings = LocalCloudSettings {
        dir,
        size: options.size,
        faults: options.faults,
        shape: if options.like_s3 { S3Shape::like_s3() } else { S3Shape::default() },
        s3_port: options.s3_port,
        lambda_port: options.lambda_port,
    };
    let cloud = LocalCloud::start(settings).await?;
    let lines = export_lines(&cloud.environment());
    let written = match &options.env_file {
        Some(path) => write_private(path, &lines).with_context(|| format!("cannot write {}", path.display())),
        None => print(&lines).context("cannot write to standard output"),
    };
    if let Err(error) = written {
        cloud.shutdown().await;
        return Err(error);
    }
    let hint = options
        .env_file
        .as_ref()
        .map_or_else(String::new, |path| format!("; `source {}` points a shell at it", path.display()));
    say(&format!(
        "sandbox is ready: S3 at {}, Lambda at {}, bucket {LAKE_BUCKET}{hint}. Ctrl-C ends it",
        cloud.s3_url(),
        cloud.lambda_url()
    ));
    asked_to_end.await?;
    say("sandbox is stopping");
    let injected = cloud.injected();
    if !injected.is_empty() {
        say(&format!("faults injected: {}", injected.join(", ")));
    }
    cloud.shutdown().await;
    Ok(Exit::Done)
}

fn export_lines(variables: &[(String, String)]) -> String {
    variables.iter().map(|(name, value)| format!("export {name}={}\n", shell_quoted(value))).collect()
}

/// Plain where a shell takes it plain.
fn shell_quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=+@%".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', "'\\''"))
    }
}

/// Whole or not at all, and for its owner only: it holds a secret. A program that waits for the file never reads half of it.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    if path.exists() && !path.is_file() {
        return std::fs::write(path, text);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn print(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_safe_to_source() {
        let variables = [("A", "s3://exchange/"), ("B", "/tmp/my dir/it's"), ("C", ""), ("D", "$(rm)")];
        let lines = export_lines(&variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(lines, "export A=s3://exchange/\nexport B='/tmp/my dir/it'\\''s'\nexport C=''\nexport D='$(rm)'\n");
    }

    #[test]
    fn the_help_names_every_class_of_faults() {
        use clap::Args as _;
        let help = SandboxOptions::augment_args(clap::Command::new("sandbox")).render_help().to_string();
        for name in FaultSpec::names() {
            let class = name.split_once('.').unwrap().1;
            assert!(help.contains(class), "{name} is missing in {help}");
        }
    }

    #[test]
    fn the_file_is_replaced_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("env");
        std::fs::write(&path, "old").unwrap();
        write_private(&path, "new\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
