//! Plots (SVG): sums by engine, queries by engine, requests in flight over time.

use std::path::PathBuf;

use anyhow::Result;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use crate::run::files::Files;
use crate::run::results::Results;
use crate::run::totals::{Cell, Times, cell, median};

/// Told apart by people who see few colours, too (Okabe and Ito).
const COLOURS: [RGBColor; 11] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(213, 94, 0),
    RGBColor(120, 120, 120),
    RGBColor(0, 0, 0),
    RGBColor(240, 228, 66),
    RGBColor(140, 86, 75),
    RGBColor(148, 103, 189),
];

/// Of a group of bars, the part that is bars.
const FILLED: f64 = 0.8;
/// An axis ends at so many times what is usual on it: one engine that takes a hundred times as long must not flatten the others.
const AT_MOST: f64 = 6.0;

/// Bars side by side, one group a label.
struct Bars<'a> {
    title: String,
    y: &'a str,
    labels: Vec<String>,
    /// Name and one value a label.
    series: Vec<(String, Vec<Option<f64>>)>,
    width: u32,
}

/// Draws what there is to draw; the names of the files.
pub(crate) fn draw(results: &Results, files: &Files) -> Result<Vec<String>> {
    let mut drawn = vec![totals(results, files)?];
    if results.queries.len() > 1 {
        drawn.push(queries(results, files)?);
    }
    if let Some(query) = &results.plot_query {
        drawn.push(in_flight(results, query, files)?);
    }
    Ok(drawn.iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect())
}

/// Over the queries that all engines answered: other sums cannot be put side by side.
fn totals(results: &Results, files: &Files) -> Result<PathBuf> {
    let answered = |query: &&String| results.engines.iter().all(|engine| times(results, &engine.name, query).is_some());
    let queries: Vec<&String> = results.queries.iter().filter(answered).collect();
    let sum = |engine: &str, value: &dyn Fn(&Times) -> Option<f64>| {
        queries.iter().map(|query| times(results, engine, query).and_then(|times| value(&times))).sum::<Option<f64>>()
    };
    let series = |name: &str, value: &dyn Fn(&Times) -> Option<f64>| {
        (name.to_owned(), results.engines.iter().map(|engine| sum(&engine.name, value)).collect())
    };
    let path = files.plot("totals");
    let bars = Bars {
        title: format!(
            "{}: {} of {} queries, those that all answered",
            files.name(),
            queries.len(),
            results.queries.len()
        ),
        y: "seconds, sum",
        labels: results.engines.iter().map(|engine| engine.name.clone()).collect(),
        series: vec![series("cold", &|times| Some(times.cold())), series("hot", &Times::hot)],
        width: (results.engines.len() * 120 + 100).max(900) as u32,
    };
    bars.draw(&path)?;
    Ok(path)
}

fn queries(results: &Results, files: &Files) -> Result<PathBuf> {
    let of = |engine: &str| {
        results.queries.iter().map(|query| times(results, engine, query).map(|times| times.cold())).collect()
    };
    let path = files.plot("queries");
    let bars = Bars {
        title: format!("{}: cold runs", files.name()),
        y: "seconds",
        labels: results.queries.clone(),
        series: results.engines.iter().map(|engine| (engine.name.clone(), of(&engine.name))).collect(),
        width: (results.queries.len() * results.engines.len() * 9 + 200).clamp(900, 4000) as u32,
    };
    bars.draw(&path)?;
    Ok(path)
}

fn in_flight(results: &Results, query: &str, files: &Files) -> Result<PathBuf> {
    let mut lines = Vec::new();
    for engine in &results.engines {
        let Some(times) = times(results, &engine.name, query) else { continue };
        let s3 = &times.first.cold.s3;
        let width = s3.span / s3.timeline.len().max(1) as f64;
        let points: Vec<(f64, f64)> =
            s3.timeline.iter().enumerate().map(|(point, value)| ((point as f64 + 0.5) * width, *value)).collect();
        lines.push((engine.name.as_str(), points));
    }
    let most = lines.iter().flat_map(|(_, points)| points.iter().map(|point| point.1)).fold(0.0, f64::max);
    let last = axis_end(&lines.iter().filter_map(|(_, points)| Some(points.last()?.0)).collect::<Vec<_>>());
    let path = files.plot("requests");
    let area = SVGBackend::new(&path, (900, 420)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(format!("{}: requests in flight, {query}, cold", files.name()), ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..last, 0.0..(most * 1.05).max(1.0))?;
    chart
        .configure_mesh()
        .max_light_lines(1)
        .x_desc("seconds from the first request")
        .y_desc("requests at once")
        .draw()?;
    for ((name, points), colour) in lines.into_iter().zip(COLOURS.iter().cycle()) {
        let line = LineSeries::new(points.into_iter().filter(move |point| point.0 <= last), colour.stroke_width(2));
        chart
            .draw_series(line)?
            .label(name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled()));
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).border_style(BLACK.mix(0.3)).draw()?;
    area.present()?;
    drop(chart);
    drop(area);
    Ok(path)
}

impl Bars<'_> {
    fn draw(&self, path: &PathBuf) -> Result<()> {
        let end =
            axis_end(&self.series.iter().flat_map(|(_, values)| values.iter().flatten()).copied().collect::<Vec<_>>());
        let area = SVGBackend::new(path, (self.width, 420)).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(&self.title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(60)
            .build_cartesian_2d(Groups(self.labels.clone()), 0.0..end)?;
        let label = |x: &f64| {
            let index = x.floor();
            self.labels.get(index as usize).filter(|_| (x - index - 0.5).abs() < 1e-6).cloned().unwrap_or_default()
        };
        chart.configure_mesh().disable_x_mesh().max_light_lines(1).y_desc(self.y).x_label_formatter(&label).draw()?;
        let width = FILLED / self.series.len().max(1) as f64;
        for (number, (name, values)) in self.series.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            let bars = values.iter().enumerate().filter_map(|(group, value)| {
                let left = group as f64 + (1.0 - FILLED) / 2.0 + number as f64 * width;
                Some(Rectangle::new([(left, 0.0), (left + width, (*value)?.min(end))], colour.filled()))
            });
            chart
                .draw_series(bars)?
                .label(name)
                .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled()));
        }
        if self.series.len() <= 2 {
            chart.draw_series(self.numbers(end, width))?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .draw()?;
        area.present()?;
        Ok(())
    }

    /// Each bar's value above it, or at its cut end.
    fn numbers(&self, end: f64, width: f64) -> Vec<Text<'static, (f64, f64), String>> {
        let mut numbers = Vec::new();
        for (number, (_, values)) in self.series.iter().enumerate() {
            for (group, value) in values.iter().enumerate() {
                let Some(value) = value else { continue };
                let left = group as f64 + (1.0 - FILLED) / 2.0 + number as f64 * width;
                let above = value.min(end * 0.96) + end * 0.04;
                numbers.push(Text::new(format!("{value:.2}"), (left, above), ("sans-serif", 12).into_font()));
            }
        }
        numbers
    }
}

/// An axis with a label in the middle of each group, the n-th from n to n + 1.
struct Groups(Vec<String>);

struct GroupsCoord {
    along: RangedCoordf64,
    count: usize,
}

impl AsRangedCoord for Groups {
    type CoordDescType = GroupsCoord;
    type Value = f64;
}

impl From<Groups> for GroupsCoord {
    fn from(groups: Groups) -> Self {
        let count = groups.0.len();
        Self { along: (0.0..count.max(1) as f64).into(), count }
    }
}

impl ValueFormatter<f64> for GroupsCoord {
    fn format(value: &f64) -> String {
        value.to_string()
    }
}

impl Ranged for GroupsCoord {
    type FormatOption = plotters::coord::ranged1d::NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.along.map(value, limit)
    }

    fn key_points<Hint: plotters::coord::ranged1d::KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        (0..self.count).map(|group| group as f64 + 0.5).collect()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.along.range()
    }
}

fn times(results: &Results, engine: &str, query: &str) -> Option<Box<Times>> {
    match cell(results, engine, query) {
        Cell::Answered(times) => Some(times),
        Cell::Failed(_) | Cell::NotMeasured => None,
    }
}

/// A little more than what is there, unless some of it is very far out.
fn axis_end(values: &[f64]) -> f64 {
    let most = values.iter().copied().fold(0.0, f64::max);
    let end = most.min(median(values) * AT_MOST) * 1.05;
    if end > 0.0 { end } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::totals::tests::{measured, results};

    #[test]
    fn one_that_takes_very_long_does_not_flatten_the_others() {
        let ends = |values: &[f64], end: f64| (axis_end(values) - end).abs() < 1e-9;
        assert!(ends(&[1.0, 1.0, 2.0], 2.1) && ends(&[1.0, 1.0, 100.0], 6.3) && ends(&[], 1.0));
    }

    #[test]
    fn plots_name_their_engines_and_queries() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::new(Some(dir.path()), "tpch-parquet-plain".into()).unwrap();
        let times = |seconds: f64| vec![vec![measured(seconds, &[seconds])], vec![measured(seconds, &[seconds])]];
        let mut results = results(&[("arachne-embedded", times(1.0)), ("duckdb", times(2.0))]);
        results.plot_query = Some("q02".into());
        let drawn = draw(&results, &files).unwrap();
        assert_eq!(drawn, ["totals", "queries", "requests"].map(|what| format!("tpch-parquet-plain-{what}.svg")));
        let svg = |what: &str| std::fs::read_to_string(files.plot(what)).unwrap();
        assert!(svg("totals").contains("arachne-embedded") && svg("totals").contains("hot"));
        assert!(svg("queries").contains("q02") && svg("queries").contains("duckdb"));
        assert!(svg("requests").contains("requests in flight"));
    }
}
