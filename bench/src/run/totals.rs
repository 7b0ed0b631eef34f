//! Numbers for a page, of all that was measured. Pure.

use arachne_engine::query::{Cost, PriceBook};
use arachne_engine::storage::RequestCounts;

use super::engines::BASELINE;
use super::profile::Profile;
use super::results::Results;
use super::state::{Measured, Outcome, Run};

/// How one engine did at one query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Answered(Box<Times>),
    Failed(String),
    NotMeasured,
}

/// Of all processes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Times {
    /// Seconds of each process's first run.
    pub(crate) cold: Vec<f64>,
    /// The fastest of each process's further runs, as ClickBench has it.
    pub(crate) hot: Vec<f64>,
    /// The slowest of them.
    pub(crate) hot_slowest: Vec<f64>,
    pub(crate) to_answer: f64,
    pub(crate) cpu_cold: f64,
    pub(crate) cpu_hot: Option<f64>,
    pub(crate) peak_memory: u64,
    /// The first process's.
    pub(crate) first: Box<Measured>,
}

impl Times {
    pub(crate) fn cold(&self) -> f64 {
        median(&self.cold)
    }

    pub(crate) fn hot(&self) -> Option<f64> {
        (!self.hot.is_empty()).then(|| median(&self.hot))
    }
}

/// One engine over the whole suite. Sums are over the queries that it answered, ratios over those that the baseline answered too.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Summary {
    pub(crate) engine: String,
    pub(crate) version: String,
    pub(crate) answered: usize,
    pub(crate) asked: usize,
    pub(crate) cold: f64,
    pub(crate) hot: Option<f64>,
    pub(crate) cold_ratio: Option<Ratio>,
    pub(crate) hot_ratio: Option<Ratio>,
    pub(crate) cold_spread: Option<f64>,
    pub(crate) hot_spread: Option<f64>,
    /// Median over the queries.
    pub(crate) to_answer: f64,
    pub(crate) cpu_cold: f64,
    pub(crate) cpu_hot: Option<f64>,
    pub(crate) peak_memory: u64,
    pub(crate) requests: Requests,
    pub(crate) failures: Vec<(String, String)>,
}

/// Against the baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ratio {
    /// Of the sums.
    pub(crate) total: f64,
    /// The geometric mean of the queries' ratios.
    pub(crate) mean: f64,
    pub(crate) queries: usize,
}

/// Of all queries' cold runs, or of their hot ones.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Requests {
    pub(crate) get: u64,
    pub(crate) head: u64,
    pub(crate) list: u64,
    pub(crate) put: u64,
    pub(crate) throttled: u64,
    pub(crate) bytes_read: u64,
    /// US dollars: the engine's own bill where it has one, else its requests by the price book.
    pub(crate) dollars: f64,
    /// What Athena charges for the same bytes.
    pub(crate) athena: f64,
}

pub(crate) fn cell(results: &Results, engine: &str, query: &str) -> Cell {
    let mut measured = Vec::new();
    for record in results.of(engine, query) {
        match &record.outcome {
            Outcome::Failed(message) => return Cell::Failed(message.clone()),
            Outcome::Measured(one) => measured.push(one.as_ref()),
        }
    }
    let Some(first) = measured.first() else { return Cell::NotMeasured };
    let of = |value: fn(&Measured) -> f64| measured.iter().map(|one| value(one)).collect::<Vec<_>>();
    let fastest = |choose: fn(f64, f64) -> f64| {
        measured.iter().filter_map(|one| one.hot.iter().map(|run| run.seconds).reduce(choose)).collect::<Vec<_>>()
    };
    let cpu_hot: Vec<f64> = measured.iter().flat_map(|one| one.hot.iter().map(|run| run.cpu)).collect();
    Cell::Answered(Box::new(Times {
        cold: of(|one| one.cold.seconds),
        hot: fastest(f64::min),
        hot_slowest: fastest(f64::max),
        to_answer: median(&of(|one| one.to_answer)),
        cpu_cold: median(&of(|one| one.start_cpu + one.cold.cpu)),
        cpu_hot: (!cpu_hot.is_empty()).then(|| median(&cpu_hot)),
        peak_memory: measured.iter().map(|one| one.peak_memory).max().unwrap_or(0),
        first: Box::new((*first).clone()),
    }))
}

pub(crate) fn summary(results: &Results, engine: &str, prices: &PriceBook) -> Summary {
    let (mut times, mut failures, mut asked) = (Vec::new(), Vec::new(), 0);
    for query in &results.queries {
        match cell(results, engine, query) {
            Cell::Answered(answered) => times.push((query.as_str(), answered)),
            Cell::Failed(message) => failures.push((query.clone(), message)),
            Cell::NotMeasured => continue,
        }
        asked += 1;
    }
    let sum = |value: &dyn Fn(&Times) -> f64| times.iter().map(|(_, one)| value(one)).sum::<f64>();
    let all_hot = !times.is_empty() && times.iter().all(|(_, one)| !one.hot.is_empty());
    let version = results.engines.iter().find(|other| other.name == engine).and_then(|other| other.version.clone());
    let cold_runs = times.iter().map(|(_, one)| &one.first.cold);
    Summary {
        engine: engine.to_owned(),
        version: version.unwrap_or_default(),
        answered: times.len(),
        asked,
        cold: sum(&Times::cold),
        hot: all_hot.then(|| sum(&|one| one.hot().unwrap_or(0.0))),
        cold_ratio: ratio(results, engine, |one| Some(one.cold())),
        hot_ratio: ratio(results, engine, Times::hot),
        cold_spread: spread(&times.iter().map(|(_, one)| one.cold.as_slice()).collect::<Vec<_>>()),
        hot_spread: hot_spread(&times),
        to_answer: median(&times.iter().map(|(_, one)| one.to_answer).collect::<Vec<_>>()),
        cpu_cold: sum(&|one| one.cpu_cold),
        cpu_hot: all_hot.then(|| sum(&|one| one.cpu_hot.unwrap_or(0.0))),
        peak_memory: times.iter().map(|(_, one)| one.peak_memory).max().unwrap_or(0),
        requests: requests(cold_runs, prices),
        failures,
    }
}

/// Adds up what runs asked of S3, with what it costs.
pub(crate) fn requests<'a>(runs: impl Iterator<Item = &'a Run>, prices: &PriceBook) -> Requests {
    let mut sum = Requests::default();
    for run in runs {
        let Profile { get, head, list, put, throttled, bytes_read, .. } = run.s3;
        sum.get += get;
        sum.head += head;
        sum.list += list;
        sum.put += put;
        sum.throttled += throttled;
        sum.bytes_read += bytes_read;
        let counts = RequestCounts { get, head, list, put, bytes_scanned: bytes_read, ..RequestCounts::default() };
        let cost = Cost::of(prices, 0.0, 0, &counts);
        sum.dollars += run.dollars.unwrap_or(cost.s3);
        sum.athena += cost.athena;
    }
    sum
}

/// Over the queries that both answered.
fn ratio(results: &Results, engine: &str, value: impl Fn(&Times) -> Option<f64>) -> Option<Ratio> {
    let (mut own, mut other, mut logarithms, mut queries) = (0.0, 0.0, 0.0, 0);
    for query in &results.queries {
        let (Cell::Answered(ours), Cell::Answered(baseline)) =
            (cell(results, engine, query), cell(results, BASELINE, query))
        else {
            continue;
        };
        let (Some(ours), Some(baseline)) = (value(&ours), value(&baseline)) else { continue };
        own += ours;
        other += baseline;
        logarithms += (ours / baseline).ln();
        queries += 1;
    }
    let mean = (logarithms / f64::from(u32::try_from(queries).ok()?)).exp();
    (queries > 0).then_some(Ratio { total: own / other, mean, queries })
}

/// Between the sums of the slowest and the fastest processes, as a share of that of the middle ones; `None` for one process each.
fn spread(queries: &[&[f64]]) -> Option<f64> {
    if queries.is_empty() || queries.iter().any(|values| values.len() < 2) {
        return None;
    }
    let of = |choose: fn(f64, f64) -> f64| {
        queries.iter().filter_map(|values| values.iter().copied().reduce(choose)).sum::<f64>()
    };
    let middle: f64 = queries.iter().map(|values| median(values)).sum();
    Some((of(f64::max) - of(f64::min)) / middle)
}

/// Of all hot runs, those of the same process included; `None` where there is one each, or none.
fn hot_spread(times: &[(&str, Box<Times>)]) -> Option<f64> {
    let several = |one: &Times| one.hot.len() > 1 || one.first.hot.len() > 1;
    if times.is_empty() || !times.iter().all(|(_, one)| several(one)) {
        return None;
    }
    let sum = |values: &dyn Fn(&Times) -> f64| times.iter().map(|(_, one)| values(one)).sum::<f64>();
    let slowest = sum(&|one| one.hot_slowest.iter().copied().fold(0.0, f64::max));
    let fastest = sum(&|one| one.hot.iter().copied().fold(f64::INFINITY, f64::min));
    Some((slowest - fastest) / sum(&|one| one.hot().unwrap_or(0.0)))
}

/// 0 for nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.get(middle), sorted.len() % 2) {
        (None, _) => 0.0,
        (Some(value), 1) => *value,
        (Some(value), _) => (value + sorted.get(middle - 1).copied().unwrap_or(*value)) / 2.0,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::run::job::Format;
    use crate::run::machine::Machine;
    use crate::run::options::Shape;
    use crate::run::results::{EngineVersion, Settings};
    use crate::run::state::Record;
    use crate::run::suite::Suite;

    pub(crate) fn measured(cold: f64, hot: &[f64]) -> Outcome {
        let run = |seconds: f64| Run {
            seconds,
            rows: 1,
            cpu: seconds * 2.0,
            dollars: None,
            s3: Profile { get: 10, list: 1, bytes_read: 20_000_000, ..Profile::default() },
        };
        Outcome::Measured(Box::new(Measured {
            version: "1.0".into(),
            ready: 0.5,
            to_answer: cold + 0.5,
            start_cpu: 0.25,
            cold: run(cold),
            hot: hot.iter().copied().map(run).collect(),
            peak_memory: 1 << 20,
        }))
    }

    /// Engines, with what became of q01, q02, … of each.
    pub(crate) fn results(engines: &[(&str, Vec<Vec<Outcome>>)]) -> Results {
        let mut records = Vec::new();
        for (engine, queries) in engines {
            for (query, processes) in queries.iter().enumerate() {
                for (repeat, outcome) in processes.iter().enumerate() {
                    records.push(Record {
                        engine: (*engine).to_owned(),
                        query: format!("q{:02}", query + 1),
                        repeat,
                        fingerprint: String::new(),
                        at: 0,
                        outcome: outcome.clone(),
                    });
                }
            }
        }
        let most = engines.iter().map(|(_, queries)| queries.len()).max().unwrap_or(0);
        let version = |name: &str| EngineVersion { name: name.to_owned(), version: Some("1.0".into()) };
        Results {
            suite: Suite::Tpch,
            scale: "1".into(),
            format: Format::Parquet,
            s3: Shape::Plain,
            date: "2026-01-02 03:04:05".into(),
            begun: "2026-01-02 03:00:00".into(),
            machine: Machine { cpu: "a CPU".into(), cores: 2, memory_bytes: 8 << 30, kernel: "6.1".into() },
            settings: Settings { hot_runs: 2, repeat: 1, timeout_seconds: 300 },
            queries: (1..=most).map(|query| format!("q{query:02}")).collect(),
            engines: engines.iter().map(|(name, _)| version(name)).collect(),
            plot_query: None,
            records,
        }
    }

    fn failed() -> Outcome {
        Outcome::Failed("wrong answer".into())
    }

    #[test]
    fn ratios_are_over_the_queries_that_both_answered() {
        let results = results(&[
            ("duckdb", vec![vec![measured(1.0, &[1.0])], vec![measured(4.0, &[2.0])], vec![failed()]]),
            ("ours", vec![vec![measured(2.0, &[1.0])], vec![measured(2.0, &[1.0])], vec![measured(9.0, &[9.0])]]),
            ("other", vec![vec![measured(3.0, &[3.0])], vec![failed()], vec![failed()]]),
        ]);
        let prices = PriceBook::built_in().unwrap();
        let ours = summary(&results, "ours", &prices);
        assert_eq!((ours.answered, ours.asked, ours.cold), (3, 3, 13.0));
        assert_eq!(ours.cold_ratio, Some(Ratio { total: 0.8, mean: 1.0, queries: 2 }));
        let other = summary(&results, "other", &prices);
        assert_eq!((other.answered, other.asked), (1, 3));
        assert_eq!(other.cold_ratio.unwrap().total, 3.0);
        assert_eq!(other.failures.len(), 2);
    }

    #[test]
    fn one_failed_process_is_a_failure_of_the_query() {
        let results = results(&[("ours", vec![vec![measured(1.0, &[]), failed()]])]);
        assert_eq!(cell(&results, "ours", "q01"), Cell::Failed("wrong answer".into()));
        assert_eq!(cell(&results, "ours", "q02"), Cell::NotMeasured);
        assert_eq!(summary(&results, "ours", &PriceBook::built_in().unwrap()).cold, 0.0);
    }

    #[test]
    fn hot_is_the_fastest_further_run_and_the_median_of_the_processes() {
        let processes = vec![measured(3.0, &[2.0, 1.0]), measured(5.0, &[3.0, 4.0]), measured(4.0, &[2.0, 9.0])];
        let results = results(&[("ours", vec![processes])]);
        let Cell::Answered(times) = cell(&results, "ours", "q01") else { panic!("answered") };
        assert_eq!((times.cold(), times.hot()), (4.0, Some(2.0)));
        let summary = summary(&results, "ours", &PriceBook::built_in().unwrap());
        assert_eq!(summary.cold_spread, Some(0.5));
        assert_eq!(summary.hot_spread, Some(4.0));
    }

    #[test]
    fn without_repeats_there_is_no_spread_of_cold_runs() {
        let results = results(&[("ours", vec![vec![measured(3.0, &[1.0, 1.5])]])]);
        let summary = summary(&results, "ours", &PriceBook::built_in().unwrap());
        assert_eq!((summary.cold_spread, summary.hot_spread), (None, Some(0.5)));
        assert_eq!(summary.cold_ratio, None, "nothing to compare with");
        let once = self::results(&[("ours", vec![vec![measured(3.0, &[1.0])]])]);
        assert_eq!(self::summary(&once, "ours", &PriceBook::built_in().unwrap()).hot_spread, None);
    }

    #[test]
    fn requests_have_their_price_and_athenas() {
        let results = results(&[("ours", vec![vec![measured(1.0, &[])], vec![measured(1.0, &[])]])]);
        let requests = summary(&results, "ours", &PriceBook::built_in().unwrap()).requests;
        assert_eq!((requests.get, requests.list, requests.bytes_read), (20, 2, 40_000_000));
        assert!((requests.dollars - (20.0 * 0.0000004 + 2.0 * 0.000005)).abs() < 1e-12);
        assert!((requests.athena - 2.0 * 0.0001).abs() < 1e-12);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!((median(&[]), median(&[3.0]), median(&[4.0, 1.0]), median(&[9.0, 1.0, 2.0])), (0.0, 3.0, 2.5, 2.0));
    }
}
