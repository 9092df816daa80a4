//! A phone that can be run: linphonec fetches what provc rendered from nginx, registers at Kamailio with it and
//! calls. All three are Debian's packages, on loopback and on ports of their own.

mod client;
mod kamailio;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use self::client::user;
use self::kamailio::Kamailio;
use crate::servers::{self, USER};
use crate::support::Repository;
use crate::tree::is_root;

/// Waits until this is true; for a minute or more, which a loaded machine may need.
fn poll(mut ready: impl FnMut() -> bool) -> bool {
    (0..1200).any(|_| {
        let is_ready = ready();
        if !is_ready {
            std::thread::sleep(Duration::from_millis(50));
        }
        is_ready
    })
}

/// The end of a file, for messages.
fn shown(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let from = text.char_indices().rev().nth(4000).map_or(0, |(at, _)| at);
    text.get(from..).unwrap_or_default().to_owned()
}

const ALICE: &str = r#"p&"<'>\ é ;{%"#;
const BOB: &str = " b{{ x }} ";

/// Two clients. What XML, SIP and YAML would read as more than text is in the values.
fn inventory(nginx: u16, pbx: u16, alice: &str, bob: &str) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let (alice, bob) = (quoted(alice), quoted(bob));
    format!(
        r#"site: {{http_url: "http://127.0.0.1:{nginx}"}}
profiles:
  base:
    vendor: Linphone
    model: linphonec
    firmware: 5.1.65
    sip: {{proxy: "127.0.0.1:{pbx}", codecs: [pcma, opus], dtmf_mode: rtp, register_expires: 120}}
    contacts: [company]
    # Ports that are free.
    extra: {{linphone: {{sip.sip_port: -1, sip.sip_tcp_port: -1, sip.sip_tls_port: -1, rtp.audio_rtp_port: -1}}}}
contacts:
  company: [{{name: "Zoé, Ünal; & fils", number: "1003"}}]
lines:
  alice: {{number: "1001", username: alice, auth_username: alice-auth, password: {alice}, display_name: 'Zoé & "A" \ <x>'}}
  bob: {{number: "1002", username: "+3312", password: {bob}, sip: {{transport: tcp}}}}
devices:
  - {{id: alice, lines: [alice]}}
  - {{id: bob, lines: [bob]}}
"#
    )
}

/// A repository whose files nginx may read.
fn site() -> Repository {
    let site = Repository::new(&[]);
    fs::set_permissions(site.path(), fs::Permissions::from_mode(0o755)).unwrap();
    if is_root() {
        site.write("provc.yaml", &format!("group: {USER}\n"));
    }
    site
}

fn build(site: &Repository) {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins");
    site.provc(&["--plugins", plugins.to_str().unwrap(), "build"]).expect(0);
}

#[test]
fn linphonec_registers_and_calls_with_what_is_rendered() {
    let site = site();
    let place = site.path();
    let nginx = servers::nginx(place, &place.join("out"));
    let pbx = Kamailio::start(place, &[("alice-auth", ALICE), ("+3312", BOB)]);
    site.write("inventory/all.yaml", &inventory(nginx.port, pbx.port(), ALICE, BOB));
    build(&site);
    let users = [user(place, "alice", nginx.port), user(place, "bob", nginx.port)];
    let [mut alice, mut bob] = users.each_ref().map(client::User::start);

    // Both register, by the digest name, transport and time of the inventory.
    for said in [
        "PBX: registered alice as alice-auth by udp for 120",
        "PBX: registered +3312 as +3312 by tcp for 120",
    ] {
        assert!(poll(|| pbx.said().contains(said)), "no {said:?}: {}", pbx.said());
    }
    alice.ask(
        "status register",
        r#"registered, identity="Zoé & \"A\" \\ <x>" <sip:alice@127.0.0.1> duration=120"#,
    );
    bob.ask("status register", r#"registered, identity="1002" <sip:+3312@127.0.0.1> duration=120"#);

    // One calls the other. The display name arrives, and the codecs in their order, with RFC 4733 digits.
    alice.tell("call sip:+3312@127.0.0.1");
    alice.expect("Call 1 with sip:+3312@127.0.0.1 connected.");
    bob.expect(r#"Call 1 with "Zoé & \"A\" \\ <x>" <sip:alice@127.0.0.1> connected."#);
    alice.expect("Media streams established");
    bob.expect("Media streams established");
    let said = pbx.said();
    let offer = said.split("PBX: alice calls +3312 and offers ").nth(1).unwrap();
    assert_eq!(
        audio(offer),
        ["8", "opus/48000/2", "telephone-event/8000", "telephone-event/48000"],
        "{offer}"
    );
    alice.tell("terminate");
    alice.expect("Call 1 with sip:+3312@127.0.0.1 ended");
    bob.expect(r#"<sip:alice@127.0.0.1> ended"#);
    alice.quit();
    bob.quit();

    // A digest is in the place of the password now: a client must not go on with it.
    assert!(users[0].file("linphonerc").contains("\nha1="), "{}", users[0].file("linphonerc"));

    // The password is changed in the inventory and at the PBX: what was built before is refused.
    let (changed, both) = ("other & <secret>", "another");
    let pbx = pbx.restart(place, &[("alice-auth", changed), ("+3312", both)]);
    site.write("inventory/all.yaml", &inventory(nginx.port, pbx.port(), changed, both));
    let mut alice = users[0].start();
    assert!(poll(|| pbx.said().contains("PBX: refused alice as alice-auth")), "{}", pbx.said());
    // It says so, or asks for the password, in place of which it would take any command: `quit` too.
    let refused = poll(|| {
        alice.tell("status register");
        alice.said().contains("registered=-1") || alice.said().contains("Password for alice")
    });
    assert!(refused, "{}", alice.said());
    drop(alice);
    assert!(!pbx.said().contains("registered alice"), "{}", pbx.said());

    // Built again it registers; so does one that has seen no refusal between.
    build(&site);
    let clients = users.each_ref().map(client::User::start);
    for said in ["PBX: registered alice as alice-auth", "PBX: registered +3312 as +3312"] {
        assert!(poll(|| pbx.said().contains(said)), "no {said:?}: {}", pbx.said());
    }
    clients.into_iter().for_each(client::Client::quit);
    requests_are_known(&site);
}

/// What XML, the client's own file and SIP could read as more than text arrives as it is; accounts of lines that
/// are gone go.
#[test]
fn values_arrive_whole_and_lines_that_are_gone_go() {
    let site = site();
    let nginx = servers::nginx(site.path(), &site.path().join("out"));
    let inventory = |lines: &str| {
        format!(
            r##"site: {{http_url: "http://127.0.0.1:{}"}}
profiles:
  base:
    sip: {{proxy: 127.0.0.1, register: false, realm: 'a"b<c>&d'}}
    extra: {{linphone: {{sip.sip_port: -1, sip.sip_tcp_port: -1, sip.sip_tls_port: -1}}}}
lines:
  nasty:
    username: 'user"/></entry>@evil.example;x=y'
    auth_username: "auth' or '1'='1"
    password: ' !"#$%&''()*+,-./09:;<=>?@AZ[\]^_`az{{|}}~'
    display_name: 'Zoé "Z" \ <ünal> & fils 漢字 😀'
  bob: {{username: bob, password: fake}}
  carol: {{username: "+333", password: fake, sip: {{stun: "127.0.0.1:3478"}}}}
devices: [{{id: nasty, vendor: Linphone, model: linphonec, lines: [{lines}]}}]
"##,
            nginx.port
        )
    };
    let user = user(site.path(), "nasty", nginx.port);
    site.write("inventory/all.yaml", &inventory("nasty, bob, carol"));
    build(&site);
    let mut client = user.start();
    client.ask("proxy list", r#"identity: "+333" <sip:+333@127.0.0.1>"#);
    client.quit();
    let kept = user.file("linphonerc");
    for entry in [
        r#"username=user"/></entry>@evil.example;x=y"#,
        "userid=auth' or '1'='1",
        r##"passwd= !"#$%&'()*+,-./09:;<=>?@AZ[\]^_`az{|}~"##,
        r#"realm=a"b<c>&d"#,
        r#"reg_identity="Zoé \"Z\" \\ <ünal> & fils 漢字 😀" <sip:user%22%2F%3E%3C%2Fentry%3E%40evil.example%3Bx%3Dy@127.0.0.1>"#,
        "nat_policy_ref=line-3",
        "stun_server=127.0.0.1:3478",
    ] {
        assert!(kept.lines().any(|line| line == entry), "no {entry}: {kept}");
    }

    site.write("inventory/all.yaml", &inventory("carol"));
    build(&site);
    let mut client = user.start();
    // It answers by what it knew until the new configuration arrives.
    let alone = poll(|| {
        client.tell("proxy list");
        let said = client.said();
        let list = said.rsplit("Proxy 0 ").next().unwrap_or_default();
        list.contains("<sip:+333@127.0.0.1>") && !list.contains("Proxy 1")
    });
    assert!(alone, "{}", client.said());
    client.quit();
}

/// The audio formats of a session description, in order: names, or numbers for those that need no name.
fn audio(offer: &str) -> Vec<&str> {
    let media = offer.lines().find_map(|line| line.strip_prefix("m=audio ")).unwrap();
    let name = |number: &str| {
        let prefix = format!("a=rtpmap:{number} ");
        offer.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::trim_end)
    };
    media.split_whitespace().skip(2).map(|number| name(number).unwrap_or(number)).collect()
}

/// What nginx was asked is what provc expects of a Linphone.
fn requests_are_known(site: &Repository) {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins");
    let log = site.read("access.log");
    let requests: std::collections::BTreeSet<&str> = log.lines().collect();
    for request in &requests {
        let [path, "200", agent] = request.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{request}");
        };
        let known = site
            .provc(&[
                "--plugins",
                plugins.to_str().unwrap(),
                "identify",
                "--format",
                "json",
                "--http",
                path,
                "--user-agent",
                agent,
            ])
            .expect(0)
            .json();
        assert_eq!(known["vendor"], "Linphone", "{request}");
        // At its first start the client does not say what it is.
        if agent != "Unknown" {
            assert_eq!(known["model"], "linphonec", "{request}");
            assert_eq!(known["plugin"], "linphone-5.0.0", "{request}");
        }
    }
    for path in ["alice.xml", "alice-contacts.vcf", "bob.xml", "bob-contacts.vcf"] {
        let asked = |request: &&str| request.starts_with(&format!("/Linphone/{path}\t"));
        assert!(requests.iter().any(asked), "nobody asked for {path}: {log}");
    }
}
