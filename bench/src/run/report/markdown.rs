//! The page of results.

use arachne_engine::query::PriceBook;
use comfy_table::{CellAlignment, Table, presets};

use crate::run::engines::BASELINE;
use crate::run::options::Shape;
use crate::run::profile::{SIZES, shortened};
use crate::run::results::Results;
use crate::run::state::Run;
use crate::run::totals::{Cell, Ratio, Summary, Times, cell, requests, summary};

/// Everything, in the order in which one wants to know it.
pub(crate) fn page(results: &Results, plots: &[String], prices: &PriceBook) -> String {
    let Results { suite, scale, format, date, begun, machine, settings, .. } = results;
    let summaries = summaries(results, prices);
    let mut page = format!(
        "# {}, scale {scale}, {}, {}\n\nMeasured from {begun} to {date} (UTC) on {}.\n\n",
        suite.name(),
        format.name(),
        s3(results.s3),
        machine.describe()
    );
    page.push_str(&format!(
        "One process for each engine and query, {} of them each; the first run in it is cold (no caches, tables registered in it), {} \
         more are hot, of which the fastest counts. Of several processes the median counts. The local S3 runs on the same cores as the \
         engines. Answers were compared with DuckDB's over plain files before anything was counted; one that is wrong, fails or takes \
         more than {} s is a failure, not a time.\n\n",
        settings.repeat, settings.hot_runs, settings.timeout_seconds
    ));
    page.push_str(&summary_table(&summaries));
    page.push_str(&format!(
        "\n\nSums are over the queries that an engine answered; so compare engines by the ratios, which are to {BASELINE} over the queries \
         that both answered. Mean: the geometric mean of the queries' ratios. Spread: what lies between the fastest and the slowest runs, \
         of cold ones where there was more than one process.\n\n"
    ));
    for plot in plots {
        page.push_str(&format!("![{plot}]({plot})\n\n"));
    }
    if !plots.is_empty() {
        page.push_str("Bars and lines that would leave the others too small are cut.\n\n");
    }
    page.push_str("## What was asked of S3, and what it costs\n\n");
    page.push_str(&requests_table(&summaries, results, prices));
    page.push_str(
        "\n\nFrom the local S3's own log, the same for all. Dollars: requests by the price book, and with Lambda the workers' time; the \
         machine itself is not priced. Athena: $5 for a TB of the same bytes, 10 MB a query at least.\n\n",
    );
    page.push_str(&sizes(results));
    page.push_str("## Seconds by query\n\nCold / hot.\n\n");
    page.push_str(&queries_table(results));
    page.push_str("\n\n## Requests of the cold runs\n\n");
    page.push_str(&profile_table(results));
    page.push_str(&failures(&summaries));
    page
}

/// One line for each engine.
pub(crate) fn summary_table(summaries: &[Summary]) -> String {
    let mut table = table(&[
        "engine",
        "answered",
        "cold s",
        "hot s",
        "cold, ratio of sums",
        "cold, mean ratio",
        "hot, ratio of sums",
        "hot, mean ratio",
        "spread cold",
        "spread hot",
        "process start to answer, s",
        "CPU s cold",
        "CPU s hot",
        "peak memory, MiB",
    ]);
    for summary in summaries {
        table.add_row([
            format!("{} {}", summary.engine, summary.version).trim().to_owned(),
            format!("{}/{}", summary.answered, summary.asked),
            format!("{:.2}", summary.cold),
            optional(summary.hot, 2),
            share(summary.cold_ratio, |ratio| ratio.total),
            share(summary.cold_ratio, |ratio| ratio.mean),
            share(summary.hot_ratio, |ratio| ratio.total),
            share(summary.hot_ratio, |ratio| ratio.mean),
            percent(summary.cold_spread),
            percent(summary.hot_spread),
            format!("{:.2}", summary.to_answer),
            format!("{:.1}", summary.cpu_cold),
            optional(summary.cpu_hot, 1),
            mebibytes(summary.peak_memory),
        ]);
    }
    aligned(table)
}

pub(crate) fn summaries(results: &Results, prices: &PriceBook) -> Vec<Summary> {
    results.engines.iter().map(|engine| summary(results, &engine.name, prices)).collect()
}

fn requests_table(summaries: &[Summary], results: &Results, prices: &PriceBook) -> String {
    let mut table =
        table(&["engine", "runs", "GET", "HEAD", "LIST", "PUT", "503", "MB read", "dollars", "Athena's dollars"]);
    for summary in summaries {
        let hot = hot_runs(results, &summary.engine);
        for (runs, sum) in [("cold", summary.requests.clone()), ("hot", requests(hot.iter(), prices))] {
            table.add_row([
                summary.engine.clone(),
                runs.to_owned(),
                sum.get.to_string(),
                sum.head.to_string(),
                sum.list.to_string(),
                sum.put.to_string(),
                sum.throttled.to_string(),
                megabytes(sum.bytes_read),
                format!("{:.6}", sum.dollars),
                format!("{:.6}", sum.athena),
            ]);
        }
    }
    aligned(table)
}

/// How large the bodies of GETs were, of each engine in all its cold runs; nothing where that was not counted.
fn sizes(results: &Results) -> String {
    let names = SIZES.map(|most| format!("up to {}", size(most)));
    let more = format!("above {}", SIZES.last().map_or_else(String::new, |most| size(*most)));
    let header: Vec<&str> =
        ["engine"].into_iter().chain(names.iter().map(String::as_str)).chain([more.as_str()]).collect();
    let mut table = table(&header);
    for engine in &results.engines {
        let mut counts = vec![0; SIZES.len() + 1];
        for query in &results.queries {
            let Cell::Answered(times) = cell(results, &engine.name, query) else { continue };
            for (count, more) in counts.iter_mut().zip(&times.first.cold.s3.get_sizes) {
                *count += more;
            }
        }
        let all: u64 = counts.iter().sum();
        if all > 0 {
            let shares = counts.iter().map(|count| format!("{:.0} %", *count as f64 / all as f64 * 100.0));
            table.add_row([engine.name.clone()].into_iter().chain(shares));
        }
    }
    if table.is_empty() {
        return String::new();
    }
    format!("GETs of the cold runs by the size of their bodies:\n\n{}\n\n", aligned(table))
}

fn size(bytes: u64) -> String {
    if bytes < 1_000_000 { format!("{} KB", bytes / 1_000) } else { format!("{} MB", bytes / 1_000_000) }
}

/// A bar for each of a few points, as high as its share of the highest.
fn sparkline(timeline: &[f64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let points = shortened(timeline);
    let most = points.iter().copied().fold(0.0, f64::max);
    let bar = |value: &f64| {
        let height = if most > 0.0 { (value / most * (BARS.len() - 1) as f64).round() as usize } else { 0 };
        BARS[height.min(BARS.len() - 1)]
    };
    points.iter().map(bar).collect()
}

/// The first hot run of each query's first process.
fn hot_runs(results: &Results, engine: &str) -> Vec<Run> {
    let hot = |query: &String| match cell(results, engine, query) {
        Cell::Answered(times) => times.first.hot.first().cloned(),
        Cell::Failed(_) | Cell::NotMeasured => None,
    };
    results.queries.iter().filter_map(hot).collect()
}

fn queries_table(results: &Results) -> String {
    let engines: Vec<&str> = results.engines.iter().map(|engine| engine.name.as_str()).collect();
    let mut table = table(&[&["query"], &engines[..]].concat());
    for query in &results.queries {
        let mut row = vec![query.clone()];
        for engine in &engines {
            row.push(match cell(results, engine, query) {
                Cell::Answered(times) => match times.hot() {
                    Some(hot) => format!("{:.3} / {hot:.3}", times.cold()),
                    None => format!("{:.3}", times.cold()),
                },
                Cell::Failed(_) => "failed".to_owned(),
                Cell::NotMeasured => String::new(),
            });
        }
        table.add_row(row);
    }
    aligned(table)
}

fn profile_table(results: &Results) -> String {
    let mut table = table(&[
        "query",
        "engine",
        "s",
        "CPU s",
        "GET",
        "HEAD",
        "LIST",
        "503",
        "MB",
        "GET p50 KB",
        "GET p90 KB",
        "GET max KB",
        "most in flight",
        "mean in flight",
        "S3 s",
        "in flight over time",
    ]);
    for query in &results.queries {
        for engine in &results.engines {
            let Cell::Answered(times) = cell(results, &engine.name, query) else { continue };
            let Times { first, .. } = *times;
            let s3 = &first.cold.s3;
            table.add_row([
                query.clone(),
                engine.name.clone(),
                format!("{:.3}", first.cold.seconds),
                format!("{:.2}", first.cold.cpu),
                s3.get.to_string(),
                s3.head.to_string(),
                s3.list.to_string(),
                s3.throttled.to_string(),
                megabytes(s3.bytes_read),
                kilobytes(s3.get_p50),
                kilobytes(s3.get_p90),
                kilobytes(s3.get_max),
                s3.in_flight_max.to_string(),
                format!("{:.1}", s3.in_flight_mean),
                format!("{:.2}", s3.span),
                sparkline(&s3.timeline),
            ]);
        }
    }
    let mut text = aligned(table);
    text.push_str("\n\nS3 s: from the first request to the end of the last; in flight: over that time, the highest bar being the run's own peak.\n");
    text
}

fn failures(summaries: &[Summary]) -> String {
    let lines: Vec<String> = summaries
        .iter()
        .flat_map(|summary| {
            summary
                .failures
                .iter()
                .map(|(query, message)| format!("- {} {query}: `{}`", summary.engine, message.replace('`', "'")))
        })
        .collect();
    if lines.is_empty() { String::new() } else { format!("\n## Failures\n\n{}\n", lines.join("\n")) }
}

fn s3(shape: Shape) -> &'static str {
    match shape {
        Shape::Plain => "S3 as fast as this machine goes",
        Shape::Shaped => "S3 with the latency, bandwidth and request rate of S3",
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header(header);
    table
}

/// Numbers to the right; the first column is a name.
fn aligned(mut table: Table) -> String {
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

fn optional(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(String::new, |value| format!("{value:.digits$}"))
}

fn share(ratio: Option<Ratio>, of: fn(Ratio) -> f64) -> String {
    ratio.map_or_else(String::new, |ratio| format!("{:.2}", of(ratio)))
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!("{:.0} %", value * 100.0))
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.0}", bytes as f64 / (1 << 20) as f64)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

fn kilobytes(bytes: u64) -> String {
    format!("{:.0}", bytes as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::state::Outcome;
    use crate::run::totals::tests::{measured, results};

    #[test]
    fn a_page_has_times_ratios_and_failures() {
        let failed = Outcome::Failed("wrong answer: row 0 / 1".into());
        let results = results(&[
            ("arachne-embedded", vec![vec![measured(1.0, &[0.5])], vec![measured(2.0, &[1.5])]]),
            ("duckdb", vec![vec![measured(2.0, &[1.0])], vec![failed]]),
        ]);
        let page = page(&results, &["a.svg".into()], &PriceBook::built_in().unwrap());
        let line = |start: &str| {
            let squeezed = page.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
            squeezed.into_iter().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start} in {page}"))
        };
        assert!(
            line("| arachne-embedded 1.0").starts_with("| arachne-embedded 1.0 | 2/2 | 3.00 | 2.00 | 0.50 | 0.50 |")
        );
        assert!(line("| duckdb 1.0").starts_with("| duckdb 1.0 | 1/2 | 2.00 | 1.00 | 1.00 | 1.00 |"));
        assert_eq!(line("| q01"), "| q01 | 1.000 / 0.500 | 2.000 / 1.000 |");
        assert_eq!(line("| q02"), "| q02 | 2.000 / 1.500 | failed |");
        assert_eq!(line("- duckdb q02"), "- duckdb q02: `wrong answer: row 0 / 1`");
        assert!(page.contains("![a.svg](a.svg)") && page.contains("2026-01-02 03:04:05"));
    }

    #[test]
    fn sizes_of_gets_are_shares_of_all_of_an_engine() {
        let with_sizes = |get_sizes: Vec<u64>| {
            let Outcome::Measured(mut measured) = measured(1.0, &[]) else { panic!("it is measured") };
            measured.cold.s3.get_sizes = get_sizes;
            Outcome::Measured(measured)
        };
        let counted = results(&[
            (
                "arachne-embedded",
                vec![vec![with_sizes(vec![1, 0, 0, 0, 0, 0, 0])], vec![with_sizes(vec![0, 0, 1, 0, 0, 0, 2])]],
            ),
            ("duckdb", vec![vec![measured(1.0, &[])]]),
        ]);
        let text = sizes(&counted);
        let last = text.trim_end().lines().last().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(last, "| arachne-embedded | 25 % | 0 % | 25 % | 0 % | 0 % | 0 % | 50 % |");
        assert!(text.contains("up to 16 KB") && text.contains("above 16 MB") && !text.contains("duckdb"), "{text}");
        assert_eq!(
            sizes(&results(&[("duckdb", vec![vec![measured(1.0, &[])]])])),
            "",
            "of a bench that did not count them"
        );
    }

    #[test]
    fn requests_over_time_are_bars() {
        assert_eq!(sparkline(&[0.0, 1.0, 7.0, 3.5]), "▁▂█▅");
        assert_eq!(sparkline(&[0.0; 60]).chars().count(), 12);
        assert_eq!(sparkline(&[]), "");
    }
}
