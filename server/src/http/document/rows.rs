//! Results, where they are JSON and more than rows.

use arachne_catalog::HiveType;
use arrow::datatypes::Schema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::QueryDocument;

/// A query that has succeeded, with the first page of its rows.
#[derive(Debug, ToSchema)]
#[schema(as = QueryWithRows)]
pub struct ResultDocument {
    /// The query itself.
    pub query: QueryDocument,
    pub columns: Vec<FieldDocument>,
    /// Each an object with the columns as keys; docs/http-api.md says how values are written.
    #[schema(value_type = Vec<Object>)]
    pub rows: String,
    /// Where the next page is, if there is one; also in the header `Link`.
    #[schema(required = false, nullable = false)]
    pub next: Option<String>,
}

impl ResultDocument {
    /// `rows` is JSON already, and stays as it is: numbers would lose digits on the way through values.
    ///
    /// # Errors
    /// None in practice: everything in it can be JSON.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let Self { query, columns, rows, next } = self;
        let (query, columns) = (serde_json::to_string(query)?, serde_json::to_string(columns)?);
        let next = match next {
            Some(next) => format!(",\"next\":{}", serde_json::to_string(next)?),
            None => String::new(),
        };
        Ok(format!("{{\"query\":{query},\"columns\":{columns},\"rows\":{}{next}}}\n", rows.trim_end()))
    }
}

/// A column of a result.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Field)]
pub struct FieldDocument {
    pub name: String,
    /// The type in Hive's words (`bigint`, `decimal(10,2)`, `array<string>`), or in Arrow's where Hive has none.
    #[serde(rename = "type")]
    pub data_type: String,
    pub nullable: bool,
}

impl FieldDocument {
    pub(in crate::http) fn all(schema: &Schema) -> Vec<Self> {
        let fields = schema.fields().iter();
        let fields = fields.map(|field| Self {
            name: field.name().clone(),
            data_type: HiveType::from_arrow(field.data_type())
                .map_or_else(|_| field.data_type().to_string(), |hive| hive.to_string()),
            nullable: field.is_nullable(),
        });
        fields.collect()
    }
}

/// Where the rows of a query can be had from the object store itself.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = ResultLink)]
pub struct LinkDocument {
    /// A presigned GET: whoever has it can read the rows until it expires, without other credentials.
    pub url: String,
    /// Milliseconds since 1970.
    pub expires_ms: i64,
    /// `application/vnd.apache.arrow.file`.
    pub media_type: String,
}
