//! Tests of the whole, as users meet it. One binary: linking DataFusion once is enough.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod access;
mod admission;
mod architecture;
mod auth;
mod aws_cli;
mod bad_data;
mod bad_sql;
mod bad_storage;
mod bench;
mod cli_demo;
mod cli_lambda;
mod cli_signals;
mod cli_sql;
mod cluster;
mod doors_on_workers;
mod exchange;
mod explain;
mod faults;
mod flight;
mod http_cli;
mod http_clients;
mod http_door;
mod lambda_emulator;
mod limits;
mod load;
mod planner_traps;
mod pruning;
mod random_queries;
mod recovery;
mod reference;
mod slt;
mod suites;
mod tls;
mod two_level;
mod worker_faults;
