//! The file formats by the Java class names that Hive, Glue and Athena write for them.

use crate::model::{SerDe, StorageDescriptor};

/// Delimited text without quotes: Hive's default.
pub const LAZY_SIMPLE_SERDE: &str = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe";
/// Text with quotes.
pub const OPEN_CSV_SERDE: &str = "org.apache.hadoop.hive.serde2.OpenCSVSerde";
pub const PARQUET_SERDE: &str = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";
pub const ORC_SERDE: &str = "org.apache.hadoop.hive.ql.io.orc.OrcSerde";
pub const AVRO_SERDE: &str = "org.apache.hadoop.hive.serde2.avro.AvroSerDe";
pub const OPENX_JSON_SERDE: &str = "org.openx.data.jsonserde.JsonSerDe";
pub const HCATALOG_JSON_SERDE: &str = "org.apache.hive.hcatalog.data.JsonSerDe";

pub const TEXT_INPUT: &str = "org.apache.hadoop.mapred.TextInputFormat";
pub const TEXT_OUTPUT: &str = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat";
pub const PARQUET_INPUT: &str = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat";
pub const PARQUET_OUTPUT: &str = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat";
const ORC_INPUT: &str = "org.apache.hadoop.hive.ql.io.orc.OrcInputFormat";
const ORC_OUTPUT: &str = "org.apache.hadoop.hive.ql.io.orc.OrcOutputFormat";
const AVRO_INPUT: &str = "org.apache.hadoop.hive.ql.io.avro.AvroContainerInputFormat";
const AVRO_OUTPUT: &str = "org.apache.hadoop.hive.ql.io.avro.AvroContainerOutputFormat";

/// What a table's files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    Parquet,
    /// LazySimpleSerDe: fields between delimiters, no quotes.
    DelimitedText,
    /// OpenCSVSerde: fields may stand in quotes.
    QuotedCsv,
    Json,
    Orc,
    Avro,
}

impl FileFormat {
    /// What a stored definition says, `None` where its classes are not known here.
    pub fn of(storage: &StorageDescriptor) -> Option<Self> {
        match storage.serde.serialization_library.as_str() {
            PARQUET_SERDE => Some(Self::Parquet),
            LAZY_SIMPLE_SERDE => Some(Self::DelimitedText),
            OPEN_CSV_SERDE => Some(Self::QuotedCsv),
            OPENX_JSON_SERDE | HCATALOG_JSON_SERDE => Some(Self::Json),
            ORC_SERDE => Some(Self::Orc),
            AVRO_SERDE => Some(Self::Avro),
            _ => None,
        }
    }

    /// The word after `STORED AS`: Hive's, and `CSV` and `JSON` for convenience.
    pub fn from_stored_as(word: &str) -> Option<Self> {
        match word.to_ascii_uppercase().as_str() {
            "PARQUET" => Some(Self::Parquet),
            "TEXTFILE" => Some(Self::DelimitedText),
            "CSV" => Some(Self::QuotedCsv),
            "JSON" | "JSONFILE" => Some(Self::Json),
            "ORC" => Some(Self::Orc),
            "AVRO" => Some(Self::Avro),
            _ => None,
        }
    }

    /// The classes that Glue holds for it.
    pub fn classes(self) -> FormatClasses {
        match self {
            Self::Parquet => FormatClasses::new(PARQUET_INPUT, PARQUET_OUTPUT, PARQUET_SERDE),
            Self::DelimitedText => FormatClasses::new(TEXT_INPUT, TEXT_OUTPUT, LAZY_SIMPLE_SERDE),
            Self::QuotedCsv => FormatClasses::new(TEXT_INPUT, TEXT_OUTPUT, OPEN_CSV_SERDE),
            Self::Json => FormatClasses::new(TEXT_INPUT, TEXT_OUTPUT, OPENX_JSON_SERDE),
            Self::Orc => FormatClasses::new(ORC_INPUT, ORC_OUTPUT, ORC_SERDE),
            Self::Avro => FormatClasses::new(AVRO_INPUT, AVRO_OUTPUT, AVRO_SERDE),
        }
    }

    /// A storage descriptor of this format at a location, its settings all at their defaults.
    pub fn storage(self, location: impl Into<String>) -> StorageDescriptor {
        let classes = self.classes();
        StorageDescriptor {
            location: location.into(),
            input_format: classes.input.to_owned(),
            output_format: classes.output.to_owned(),
            serde: SerDe { serialization_library: classes.serde.to_owned(), ..SerDe::default() },
            ..StorageDescriptor::default()
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormatClasses {
    pub input: &'static str,
    pub output: &'static str,
    pub serde: &'static str,
}

impl FormatClasses {
    fn new(input: &'static str, output: &'static str, serde: &'static str) -> Self {
        Self { input, output, serde }
    }
}
