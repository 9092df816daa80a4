//! Any bytes: decode, parse, print what was found. Nothing may panic, hang or eat the memory.

#![no_main]

use libfuzzer_sys::fuzz_target;
use provc::diagnostic::{Diagnostics, HumanOptions, SourceMap, human};
use provc::yaml::{decode_utf8, parse};

fuzz_target!(|bytes: &[u8]| {
    let mut sources = SourceMap::default();
    let file = sources.reserve("fuzz.yaml");
    let mut out = Diagnostics::default();
    match decode_utf8(file, bytes.to_vec()) {
        Ok(text) => {
            sources.set_text(file, text.as_str());
            let tree = parse(file, &text, &mut out);
            assert!(tree.is_some() || out.has_errors());
        }
        Err(diagnostic) => out.push(diagnostic),
    }
    let diagnostics = out.into_sorted(&sources);
    human(&diagnostics, &sources, HumanOptions::default());
});
