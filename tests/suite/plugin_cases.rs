//! The tests that plugins bring along, by the code of `provc plugin test`; and that there are as many as there
//! should be. `PROVC_BLESS=1` rewrites the expected trees for review.

use std::fs;
use std::path::{Path, PathBuf};

use provc::diagnostic::{HumanOptions, human};
use provc::pipeline::cases::{self, Outcome, Runner};
use rayon::prelude::*;

fn plugins() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins")
}

#[test]
fn every_case_becomes_its_tree() {
    let directories = [plugins()];
    let cases = cases::find(&directories).unwrap();
    assert!(cases.iter().any(|case| case.plugin == "digium-2.8.1" && case.name == "rich"), "{cases:?}");
    let runner = Runner::new(&directories, crate::support::blessing());
    let run = |case: &cases::Case| {
        let told = match runner.run(case) {
            Outcome::Same | Outcome::Blessed(_) => return None,
            Outcome::Differs(found) => found
                .iter()
                .map(|found| format!("{} {}\n{}", found.path, found.what, found.excerpt))
                .collect(),
            Outcome::Said(said, sources) => human(&said, &sources, HumanOptions::default()),
            Outcome::Io(message) => message,
        };
        Some(format!("{} {}: {told}", case.plugin, case.name))
    };
    let failed: Vec<String> = cases.par_iter().filter_map(run).collect();
    assert!(failed.is_empty(), "{}\nPROVC_BLESS=1 rewrites the trees", failed.join("\n"));
}

#[test]
fn every_version_has_its_cases() {
    for family in fs::read_dir(plugins()).unwrap() {
        for unit in fs::read_dir(family.unwrap().path()).unwrap() {
            let unit = unit.unwrap().path();
            let is_version = unit.is_dir() && unit.file_name().unwrap().to_string_lossy().starts_with('v');
            for case in ["minimal", "rich", "nasty"] {
                let tree = unit.join("tests").join(case);
                let complete = tree.is_dir() && tree.with_extension("yaml").is_file();
                assert!(!is_version || complete, "{} or its .yaml is missing", tree.display());
            }
        }
    }
}
