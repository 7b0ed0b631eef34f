//! Whether an engine's answer is the right one: DuckDB's over plain files is.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};
use arachne_tests::answer::{Answer, Expected};
use arachne_tests::suites::expected_answers;
use arrow::array::RecordBatch;
use arrow::ipc::reader::FileReader;

use super::dataset::Dataset;
use super::suite::Query;

/// SQL lets engines choose whether `7 / 2` of integers is 3 or 3.5: either counts.
const INTEGER_DIVISION: [bool; 2] = [true, false];

/// What one query may answer.
#[derive(Debug, Clone)]
pub(crate) struct RightAnswers(Vec<Expected>);

impl RightAnswers {
    /// Asks the reference, or remembers what it said. Blocks.
    pub(crate) fn to(query: &Query, data: &Dataset) -> Result<Self> {
        let ways = if query.sql.contains('/') { &INTEGER_DIVISION[..] } else { &INTEGER_DIVISION[..1] };
        let mut right = Vec::new();
        for integer_division in ways {
            let db = data.reference().statement(format!("SET integer_division = {integer_division}"));
            let answers = expected_answers(&db, &data.answers_dir(), &[&query.sql]);
            let answers = answers.with_context(|| format!("the reference's answer to {}", query.name))?;
            right.extend(answers.into_iter().map(|answer| answer.with_slack(query.slack)));
        }
        Ok(Self(right))
    }

    /// Says what is wrong with the rows in an Arrow IPC file, if anything is. Blocks.
    pub(crate) fn difference(&self, file: &Path) -> Result<Option<String>> {
        let reader = FileReader::try_new(File::open(file)?, None)?;
        let schema = reader.schema();
        let batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>()?;
        let answer = Answer::of(&schema, &batches)?;
        let mut first = None;
        for right in &self.0 {
            match right.difference(&answer) {
                None => return Ok(None),
                Some(difference) => first = first.or(Some(difference)),
            }
        }
        Ok(first)
    }
}
