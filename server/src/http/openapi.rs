//! `/openapi.json`: the door described for programs (OpenAPI 3.1), made from the handlers and documents themselves.

use axum::Json;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, Ref, RefOr, Schema};
use utoipa::{OpenApi, PartialSchema, ToSchema};

use super::document::{
    DryRunDocument, LinkDocument, ParameterDocument, ParametersDocument, ProblemDocument, ResultDocument, TypedValue,
};
use super::{catalog, health, queries, sql};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Arachne",
        description = "SQL over files in S3. docs/http-api.md tells it with examples.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        sql::run,
        queries::submit,
        queries::list,
        queries::get,
        queries::cancel,
        queries::results,
        queries::events,
        queries::plan,
        catalog::databases,
        catalog::database,
        catalog::tables,
        catalog::table,
        catalog::partitions,
        catalog::statistics,
        health::healthz,
        health::readyz,
    ),
    components(schemas(
        Row, DryRunDocument, LinkDocument, ParameterDocument, ParametersDocument, ProblemDocument, ResultDocument, TypedValue
    )),
    tags(
        (name = "queries", description = "Statements, their state and their rows"),
        (name = "catalog", description = "Databases, tables and partitions"),
        (name = "server", description = "The server itself"),
    )
)]
struct Description;

/// The document of a server that lets in everybody, or only those who say who they are.
pub(super) fn document(is_open: bool) -> Document {
    let mut document = Description::openapi();
    if is_open {
        return document;
    }
    let schemes = [("bearer", HttpAuthScheme::Bearer), ("basic", HttpAuthScheme::Basic)];
    let components = document.components.get_or_insert_default();
    for (name, scheme) in schemes.clone() {
        components.add_security_scheme(name, SecurityScheme::Http(HttpBuilder::new().scheme(scheme).build()));
    }
    let none: [&str; 0] = [];
    document.security = Some(schemes.iter().map(|(name, _)| SecurityRequirement::new(*name, none)).collect());
    document
}

pub(super) async fn serve(document: Document) -> Json<Document> {
    Json(document)
}

/// One row of a result: an object with the columns as keys.
pub(super) struct Row;

impl PartialSchema for Row {
    fn schema() -> RefOr<Schema> {
        let anything = AdditionalProperties::FreeForm(true);
        ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(anything)).into()
    }
}

impl ToSchema for Row {}

/// One server-sent event.
pub(super) struct QueryEvent;

impl PartialSchema for QueryEvent {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        ObjectBuilder::new()
            .property("event", text().enum_values(Some(["progress", "end"])))
            .property("data", text().content_media_type("application/json").description(Some("The query")))
            .required("event")
            .required("data")
            .into()
    }
}

impl ToSchema for QueryEvent {}

/// Rows that are not JSON: text or bytes.
pub(super) struct AnyRows;

impl PartialSchema for AnyRows {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).into()
    }
}

impl ToSchema for AnyRows {
    fn name() -> std::borrow::Cow<'static, str> {
        "Rows".into()
    }
}

/// `/v1/queries/{id}/results` as JSON.
pub(super) struct RowsOrLink;

impl PartialSchema for RowsOrLink {
    fn schema() -> RefOr<Schema> {
        let rows = ArrayBuilder::new().items(Ref::from_schema_name("Row")).build();
        OneOfBuilder::new().item(rows).item(Ref::from_schema_name("ResultLink")).into()
    }
}

impl ToSchema for RowsOrLink {}

/// `POST /v1/queries` as JSON, when it does not have to be waited for any longer.
pub(super) struct Succeeded;

impl PartialSchema for Succeeded {
    fn schema() -> RefOr<Schema> {
        let both = OneOfBuilder::new().item(Ref::from_schema_name("QueryWithRows"));
        both.item(Ref::from_schema_name("DryRun")).into()
    }
}

impl ToSchema for Succeeded {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_in_the_document_leads_somewhere() {
        let document = serde_json::to_value(document(false)).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
        let text = document.to_string();
        let references = text.split("\"#").skip(1).map(|rest| rest.split('"').next().unwrap());
        let mut count = 0;
        for pointer in references {
            assert!(document.pointer(pointer).is_some(), "{pointer}");
            count += 1;
        }
        assert!(count > 50, "{count}");
    }
}
