//! One way to run a query.

use std::fmt;

use crate::suites::Layout;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cell {
    pub compute: Compute,
    /// `arachne.tasks_per_stage`; empty where there are no tasks.
    pub tasks: &'static str,
    /// `arachne.partitions_per_task`.
    pub partitions: usize,
    pub layout: Layout,
    pub shuffles: Shuffles,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compute {
    /// No tasks.
    Embedded,
    /// Workers in this process, which share nothing but bytes.
    Tasks,
    /// Workers that are processes of the local Lambda.
    Lambda,
    /// gRPC workers that are processes of their own.
    Cluster,
}

/// How rows are brought together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shuffles {
    /// As statistics advise: small aggregates in the coordinator.
    AsPlanned,
    /// Everything through the exchange.
    Forced,
}

impl Compute {
    pub const ALL: [Self; 4] = [Self::Embedded, Self::Tasks, Self::Lambda, Self::Cluster];

    pub fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Tasks => "tasks",
            Self::Lambda => "lambda",
            Self::Cluster => "cluster",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|compute| compute.name() == name)
    }
}

impl Shuffles {
    pub const ALL: [Self; 2] = [Self::AsPlanned, Self::Forced];
}

/// In one word, so that reports can be sorted and counted: `tasks/3,7,1x2/csv/shuffled`.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.compute.name())?;
        if self.compute != Compute::Embedded {
            write!(f, "/{}x{}", self.tasks, self.partitions)?;
        }
        write!(f, "/{}", self.layout.name())?;
        match self.shuffles {
            Shuffles::AsPlanned => Ok(()),
            Shuffles::Forced => f.write_str("/shuffled"),
        }
    }
}
