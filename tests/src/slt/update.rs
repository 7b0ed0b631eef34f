//! Writes an engine's answers into a file, in the place of those that are there.

use std::fmt::Write;
use std::future::IntoFuture;
use std::path::Path;

use futures::executor::block_on;
use sqllogictest::{MakeConnection, Record, RecordOutput, Runner, default_validator, update_record_with_output};

use super::database::Database;
use super::{Comment, Mode, cell, parse, records};

/// Records that DuckDB is not asked stay as they are; what it refuses is printed.
pub(super) fn rewrite<M>(file: &Path, runner: &mut Runner<Database, M>)
where
    M: MakeConnection<Conn = Database>,
    M::MakeFuture: IntoFuture,
{
    let name = file.file_name().and_then(|name| name.to_str()).expect("a file's name");
    let mut written = String::new();
    let mut comment = Comment::default();
    for record in parse(name) {
        comment.see(&record);
        if let Record::Include { filename, .. } = &record {
            for record in records(filename, Mode::DuckDb) {
                runner.run(record).unwrap_or_else(|error| panic!("{error}"));
            }
        }
        let asked = comment.in_duckdb_s_words(record.clone());
        let output = asked.map_or(RecordOutput::Nothing, |record| block_on(runner.apply_record(record)));
        if let RecordOutput::Query { error: Some(error), .. } | RecordOutput::Statement { error: Some(error), .. } =
            &output
        {
            println!("{record}\nDuckDB refuses it: {error}\n");
            writeln!(written, "{record}").expect("a string takes everything");
            continue;
        }
        let updated =
            update_record_with_output(&record, &output, " ", default_validator, cell::unchanged, cell::same_types);
        writeln!(written, "{}", updated.unwrap_or(record)).expect("a string takes everything");
    }
    std::fs::write(file, format!("{}\n", written.trim_end())).expect("the file is written");
}
