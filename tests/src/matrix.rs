//! The ways in which every query of a suite is run: computes, widths, partitions, layouts.
//!
//! By default each query runs in a sample of the cells that takes a debug build seconds; the pick moves on with the query's number, so that
//! a suite as a whole meets every value of every axis. `ARACHNE_TEST_MATRIX=full` runs all cells, `ARACHNE_TEST_MATRIX=tasks,lambda` all
//! cells of these computes and nothing else.

mod cell;
mod engines;
mod report;
mod run;

pub use cell::{Cell, Compute, Shuffles};
pub use run::check;

use crate::suites::Layout;

/// Tasks of the stages of a query: all alike, or in turn.
pub const TASKS: [&str; 5] = ["1", "3", "7", "40", "3,7,1"];
/// Partitions of each task.
pub const PARTITIONS: [usize; 3] = [1, 2, 4];

/// The cells of one query.
pub fn cells(number: usize) -> Vec<Cell> {
    match std::env::var("ARACHNE_TEST_MATRIX").as_deref() {
        Err(_) | Ok("" | "sample") => sample(number),
        Ok("full") => Compute::ALL.into_iter().flat_map(|compute| all(compute, number)).collect(),
        Ok(computes) => computes
            .split(',')
            .map(|name| Compute::named(name).unwrap_or_else(|| panic!("ARACHNE_TEST_MATRIX knows no {name}")))
            .flat_map(|compute| all(compute, number))
            .collect(),
    }
}

/// Embedded, every second query in another layout too; over tasks in this process; in turn over Lambda's processes, a cluster's, or neither.
fn sample(number: usize) -> Vec<Cell> {
    let mut cells = vec![embedded(Layout::Parquet)];
    if number.is_multiple_of(2) {
        cells.push(embedded(Layout::ALL[1 + number / 2 % (Layout::ALL.len() - 1)]));
    }
    cells.push(picked(Compute::Tasks, number));
    match number % 3 {
        // Two cores start no 40 processes in a reasonable time.
        0 => cells.push(few_tasks(picked(Compute::Lambda, number / 3))),
        1 => cells.push(few_tasks(picked(Compute::Cluster, number / 3))),
        _ => {}
    }
    cells
}

/// Every value of each axis, and each pair of two axes, within the numbers of a suite.
fn picked(compute: Compute, number: usize) -> Cell {
    Cell {
        compute,
        tasks: TASKS[number % TASKS.len()],
        partitions: PARTITIONS[number % PARTITIONS.len()],
        layout: Layout::ALL[number / TASKS.len() % Layout::ALL.len()],
        shuffles: Shuffles::ALL[number / 2 % 2],
    }
}

fn few_tasks(cell: Cell) -> Cell {
    if cell.tasks == "40" { Cell { tasks: "7", ..cell } } else { cell }
}

/// In this process everything at every width, and the layouts but Parquet at one number of partitions a width; over processes, which take
/// longer to no other end than the transport, each width in two layouts.
fn all(compute: Compute, number: usize) -> Vec<Cell> {
    let mut cells = Vec::new();
    match compute {
        Compute::Embedded => cells.extend(Layout::ALL.map(embedded)),
        Compute::Tasks => {
            for (index, tasks) in TASKS.into_iter().enumerate() {
                for shuffles in Shuffles::ALL {
                    for partitions in PARTITIONS {
                        cells.push(Cell { compute, tasks, partitions, layout: Layout::Parquet, shuffles });
                    }
                }
                for (other, layout) in Layout::ALL.into_iter().enumerate().skip(1) {
                    let turn = number + index + other;
                    let partitions = PARTITIONS[turn % PARTITIONS.len()];
                    cells.push(Cell { compute, tasks, partitions, layout, shuffles: Shuffles::ALL[turn / 3 % 2] });
                }
            }
        }
        Compute::Lambda | Compute::Cluster => {
            for (index, tasks) in TASKS.into_iter().enumerate() {
                let turn = number + index;
                let partitions = PARTITIONS[turn % PARTITIONS.len()];
                let shuffles = Shuffles::ALL[turn % 2];
                let other = Layout::ALL[1 + turn % (Layout::ALL.len() - 1)];
                cells.extend([Layout::Parquet, other].map(|layout| Cell {
                    compute,
                    tasks,
                    partitions,
                    layout,
                    shuffles,
                }));
            }
        }
    }
    cells
}

fn embedded(layout: Layout) -> Cell {
    Cell { compute: Compute::Embedded, tasks: "", partitions: 0, layout, shuffles: Shuffles::AsPlanned }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn meets_everything(cells: &[Cell], tasks: &[&'static str]) {
        let met: HashSet<_> = cells.iter().map(|cell| (cell.tasks, cell.layout)).collect();
        for width in tasks {
            for layout in Layout::ALL {
                assert!(met.contains(&(*width, layout)), "{width} tasks, {layout:?}");
            }
            for partitions in PARTITIONS {
                assert!(cells.iter().any(|cell| (cell.tasks, cell.partitions) == (*width, partitions)));
            }
            for shuffles in Shuffles::ALL {
                assert!(cells.iter().any(|cell| (cell.tasks, cell.shuffles) == (*width, shuffles)));
            }
        }
    }

    #[test]
    fn the_sample_of_a_large_suite_meets_each_width_in_each_layout() {
        let cells: Vec<_> = (1..=99).flat_map(sample).collect();
        let of = |compute| cells.iter().filter(|cell| cell.compute == compute).cloned().collect::<Vec<_>>();
        meets_everything(&of(Compute::Tasks), &TASKS);
        for compute in [Compute::Lambda, Compute::Cluster] {
            assert!(of(compute).len() >= 33);
            for tasks in ["1", "3", "7", "3,7,1"] {
                assert!(of(compute).iter().any(|cell| cell.tasks == tasks));
            }
        }
    }

    #[test]
    fn the_full_matrix_meets_each_width_in_each_layout_for_every_query() {
        for number in 0..=99 {
            let cells = all(Compute::Tasks, number);
            let met: HashSet<_> = cells.iter().map(|cell| (cell.tasks, cell.layout)).collect();
            assert_eq!(met.len(), TASKS.len() * Layout::ALL.len());
            assert_eq!(cells.iter().collect::<HashSet<_>>().len(), cells.len(), "no cell twice");
        }
    }
}
