//! The settings of `access`, as the authenticator and the engine take them.

use std::path::Path;

use arachne_engine::access::{Access, Grant, Grantee, LocationRules, Policy, Workgroup};
use arachne_engine::query::QueryLimits;
use url::Url;

use crate::auth::{Authenticator, AuthenticatorSettings, Credentials, CredentialsError, SigningKey};
use crate::listen::EntranceError;
use crate::settings::{AccessSettings, GrantEntry, WorkgroupEntry};

/// Open where nobody is known.
///
/// # Errors
/// What is wrong with users or tokens.
pub(crate) fn authenticator(settings: &AccessSettings) -> Result<Authenticator, EntranceError> {
    let Some(credentials) = credentials(settings)? else { return Ok(Authenticator::open()) };
    let key = settings.signing_key.as_ref().map_or_else(SigningKey::random, |text| SigningKey::of_text(text.expose()));
    let token_lifetime = settings.token_lifetime.0;
    let clock = crate::wiring::now;
    Ok(Authenticator::new(AuthenticatorSettings { credentials, key, token_lifetime, clock })?)
}

/// Who is known, by the settings and the file that they name; `None` where nobody has to say who they are.
///
/// # Errors
/// What is wrong with the file.
pub(crate) fn credentials(settings: &AccessSettings) -> Result<Option<Credentials>, CredentialsError> {
    let own = Credentials { users: settings.users.clone(), tokens: settings.tokens.clone() };
    match &settings.credentials {
        // An empty file is not nobody's mistake: it would let everybody in.
        Some(path) => own.and(Credentials::of_file(path)?).map(Some),
        None if own.is_empty() => Ok(None),
        None => Ok(Some(own)),
    }
}

/// What the engine enforces. `open`: nobody has to say who they are.
///
/// # Errors
/// A grant or a place for results that cannot be read.
pub(crate) fn rules(settings: &AccessSettings, open: bool) -> Result<Access, EntranceError> {
    let policy = match &settings.grants {
        Some(grants) => Policy::new(grants.iter().map(grant).collect::<Result<_, _>>()?),
        None => Policy::open(),
    };
    let workgroups =
        settings.workgroups.iter().map(|(name, entry)| workgroup(name, entry)).collect::<Result<_, _>>()?;
    let locations = LocationRules {
        local_files: settings.locations.local_files.unwrap_or(open),
        allowed: settings.locations.allowed.iter().map(|text| location(text)).collect::<Result<_, _>>()?,
    };
    Ok(Access { policy, workgroups, locations })
}

fn grant(entry: &GrantEntry) -> Result<Grant, EntranceError> {
    let wrong = |error: arachne_engine::Error| EntranceError::Rules(error.to_string());
    let to = match entry.to.split_once(':') {
        Some(("user", name)) => Grantee::User(name.to_owned()),
        Some(("workgroup", name)) => Grantee::Workgroup(name.to_owned()),
        None if entry.to == "everyone" => Grantee::Everyone,
        _ => {
            return Err(EntranceError::Rules(format!(
                "`{}` is nobody: write user:NAME, workgroup:NAME or everyone",
                entry.to
            )));
        }
    };
    Ok(Grant { to, on: entry.on.parse().map_err(wrong)?, level: entry.level.parse().map_err(wrong)? })
}

fn workgroup(name: &str, entry: &WorkgroupEntry) -> Result<Workgroup, EntranceError> {
    let limits = QueryLimits {
        max_bytes_scanned: entry.max_bytes_scanned.map(|bytes| bytes.0),
        max_time: entry.max_time.map(|time| time.0),
        max_result_rows: entry.max_result_rows,
        max_cost: entry.max_cost,
        memory_per_query: entry.memory_per_query.map(|bytes| bytes.0),
    };
    let results = entry.results.as_deref().map(folder_url).transpose()?;
    Ok(Workgroup { limits, results, compute: entry.compute, ..Workgroup::new(name) })
}

fn location(text: &str) -> Result<Url, EntranceError> {
    Url::parse(text)
        .map_err(|error| EntranceError::Rules(format!("`{text}` is no location such as s3://bucket/prefix/: {error}")))
}

/// A URL, or the URL of a folder.
fn folder_url(text: &str) -> Result<String, EntranceError> {
    if text.contains("://") {
        return Ok(text.to_owned());
    }
    let url = std::path::absolute(Path::new(text)).ok().and_then(|folder| Url::from_directory_path(folder).ok());
    url.map(String::from).ok_or_else(|| EntranceError::Rules(format!("results cannot be kept in {text}")))
}

#[cfg(test)]
mod tests {
    use arachne_engine::access::{Level, Principal};

    use super::*;

    #[test]
    fn grants_are_read_as_they_are_written() {
        let settings = settings(
            r#"
            grants = [
                { to = "everyone", on = "shared.*", level = "read" },
                { to = "workgroup:etl", on = "shared.*", level = "write" },
                { to = "user:ana", on = "*", level = "admin" },
            ]
            [workgroups.etl]
            max_time = "30s"
            results = "s3://bucket/etl/"
            "#,
        );
        let access = rules(&settings, false).unwrap();
        let bob = Principal { user: "bob".to_owned(), workgroup: "etl".to_owned() };
        assert_eq!(access.policy.level(&bob, "shared", Some("t")), Some(Level::Write));
        assert_eq!(access.policy.level(&bob, "hr", Some("t")), None);
        assert!(access.policy.is_admin(&Principal::user("ana")));
        assert_eq!(access.workgroups[0].results.as_deref(), Some("s3://bucket/etl/"));
    }

    #[test]
    fn a_wrong_grant_is_named() {
        for (grant, named) in [
            (r#"{ to = "ana", on = "*", level = "read" }"#, "`ana` is nobody"),
            (r#"{ to = "everyone", on = "sales", level = "read" }"#, "sales"),
            (r#"{ to = "everyone", on = "*", level = "own" }"#, "own"),
        ] {
            let error = rules(&settings(&format!("grants = [{grant}]")), false).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn local_files_are_for_servers_of_one_machine_unless_said_otherwise() {
        let local_files = |text: &str, open| rules(&settings(text), open).unwrap().locations.local_files;
        assert!(local_files("", true) && !local_files("", false));
        assert!(
            local_files("locations.local_files = true", false) && !local_files("locations.local_files = false", true)
        );
    }

    #[test]
    fn a_credentials_file_without_users_lets_nobody_in() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let credentials = Some(file.path().to_path_buf());
        assert!(authenticator(&AccessSettings::default()).unwrap().is_open());
        assert!(!authenticator(&AccessSettings { credentials, ..AccessSettings::default() }).unwrap().is_open());
    }

    fn settings(text: &str) -> AccessSettings {
        toml::from_str(text).unwrap()
    }
}
