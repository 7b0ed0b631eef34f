//! A table of logs with a folder for each day.

use std::fs;
use std::path::Path;

use anyhow::Result;
use arachne_tests::duckdb::DuckDb;

use super::Query;

/// At scale 1, from 2022-01-01 on.
const DAYS: f64 = 1_000.0;

/// A row is a function of its day and number, so that every build makes the same.
const ROWS: &str = "SELECT \
    TIMESTAMP '2022-01-01 00:00:00' + to_days($day) + to_seconds(n * 86400 // 6000) AS logged_at, \
    ['web', 'api', 'auth', 'billing', 'search', 'mail', 'jobs', 'edge'][1 + (hash('service' || n || '-$day') % 8)::INTEGER] AS service, \
    CASE WHEN hash('level' || n || '-$day') % 1000 < 3 THEN 'FATAL' WHEN hash('level' || n || '-$day') % 100 < 4 THEN 'ERROR' \
      WHEN hash('level' || n || '-$day') % 10 < 2 THEN 'WARN' ELSE 'INFO' END AS level, \
    ([200, 200, 200, 200, 200, 204, 301, 404, 429, 500][1 + (hash('status' || n || '-$day') % 10)::INTEGER])::INTEGER AS status, \
    '/v1/' || ['orders', 'users', 'carts', 'items', 'sessions'][1 + (hash('path' || n || '-$day') % 5)::INTEGER] || '/' || (hash('id' || n || '-$day') % 5000) AS path, \
    (hash('user' || n || '-$day') % 200000)::BIGINT AS user_id, \
    (hash('took' || n || '-$day') % 90000)::DOUBLE / 100 AS took_ms, \
    (hash('bytes' || n || '-$day') % 1000000)::BIGINT AS bytes \
    FROM range(6000) AS numbers(n)";

pub(super) fn recipe() -> String {
    format!("{ROWS}, a file a day, v1")
}

pub(super) fn write(dir: &Path, scale: f64) -> Result<()> {
    let days = ((DAYS * scale) as usize).max(1);
    let mut db = DuckDb::new();
    for (day, date) in (0..days).zip(dates()) {
        let folder = dir.join("logs").join(format!("day={date}"));
        fs::create_dir_all(&folder)?;
        let rows = ROWS.replace("$day", &day.to_string());
        let file = folder.join("part-1.parquet");
        db = db.statement(format!("COPY ({rows}) TO '{}' (FORMAT parquet, COMPRESSION snappy)", file.display()));
    }
    db.perform()
}

/// From 2022-01-01 on.
fn dates() -> impl Iterator<Item = String> {
    let length = |year: u32, month: u32| match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    };
    let months = (2022_u32..).flat_map(|year| (1..=12).map(move |month| (year, month)));
    months.flat_map(move |(year, month)| {
        (1..=length(year, month)).map(move |day| format!("{year:04}-{month:02}-{day:02}"))
    })
}

/// What dashboards and people in trouble ask: one day, one week, a quarter, one user, all of it by day.
pub(super) fn queries() -> Vec<Query> {
    let queries = [
        "SELECT service, level, count(*) AS lines FROM logs WHERE day = DATE '2022-03-15' GROUP BY service, level ORDER BY service, level",
        "SELECT day, count(*) AS lines, sum(CASE WHEN status >= 500 THEN 1 ELSE 0 END) AS failed FROM logs WHERE day BETWEEN DATE '2022-03-01' AND DATE '2022-03-07' GROUP BY day ORDER BY day",
        "SELECT service, avg(took_ms) AS mean, max(took_ms) AS worst FROM logs WHERE day >= DATE '2022-01-01' AND day < DATE '2022-04-01' AND level = 'ERROR' GROUP BY service ORDER BY service",
        "SELECT logged_at, service, path, status FROM logs WHERE day BETWEEN DATE '2022-02-01' AND DATE '2022-02-28' AND user_id = 4711 ORDER BY logged_at, service, path, status",
        "SELECT CAST(date_trunc('month', day) AS DATE) AS month, sum(bytes) AS sent FROM logs GROUP BY 1 ORDER BY 1",
        "SELECT path, count(*) AS hits FROM logs WHERE status = 500 GROUP BY path ORDER BY hits DESC, path LIMIT 10",
        "SELECT max(day), count(*) FROM logs",
    ];
    queries.iter().zip(1..).map(|(sql, number)| Query::numbered(number, *sql)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leap_year_has_its_day() {
        let dates: Vec<String> = dates().take(1000).collect();
        assert_eq!(
            (dates[0].as_str(), dates[58].as_str(), dates[59].as_str()),
            ("2022-01-01", "2022-02-28", "2022-03-01")
        );
        assert!(dates.contains(&"2024-02-29".to_owned()) && !dates.contains(&"2023-02-29".to_owned()));
        assert_eq!(dates[999], "2024-09-26");
    }
}
