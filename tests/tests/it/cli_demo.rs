//! `arachne demo`, the first thing that anybody runs.

use arachne_tests::cli::Cli;

#[test]
fn the_demo_ends_well_with_right_answers() {
    let cli = Cli::new();
    let run = cli.run(&["demo", "--scale", "0.01"]).succeeds();
    let text = run.text();
    for part in ["Q1", "Q3", "Q6", "Q18", "CSV", "GB-s", "Athena", "6 of 6 answers right"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("wrong"), "{text}");
}
