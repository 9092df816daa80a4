//! Any bytes as a build manifest: believed or refused, never a panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use provc::output::{seal_manifest, verify_manifest};

fuzz_target!(|bytes: &[u8]| {
    let _ = verify_manifest(bytes);
    // Random bytes hardly ever have a matching checksum; given one, they reach what is behind it.
    if let Err(what) = verify_manifest(&seal_manifest(bytes)) {
        assert_ne!(what, "its checksum does not match");
        assert_ne!(what, "it cannot be searched");
    }
});
