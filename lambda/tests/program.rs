//! The function as cargo built it. That this test exists also makes `cargo test` build the function, which the tests of the whole start.

#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
fn started_by_hand_it_says_what_it_is_for() {
    let output = Command::new(env!("CARGO_BIN_EXE_bootstrap")).env_remove("AWS_LAMBDA_RUNTIME_API").output().unwrap();
    assert!(!output.status.success());
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("AWS_LAMBDA_RUNTIME_API"), "{message}");
}
