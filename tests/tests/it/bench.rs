//! The bench of engines side by side, from data to page, at a scale where it takes seconds.

use std::process::Command;

use arachne_tests::{binaries, sandbox};

/// Each of ours answers rightly, asks S3 for something, and is on the page; a second start measures nothing again.
#[test]
fn ours_are_measured_in_all_their_ways() {
    let out = sandbox::temporary_dir("bench").unwrap();
    let bench = || {
        let output = Command::new(binaries::arachne_bench())
            .args(["run", "--suite", "tpch", "--scale", "0.01", "--s3", "plain", "--peers", "none", "--ours", "all"])
            .args(["--queries", "q03,q06", "--runs", "1", "--out"])
            .arg(out.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    };
    bench();
    let file = |extension: &str| {
        let path = out.path().join(format!("tpch-0.01-parquet-plain-some.{extension}"));
        std::fs::read_to_string(path).unwrap()
    };
    let results: serde_json::Value = serde_json::from_str(&file("json")).unwrap();
    let records = results["records"].as_array().unwrap();
    assert_eq!(records.len(), 6);
    for record in records {
        let cold = &record["outcome"]["measured"]["cold"];
        assert!(cold["s3"]["get"].as_u64().is_some_and(|gets| gets > 0), "{record}");
        assert!(cold["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{record}");
    }
    for engine in ["arachne-embedded", "arachne-lambda", "arachne-cluster"] {
        assert!(file("md").contains(engine), "{}", file("md"));
    }
    let again = bench();
    assert_eq!(again.matches("as measured before").count(), 6, "{again}");
}
