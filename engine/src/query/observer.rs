//! Hears of every query that has ended.

use std::fmt::Debug;

use super::progress::QueryState;
use super::request::Door;
use super::stats::QueryStats;

/// Called once a query, when its end is written down; must be quick. Metrics are made of it.
pub trait QueryObserver: Debug + Send + Sync {
    fn ended(&self, door: Door, state: QueryState, stats: &QueryStats);
}

/// Does not listen.
#[derive(Debug, Default, Clone, Copy)]
pub struct NoObserver;

impl QueryObserver for NoObserver {
    fn ended(&self, _: Door, _: QueryState, _: &QueryStats) {}
}
