//! MB per CPU second of `yaml::parse` beside `serde_yaml` into its `Value`, in the same run.
//!
//! `cargo bench --bench yaml [-- MEGABYTES]`. CPU time is this process's own, user and system.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fmt::Write as _;
use std::hint::black_box;

use provc::diagnostic::{Diagnostics, FileId};

/// An inventory of about `megabytes`, 630 bytes a device: block mappings, nested sip, keys in flow style.
fn inventory(megabytes: usize) -> String {
    let mut text = String::with_capacity(megabytes * 1_000_000 + 1000);
    text.push_str("x-base: &base\n  protocol: sip\n  tags: [bench]\ndevices:\n");
    let mut n = 0u32;
    while text.len() < megabytes * 1_000_000 {
        let (hi, mid, low) = (n >> 16 & 255, n >> 8 & 255, n & 255);
        let _ = write!(
            text,
            r#"  - mac: 00:04:13:{hi:02x}:{mid:02x}:{low:02x}
    name: phone-{n}
    vendor: Snom
    model: D785
    firmware: 10.1.175.16
    profiles: [office, floor-{floor}]
    tags: [desk, building-{floor}]
    timezone: Europe/Paris
    note: "Room {low}, desk {n}"
    sip:
      transport: tls
      outbound_proxy: sbc{floor}.example.net:5061
      codecs: [g722, pcma, opus]
    lines:
      - number: "{n}"
        username: u{n}
        password: Xk3{n}vQ9z
        display_name: User Number {n}
    function_keys:
      1: {{type: blf, value: "{n}1", label: Colleague {low}, line: 1}}
      2: {{type: speeddial, value: "+331{n}", label: Taxi}}
      3: {{type: park, value: "700", label: Park}}
"#,
            floor = low % 10,
        );
        n += 1;
    }
    text
}

/// CPU seconds of this process so far.
fn cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn rate<T>(text: &str, work: impl Fn(&str) -> T) -> f64 {
    let mut best = 0f64;
    for _ in 0..5 {
        let start = cpu();
        black_box(work(black_box(text)));
        best = best.max(text.len() as f64 / 1e6 / (cpu() - start));
    }
    best
}

fn ours(text: &str) -> usize {
    let mut out = Diagnostics::default();
    let node = provc::yaml::parse(FileId(0), text, &mut out);
    assert!(out.is_empty() && node.is_some());
    1
}

fn main() {
    // `cargo test --all-targets` runs benchmarks without `--bench`: then only see that it works.
    let usual = if std::env::args().any(|arg| arg == "--bench") { 20 } else { 1 };
    let megabytes = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(usual);
    let text = inventory(megabytes);
    let accents = text.replace("Colleague", "Collègue");
    // Without the anchor it is in the simple form.
    let simple = rate(&text.replacen("&base", "", 1), ours);
    let yaml = rate(&text, ours);
    let wide = rate(&accents, ours);
    let serde = rate(&text, |text| serde_yaml::from_str::<serde_yaml::Value>(text).is_ok());
    println!("{:.1} MB, best of 5, freeing the tree included, MB per CPU second:", text.len() as f64 / 1e6);
    println!("  provc::yaml::parse, simple     {simple:6.1}   {:.2} x serde_yaml", simple / serde);
    println!("  provc::yaml::parse, ASCII      {yaml:6.1}   {:.2} x serde_yaml", yaml / serde);
    println!("  provc::yaml::parse, accents    {wide:6.1}   {:.2} x serde_yaml", wide / serde);
    println!("  serde_yaml into Value          {serde:6.1}");
}
