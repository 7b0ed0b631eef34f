//! A file that holds bytes and what is known of them, so that one rename publishes both:
//!
//! ```text
//! bytes, from offset 0 | JSON | length of the JSON (u32, little endian) | magic (8 bytes)
//! ```
//!
//! The JSON comes last because an ETag is known only when all bytes were seen.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use serde::Serialize;
use serde::de::DeserializeOwned;

const MAGIC: [u8; 8] = *b"ARS3OBJ1";
const FOOTER: usize = 4 + MAGIC.len();
/// Bytes read at first to find the trailer; most trailers are far shorter.
const GUESS: u64 = 4096;

/// Writes the trailer; the bytes must have been written, and the file be positioned behind them.
pub(super) fn append_trailer<T: Serialize>(file: &mut File, record: &T) -> io::Result<()> {
    let mut trailer = serde_json::to_vec(record)?;
    let length = u32::try_from(trailer.len()).map_err(io::Error::other)?;
    trailer.extend(length.to_le_bytes());
    trailer.extend(MAGIC);
    file.write_all(&trailer)
}

/// Reads the trailer, and how many bytes stand before it.
pub(super) fn read_trailer<T: DeserializeOwned>(file: &File) -> io::Result<(T, u64)> {
    let length = file.metadata()?.len();
    let tail = read_tail(file, length, GUESS.min(length))?;
    let json_length = json_length(&tail)?;
    let trailer_length = (json_length + FOOTER) as u64;
    if trailer_length > length {
        return Err(invalid("the trailer is longer than the file"));
    }
    let tail = if trailer_length > tail.len() as u64 { read_tail(file, length, trailer_length)? } else { tail };
    let end = tail.len() - FOOTER;
    let record = serde_json::from_slice(&tail[end - json_length..end])?;
    Ok((record, length - trailer_length))
}

fn read_tail(file: &File, length: u64, wanted: u64) -> io::Result<Vec<u8>> {
    let mut tail = vec![0; usize::try_from(wanted).map_err(io::Error::other)?];
    file.read_exact_at(&mut tail, length - wanted)?;
    Ok(tail)
}

fn json_length(tail: &[u8]) -> io::Result<usize> {
    let Some((_, footer)) = tail.split_last_chunk::<FOOTER>() else {
        return Err(invalid("the file is too short"));
    };
    let (length, magic) = footer.split_at(4);
    if magic != MAGIC {
        return Err(invalid("the file has no trailer"));
    }
    let length = <[u8; 4]>::try_from(length).map_err(io::Error::other)?;
    Ok(u32::from_le_bytes(length) as usize)
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bytes: &[u8], record: &str) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        append_trailer(&mut file, &record).unwrap();
        file
    }

    #[test]
    fn reads_what_was_written() {
        let long = "x".repeat(3 * GUESS as usize);
        for (bytes, record) in [(&b""[..], ""), (b"data", "short"), (b"data", &long), (&[7; 10_000], &long)] {
            let (read, size) = read_trailer::<String>(&written(bytes, record)).unwrap();
            assert_eq!((read.as_str(), size), (record, bytes.len() as u64));
        }
    }

    #[test]
    fn refuses_files_that_are_cut_or_foreign() {
        let whole = written(b"data", "record");
        let length = whole.metadata().unwrap().len();
        for cut in [0, 3, 12, length - 1] {
            whole.set_len(cut).unwrap();
            assert!(read_trailer::<String>(&whole).is_err(), "cut to {cut}");
        }
    }
}
