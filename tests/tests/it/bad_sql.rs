//! SQL that cannot be run: the message says where and what instead.

use arachne_tests::cli::Cli;

#[test]
fn sql_that_does_not_parse_is_marked_in_its_line() {
    let cli = Cli::new();
    let run = cli.sql("SELECT 1,\n       2 FRM t", &[]).fails_saying(&["syntax error", "2 |", "^"]);
    let caret = caret_column(&run.stderr);
    let line = run.stderr.lines().find(|line| line.contains("FRM t")).unwrap();
    let place = &line[caret..];
    assert!(place.starts_with("FRM") || place.starts_with('t'), "the caret stands at {place:?} in {}", run.stderr);
}

#[test]
fn an_unfinished_statement_says_so() {
    Cli::new().sql("SELECT (1 + 2", &[]).fails_saying(&["syntax error"]);
    Cli::new().sql("SELECT 'open", &[]).fails_saying(&["syntax error"]);
}

#[test]
fn an_unknown_column_names_its_neighbours() {
    let cli = Cli::new();
    let file = cli.file("fruit.csv", "name,grams\napple,150\n");
    let sql = format!("SELECT nmae FROM '{}'", file.display());
    let run = cli.sql(&sql, &[]).fails_saying(&["nmae", "name", "^"]);
    let line = run.stderr.lines().find(|line| line.contains("SELECT nmae")).unwrap();
    assert!(line[caret_column(&run.stderr)..].starts_with("nmae"), "{}", run.stderr);
}

#[test]
fn an_unknown_table_names_its_neighbours() {
    let cli = Cli::new();
    cli.file("orders/a.csv", "k\n1\n");
    let location = format!("file://{}/orders/", cli.home().display());
    cli.sql(&format!("CREATE EXTERNAL TABLE orders (k int) STORED AS TEXTFILE LOCATION '{location}'"), &[]).succeeds();
    cli.sql("SELECT * FROM ordres", &[]).fails_saying(&["ordres", "orders", "^"]);
}

#[test]
fn wrong_functions_types_and_groups_are_the_query_s_fault() {
    let cli = Cli::new();
    let file = cli.file("fruit.csv", "name,grams\napple,150\n");
    let from = format!("FROM '{}'", file.display());
    cli.sql("SELECT no_such_function(1)", &[]).fails_saying(&["no_such_function"]);
    cli.sql(&format!("SELECT name, sum(grams) {from}"), &[]).fails_saying(&["name"]);
    cli.sql(&format!("SELECT sum(name) {from}"), &[]).fails_saying(&["sum"]);
    for sql in ["SELECT 1 / 0", "SELECT CAST('x' AS int)"] {
        let run = cli.sql(sql, &[]).fails_saying(&[]);
        assert!(!run.stderr.contains("internal error"), "{}", run.stderr);
    }
}

/// Where the caret stands, in bytes of its line; the margin is the same as the marked line's.
fn caret_column(report: &str) -> usize {
    report.lines().find_map(|line| line.trim_end().ends_with('^').then(|| line.rfind('^').unwrap())).expect("a caret")
}
