//! Any bytes as what a phone says: recognised or not, never a panic.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use provc::diagnostic::{Diagnostics, SourceMap};
use provc::plugin::PluginSet;
use provc::plugin::identify::{Channel, Identifier, Request};

static STANDARD: LazyLock<PluginSet> =
    LazyLock::new(|| PluginSet::load(&[], None, &mut SourceMap::default(), &mut Diagnostics::default()));

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    // The parts of an HTTP request as a line each; the other two have one part.
    let (path, agent) = text.split_once('\n').unwrap_or((&text, ""));
    let identifier = Identifier::new(&STANDARD);
    for request in [
        Request::new(Channel::Dhcp).option(60, &text),
        Request::new(Channel::Tftp).path(&text),
        Request::new(Channel::Http).path(path).header("user-agent", agent),
    ] {
        let found = identifier.identify(&request);
        assert_eq!(found.support.is_some(), found.vendor.is_some());
    }
});
