//! The rules of ARCHITECTURE.md that can be read off the sources.

use std::path::{Path, PathBuf};

use arachne_tests::tpch::files_below;

#[test]
fn the_catalog_does_not_know_datafusion() {
    depends_on_none("catalog", &["datafusion", "arachne-"]);
    names_none("catalog/src", &["datafusion::", "datafusion_"]);
}

#[test]
fn the_sandbox_does_not_know_the_engine() {
    depends_on_none("sandbox", &["arachne-", "datafusion"]);
}

#[test]
fn only_the_lambda_crate_names_the_aws_sdk() {
    for dir in ["catalog", "engine", "server", "cli"] {
        names_none(&format!("{dir}/src"), &["aws_sdk_", "aws_config", "aws_smithy"]);
    }
}

#[test]
fn only_the_server_speaks_http() {
    for dir in ["catalog", "engine", "lambda", "cli"] {
        names_none(&format!("{dir}/src"), &["axum::", "hyper::"]);
    }
}

#[test]
fn the_scheduler_is_pure() {
    let coordinator = sources("engine/src/coordinator").into_iter();
    let scheduler: Vec<_> = coordinator.filter(|(name, _)| name.starts_with("scheduler")).collect();
    assert!(scheduler.len() > 1, "{} files", scheduler.len());
    for word in ["async ", ".await", "tokio", "Instant", "SystemTime", "std::fs", "rand::rng()", "rand::random"] {
        for (name, text) in &scheduler {
            assert!(!text.contains(word), "{name} says {word}");
        }
    }
}

#[test]
fn datafusion_distributed_is_named_in_one_place() {
    let named = sources("engine/src").into_iter().filter(|(_, text)| text.contains("datafusion_distributed"));
    let elsewhere: Vec<_> =
        named.map(|(name, _)| name).filter(|name| !name.starts_with("planner/distributed")).collect();
    assert_eq!(elsewhere, Vec::<String>::new());
    for dir in ["catalog", "lambda", "sandbox", "server", "cli"] {
        depends_on_none(dir, &["datafusion-distributed"]);
    }
}

#[test]
fn the_worker_s_half_does_not_use_the_coordinator_s() {
    for dir in ["worker", "exchange", "protocol", "formats", "storage"] {
        names_none(&format!("engine/src/{dir}"), &["crate::coordinator", "crate::query", "crate::sql", "crate::lake"]);
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn sources(dir: &str) -> Vec<(String, String)> {
    let files = files_below(&root().join(dir)).unwrap();
    let rust = files.into_iter().filter(|(name, _)| name.ends_with(".rs") && !name.contains("tests"));
    rust.map(|(name, path)| (name, std::fs::read_to_string(path).unwrap())).collect()
}

fn names_none(dir: &str, words: &[&str]) {
    for (name, text) in sources(dir) {
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            assert!(!words.iter().any(|word| code.contains(word)), "{dir}/{name}:{}: {line}", number + 1);
        }
    }
}

/// Dependencies of the crate itself, not of its tests.
fn depends_on_none(dir: &str, names: &[&str]) {
    let manifest = std::fs::read_to_string(root().join(dir).join("Cargo.toml")).unwrap();
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    for line in dependencies.lines() {
        assert!(!names.iter().any(|name| line.starts_with(name)), "{dir} depends on {line}");
    }
}
