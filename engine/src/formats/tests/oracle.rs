//! Against `csv-core`, for what both understand.

use csv_core::{ReadRecordResult, ReaderBuilder, Terminator};
use proptest::prelude::*;

use crate::formats::TextOptions;
use crate::formats::marks::Marks;
use crate::formats::record::{RecordScanner, Scan};

fn ours(options: &TextOptions, text: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut scanner = RecordScanner::new(options);
    let (mut at, mut records) = (0, Vec::new());
    while at < text.len() {
        let rest = &text[at..];
        at += match scanner.scan(rest, true) {
            Scan::Record(extent) => {
                let fields = scanner.fields().to_vec();
                records.push(fields.into_iter().map(|field| scanner.value(rest, field).to_vec()).collect());
                extent.bytes
            }
            Scan::Blank(extent) | Scan::Comment(extent) => extent.bytes,
            other => panic!("{other:?} at {at} of {text:?}"),
        };
    }
    records
}

fn theirs(options: &TextOptions, mut text: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut reader =
        ReaderBuilder::new().escape(options.escape).comment(options.comment).terminator(Terminator::Any(b'\n')).build();
    let mut records = Vec::new();
    loop {
        let (mut output, mut ends) = (vec![0; 4096], vec![0; 256]);
        let (mut written, mut ended) = (0, 0);
        loop {
            let (result, read, wrote, fields) = reader.read_record(text, &mut output[written..], &mut ends[ended..]);
            text = &text[read..];
            written += wrote;
            ended += fields;
            match result {
                ReadRecordResult::InputEmpty => continue,
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return records,
                full => panic!("{full:?}"),
            }
        }
        let starts = [0].into_iter().chain(ends[..ended].iter().copied());
        records.push(starts.zip(&ends[..ended]).map(|(start, &end)| output[start..end].to_vec()).collect());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn records_and_fields_are_those_of_csv_core(
        text in proptest::collection::vec(proptest::sample::select("aab,,\"\"\n\n\\#é".as_bytes().to_vec()), 0..40),
        escape in proptest::option::of(Just(b'\\')),
        comment in proptest::option::of(Just(b'#')),
    ) {
        let options = TextOptions { escape, comment, multiline: true, ..TextOptions::default() };
        // A quote left open at the end is where the two differ by design: close it.
        let mut text = text;
        let mut scanner = RecordScanner::new(&options);
        let mut at = 0;
        while at < text.len() {
            match scanner.scan(&text[at..], true) {
                Scan::Record(extent) if extent.unclosed => {
                    text.truncate(at);
                    break;
                }
                Scan::Record(extent) | Scan::Blank(extent) | Scan::Comment(extent) => at += extent.bytes,
                other => panic!("{other:?}"),
            }
        }
        // A comment that ends with the file, not with a line feed, is an empty record to csv-core.
        if comment.is_some() {
            text.push(b'\n');
        }
        prop_assert_eq!(ours(&options, &text), theirs(&options, &text));
    }

    #[test]
    fn plain_records_are_what_the_careful_scanner_finds(
        text in proptest::collection::vec(proptest::sample::select("aab,,,\"\n\n\r\\#é".as_bytes().to_vec()), 1..200),
        quote in proptest::option::of(Just(b'"')),
        escape in proptest::option::of(Just(b'\\')),
        comment in proptest::option::of(Just(b'#')),
        multiline: bool,
    ) {
        let options = TextOptions { quote, escape, comment, multiline, ..TextOptions::default() };
        let (mut plain, mut careful) = (RecordScanner::new(&options), RecordScanner::new(&options));
        let mut marks = Marks::new(&options);
        marks.extend(&text);
        let mut at = 0;
        while at < text.len() {
            let found = careful.scan(&text[at..], true);
            if let Some(extent) = plain.scan_plain(&text, at, &mut marks) {
                prop_assert_eq!(found, Scan::Record(extent));
                let fields = |scanner: &RecordScanner| format!("{:?}", scanner.fields());
                prop_assert_eq!(fields(&plain), fields(&careful));
            }
            at += match found {
                Scan::Record(extent) | Scan::Blank(extent) | Scan::Comment(extent) => extent.bytes,
                other => panic!("{other:?} at {at} of {text:?}"),
            };
        }
    }
}
