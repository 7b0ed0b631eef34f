//! What limits a run: it is made again with one limit lifted at a time. What is left when all are lifted is the work itself.

use std::ops::Range;
use std::time::Duration;

use arachne_engine::query::PriceBook;
use serde::Serialize;

use super::case::Case;
use super::conditions::Conditions;
use super::figures::{Figures, Outcome};
use super::luck::Spread;
use super::world::simulate;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Limit {
    /// Calls that the coordinator and its relays make a second.
    Dispatch,
    /// New environments: 1,000, and 100 a second.
    Ramp,
    /// Attempts at once, by the account or by `max_in_flight`.
    Places,
    ColdStarts,
    /// Slow machines and crashes.
    Tail,
    /// A relay's answer waits for the slowest of its group.
    Groups,
}

impl Limit {
    pub(super) const ALL: [Self; 6] =
        [Self::Dispatch, Self::Ramp, Self::Places, Self::ColdStarts, Self::Tail, Self::Groups];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Dispatch => "dispatch rate",
            Self::Ramp => "ramp of new environments",
            Self::Places => "places (concurrency, `max_in_flight`)",
            Self::ColdStarts => "cold starts",
            Self::Tail => "straggler tail",
            Self::Groups => "groups that answer together",
        }
    }

    fn lift(self, conditions: &mut Conditions, case: &Case) {
        match self {
            Self::Dispatch => {
                conditions.coordinator.calls_per_second = 1e9;
                conditions.coordinator.relay_calls_per_second = 1e9;
            }
            Self::Ramp => conditions.lambda.environments = 1e9,
            Self::Places => {
                let places = case.tasks as usize * 2;
                conditions.lambda.concurrency = conditions.lambda.concurrency.max(places);
                conditions.coordinator.max_in_flight = conditions.coordinator.max_in_flight.max(places);
            }
            Self::ColdStarts => conditions.lambda.cold_start = Spread { p50: 1e-9, p99: 1e-9 },
            Self::Tail => {
                conditions.worker.straggler_share = 0.0;
                conditions.worker.crash_share = 0.0;
            }
            Self::Groups => conditions.coordinator.answers_together = false,
        }
    }
}

/// A gain below this share of the makespan is not what limits it.
const WORTH_NAMING: f64 = 0.1;

/// A case, its run, and the verdict.
#[derive(Debug, Serialize)]
pub(super) struct Judged {
    pub(super) case: Case,
    /// Of the seed with the median makespan.
    pub(super) figures: Figures,
    pub(super) seed: u64,
    pub(super) dollars: f64,
    /// Makespans of all seeds, ascending; `None` for a query that failed.
    pub(super) makespans: Vec<Option<Duration>>,
    /// What the makespan would be with this limit lifted, and no other.
    pub(super) lifted: Vec<(Limit, Duration)>,
    /// With all of them lifted.
    pub(super) ideal: Duration,
    pub(super) verdict: String,
    /// What the scheduler took of this machine's time; measured, so it differs from run to run.
    pub(super) scheduler: Duration,
}

impl Judged {
    pub(super) fn of(case: Case, seeds: Range<u64>, prices: &PriceBook) -> Self {
        let conditions = case.setup.conditions();
        let mut runs: Vec<(u64, Outcome)> = seeds.map(|seed| (seed, simulate(&case, &conditions, seed))).collect();
        runs.sort_by_key(|(_, run)| (run.figures.failure.is_some(), run.figures.makespan));
        let makespans =
            runs.iter().map(|(_, run)| run.figures.failure.is_none().then_some(run.figures.makespan)).collect();
        let (seed, Outcome { figures, scheduler }) = runs.swap_remove(runs.len() / 2);
        let without = |limits: &[Limit]| {
            let mut conditions = conditions.clone();
            limits.iter().for_each(|limit| limit.lift(&mut conditions, &case));
            simulate(&case, &conditions, seed).figures
        };
        let ideal = without(&Limit::ALL).makespan;
        let lifted: Vec<(Limit, Duration)> = Limit::ALL
            .into_iter()
            .filter_map(|limit| Some((limit, without(&[limit]))).filter(|(_, run)| run.failure.is_none()))
            .map(|(limit, run)| (limit, run.makespan))
            .collect();
        let verdict = verdict(&figures, &lifted, ideal);
        let dollars = figures.dollars(prices);
        Self { case, figures, seed, dollars, makespans, lifted, ideal, verdict, scheduler }
    }
}

fn verdict(figures: &Figures, lifted: &[(Limit, Duration)], ideal: Duration) -> String {
    if let Some(failure) = &figures.failure {
        return format!("fails: {failure}");
    }
    let makespan = figures.makespan.as_secs_f64();
    let gain = |without: Duration| (makespan - without.as_secs_f64()) / makespan;
    if gain(ideal) < WORTH_NAMING {
        return "the work itself".to_owned();
    }
    let best = lifted.iter().map(|(limit, without)| (*limit, gain(*without))).max_by(|a, b| a.1.total_cmp(&b.1));
    match best {
        Some((limit, gain)) if gain >= WORTH_NAMING => format!("{} (-{:.0} %)", limit.name(), gain * 100.0),
        _ => "several together".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::Setup;
    use super::*;

    fn judge(setup: Setup, tasks: u32, mib: u64) -> Judged {
        let case = Case { setup, tasks, bytes: mib * 1024 * 1024 };
        Judged::of(case, 1..4, &PriceBook::built_in().unwrap())
    }

    #[test]
    fn too_few_places_and_too_few_environments_are_told_apart() {
        let places = judge(Setup::AsInstalled, 2_000, 128);
        assert!(places.verdict.starts_with("places"), "{}", places.verdict);
        let ramp = judge(Setup::Raised, 10_000, 16);
        assert!(!ramp.verdict.starts_with("places"), "{}: {:?}", ramp.verdict, ramp.lifted);
    }

    #[test]
    fn lifting_everything_leaves_the_work() {
        let judged = judge(Setup::WholeAccount, 500, 128);
        // 128 MiB at 100 MB/s, and what surrounds it.
        let seconds = judged.ideal.as_secs_f64();
        assert!((1.3..2.5).contains(&seconds), "{seconds}");
        assert!(judged.figures.makespan >= judged.ideal);
        assert!(judged.dollars > 0.0);
    }
}
