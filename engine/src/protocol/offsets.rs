//! Offset tables on the wire: base64 of the partitions' lengths, seven bits a byte (LEB128).
//!
//! A stage of 1,000 tasks for as many consumers has millions of offsets: as decimal numbers they would outweigh the plan.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serializer, de};

pub(super) fn serialize<S: Serializer>(offsets: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
    let mut bytes = Vec::with_capacity(offsets.len() * 3);
    for pair in offsets.windows(2) {
        write(&mut bytes, pair[1].saturating_sub(pair[0]));
    }
    serializer.serialize_str(&STANDARD.encode(&bytes))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    let bytes = STANDARD.decode(text.as_bytes()).map_err(de::Error::custom)?;
    let mut rest = bytes.as_slice();
    let mut offsets = vec![0];
    let mut end: u64 = 0;
    while !rest.is_empty() {
        let length = read(&mut rest).ok_or_else(|| de::Error::custom("an offset table is cut short"))?;
        end = end.checked_add(length).ok_or_else(|| de::Error::custom("an offset table is out of range"))?;
        offsets.push(end);
    }
    Ok(offsets)
}

fn write(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn read(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::protocol::TaskOutput;

    #[test]
    fn offsets_are_read_back() {
        for offsets in [vec![0], vec![0, 0, 0], vec![0, 127, 255, 16_639], vec![0, 1, u64::MAX]] {
            let output = TaskOutput { offsets, inline: None, copy: None, rows: 1 };
            let json = serde_json::to_string(&output).unwrap();
            assert_eq!(serde_json::from_str::<TaskOutput>(&json).unwrap(), output, "{json}");
        }
        assert!(serde_json::from_str::<TaskOutput>(r#"{"offsets": "gA==", "rows": 0}"#).is_err());
    }
}
