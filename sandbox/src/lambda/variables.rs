//! The environment variables that Lambda defines for a function
//! (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>).

use std::net::SocketAddr;
use std::path::Path;

use super::name::LATEST;
use super::settings::LambdaServerSettings;

/// Lambda's variables for one environment, then the function's own, which may replace any of them.
pub(super) fn variables(
    settings: &LambdaServerSettings,
    runtime_api: SocketAddr,
    log_stream: &str,
    temp_dir: &Path,
) -> Vec<(String, String)> {
    let mut variables: Vec<(String, String)> = [
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", settings.function.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", LATEST.to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", settings.memory_mb.to_string()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", settings.function)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", log_stream.to_owned()),
        ("AWS_REGION", settings.region.clone()),
        ("AWS_DEFAULT_REGION", settings.region.clone()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("TMPDIR", temp_dir.display().to_string()),
        ("TZ", ":UTC".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    // Lambda sets these two to folders of its own; here programs and libraries are where this machine has them.
    for name in ["PATH", "LD_LIBRARY_PATH"] {
        if let Ok(value) = std::env::var(name) {
            variables.push((name.to_owned(), value));
        }
    }
    variables.extend(settings.env.iter().cloned());
    variables
}
