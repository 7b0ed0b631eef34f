//! The program as cargo built it. That this test exists also makes `cargo test` build the program, which the tests of the whole start.

#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
fn it_says_its_version() {
    let output = Command::new(env!("CARGO_BIN_EXE_arachne")).arg("--version").output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), concat!("arachne ", env!("CARGO_PKG_VERSION")));
}
