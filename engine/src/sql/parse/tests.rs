use super::*;

fn query(sql: &str) -> String {
    match parse_one(sql).unwrap() {
        Statement::Query(query) => query.to_string(),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn fails(sql: &str, message: &str, line: u64, column: u64) -> Error {
    let error = parse(sql).unwrap_err();
    assert_eq!((error.code, error.message.as_str()), (ErrorCode::Syntax, message));
    assert_eq!(error.position, Some(Position { line, column }), "{sql}");
    error
}

#[test]
fn trinos_queries() {
    for sql in [
        "SELECT * FROM 's3://bucket/prefix/'",
        "SELECT * FROM \"s3://bucket/a b/*.parquet\" AS t",
        "SELECT t.a FROM './data/*.csv' AS t JOIN '/tmp/x.parquet' AS u ON t.a = u.a",
        "SELECT \"$path\", `odd name` FROM db.\"t$partitions\"",
        "SELECT a, count(*) FILTER (WHERE b > 1) FROM t GROUP BY ROLLUP (a) HAVING count(*) > 1",
        "SELECT sum(a) OVER (PARTITION BY b ORDER BY c ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t",
        "WITH t AS (SELECT 1 AS a) SELECT a FROM t UNION ALL SELECT 2 ORDER BY 1 NULLS FIRST",
        "SELECT CAST(a AS DOUBLE), TRY_CAST(b AS BIGINT) FROM t WHERE c IS DISTINCT FROM d",
        "SELECT DATE '2024-01-01' + INTERVAL '1' DAY, TIMESTAMP '2024-01-01 00:00:00', X'0102'",
        "SELECT element FROM t CROSS JOIN UNNEST(list) AS x (element)",
        "SELECT transform(a, x -> x + 1) FROM t",
        "SELECT ARRAY[1, 2], a || b, EXTRACT(YEAR FROM d) FROM t WHERE s LIKE 'a_%'",
        "VALUES (1, 'a'), (2, 'b')",
        "(SELECT 1)",
        "SELECT a FROM t FETCH FIRST 5 ROWS ONLY",
    ] {
        let printed = query(sql);
        assert_eq!(query(&printed), printed, "{sql}");
    }
    assert_eq!(query("SELECT a FROM t OFFSET 2 LIMIT 3"), "SELECT a FROM t LIMIT 3 OFFSET 2");
    assert_eq!(query("TABLE t ORDER BY a"), "SELECT * FROM t ORDER BY a");
    assert_eq!(query("-- note\nSELECT 1 /* two */;"), "SELECT 1 AS _col0");
}

#[test]
fn what_trino_means_is_said_in_datafusions_words() {
    for (sql, said) in [
        ("SELECT 1, a, count(*) AS n, 1", "SELECT 1 AS _col0, a, count(*) AS n, 1 AS _col3"),
        ("SELECT DISTINCT f(a) FROM t ORDER BY f(a), a", "SELECT DISTINCT f(a) AS _col0 FROM t ORDER BY _col0, a"),
        ("SELECT a FROM t FETCH NEXT 5 ROWS ONLY", "SELECT a FROM t LIMIT 5"),
        ("SELECT a FROM t WHERE a = ANY (SELECT b FROM u)", "SELECT a FROM t WHERE a IN (SELECT b FROM u)"),
        ("SELECT a FROM t WHERE a <> ALL (SELECT b FROM u)", "SELECT a FROM t WHERE a NOT IN (SELECT b FROM u)"),
        ("SELECT a FROM t WHERE a LIKE 'x!%\\' ESCAPE '!'", "SELECT a FROM t WHERE a LIKE 'x\\%\\\\'"),
        ("SELECT CAST(a AS timestamp) AS b FROM t", "SELECT CAST(a AS TIMESTAMP(6)) AS b FROM t"),
        (
            "SELECT k FROM db.l JOIN (SELECT x.k FROM x) AS r USING (k) WHERE k > 1 AND EXISTS (SELECT k FROM u)",
            "SELECT k FROM db.l JOIN (SELECT x.k FROM x) AS r USING(k) WHERE l.k > 1 AND EXISTS (SELECT k FROM u)",
        ),
        ("SELECT 1e3 AS a, U&'\\00e9' AS b", "SELECT CAST('1e3' AS DOUBLE) AS a, '\u{e9}' AS b"),
    ] {
        assert_eq!(query(sql), said, "{sql}");
    }
}

#[test]
fn what_has_no_words_here_is_refused() {
    for (sql, place) in [
        ("SELECT a FROM t WHERE a > ALL (SELECT b FROM u)", Some((1, 23))),
        ("SELECT a FROM t FETCH FIRST 5 ROWS WITH TIES", None),
    ] {
        let error = parse_one(sql).unwrap_err();
        assert_eq!(error.code, ErrorCode::NotSupported, "{sql}: {error}");
        assert_eq!(error.position, place.map(|(line, column)| Position { line, column }), "{sql}");
    }
    let error = parse_one("SELECT l.k FROM l FULL JOIN r USING (k)").unwrap_err();
    assert_eq!((error.code, error.position), (ErrorCode::Syntax, Some(Position { line: 1, column: 8 })));
}

#[test]
fn is_distinct_from_ends_before_and() {
    let Statement::Query(Parsed::Statement(statement)) = parse_one("SELECT a IS DISTINCT FROM b AND c").unwrap() else {
        panic!("a query");
    };
    let ast::Statement::Query(query) = *statement else { panic!("a query") };
    let ast::SetExpr::Select(select) = *query.body else { panic!("a select") };
    let ast::SelectItem::ExprWithAlias { expr, .. } = &select.projection[0] else { panic!("a named expression") };
    assert!(matches!(expr, ast::Expr::BinaryOp { op: ast::BinaryOperator::And, .. }), "{expr:?}");
}

#[test]
fn the_first_word_decides() {
    let script = "CREATE DATABASE d; SHOW TABLES; DESCRIBE t; USE d; SET arachne.memory_limit = 64 MiB;
                  RESET arachne.x; EXPLAIN SELECT 1; select 1";
    let kinds: Vec<_> = parse(script).unwrap();
    assert!(matches!(
        kinds[..],
        [
            Statement::Ddl(_),
            Statement::Show(_),
            Statement::Describe(_),
            Statement::Use { .. },
            Statement::Set { .. },
            Statement::Reset { .. },
            Statement::Explain(_),
            Statement::Query(_),
        ]
    ));
    assert_eq!(kinds[4], Statement::Set { name: "arachne.memory_limit".into(), value: "64MiB".into() });
    for (sql, value) in [("SET a = -1", "-1"), ("SET A TO 'x y'", "x y"), ("SET SESSION a = true", "true")] {
        assert_eq!(parse_one(sql).unwrap(), Statement::Set { name: "a".into(), value: value.into() });
    }
}

#[test]
fn explains() {
    let explain = |sql: &str| match parse_one(sql).unwrap() {
        Statement::Explain(explain) => (explain.analyze, explain.verbose, explain.explain_type),
        other => panic!("{other:?}"),
    };
    assert_eq!(explain("EXPLAIN SELECT 1"), (false, false, ExplainType::Distributed));
    assert_eq!(explain("EXPLAIN ANALYZE VERBOSE SELECT 1"), (true, true, ExplainType::Distributed));
    assert_eq!(explain("EXPLAIN (FORMAT TEXT, TYPE LOGICAL) SELECT 1"), (false, false, ExplainType::Logical));
    assert_eq!(explain("EXPLAIN ANALYZE (SELECT 1)"), (true, false, ExplainType::Distributed));
    fails("EXPLAIN (TYPE IO) SELECT 1", "expected LOGICAL, DISTRIBUTED or VALIDATE, found 'IO'", 1, 15);
    fails("EXPLAIN (FORMAT JSON) SELECT 1", "expected TEXT, the only format of a plan, found 'JSON'", 1, 17);
    assert!(parse_one("EXPLAIN DROP TABLE t").is_err());
}

#[test]
fn errors_say_where() {
    fails("SELECT a FORM t WHERE b", "expected end of statement, found t", 1, 15);
    fails("SELECT a,\n  FROM t", "expected an expression, found FROM", 2, 3);
    fails("SELECT FROM t", "expected an expression, found FROM", 1, 8);
    fails("SELECT 1;\nSELECT a FROM t WHERE", "expected an expression, found the end of the statement", 2, 22);
    fails("SELECT (1 + 2", "expected ), found the end of the statement", 1, 14);
    fails("SELECT 1;\n  SELECT 'a", "unterminated string literal", 2, 10);
    fails("SELECT 1; DROP TABEL t", "expected TABLE, DATABASE or SCHEMA, found 'TABEL'", 1, 16);
    fails("SET = 1", "expected the name of a setting, found '='", 1, 5);
    fails("SET a", "expected '=' or TO, found the end of the statement", 1, 6);
    let error =
        fails("SELCT 1", "expected a statement (SELECT, CREATE EXTERNAL TABLE, SHOW, ...), found 'SELCT'", 1, 1);
    assert_eq!(error.hint.as_deref(), Some("did you mean SELECT?"));
    let error = parse("SELECT * FROM s3://bucket/x/").unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("a path stands in quotes: FROM 's3://bucket/prefix/'"));
}

#[test]
fn one_statement_at_a_time() {
    assert_eq!(parse_one(" ; -- nothing").unwrap_err().message, "there is no statement to run");
    let error = parse_one("SELECT 1;\n SELECT 2").unwrap_err();
    assert_eq!(error.position, Some(Position { line: 2, column: 2 }));
    assert!(parse_one("SELECT 1;;").is_ok());
}

#[test]
fn what_is_not_built_says_so() {
    for sql in [
        "INSERT INTO t VALUES (1)",
        "DELETE FROM t",
        "CREATE TABLE t AS SELECT 1",
        "VACUUM t",
        "UNLOAD (SELECT 1) TO 's3://b/'",
    ] {
        let error = parse_one(sql).unwrap_err();
        assert_eq!(error.code, ErrorCode::NotSupported, "{sql}");
        assert!(error.position.is_some(), "{sql}");
    }
}

#[test]
fn deep_nesting_is_an_error_not_a_crash() {
    let sql = format!("SELECT {}1{}", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(parse_one(&sql).unwrap_err().message, "the statement is nested too deeply");
}
