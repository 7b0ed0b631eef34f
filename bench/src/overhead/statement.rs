//! What is asked, and how it is to run.

use anyhow::{Result, ensure};
use arachne_engine::protocol::OutputKind;
use arachne_engine::query::QueryStats;

use crate::local_cloud::BUCKET;

#[derive(Debug)]
pub(super) struct Statement {
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
    /// Stages that run on workers.
    stages: usize,
    /// With fewer it is planned otherwise.
    pub(super) least_tasks: usize,
    /// Beside what every query over Lambda is given.
    settings: &'static [(&'static str, &'static str)],
}

impl Statement {
    /// The one without a shuffle is first.
    pub(super) const ALL: [&'static Self; 2] = [
        &Self {
            name: "one stage",
            sql: "SELECT l_returnflag, l_linestatus, count(*), sum(l_quantity), sum(l_extendedprice * (1 - l_discount)) \
                  FROM lineitem GROUP BY l_returnflag, l_linestatus",
            stages: 1,
            least_tasks: 1,
            settings: &[],
        },
        // A group an order, of which few come out: what is measured is the way from producers over S3 to consumers, not the result.
        // The groups would fit in the coordinator, which would then merge them.
        &Self {
            name: "one shuffle",
            sql: "SELECT l_orderkey, sum(l_quantity) FROM lineitem GROUP BY l_orderkey HAVING sum(l_quantity) > 250",
            stages: 2,
            least_tasks: 2,
            settings: &[("arachne.merge_groups", "0")],
        },
    ];

    /// For so many tasks a stage.
    pub(super) fn over_lambda(&self, tasks: usize) -> Vec<(String, String)> {
        let own = self.settings.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let settings = [
            ("arachne.compute", "lambda".to_owned()),
            ("arachne.exchange", format!("s3://{BUCKET}/exchange/")),
            ("arachne.local_bytes", "0".to_owned()),
            ("arachne.tasks_per_stage", tasks.to_string()),
        ];
        settings.into_iter().chain(own).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Whether a run over Lambda went the way that is to be measured.
    pub(super) fn check(&self, stats: &QueryStats, tasks: usize) -> Result<()> {
        ensure!(stats.distributed, "the query ran elsewhere: {}", stats.placement);
        let widths: Vec<u32> = stats.stages.iter().map(|stage| stage.tasks).collect();
        ensure!(
            widths.len() == self.stages && widths.iter().all(|width| *width as usize == tasks),
            "the query ran in stages of {widths:?} tasks, not {} of {tasks}",
            self.stages
        );
        // The last one's rows come to the coordinator.
        let (producers, consumers) = (stats.stages.iter().take(self.stages - 1), stats.stages.iter().skip(1));
        for stage in producers {
            ensure!(stage.output == Some(OutputKind::Shuffle), "stage {} puts out {:?}", stage.stage, stage.output);
        }
        for stage in consumers {
            ensure!(stage.requests.bytes_exchanged > 0, "stage {} reads nothing through S3", stage.stage);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cut_otherwise_is_not_measured() {
        let [one_stage, shuffle] = Statement::ALL;
        assert!(one_stage.check(&QueryStats::default(), 4).unwrap_err().to_string().contains("elsewhere"));
        let no_stages = QueryStats { distributed: true, ..QueryStats::default() };
        let error = shuffle.check(&no_stages, 4).unwrap_err().to_string();
        assert_eq!(error, "the query ran in stages of [] tasks, not 2 of 4");
    }

    #[test]
    fn a_statement_may_add_to_the_settings() {
        let set = |statement: &Statement, name: &str| {
            statement.over_lambda(4).into_iter().find(|(other, _)| other == name).map(|(_, value)| value)
        };
        let [one_stage, shuffle] = Statement::ALL;
        assert_eq!(set(one_stage, "arachne.merge_groups"), None);
        assert_eq!(set(shuffle, "arachne.merge_groups").as_deref(), Some("0"));
        assert_eq!(set(shuffle, "arachne.tasks_per_stage").as_deref(), Some("4"));
    }
}
