//! What a consumer is told of a stage it reads.

use serde::{Deserialize, Serialize};

use super::{Blob, ProducedTask};
use crate::error::{Error, Result};

/// The cheapest level: offsets gain little from more, and every wide stage passes here.
const ZSTD_LEVEL: i32 = 1;

/// The committed output of one upstream stage: exactly one winning attempt per task, in task order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageInput {
    pub stage: u32,
    pub tasks: Vec<ProducedTask>,
}

/// A [`StageInput`], encoded once and sent to every consumer of the stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manifest {
    /// zstd of its JSON.
    Here(Blob),
    /// The object of this name below the exchange's URL holds the same bytes: a wide stage's manifest would be sent many times.
    Stored(String),
}

impl StageInput {
    pub fn encode(&self) -> Result<Vec<u8>> {
        let json = serde_json::to_vec(self).map_err(|error| Error::internal(format!("manifest: {error}")))?;
        zstd::bulk::compress(&json, ZSTD_LEVEL).map_err(|error| Error::internal(format!("manifest: {error}")))
    }

    /// # Errors
    /// `Internal` for bytes that [`encode`](Self::encode) did not make.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let unreadable =
            |error: &dyn std::error::Error| Error::internal(format!("the manifest of a stage cannot be read: {error}"));
        let json = zstd::stream::decode_all(bytes).map_err(|error| unreadable(&error))?;
        serde_json::from_slice(&json).map_err(|error| unreadable(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Attempt, TaskKey, TaskOutput};

    #[test]
    fn a_manifest_is_read_back_and_a_wide_one_is_small() {
        let tasks = (0..200).map(|task| {
            let attempt = Attempt { task: TaskKey { stage: 3, task }, number: 0 };
            let offsets = (0..=400).map(|partition| partition * (1000 + u64::from(task))).collect();
            ProducedTask { attempt, output: TaskOutput { offsets, inline: None, copy: None, rows: 7 } }
        });
        let input = StageInput { stage: 3, tasks: tasks.collect() };
        let bytes = input.encode().unwrap();
        assert!(bytes.len() < 200 * 400 * 2, "{} bytes", bytes.len());
        assert_eq!(StageInput::decode(&bytes).unwrap(), input);
        assert!(StageInput::decode(&bytes[1..]).is_err());
    }
}
