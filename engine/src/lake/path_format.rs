//! The format of a file by its name, for paths that no table describes.

use object_store::path::Path;

use crate::error::{Error, ErrorCode, Result};

/// Formats that can be read without a declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathFormat {
    Parquet,
    Text,
}

const PARQUET: [&str; 3] = ["parquet", "parq", "pq"];
const TEXT: [&str; 5] = ["csv", "tsv", "tab", "psv", "txt"];
/// Compressions of whole files; Parquet compresses inside.
const COMPRESSED: [&str; 7] = ["gz", "gzip", "zst", "zstd", "bz2", "bzip2", "xz"];

impl PathFormat {
    /// `part-0.snappy.parquet`, `a.csv.gz`; `None` where the name promises nothing that is known.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let name = path.filename()?.to_ascii_lowercase();
        let (stem, extension) = name.rsplit_once('.')?;
        if PARQUET.contains(&extension) {
            return Some(Self::Parquet);
        }
        let extension = match COMPRESSED.contains(&extension) {
            true => stem.rsplit_once('.')?.1,
            false => extension,
        };
        TEXT.contains(&extension).then_some(Self::Text)
    }

    /// The one format of all files. Fails, and says what to do, where a name is not known or two formats meet.
    pub(super) fn of_all<'a>(shown: &str, files: impl IntoIterator<Item = &'a Path>) -> Result<Self> {
        let mut known: Option<(Self, &Path)> = None;
        for file in files {
            let format = Self::of(file).ok_or_else(|| unknown(file))?;
            match known {
                Some((first, other)) if first != format => return Err(two_formats(shown, other, file)),
                Some(_) => {}
                None => known = Some((format, file)),
            }
        }
        known.map(|(format, _)| format).ok_or_else(|| Error::internal("there is no file to take a format from"))
    }
}

fn unknown(file: &Path) -> Error {
    Error::new(ErrorCode::InvalidArgument, format!("the format of {file} cannot be told from its name"))
        .with_hint("known are .parquet, .csv, .tsv, .psv and .txt (text also with .gz, .zst, .bz2, .xz); for others declare a table with CREATE EXTERNAL TABLE, or choose files with a pattern such as '*.parquet'")
}

fn two_formats(shown: &str, first: &Path, second: &Path) -> Error {
    Error::new(ErrorCode::InvalidArgument, format!("{shown} holds files of two formats: {first} and {second}"))
        .with_hint("choose the files with a pattern such as '*.parquet'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_the_format() {
        let of = |name: &str| PathFormat::of(&Path::parse(name).unwrap());
        for name in ["a.parquet", "a/b.c/part-0.snappy.PARQUET", "x.pq"] {
            assert_eq!(of(name), Some(PathFormat::Parquet), "{name}");
        }
        for name in ["a.csv", "a.CSV.GZ", "x y.tsv.zst", "a.txt.bz2", "a.psv.xz"] {
            assert_eq!(of(name), Some(PathFormat::Text), "{name}");
        }
        for name in ["a", "a.orc", "a.gz", "parquet", "a.parquet.gz", "a.csv/b"] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
