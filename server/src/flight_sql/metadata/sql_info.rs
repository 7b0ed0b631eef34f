//! GetSqlInfo: what the server is and which SQL it speaks.
//!
//! Drivers cast each value to the type that they expect, without a look: JDBC throws and ODBC reads garbage where it is another one. So
//! the variants of [`Value`] matter: numbers of one thing (`MAX_*`, cases, orders) are 64 bits wide, sets of things 32 (facts of the drivers'
//! sources; FlightSql.proto is vague).

use std::collections::BTreeMap;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use arrow_flight::sql::metadata::SqlInfoDataBuilder;
use arrow_flight::sql::{
    CommandGetSqlInfo, SqlInfo, SqlNullOrdering, SqlOuterJoinsSupportLevel, SqlSupportedCaseSensitivity,
    SqlSupportedGroupBy, SqlSupportedResultSetConcurrency, SqlSupportedResultSetType, SqlSupportedSubqueries,
    SqlSupportedTransaction, SqlSupportedUnions, SqlSupportsConvert as Convert, SqlTransactionIsolationLevel,
    SupportedSqlGrammar,
};

use crate::flight_sql::statement::{HANDLE_VALID, MAX_SQL_BYTES};
use crate::flight_sql::status::Result;

pub(super) fn schema() -> SchemaRef {
    SqlInfoDataBuilder::schema().clone().into()
}

/// Those asked for, or all.
pub(super) fn rows(command: &CommandGetSqlInfo) -> Result<RecordBatch> {
    let mut data = SqlInfoDataBuilder::new();
    for (name, value) in server().into_iter().chain(syntax()).chain(queries()).chain(limits()).chain(results()) {
        match value {
            Value::Text(text) => data.append(name, text),
            Value::Is(value) => data.append(name, value),
            Value::Number(number) => data.append(name, number),
            Value::Set(bits) => data.append(name, bits),
            Value::List(texts) => data.append(name, texts),
            Value::Map(map) => data.append(name, map),
        }
    }
    Ok(data.build()?.record_batch(command.info.iter().copied())?)
}

/// A child of the union in which values are sent.
enum Value {
    Text(&'static str),
    Is(bool),
    Number(i64),
    Set(i32),
    List(&'static [&'static str]),
    Map(BTreeMap<i32, Vec<i32>>),
}

type Info = (SqlInfo, Value);

fn server() -> Vec<Info> {
    let handle_milliseconds = i32::try_from(HANDLE_VALID.as_millis()).unwrap_or(i32::MAX);
    vec![
        (SqlInfo::FlightSqlServerName, Value::Text("Arachne")),
        (SqlInfo::FlightSqlServerVersion, Value::Text(env!("CARGO_PKG_VERSION"))),
        (SqlInfo::FlightSqlServerArrowVersion, Value::Text(arrow::ARROW_VERSION)),
        // Tables are not written, but defined.
        (SqlInfo::FlightSqlServerReadOnly, Value::Is(false)),
        (SqlInfo::FlightSqlServerSql, Value::Is(true)),
        (SqlInfo::FlightSqlServerSubstrait, Value::Is(false)),
        (SqlInfo::FlightSqlServerTransaction, Value::Set(SqlSupportedTransaction::None as i32)),
        (SqlInfo::FlightSqlServerCancel, Value::Is(true)),
        (SqlInfo::FlightSqlServerBulkIngestion, Value::Is(false)),
        (SqlInfo::FlightSqlServerIngestTransactionsSupported, Value::Is(false)),
        (SqlInfo::FlightSqlServerStatementTimeout, Value::Set(handle_milliseconds)),
        (SqlInfo::FlightSqlServerTransactionTimeout, Value::Set(0)),
    ]
}

fn syntax() -> Vec<Info> {
    let lower_case = SqlSupportedCaseSensitivity::SqlCaseSensitivityLowercase as i64;
    vec![
        (SqlInfo::SqlDdlCatalog, Value::Is(false)),
        (SqlInfo::SqlDdlSchema, Value::Is(true)),
        (SqlInfo::SqlDdlTable, Value::Is(true)),
        (SqlInfo::SqlIdentifierCase, Value::Number(lower_case)),
        (SqlInfo::SqlIdentifierQuoteChar, Value::Text("\"")),
        (SqlInfo::SqlQuotedIdentifierCase, Value::Number(lower_case)),
        (SqlInfo::SqlAllTablesAreSelectable, Value::Is(true)),
        (SqlInfo::SqlNullOrdering, Value::Number(SqlNullOrdering::SqlNullsSortedAtEnd as i64)),
        (SqlInfo::SqlKeywords, Value::List(&KEYWORDS)),
        (SqlInfo::SqlNumericFunctions, Value::List(&NUMERIC_FUNCTIONS)),
        (SqlInfo::SqlStringFunctions, Value::List(&STRING_FUNCTIONS)),
        (SqlInfo::SqlSystemFunctions, Value::List(&SYSTEM_FUNCTIONS)),
        (SqlInfo::SqlDatetimeFunctions, Value::List(&TIME_FUNCTIONS)),
        (SqlInfo::SqlSearchStringEscape, Value::Text("\\")),
        (SqlInfo::SqlExtraNameCharacters, Value::Text("")),
        (SqlInfo::SqlSchemaTerm, Value::Text("schema")),
        (SqlInfo::SqlProcedureTerm, Value::Text("procedure")),
        (SqlInfo::SqlCatalogTerm, Value::Text("catalog")),
        (SqlInfo::SqlCatalogAtStart, Value::Is(true)),
        (SqlInfo::SqlSchemasSupportedActions, set(&[])),
        (SqlInfo::SqlCatalogsSupportedActions, set(&[])),
    ]
}

fn queries() -> Vec<Info> {
    let joins = [SqlOuterJoinsSupportLevel::SqlLimitedOuterJoins, SqlOuterJoinsSupportLevel::SqlFullOuterJoins];
    let grammar = [SupportedSqlGrammar::SqlMinimumGrammar, SupportedSqlGrammar::SqlCoreGrammar];
    let group_by = [SqlSupportedGroupBy::SqlGroupByUnrelated, SqlSupportedGroupBy::SqlGroupByBeyondSelect];
    let subqueries = [
        SqlSupportedSubqueries::SqlSubqueriesInComparisons,
        SqlSupportedSubqueries::SqlSubqueriesInExists,
        SqlSupportedSubqueries::SqlSubqueriesInIns,
    ];
    // Entry level, the first of SQL-92's three.
    let entry_level = 0;
    vec![
        (SqlInfo::SqlSupportsColumnAliasing, Value::Is(true)),
        (SqlInfo::SqlNullPlusNullIsNull, Value::Is(true)),
        (SqlInfo::SqlSupportsConvert, Value::Map(conversions())),
        (SqlInfo::SqlSupportsTableCorrelationNames, Value::Is(true)),
        (SqlInfo::SqlSupportsDifferentTableCorrelationNames, Value::Is(false)),
        (SqlInfo::SqlSupportsExpressionsInOrderBy, Value::Is(true)),
        (SqlInfo::SqlSupportsOrderByUnrelated, Value::Is(true)),
        (SqlInfo::SqlSupportedGroupBy, set(&group_by.map(i32::from))),
        (SqlInfo::SqlSupportsLikeEscapeClause, Value::Is(true)),
        (SqlInfo::SqlSupportsNonNullableColumns, Value::Is(false)),
        (SqlInfo::SqlSupportedGrammar, set(&grammar.map(i32::from))),
        (SqlInfo::SqlAnsi92SupportedLevel, set(&[entry_level])),
        (SqlInfo::SqlSupportsIntegrityEnhancementFacility, Value::Is(false)),
        (SqlInfo::SqlOuterJoinsSupportLevel, set(&joins.map(i32::from))),
        (SqlInfo::SqlSupportedPositionedCommands, set(&[])),
        (SqlInfo::SqlSelectForUpdateSupported, Value::Is(false)),
        (SqlInfo::SqlStoredProceduresSupported, Value::Is(false)),
        (SqlInfo::SqlSupportedSubqueries, set(&subqueries.map(i32::from))),
        (SqlInfo::SqlCorrelatedSubqueriesSupported, Value::Is(true)),
        (
            SqlInfo::SqlSupportedUnions,
            set(&[SqlSupportedUnions::SqlUnion, SqlSupportedUnions::SqlUnionAll].map(i32::from)),
        ),
    ]
}

/// Zero stands for no limit, or none that is known.
fn limits() -> Vec<Info> {
    let unlimited = [
        SqlInfo::SqlMaxBinaryLiteralLength,
        SqlInfo::SqlMaxCharLiteralLength,
        SqlInfo::SqlMaxColumnNameLength,
        SqlInfo::SqlMaxColumnsInGroupBy,
        SqlInfo::SqlMaxColumnsInIndex,
        SqlInfo::SqlMaxColumnsInOrderBy,
        SqlInfo::SqlMaxColumnsInSelect,
        SqlInfo::SqlMaxColumnsInTable,
        SqlInfo::SqlMaxConnections,
        SqlInfo::SqlMaxCursorNameLength,
        SqlInfo::SqlMaxIndexLength,
        SqlInfo::SqlDbSchemaNameLength,
        SqlInfo::SqlMaxProcedureNameLength,
        SqlInfo::SqlMaxCatalogNameLength,
        SqlInfo::SqlMaxRowSize,
        SqlInfo::SqlMaxStatements,
        SqlInfo::SqlMaxTableNameLength,
        SqlInfo::SqlMaxTablesInSelect,
        SqlInfo::SqlMaxUsernameLength,
    ];
    let mut all: Vec<Info> = unlimited.into_iter().map(|name| (name, Value::Number(0))).collect();
    all.push((SqlInfo::SqlMaxStatementLength, Value::Number(i64::try_from(MAX_SQL_BYTES).unwrap_or(0))));
    all.push((SqlInfo::SqlMaxRowSizeIncludesBlobs, Value::Is(true)));
    all
}

fn results() -> Vec<Info> {
    let no_isolation = SqlTransactionIsolationLevel::SqlTransactionNone;
    let forward = SqlSupportedResultSetType::SqlResultSetTypeForwardOnly;
    let read_only = SqlSupportedResultSetConcurrency::SqlResultSetConcurrencyReadOnly;
    vec![
        (SqlInfo::SqlDefaultTransactionIsolation, Value::Number(no_isolation as i64)),
        (SqlInfo::SqlTransactionsSupported, Value::Is(false)),
        (SqlInfo::SqlSupportedTransactionsIsolationLevels, set(&[no_isolation.into()])),
        (SqlInfo::SqlDataDefinitionCausesTransactionCommit, Value::Is(false)),
        (SqlInfo::SqlDataDefinitionsInTransactionsIgnored, Value::Is(false)),
        (SqlInfo::SqlSupportedResultSetTypes, set(&[forward.into()])),
        (SqlInfo::SqlSupportedConcurrenciesForResultSetUnspecified, set(&[])),
        (SqlInfo::SqlSupportedConcurrenciesForResultSetForwardOnly, set(&[read_only.into()])),
        (SqlInfo::SqlSupportedConcurrenciesForResultSetScrollSensitive, set(&[])),
        (SqlInfo::SqlSupportedConcurrenciesForResultSetScrollInsensitive, set(&[])),
        (SqlInfo::SqlBatchUpdatesSupported, Value::Is(false)),
        (SqlInfo::SqlSavepointsSupported, Value::Is(false)),
        (SqlInfo::SqlNamedParametersSupported, Value::Is(false)),
        (SqlInfo::SqlLocatorsUpdateCopy, Value::Is(false)),
        (SqlInfo::SqlStoredFunctionsUsingCallSyntaxSupported, Value::Is(false)),
    ]
}

/// A bit for each member.
fn set(members: &[i32]) -> Value {
    Value::Set(members.iter().fold(0, |bits, member| bits | (1 << member)))
}

/// What CAST takes, in the words of ODBC.
fn conversions() -> BTreeMap<i32, Vec<i32>> {
    let numbers = [
        Convert::SqlConvertBigint,
        Convert::SqlConvertInteger,
        Convert::SqlConvertSmallint,
        Convert::SqlConvertTinyint,
        Convert::SqlConvertDecimal,
        Convert::SqlConvertNumeric,
        Convert::SqlConvertReal,
        Convert::SqlConvertFloat,
    ];
    let text = [Convert::SqlConvertVarchar];
    let times = [Convert::SqlConvertDate, Convert::SqlConvertTimestamp];
    let bit = [Convert::SqlConvertBit];
    let list = |groups: &[&[Convert]]| groups.concat().into_iter().map(i32::from).collect::<Vec<_>>();
    let mut conversions = BTreeMap::new();
    for number in numbers {
        conversions.insert(number.into(), list(&[&numbers, &text, &bit]));
    }
    for time in times {
        conversions.insert(time.into(), list(&[&times, &text]));
    }
    conversions.insert(Convert::SqlConvertBit.into(), list(&[&numbers, &text]));
    conversions.insert(Convert::SqlConvertVarchar.into(), list(&[&numbers, &times, &text, &bit]));
    conversions
}

/// Words that mean something here and are not among SQL's own.
const KEYWORDS: [&str; 16] = [
    "ANTI",
    "BUCKETS",
    "CLUSTERED",
    "DATABASE",
    "DATABASES",
    "DBPROPERTIES",
    "DESCRIBE",
    "EXPLAIN",
    "EXTERNAL",
    "MSCK",
    "PARTITIONED",
    "PARTITIONS",
    "REPAIR",
    "SEMI",
    "SERDE",
    "TBLPROPERTIES",
];

// The names of JDBC's appendix of escaped functions that are functions here.
const NUMERIC_FUNCTIONS: [&str; 23] = [
    "abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "cot", "degrees", "exp", "floor", "ln", "log10", "log2",
    "pi", "power", "radians", "round", "signum", "sin", "sqrt", "tan", "trunc",
];
const STRING_FUNCTIONS: [&str; 19] = [
    "ascii",
    "btrim",
    "char_length",
    "chr",
    "concat",
    "initcap",
    "left",
    "length",
    "lower",
    "lpad",
    "ltrim",
    "repeat",
    "replace",
    "reverse",
    "right",
    "rpad",
    "rtrim",
    "substr",
    "upper",
];
const SYSTEM_FUNCTIONS: [&str; 3] = ["coalesce", "greatest", "nullif"];
const TIME_FUNCTIONS: [&str; 7] =
    ["current_date", "date_bin", "date_part", "date_trunc", "from_unixtime", "now", "to_timestamp"];

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray as _, UInt32Array};
    use arrow::datatypes::UInt32Type;

    use super::*;

    fn ids(batch: &RecordBatch) -> &UInt32Array {
        batch.column(0).as_primitive::<UInt32Type>()
    }

    #[test]
    fn all_that_there_is_comes_but_the_versions_of_substrait() {
        let all = rows(&CommandGetSqlInfo { info: Vec::new() }).unwrap();
        let known = |id: i32| SqlInfo::try_from(id).is_ok() && id != 6 && id != 7;
        let expected: Vec<u32> = (0..600).filter(|id| known(*id)).map(|id| u32::try_from(id).unwrap()).collect();
        assert_eq!(ids(&all).values().to_vec(), expected);
        let two = rows(&CommandGetSqlInfo { info: vec![504, 3] }).unwrap();
        assert_eq!(two.num_rows(), 2);
    }

    #[test]
    fn values_are_in_the_children_that_drivers_cast_them_to() {
        let all = rows(&CommandGetSqlInfo { info: Vec::new() }).unwrap();
        let union = all.column(1).as_union();
        let child = |id: u32| union.type_id(ids(&all).values().iter().position(|known| *known == id).unwrap());
        for (expected, names) in [
            (0, vec![0, 1, 2, 504, 513, 529, 530, 531]),
            (1, vec![3, 4, 9, 500, 515, 532, 536, 539, 556, 563]),
            (2, vec![503, 505, 507, 541, 557, 561, 562]),
            (3, vec![8, 100, 522, 525, 526, 528, 533, 538, 540, 564, 567, 571]),
            (4, vec![508, 509, 510, 511, 512]),
            (5, vec![517]),
        ] {
            for name in names {
                assert_eq!(child(name), expected, "{name}");
            }
        }
    }
}
