//! No secret is ever shown: not by a command, not in a mistake, not in what builds remember.

use std::fs;

use crate::support::{Output, Repository, command, run};

/// Every one of these stands in the repository or its environment, and nowhere else but in phones' files.
const SECRETS: [&str; 8] = [
    "zq-line-password",
    "zq-env-password",
    "zq-file-password",
    "zq-command-password",
    "zq-admin-password",
    "90817263",
    "zq-wifi-psk",
    "zq-http-password",
];

const INVENTORY: &str = "\
site: {http_url: \"http://10.0.0.1\"}
profiles:
  base:
    vendor: Digium
    model: D65
    sip: {proxy: 10.0.0.1}
    admin: {username: admin, password: zq-admin-password, pin: \"90817263\"}
    network: {wifi: {ssid: office, psk: zq-wifi-psk}}
    http: {username: phones, password: zq-http-password}
    vars: {api: {env: ZQ_PASSWORD}}
lines:
  a: {number: \"1001\", password: zq-line-password}
  b: {number: \"1002\", password: {env: ZQ_PASSWORD}}
  c: {number: \"1003\", password: {file: secret.txt}}
  d: {number: \"1004\", password: {command: [cat, inventory/printed.txt]}}
devices:
  - {mac: 00:0f:d3:00:00:01, name: desk, lines: [a, b]}
  - {mac: 00:0f:d3:00:00:02, name: hall, lines: [c, d]}
";

fn repository() -> Repository {
    Repository::new(&[
        ("inventory/all.yaml", INVENTORY),
        ("inventory/secret.txt", "zq-file-password\n"),
        ("inventory/printed.txt", "zq-command-password\n"),
    ])
}

fn provc(repository: &Repository, args: &[&str]) -> Output {
    run(command(repository.path(), args).env("ZQ_PASSWORD", "zq-env-password"))
}

#[track_caller]
fn assert_silent(what: &str, text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{what} shows `{secret}`:\n{text}");
    }
}

#[track_caller]
fn assert_quiet_run(repository: &Repository, args: &[&str], status: i32) {
    let output = provc(repository, args).expect(status);
    assert_silent(&format!("{args:?}"), &format!("{}{}", output.stdout, output.stderr));
}

#[test]
fn no_command_shows_one() {
    let repository = repository();
    for args in [
        &["check"][..],
        &["check", "-v", "--format", "json"],
        &["build", "--dry-run", "-v"],
        &["build", "-v"],
        &["build", "--format", "json"],
        &["show", "desk"],
        &["show", "hall"],
        &["show", "desk", "--format", "json"],
        &["show", "hall", "--origin"],
        &["show", "desk", "--origin", "--format", "json"],
        &["list"],
        &["list", "--format", "json"],
    ] {
        assert_quiet_run(&repository, args, 0);
    }
    let desk = repository.read("out/Digium/000fd3000001.cfg");
    assert!(desk.contains("zq-line-password") && desk.contains("zq-env-password"), "the phones do get them");
    let hall = repository.read("out/Digium/000fd3000002.cfg");
    assert!(hall.contains("zq-file-password") && hall.contains("zq-command-password"));
}

#[test]
fn what_builds_remember_holds_none() {
    let repository = repository();
    provc(&repository, &["build"]).expect(0);
    let files = repository.files(".out.provc");
    assert!(!files.is_empty());
    for file in files {
        let bytes = fs::read(repository.path().join(".out.provc").join(&file)).unwrap();
        assert_silent(&file.display().to_string(), &String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn mistakes_beside_them_are_drawn_without_them() {
    let mistakes = [
        ("password: zq-line-password", "pasword: zq-line-password"),
        ("number: \"1001\"", "numbr: \"1001\""),
        ("username: admin,", "usrname: admin,"),
        ("pin: \"90817263\"", "pin: \"90817263x\""),
        ("psk: zq-wifi-psk", "key: zq-wifi-psk"),
        ("psk: zq-wifi-psk", "passphrase: zq-wifi-psk"),
        ("ssid: office", "ssid: [office]"),
        ("password: zq-line-password}", "password: [zq-line-password]}"),
        ("password: zq-line-password}", "password: zq-line-password"),
        ("password: zq-line-password}", "password: \"zq-line-password}"),
        ("password: zq-line-password}", "password: %zq-line-password}"),
        ("password: zq-admin-password", "password: {value: zq-admin-password}"),
        ("sip: {proxy: 10.0.0.1}", "sip: {}"),
        ("{env: ZQ_PASSWORD}}\n  c", "{env: ZQ_PASSWORD, default: zq-env-password}}\n  c"),
    ];
    for (right, wrong) in mistakes {
        let repository = repository();
        assert!(INVENTORY.contains(right), "{right}");
        repository.write("inventory/all.yaml", &INVENTORY.replacen(right, wrong, 1));
        for format in ["human", "json", "github"] {
            assert_quiet_run(&repository, &["check", "--format", format], 1);
        }
    }
}

const PLUGIN: &str = "\
id: acme-1.0
version: 1.0.0
description: Acme
vendor: Acme
firmware: 1.0
models: {A1: {lines: 4}}
tables: {codec: {g722: G722}}
files:
  device: [{path: \"{{ device.mac | mac }}.cfg\", template: device.cfg.tera, format: text}]
  common: [{path: common.cfg, template: common.cfg.tera, format: text}]
";

#[test]
fn failing_templates_do_not_quote_them() {
    let templates = [
        "{{ throw(message=lines[0].password) }}",
        "{{ lines[0].password | lookup(table='codec') }}",
        "{{ throw(message='the pin is ' ~ admin.pin) }}",
        "{{ throw(message=vars.api) }}",
        "{{ lines[0].password | pad(width='x') }}",
        "{{ lines[0].password + 1 }}",
        "{{ lines[0].password.x.y }}",
    ];
    for template in templates {
        let repository = repository();
        repository.write("inventory/all.yaml", &INVENTORY.replace("Digium", "Acme").replace("D65", "A1"));
        repository.write("plugins/acme/v1_0/plugin.yaml", PLUGIN);
        repository.write("plugins/acme/v1_0/templates/common.cfg.tera", "x\n");
        repository.write("plugins/acme/v1_0/templates/device.cfg.tera", template);
        assert_quiet_run(&repository, &["check"], 1);
    }
    for template in [
        "{{ throw(message=admin.password) }}",
        "{{ throw(message=vars.api) }}",
        "{{ throw(message=http.password) }}",
    ] {
        let repository = repository();
        repository.write("inventory/all.yaml", &INVENTORY.replace("Digium", "Acme").replace("D65", "A1"));
        repository.write("plugins/acme/v1_0/plugin.yaml", PLUGIN);
        repository.write("plugins/acme/v1_0/templates/device.cfg.tera", "x\n");
        repository.write("plugins/acme/v1_0/templates/common.cfg.tera", template);
        assert_quiet_run(&repository, &["check"], 1);
    }
}

#[test]
fn a_file_that_is_not_well_formed_is_not_quoted() {
    let repository = repository();
    repository.write("inventory/all.yaml", &INVENTORY.replace("Digium", "Acme").replace("D65", "A1"));
    repository.write(
        "plugins/acme/v1_0/plugin.yaml",
        &PLUGIN.replace("device.cfg.tera, format: text", "device.cfg.tera, format: ini"),
    );
    repository.write("plugins/acme/v1_0/templates/common.cfg.tera", "x\n");
    repository.write(
        "plugins/acme/v1_0/templates/device.cfg.tera",
        "{% for line in lines %}\n{{ line.password }}\n{% endfor %}\n",
    );
    assert_quiet_run(&repository, &["check"], 1);
}

#[test]
fn a_failing_command_or_file_is_named_not_quoted() {
    let repository = repository();
    repository.write("inventory/printed.txt", "zq-command-password\nand more\n");
    assert_quiet_run(&repository, &["check"], 1);
    let repository = self::repository();
    let failing = "[sh, -c, \"cat inventory/printed.txt; cat inventory/printed.txt >&2; exit 1\"]";
    repository.write("inventory/all.yaml", &INVENTORY.replace("[cat, inventory/printed.txt]", failing));
    assert_quiet_run(&repository, &["check"], 1);
}
