//! The real AWS CLI against the sandbox.

use std::process::{Command, Output};

use arachne_tests::sandbox::{FUNCTION, LAKE, Sandbox, block_on, temporary_dir};
use object_store::ObjectStoreExt;
use object_store::path::Path as Key;

#[test]
fn files_are_copied_listed_and_removed() {
    let sandbox = Sandbox::shared();
    let dir = temporary_dir("aws-cli").unwrap();
    std::fs::create_dir(dir.path().join("in")).unwrap();
    for (name, text) in [("a.csv", "k,v\n1,2\n"), ("b c.csv", "k,v\n3,4\n"), ("ü=1%.csv", "k,v\n5,6\n")] {
        std::fs::write(dir.path().join("in").join(name), text).unwrap();
    }
    let local = dir.path().display().to_string();
    let remote = format!("s3://{LAKE}/aws-cli/files/");

    succeeds(&mut sandbox.aws(&["s3", "cp", "--recursive", &format!("{local}/in"), &remote]));
    let listing = text(&succeeds(&mut sandbox.aws(&["s3", "ls", &remote])).stdout);
    for name in ["a.csv", "b c.csv", "ü=1%.csv"] {
        assert!(listing.contains(name), "{name} is not in {listing}");
    }
    let folders = text(&succeeds(&mut sandbox.aws(&["s3", "ls", &format!("s3://{LAKE}/aws-cli/")])).stdout);
    assert!(folders.contains("PRE files/"), "{folders}");

    succeeds(&mut sandbox.aws(&["s3", "cp", "--recursive", &remote, &format!("{local}/out")]));
    for name in ["a.csv", "b c.csv", "ü=1%.csv"] {
        let read = |folder| std::fs::read(dir.path().join(folder).join(name)).unwrap();
        assert_eq!(read("in"), read("out"), "{name}");
    }

    succeeds(&mut sandbox.aws(&["s3", "rm", "--recursive", &remote]));
    let listing = sandbox.aws(&["s3", "ls", &remote]).output().unwrap();
    assert!(listing.stdout.is_empty(), "{}", text(&listing.stdout));
}

#[test]
fn a_large_file_goes_up_in_parts_and_comes_back_whole() {
    let sandbox = Sandbox::shared();
    let dir = temporary_dir("aws-cli").unwrap();
    // Three parts of the CLI's default of 8 MiB, each different.
    let bytes: Vec<u8> = (0..20 * 1024 * 1024_u32).flat_map(|i| (i / 7).to_le_bytes().into_iter().take(1)).collect();
    let file = dir.path().join("large.bin");
    std::fs::write(&file, &bytes).unwrap();
    let remote = format!("s3://{LAKE}/aws-cli/large.bin");

    succeeds(&mut sandbox.aws(&["s3", "cp", file.to_str().unwrap(), &remote]));
    let parts = sandbox.s3.request_log().snapshot();
    let parts = parts
        .iter()
        .filter(|r| r.operation.as_deref() == Some("UploadPart") && r.key.as_deref() == Some("aws-cli/large.bin"));
    assert_eq!(parts.count(), 3);

    let back = dir.path().join("back.bin");
    succeeds(&mut sandbox.aws(&["s3", "cp", &remote, back.to_str().unwrap()]));
    assert!(std::fs::read(&back).unwrap() == bytes, "the file came back changed");
    let head = block_on(sandbox.bucket(LAKE).head(&Key::from("aws-cli/large.bin"))).unwrap();
    assert_eq!(head.size, bytes.len() as u64);
}

#[test]
fn wrong_credentials_and_missing_buckets_are_refused_as_s3_refuses_them() {
    let sandbox = Sandbox::shared();
    let refused = |command: &mut Command, code: &str| {
        let output = command.output().unwrap();
        assert!(!output.status.success());
        assert!(text(&output.stderr).contains(code), "{}", text(&output.stderr));
    };
    refused(sandbox.aws(&["s3", "ls", "s3://lake/"]).env("AWS_SECRET_ACCESS_KEY", "wrong"), "SignatureDoesNotMatch");
    refused(sandbox.aws(&["s3", "ls", "s3://lake/"]).env("AWS_ACCESS_KEY_ID", "nobody"), "InvalidAccessKeyId");
    refused(&mut sandbox.aws(&["s3", "ls", "s3://no-such-bucket/"]), "NoSuchBucket");
    refused(&mut sandbox.aws(&["s3", "ls", "s3://forbidden/"]), "AccessDenied");
}

#[test]
fn the_function_is_invoked_and_its_own_refusal_comes_back() {
    let sandbox = Sandbox::shared();
    let dir = temporary_dir("aws-cli").unwrap();
    let answer = dir.path().join("answer.json");
    let output = succeeds(&mut sandbox.aws(&[
        "lambda",
        "invoke",
        "--function-name",
        FUNCTION,
        "--payload",
        "{\"version\":\"0.0.0\"}",
        "--log-type",
        "Tail",
        answer.to_str().unwrap(),
    ]));
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(printed["StatusCode"], 200);
    assert!(printed["LogResult"].is_string(), "the report line comes with it: {printed}");
    let answer = std::fs::read_to_string(answer).unwrap();
    assert!(answer.contains("0.0.0") || answer.contains("version"), "the worker says what it does not take: {answer}");
}

fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
