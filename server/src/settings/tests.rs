use std::path::PathBuf;
use std::time::Duration;

use arachne_engine::query::Compute;

use super::*;

#[test]
fn nothing_set_gives_the_defaults() {
    let settings = Sources::default().load().unwrap();
    assert_eq!(settings.compute.mode, Compute::Embedded);
    assert_eq!(settings.catalog.path, None);
}

#[test]
fn flag_beats_environment_beats_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    std::fs::write(
        &file,
        "[compute]\nmode = \"lambda\"\nmax_workers = 3\n[compute.lambda]\nfunction = \"from-file\"\n",
    )
    .unwrap();
    let mut sources = Sources { file: Some(file), ..Sources::default() };
    assert_eq!(sources.load().unwrap().compute.max_workers, 3);

    sources.environment =
        variables(&[("ARACHNE_COMPUTE__MAX_WORKERS", "7"), ("ARACHNE_COMPUTE__LAMBDA__FUNCTION", "from-env")]);
    let settings = sources.load().unwrap();
    assert_eq!(settings.compute.max_workers, 7);
    assert_eq!(settings.compute.lambda.function.as_deref(), Some("from-env"));
    assert_eq!(settings.compute.mode, Compute::Lambda);

    sources.flags =
        vec![flag("compute.mode", "embedded", "--compute"), flag("compute.max_workers", "9", "--max-workers")];
    let settings = sources.load().unwrap();
    assert_eq!(settings.compute.mode, Compute::Embedded);
    assert_eq!(settings.compute.max_workers, 9);
}

#[test]
fn text_that_looks_like_a_number_stays_text_where_text_is_wanted() {
    let environment = variables(&[("ARACHNE_COMPUTE__LAMBDA__FUNCTION", "42")]);
    let settings = Sources { environment, ..Sources::default() }.load().unwrap();
    assert_eq!(settings.compute.lambda.function.as_deref(), Some("42"));
}

#[test]
fn quantities_have_units() {
    let environment = variables(&[("ARACHNE_COMPUTE__LAMBDA__TIMEOUT", "30s"), ("ARACHNE_LIMITS__MEMORY", "64MiB")]);
    let settings = Sources { environment, ..Sources::default() }.load().unwrap();
    assert_eq!(settings.compute.lambda.timeout.0, Duration::from_secs(30));
    assert_eq!(settings.limits.memory, ByteSize(64 << 20));
}

#[test]
fn an_error_names_the_key_and_where_it_came_from() {
    let environment = variables(&[("ARACHNE_COMPUTE__MODE", "cloud")]);
    let error = Sources { environment, ..Sources::default() }.load().unwrap_err().to_string();
    assert!(error.contains("`compute.mode`"), "{error}");
    assert!(error.contains("ARACHNE_COMPUTE__MODE"), "{error}");
    assert!(error.contains("embedded"), "{error}");

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    std::fs::write(&file, "[compute.lambda]\nfunktion = \"f\"\n").unwrap();
    let error = Sources { file: Some(file.clone()), ..Sources::default() }.load().unwrap_err().to_string();
    assert!(error.contains("`compute.lambda.funktion`"), "{error}");
    assert!(error.contains(&file.display().to_string()), "{error}");

    let flags = vec![flag("limits.memory", "much", "--set limits.memory")];
    let error = Sources { flags, ..Sources::default() }.load().unwrap_err().to_string();
    assert!(error.contains("--set limits.memory"), "{error}");
    assert!(error.contains("`much` is not a size"), "{error}");
}

#[test]
fn other_variables_and_empty_ones_are_no_settings() {
    let environment = variables(&[("ARACHNE_LOG", "debug"), ("HOME__DIR", "x"), ("ARACHNE_COMPUTE__MODE", "")]);
    assert_eq!(Sources { environment, ..Sources::default() }.load().unwrap().compute.mode, Compute::Embedded);
}

#[test]
fn a_missing_file_and_a_broken_file_are_named() {
    let missing = Sources { file: Some(PathBuf::from("/no/such/arachne.toml")), ..Sources::default() };
    assert!(missing.load().unwrap_err().to_string().contains("/no/such/arachne.toml"));

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    std::fs::write(&file, "[compute\n").unwrap();
    let error = Sources { file: Some(file), ..Sources::default() }.load().unwrap_err().to_string();
    assert!(error.contains("is not TOML"), "{error}");
}

#[test]
fn sizes_are_read_and_written() {
    for (text, bytes) in
        [("0", 0), ("1024", 1024), ("1KiB", 1024), ("1.5 GiB", 1_610_612_736), ("2MB", 2_000_000), ("7 b", 7)]
    {
        assert_eq!(text.parse::<ByteSize>().unwrap().0, bytes, "{text}");
    }
    for text in ["", "MiB", "-1", "1XB", "nan", "1e99GiB"] {
        assert!(text.parse::<ByteSize>().is_err(), "{text}");
    }
    assert_eq!(ByteSize(64 << 20).to_string(), "64MiB");
    assert_eq!(ByteSize(1000).to_string(), "1000");
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn flag(key: &str, value: &str, flag: &str) -> Override {
    Override { key: key.into(), value: value.into(), flag: flag.into() }
}

#[test]
fn users_grants_and_workgroups_come_from_a_file_and_from_variables() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    let text = "[access.users.etl]\n[access.users.ana]\nworkgroup = \"analysts\"\n[[access.grants]]\nto = \"everyone\"\non = \"*\"\nlevel = \"read\"\n[access.workgroups.analysts]\nmax_time = \"30s\"\n";
    std::fs::write(&file, text).unwrap();
    let environment = variables(&[
        ("ARACHNE_ACCESS__USERS__ANA__PASSWORD", "$argon2id$x"),
        ("ARACHNE_ACCESS__SIGNING_KEY", "secret-key"),
    ]);
    let settings = Sources { file: Some(file), environment, ..Sources::default() }.load().unwrap();
    assert_eq!(settings.access.users.keys().collect::<Vec<_>>(), ["ana", "etl"]);
    assert_eq!(settings.access.users["ana"].workgroup.as_deref(), Some("analysts"));
    assert_eq!(settings.access.grants.as_ref().unwrap()[0].level, "read");
    assert_eq!(settings.access.workgroups["analysts"].max_time.unwrap().0, Duration::from_secs(30));
    let shown = format!("{settings:?} {}", toml::to_string(&settings).unwrap());
    assert!(!shown.contains("argon2id") && !shown.contains("secret-key"), "{shown}");
}

#[test]
fn a_mistake_among_secrets_is_named_and_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("config.toml");
    for text in ["[access]\nsigning_key = \"hunter2\n", "[access.users]\nana = \"hunter2\"\n"] {
        std::fs::write(&file, text).unwrap();
        let error = Sources { file: Some(file.clone()), ..Sources::default() }.load().unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(!said.contains("hunter2"), "{said}");
        assert!(said.contains("line 2") || said.contains("access.users.ana"), "{said}");
    }
}
