//! Where the table's columns are found in one file.

use arrow::datatypes::Schema;

use super::options::{ColumnMapping, OnError, TextOptions};
use super::problem::Problem;

/// The shape of one file's records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// Fields that every record should have.
    pub(super) width: usize,
    /// For each column of the table the field that holds it; `None`: the file does not have it.
    pub(super) fields: Vec<Option<usize>>,
    /// Whether the width comes from the file's own header.
    pub(super) from_header: bool,
}

impl Layout {
    /// The layout of a file whose header, if it has one, holds `names`.
    pub(super) fn new(options: &TextOptions, schema: &Schema, names: Option<&[String]>) -> Result<Self, Problem> {
        match (options.columns, names) {
            (ColumnMapping::Name, Some(names)) => by_name(options, schema, names),
            (ColumnMapping::Position, Some(names)) if names.len() > 1 || schema.fields().len() == 1 => {
                by_position(options, schema, names)
            }
            // No header, or one line that cannot be a list of these columns: a title.
            _ => Ok(Self {
                width: schema.fields().len(),
                fields: (0..schema.fields().len()).map(Some).collect(),
                from_header: false,
            }),
        }
    }
}

fn by_position(options: &TextOptions, schema: &Schema, names: &[String]) -> Result<Layout, Problem> {
    let (width, declared) = (names.len(), schema.fields().len());
    if width > declared && options.on_error == OnError::Fail {
        let message = format!("its header has {width} columns, and the table declares {declared}");
        return Err(Problem::Header(message));
    }
    Ok(Layout {
        width,
        fields: (0..declared).map(|index| (index < width).then_some(index)).collect(),
        from_header: true,
    })
}

fn by_name(options: &TextOptions, schema: &Schema, names: &[String]) -> Result<Layout, Problem> {
    let column_of = |name: &String| {
        let fields = schema.fields();
        let exact = fields.iter().position(|field| field.name() == name);
        exact.or_else(|| fields.iter().position(|field| field.name().eq_ignore_ascii_case(name)))
    };
    let mut fields = vec![None; schema.fields().len()];
    let mut unknown = Vec::new();
    for (position, name) in names.iter().enumerate() {
        match column_of(name) {
            Some(column) if fields[column].is_none() => fields[column] = Some(position),
            _ => unknown.push(name.as_str()),
        }
    }
    let none_known = unknown.len() == names.len();
    if none_known || (!unknown.is_empty() && options.on_error == OnError::Fail) {
        let known = match &options.described_by {
            Some(first) => format!("the columns read from {first}, and files like it"),
            None => "the columns of the table".to_string(),
        };
        let listed = unknown.iter().take(5).map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        return Err(Problem::Header(format!("its header names {listed}, which is not among {known}")));
    }
    Ok(Layout { width: names.len(), fields, from_header: true })
}
