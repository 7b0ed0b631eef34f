//! `arachne-bench readme`: the table in the README is made of results, never by hand.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use arachne_engine::query::PriceBook;
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};

use super::engines::BASELINE;
use super::files::results_dir;
use super::options::Shape;
use super::results::Results;
use super::totals::{Ratio, summary};
use crate::output::say;

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

#[derive(Debug, Clone, Args)]
pub(crate) struct ReadmeOptions {
    /// Results to show, in this order [default: all complete ones in bench/results]
    results: Vec<PathBuf>,
    /// The file whose block is rewritten [default: README.md of the workspace]
    #[arg(long)]
    file: Option<PathBuf>,
}

pub(crate) fn rewrite_readme(options: &ReadmeOptions) -> Result<()> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the bench lies in the workspace")?;
    let file = options.file.clone().unwrap_or_else(|| workspace.join("README.md"));
    let paths = if options.results.is_empty() { all_results()? } else { options.results.clone() };
    ensure!(!paths.is_empty(), "there are no results yet; arachne-bench run makes them");
    let results = paths.iter().map(|path| Results::load(path)).collect::<Result<Vec<_>>>()?;
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let text = with_block(&text, &block(&results)?).with_context(|| file.display().to_string())?;
    fs::write(&file, text)?;
    say(format_args!("{} now shows {} runs", file.display(), results.len()))?;
    Ok(())
}

/// Those over all queries of a suite.
fn all_results() -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(results_dir()).context("bench/results")? {
        let path = entry?.path();
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_one = Results::load(&path).is_ok();
        if path.extension().is_some_and(|extension| extension == "json") && !name.ends_with("-some") && is_one {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Between the two markers, which stay.
fn with_block(text: &str, block: &str) -> Result<String> {
    let (before, rest) = text.split_once(BEGIN).with_context(|| format!("there is no {BEGIN}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("there is no {END} after {BEGIN}"))?;
    Ok(format!("{before}{BEGIN}\n{block}\n{END}{after}"))
}

fn block(results: &[Results]) -> Result<String> {
    let prices = PriceBook::built_in()?;
    let mut block = String::new();
    for results in results {
        let Results { suite, scale, format, s3, date, machine, .. } = results;
        let s3 = match s3 {
            Shape::Plain => "plain S3",
            Shape::Shaped => "S3 with S3's latency and bandwidth",
        };
        block.push_str(&format!(
            "**{}, scale {scale}, {}, {s3}** ({date} UTC; {})\n\n",
            suite.name(),
            format.name(),
            machine.describe()
        ));
        let mut table = Table::new();
        table.load_preset(presets::ASCII_MARKDOWN);
        table.set_header(["engine", "answered", "cold", "hot", "start to answer, s", "CPU s", "GETs", "MB read"]);
        for engine in &results.engines {
            let summary = summary(results, &engine.name, &prices);
            let ratio = |ratio: Option<Ratio>| ratio.map_or_else(String::new, |ratio| format!("{:.2}", ratio.total));
            table.add_row([
                format!("{} {}", summary.engine, summary.version).trim().to_owned(),
                format!("{}/{}", summary.answered, summary.asked),
                ratio(summary.cold_ratio),
                ratio(summary.hot_ratio),
                format!("{:.2}", summary.to_answer),
                format!("{:.1}", summary.cpu_cold),
                summary.requests.get.to_string(),
                format!("{:.0}", summary.requests.bytes_read as f64 / 1e6),
            ]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        block.push_str(&format!("{table}\n\n"));
    }
    block.push_str(&format!(
        "Cold and hot: total time against {BASELINE}'s over the queries that both answered rightly. All numbers: [bench/results](bench/results)."
    ));
    Ok(block)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::totals::tests::{measured, results};

    #[test]
    fn only_what_stands_between_the_markers_changes() {
        let text = format!("# Title\n\n{BEGIN}\nold\n{END}\n\nThe rest.\n");
        assert_eq!(with_block(&text, "new").unwrap(), format!("# Title\n\n{BEGIN}\nnew\n{END}\n\nThe rest.\n"));
        assert!(with_block("# Title", "new").is_err());
        assert!(with_block(&format!("{END}{BEGIN}"), "new").is_err());
    }

    #[test]
    fn the_block_has_date_machine_and_ratios() {
        let run = results(&[
            ("arachne-embedded", vec![vec![measured(1.0, &[0.5])]]),
            ("duckdb", vec![vec![measured(2.0, &[2.0])]]),
        ]);
        let block = block(&[run]).unwrap();
        assert!(block.contains("2026-01-02 03:04:05 UTC; a CPU, 2 cores, 8 GiB of memory, Linux 6.1"), "{block}");
        let line = block.lines().find(|line| line.starts_with("| arachne-embedded")).unwrap();
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(line, "| arachne-embedded 1.0 | 1/1 | 0.50 | 0.25 | 1.50 | 2.2 | 10 | 20 |");
    }
}
