//! Who takes part: Arachne in its ways to run, and the programs in `bench/peers`.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use arachne_sandbox::s3::S3Server;
use arachne_tests::sandbox::isolated;
use arachne_tests::venv::Venv;
use clap::ValueEnum;

/// What runs a query of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compute {
    Embedded,
    Lambda,
    Cluster,
}

#[derive(Debug)]
pub(crate) struct Engine {
    /// `arachne-embedded`, `duckdb`.
    pub(crate) name: String,
    /// Of its program: what was measured with another one is measured again.
    pub(crate) fingerprint: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Ours(Compute),
    Peer { python: PathBuf, script: PathBuf },
}

/// What all others are compared with.
pub(crate) const BASELINE: &str = "duckdb";

impl Engine {
    /// Those that were asked for, ours first. Makes virtual environments. Blocks.
    pub(crate) fn selected(ours: &[String], peers: &[String]) -> Result<Vec<Self>> {
        let names: Vec<String> = Compute::value_variants().iter().map(|compute| compute_name(*compute)).collect();
        let mut engines = Vec::new();
        for name in chosen(ours, &names).context("--ours")? {
            let compute = Compute::from_str(&name, true).ok().context("one of our own")?;
            engines.push(Self::ours(compute)?);
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        for name in chosen(peers, &peers_in(&folder)?).context("--peers")? {
            eprintln!("preparing {name}");
            engines.push(Self::peer(&folder, &name).with_context(|| format!("the environment of {name}"))?);
        }
        ensure!(!engines.is_empty(), "no engine is chosen; say --ours or --peers");
        Ok(engines)
    }

    /// Which of our own it is.
    pub(crate) fn compute(&self) -> Option<Compute> {
        match self.kind {
            Kind::Ours(compute) => Some(compute),
            Kind::Peer { .. } => None,
        }
    }

    /// Starts it for a job, without anything of this machine's own configuration of AWS.
    pub(crate) fn command(&self, job: &Path, s3: &S3Server) -> Result<Command> {
        let command = match &self.kind {
            Kind::Ours(compute) => {
                let mut command = isolated(&std::env::current_exe()?);
                command.arg("engine").arg(job).args(["--compute", &compute_name(*compute)]).envs(s3.environment());
                command
            }
            Kind::Peer { python, script } => {
                let mut command = isolated(python);
                command.arg(script).arg(job);
                command
            }
        };
        Ok(command)
    }

    fn ours(compute: Compute) -> Result<Self> {
        let program = fs::metadata(std::env::current_exe()?)?;
        Ok(Self {
            name: format!("arachne-{}", compute_name(compute)),
            fingerprint: fingerprint(&(program.len(), program.modified()?)),
            kind: Kind::Ours(compute),
        })
    }

    fn peer(folder: &Path, name: &str) -> Result<Self> {
        let requirements = folder.join(format!("{name}.txt"));
        let script = folder.join(format!("{name}.py"));
        let venv = Venv::of_requirements(&format!("bench-{name}"), &requirements)?;
        let texts = texts_of(folder, name)?;
        Ok(Self {
            name: name.to_owned(),
            fingerprint: fingerprint(&texts),
            kind: Kind::Peer { python: venv.program("python"), script },
        })
    }
}

fn compute_name(compute: Compute) -> String {
    compute.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// Names of programs with requirements.
fn peers_in(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "txt") && path.with_extension("py").exists() {
            names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort_by_key(|name| (name != BASELINE, name.clone()));
    Ok(names)
}

/// What a peer's program is made of: the files that begin with its name, and what all share.
fn texts_of(folder: &Path, name: &str) -> Result<Vec<String>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.retain(|path| {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        path.is_file() && (stem == "runner" || stem == name || stem.starts_with(&format!("{name}_")))
    });
    paths.sort();
    Ok(paths.into_iter().map(fs::read_to_string).collect::<Result<_, _>>()?)
}

fn chosen(asked: &[String], all: &[String]) -> Result<Vec<String>> {
    match asked {
        [all_of_them] if all_of_them == "all" => Ok(all.to_vec()),
        [none] if none == "none" => Ok(Vec::new()),
        names => {
            let unknown = names.iter().find(|name| !all.contains(name));
            ensure!(unknown.is_none(), "{} is none of {}", unknown.map_or("", |name| name), all.join(", "));
            Ok(names.to_vec())
        }
    }
}

pub(crate) fn fingerprint(what: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn engines_are_chosen_by_name_all_or_none() {
        let all = owned(&["duckdb", "polars"]);
        assert_eq!(chosen(&owned(&["all"]), &all).unwrap(), all);
        assert_eq!(chosen(&owned(&["none"]), &all).unwrap(), owned(&[]));
        assert_eq!(chosen(&owned(&["polars"]), &all).unwrap(), owned(&["polars"]));
        let error = chosen(&owned(&["polar"]), &all).unwrap_err().to_string();
        assert!(error.contains("polar is none of duckdb, polars"), "{error}");
    }
}
