use proptest::prelude::*;

use super::*;
use crate::plugin::testing::{Loaded, load, tree};

const ACME: &str = r#"
models: {A1: {lines: 2}, A2: {lines: 4}}
associate: {firmware_match: prefix, refuse_firmware: '<1', aliases: {vendor: [Emca], model: {A2X: A2}}}
identify:
  dhcp:
    - {vendor_class: '^acme_(?<model>[A-Z\d]+)_(?<version>[\d_]+)$', replace: {version: {"_": "."}}}
    - {vendor_class: '^acme'}
    - {options: {43: '^A1$', 77: '^acme'}, set: {model: A1}}
  http:
    - {path: '(?:^|/)acme/(?<mac>[0-9a-f]{12})\.cfg$'}
    - {path: '(?:^|/)(?<mac>[0-9a-f]{12})\.cfg$', user_agent: '^(?<vendor>Acme|Emca) '}
    - {user_agent: '^(?:Acme|Emca) (?<model>A\w*)(?:-(?<version>[\d.]+))?'}
    - {headers: {X-Phone: '^acme (?<model>\w+)'}, set: {vendor: Acme Labs}}
  tftp:
    - {path: '^acme(?<mac>[0-9a-f]{12})\.cfg$'}
"#;

const OTHER: &str = r#"
models: {B1: {lines: 2}}
identify:
  http:
    - {path: '(?<mac>[0-9a-f]{12})\.cfg$'}
    - {user_agent: '(?<model>[A-Z]\d)'}
  tftp:
    - {path: '(?<mac>[0-9a-f]{12})\.cfg$'}
"#;

fn manifest(family: &str, vendor: &str, more: &str) -> (String, String) {
    let text = format!(
        "id: {family}-1.0\nversion: 1.0.0\ndescription: x\nvendor: {vendor}\nfirmware: '1.0'\nfunction_keys: [blf]\n{more}"
    );
    (format!("{family}/v1_0/plugin.yaml"), text)
}

fn files() -> [(String, String); 2] {
    [manifest("acme", "Acme", ACME), manifest("other", "Other", OTHER)]
}

fn set() -> PluginSet {
    let files = files();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let loaded = load(&files);
    assert_eq!(loaded.said(), Vec::<String>::new());
    loaded.set
}

/// vendor, model, version, MAC, plugin and support in a line, `-` for what is not known.
fn shown(found: &Identified) -> String {
    let Identified { vendor, model, version, mac, plugin, support } = found;
    let text = |part: &Option<String>| part.clone().unwrap_or_else(|| "-".to_owned());
    let mac = mac.map(|mac| mac.to_string());
    let support = support.map(|level| level.as_str().to_owned());
    [text(vendor), text(model), text(version), text(&mac), text(plugin), text(&support)].join(" ")
}

fn dhcp(class: &str) -> Request {
    Request::new(Channel::Dhcp).option(60, class)
}

fn http(path: &str, agent: &str) -> Request {
    let request = Request::new(Channel::Http).path(path);
    if agent.is_empty() { request } else { request.header("User-Agent", agent) }
}

fn tftp(path: &str) -> Request {
    Request::new(Channel::Tftp).path(path)
}

#[test]
fn the_most_specific_rule_speaks() {
    let set = set();
    let identifier = Identifier::new(&set);
    let mac = "00:1a:2b:3c:4d:e0";
    for (request, expected) in [
        (dhcp("acme_A1_1_0"), "Acme A1 1.0 - acme-1.0 exact".to_owned()),
        (dhcp("acme_A1_1_0\0\0"), "Acme A1 1.0 - acme-1.0 exact".into()),
        // Another class of the vendor: that much is known.
        (dhcp("acme phone"), "Acme - - - - unknown".into()),
        // Two things looked at are more than one.
        (http("/001a2b3c4de0.cfg", "Emca A2"), format!("Acme A2 - {mac} acme-1.0 probable")),
        // More told is more; then more letters; then the name of the family.
        (http("/acme/001a2b3c4de0.cfg", ""), format!("Acme - - {mac} - unknown")),
        (http("/x/001a2b3c4de0.cfg", ""), format!("Other - - {mac} - unknown")),
        (http("/acme/001a2b3c4de0.cfg?a=b", "Acme A2X-1.0.7"), format!("Acme A2 1.0.7 {mac} acme-1.0 exact")),
        (http("/", "Acme A1-2"), "Acme A1 2 - acme-1.0 probable".into()),
        // What no plugin lists keeps its name, and what all refuse is told.
        (http("/", "Acme A9-1.0"), "Acme A9 1.0 - - unknown".into()),
        (http("/", "Acme A2X-0.9"), "Acme A2 0.9 - - improbable".into()),
        (tftp("acme001a2b3c4de0.cfg"), format!("Acme - - {mac} - unknown")),
        (tftp("001a2b3c4de0.cfg"), format!("Other - - {mac} - unknown")),
        (http("/", "").header("x-PHONE", "acme a1"), "Acme Labs a1 - - - unknown".into()),
        (
            Request::new(Channel::Dhcp).option(43, "A1").option(77, "acme\0"),
            "Acme A1 - - acme-1.0 probable".into(),
        ),
    ] {
        assert_eq!(shown(&identifier.identify(&request)), expected, "{request:?}");
    }
}

#[test]
fn nothing_is_known_of_strangers() {
    let set = set();
    let identifier = Identifier::new(&set);
    let long = format!("acme_{}", "x".repeat(1 << 20));
    for request in [
        Request::new(Channel::Dhcp),
        dhcp(""),
        dhcp("MSFT 5.0"),
        dhcp("xacme"),
        dhcp(&long),
        // The same words elsewhere.
        Request::new(Channel::Dhcp).option(61, "acme_A1_1_0"),
        Request::new(Channel::Dhcp).option(43, "A1"),
        tftp("acme_A1_1_0"),
        http("/", "curl/7.88.1"),
        http("/robots.txt", "mozilla/5.0 (compatible)"),
        http("/acme/../acme/001a2b3c4de0.cfg", ""),
        http("..\\001a2b3c4de0.cfg", ""),
        http("/?/acme/001a2b3c4de0.cfg", ""),
    ] {
        assert_eq!(identifier.identify(&request), Identified::default(), "{request:?}");
    }
    let mac = Mac::parse("00:1a:2b:3c:4d:e0").ok();
    let found = identifier.identify(&http("/", "curl").mac(mac));
    assert_eq!(found, Identified { mac, ..Identified::default() }, "what came along is kept");
}

#[test]
fn addresses() {
    let set = set();
    let identifier = Identifier::new(&set);
    let mac = Mac::parse("00:aa:bb:cc:dd:ee").ok();
    let said = |request: Request| identifier.identify(&request.mac(mac)).mac.map(|mac| mac.to_string());
    assert_eq!(said(http("/acme/001a2b3c4de0.cfg", "")).unwrap(), "00:1a:2b:3c:4d:e0");
    assert_eq!(said(http("/acme/000000000000.cfg", "")).unwrap(), "00:aa:bb:cc:dd:ee");
    let found = identifier.identify(&http("/acme/000000000000.cfg", ""));
    assert_eq!((found.vendor.as_deref(), found.mac), (Some("Acme"), None), "the file for every phone");
}

/// What is added by other rules of the family never mixes two phones.
#[test]
fn what_contradicts_is_left_out() {
    let rules = r#"
models: {A1: {lines: 2}, A2: {lines: 4}}
identify:
  http:
    - {path: '^/(?<model>A\d)/', user_agent: '^acme'}
    - {user_agent: '^acme (?<model>A\d) (?<version>\d)'}
    - {path: '(?<mac>[0-9a-f]{12})'}
"#;
    let (path, text) = manifest("acme", "Acme", rules);
    let loaded = load(&[(&path, &text)]);
    let identifier = Identifier::new(&loaded.set);
    let told = |agent| shown(&identifier.identify(&http("/A1/001a2b3c4de0", agent)));
    assert_eq!(told("acme A1 3"), "Acme A1 3 00:1a:2b:3c:4d:e0 acme-1.0 probable");
    assert_eq!(told("acme A2 3"), "Acme A1 - 00:1a:2b:3c:4d:e0 acme-1.0 probable");
}

proptest! {
    #[test]
    fn no_request_panics_and_the_order_of_loading_does_not_matter(
        swap: bool,
        channel in prop::sample::select(vec![Channel::Dhcp, Channel::Http, Channel::Tftp]),
        path in "(/|acme|[0-9a-f]{12}|\\.cfg|\\.\\.|\\PC){0,6}",
        agent in "((Acme|Emca|A1|A2X|-| |1\\.0|\0)|\\PC){0,6}",
        option: u8,
        value in "((acme|_|A1|1|\0)|\\PC){0,6}",
    ) {
        let request = Request::new(channel).path(&path).header("User-Agent", &agent).option(option, &value).option(60, &value);
        let mut files = files();
        if swap {
            files.swap(0, 1);
        }
        let trees = files.iter().map(|(path, text)| tree(&[(path, text)])).collect();
        let shuffled = Loaded::new(trees, None).set;
        let found = Identifier::new(&shuffled).identify(&request);
        prop_assert_eq!(&found, &Identifier::new(&set()).identify(&request));
        prop_assert!(found.support.is_some() == found.vendor.is_some());
        prop_assert!(found.plugin.is_none() || found.model.is_some());
    }
}
