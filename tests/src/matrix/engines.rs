//! One engine for each compute and suite, with the suite's tables in every layout, shared by all tests of the process.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use super::cell::{Cell, Compute, Shuffles};
use crate::engine::{Engine, Width};
use crate::sandbox::Sandbox;
use crate::suites::{Layout, Suite};

static SHARED: Mutex<Option<HashMap<(Compute, &'static str), Engine>>> = Mutex::new(None);

/// The engine as a cell wants it.
pub(super) fn engine(suite: &'static Suite, cell: &Cell) -> Engine {
    let engine = shared(suite, cell.compute).in_database(&suite.database(cell.layout));
    if cell.compute == Compute::Embedded {
        return engine;
    }
    let engine = engine
        .with_setting("arachne.tasks_per_stage", cell.tasks)
        .with_setting("arachne.partitions_per_task", cell.partitions);
    match cell.shuffles {
        Shuffles::AsPlanned => engine,
        Shuffles::Forced => engine.with_setting("arachne.merge_groups", 0),
    }
}

fn shared(suite: &'static Suite, compute: Compute) -> Engine {
    // A panic while one was made has left the others whole.
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.get_or_insert_default().entry((compute, suite.name)).or_insert_with(|| make(suite, compute)).clone()
}

fn make(suite: &Suite, compute: Compute) -> Engine {
    let width = Width { tasks: 1, partitions: 1 };
    let engine = match compute {
        Compute::Embedded => Engine::embedded(),
        Compute::Tasks => Engine::tasks(width),
        Compute::Lambda => Engine::lambda(Sandbox::shared(), width),
        Compute::Cluster => Engine::cluster(Sandbox::shared(), width),
    };
    for layout in Layout::ALL {
        let url = match compute {
            Compute::Embedded | Compute::Tasks => format!("file://{}/", suite.dir(layout).display()),
            Compute::Lambda | Compute::Cluster => uploaded(suite, layout),
        };
        suite.create_tables(&engine, layout, &url);
    }
    engine
}

/// In the sandbox's S3, put there by whoever comes first.
fn uploaded(suite: &Suite, layout: Layout) -> String {
    static DONE: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
    let prefix = format!("suites/{}/{}", suite.name, layout.name());
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    let upload = || Sandbox::shared().upload(&suite.dir(layout), &prefix).expect("the suite goes up");
    done.entry(prefix.clone()).or_insert_with(upload).clone()
}
