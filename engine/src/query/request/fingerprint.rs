//! Tells two requests apart without keeping either.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema};
use arrow_ipc::writer::StreamWriter;
use datafusion::common::ScalarValue;
use sha2::{Digest as _, Sha256};

use super::{Parameters, QueryRequest};
use crate::error::Result;

/// The same for requests that ask for the same: statement, database, workgroup, settings in any order, parameters. In hexadecimal.
///
/// # Errors
/// `NotSupported` for a parameter of a type that has no form in bytes.
pub(in crate::query) fn fingerprint(request: &QueryRequest) -> Result<String> {
    let mut hash = Hash(Sha256::new());
    hash.text(&request.sql);
    hash.text(&request.database);
    hash.text(&request.principal.workgroup);
    let mut settings: Vec<_> = request.settings.iter().collect();
    settings.sort();
    hash.count(settings.len());
    for (name, value) in settings {
        hash.text(name);
        hash.text(value);
    }
    match &request.parameters {
        Parameters::None => {}
        Parameters::Positional(values) => {
            hash.count(values.len());
            for value in values {
                hash.value(value)?;
            }
        }
        Parameters::Named(values) => {
            let mut values: Vec<_> = values.iter().collect();
            values.sort_by(|(a, _), (b, _)| a.cmp(b));
            for (name, value) in values {
                hash.text(name);
                hash.value(value)?;
            }
        }
    }
    Ok(hash.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

struct Hash(Sha256);

impl Hash {
    /// With its length, so that two texts are not another two with the border elsewhere.
    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.update(text);
    }

    fn count(&mut self, count: usize) {
        self.0.update((count as u64).to_le_bytes());
    }

    /// As Arrow writes it, type and all.
    fn value(&mut self, value: &ScalarValue) -> Result<()> {
        let schema = Arc::new(Schema::new(vec![Field::new("v", value.data_type(), true)]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![value.to_array()?])?;
        let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
        writer.write(&batch)?;
        let bytes = writer.into_inner()?;
        self.count(bytes.len());
        self.0.update(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Principal;

    #[test]
    fn what_decides_the_answer_decides_the_fingerprint() {
        let of = |request: &QueryRequest| fingerprint(request).unwrap();
        let base = QueryRequest::new("SELECT 1");
        let positional = |values: Vec<ScalarValue>| QueryRequest {
            parameters: Parameters::Positional(values),
            ..QueryRequest::new("SELECT 1")
        };
        let others = [
            QueryRequest::new("SELECT 2"),
            QueryRequest { database: "sales".to_owned(), ..base.clone() },
            base.clone().with_setting("a", "b"),
            positional(vec![ScalarValue::from(1_i64)]),
            positional(vec![ScalarValue::from(1_i32)]),
            positional(vec![ScalarValue::from("1")]),
            positional(vec![ScalarValue::Null]),
            QueryRequest { principal: Principal { workgroup: "etl".to_owned(), ..Principal::local() }, ..base.clone() },
        ];
        for (nth, other) in others.iter().enumerate() {
            assert_eq!(of(other), of(&other.clone()));
            assert!(others[..nth].iter().chain([&base]).all(|known| of(known) != of(other)), "{other:?}");
        }
        let ab = base.clone().with_setting("a", "1").with_setting("b", "2");
        let ba = base.clone().with_setting("b", "2").with_setting("a", "1");
        assert_eq!(of(&ab), of(&ba));
    }
}
