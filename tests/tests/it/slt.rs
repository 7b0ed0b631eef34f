//! Every file of `tests/slt` under every compute, and under DuckDB, whose results they hold.

use std::collections::BTreeSet;

use arachne_tests::slt::{self, Mode};

/// One test a file and mode.
macro_rules! files {
    ($($file:ident)*) => {
        const FILES: &[&str] = &[$(stringify!($file)),*];
        files!(@mode embedded Embedded $($file)*);
        files!(@mode tasks Tasks $($file)*);
        files!(@mode lambda Lambda $($file)*);
        files!(@mode cluster Cluster $($file)*);
        files!(@mode duckdb DuckDb $($file)*);
    };
    (@mode $name:ident $mode:ident $($file:ident)*) => {
        mod $name {
            use super::*;
            $(
                #[test]
                fn $file() {
                    slt::run(stringify!($file), Mode::$mode);
                }
            )*
        }
    };
}

files! {
    aggregate
    csv
    dates
    ddl
    errors
    join
    nested
    nulls
    order_limit
    parquet
    partitions
    random
    select
    set_operations
    strings
    subqueries
    types
    window
}

#[test]
fn every_file_is_in_the_list() {
    let names = std::fs::read_dir(slt::dir()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<_> = names.filter_map(|name| name.strip_suffix(".slt").map(str::to_owned)).collect();
    let listed: BTreeSet<_> = FILES.iter().map(|name| (*name).to_owned()).chain(["tables".to_owned()]).collect();
    assert_eq!(files, listed);
}
