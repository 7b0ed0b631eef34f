//! Tests of the whole, as users meet it. One binary: linking DataFusion once is enough.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod reference;
