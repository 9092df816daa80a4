//! Real servers on a built tree: nginx and tftpd, with curl and a TFTP client in front of them.

use std::fs;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use super::nasty;
use super::support::{Repository, copy, run};
use super::tree::{contents, is_root, listing, skip};

/// Debian's servers both run as this user, whose group provc gives the files to.
pub const USER: &str = "www-data";

/// A server that ends with the test.
pub struct Server {
    child: Child,
    pub port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked, not killed: nginx has workers to take along.
        if let Ok(pid) = i32::try_from(self.child.id())
            && let Some(pid) = rustix::process::Pid::from_raw(pid)
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

impl Server {
    /// Whether it has not ended by itself.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Starts one that will listen on `port`.
    #[track_caller]
    pub fn start(command: &mut Command, port: u16) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        Self { child: started(command.spawn(), &name), port }
    }
}

/// A command, found also where only root's PATH leads.
pub fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env("PATH", format!("{}:/usr/sbin:/sbin", option_env!("PATH").unwrap_or("/usr/bin:/bin")));
    command.stdin(Stdio::null());
    command
}

/// What starting a program came to; without the program the test fails, since `tests/run` installs it.
#[track_caller]
pub fn started<T>(result: std::io::Result<T>, name: &str) -> T {
    result.unwrap_or_else(|error| panic!("{name}: {error}; tests/run installs what the tests need"))
}

fn wait_for(what: &str, mut ready: impl FnMut() -> bool) {
    for _ in 0..500 {
        if ready() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{what} did not start");
}

/// nginx on a port of its own, with its files in `place`. It writes `access.log` there: path, status and
/// User-Agent of each request, tabs between.
pub fn nginx(place: &Path, out: &Path) -> Server {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let user = if is_root() { format!("user {USER};") } else { String::new() };
    let (place_shown, out) = (place.display(), out.display());
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = temporary.map(|name| format!("{name}_temp_path {place_shown}/{name};")).join(" ");
    let configuration = format!(
        "daemon off; {user} worker_processes 1; pid {place_shown}/nginx.pid; error_log {place_shown}/error.log;\n\
         events {{}}\n\
         http {{\n{temporary} default_type application/octet-stream;\n\
         log_format said \"$uri\\t$status\\t$http_user_agent\"; access_log {place_shown}/access.log said;\n\
         server {{ listen 127.0.0.1:{port}; root {out}; autoindex off;\n\
         location / {{ try_files $uri =404; }} location ~ /\\. {{ return 404; }} }} }}\n"
    );
    fs::write(place.join("nginx.conf"), configuration).unwrap();
    let mut command = program("nginx");
    command.arg("-c").arg(place.join("nginx.conf")).arg("-e").arg(place.join("error.log"));
    let server = Server { child: started(command.spawn(), "nginx"), port };
    wait_for("nginx", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    server
}

fn tftpd(out: &Path, more: &[&str]) -> Server {
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = program("in.tftpd");
    command.args(["--listen", "--foreground", "--ipv4", "--address", &format!("127.0.0.1:{port}")]);
    let server =
        Server { child: started(command.args(more).arg("--secure").arg(out).spawn(), "in.tftpd"), port };
    wait_for("in.tftpd", || {
        fs::read_to_string("/proc/net/udp").unwrap().contains(&format!("0100007F:{port:04X}"))
    });
    server
}

fn curl(server: &Server, path: &str, to: &Path) -> (String, Vec<u8>) {
    let _ = fs::remove_file(to);
    let mut command = program("curl");
    command.args([
        "--silent",
        "--path-as-is",
        "--noproxy",
        "*",
        "--max-time",
        "20",
        "--write-out",
        "%{http_code}",
    ]);
    command.arg("--output").arg(to).arg(format!("http://127.0.0.1:{}{path}", server.port));
    let output = started(command.output(), "curl");
    (String::from_utf8(output.stdout).unwrap(), fs::read(to).unwrap_or_default())
}

/// What the client got, and what it said.
fn tftp(server: &Server, path: &str, to: &Path) -> (Vec<u8>, Output) {
    let _ = fs::remove_file(to);
    let mut command = program("tftp");
    command.args(["-4", "-m", "binary", "127.0.0.1", &server.port.to_string(), "-c", "get", path]).arg(to);
    let output = started(command.output(), "tftp");
    (fs::read(to).unwrap_or_default(), output)
}

/// A path of a URL: everything but the plainest characters encoded.
fn url_path(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let encoded = path
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    encoded.collect()
}

/// The repository's example, and an inventory of nasty values with awkward names in static/; built for the
/// servers' group by a user who lets nobody read their files.
fn sites() -> Vec<Repository> {
    let example = Repository::new(&[]);
    let inventory = example.path().join("inventory");
    fs::create_dir(&inventory).unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("inventory"), &inventory);
    let nasty = nasty::repository("2.8.1");
    for name in ["logo.png", "tones/ring é & 100%.wav", "a#b?c=d+e", "large.bin"] {
        nasty.write(&format!("static/{name}"), &name.repeat(if name == "large.bin" { 30_000 } else { 1 }));
    }
    let sites = vec![example, nasty];
    for site in &sites {
        if is_root() {
            site.write("provc.yaml", &format!("group: {USER}\n"));
        }
        fs::set_permissions(site.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut build = Command::new("sh");
        build
            .args(["-c", "umask 077; exec \"$0\" build", env!("CARGO_BIN_EXE_provc")])
            .current_dir(site.path());
        run(&mut build).expect(0);
    }
    sites
}

#[test]
fn nginx_serves_every_file_and_nothing_else() {
    for site in sites() {
        let out = site.path().join("out");
        let server = nginx(site.path(), &out);
        let to = site.path().join("fetched");
        let files = contents(&out);
        assert!(files.len() > 20);
        for (name, bytes) in &files {
            let (status, fetched) = curl(&server, &format!("/{}", url_path(name)), &to);
            assert_eq!(status, "200", "{name}");
            assert!(fetched == *bytes, "{name}: other bytes");
        }
        for path in ["/", "/Digium", "/Digium/", "/Digium/.", "/nothing"] {
            let (status, body) = curl(&server, path, &to);
            assert!(["403", "404"].contains(&&*status), "{path}: {status}");
            assert!(!String::from_utf8_lossy(&body).contains("000fd3"), "{path} is listed");
        }
        site.write("outside.txt", "not for phones\n");
        for path in [
            "/../outside.txt",
            "/Digium/../../outside.txt",
            "/%2e%2e/outside.txt",
            "/..%2foutside.txt",
            "/Digium/%2e%2e%2f%2e%2e%2foutside.txt",
            "/..%5coutside.txt",
            "//../outside.txt",
            "/.out.provc/manifest",
            "/../.out.provc/manifest",
            "/../provc.yaml",
        ] {
            let (status, body) = curl(&server, path, &to);
            assert!(["400", "403", "404"].contains(&&*status), "{path}: {status}");
            assert!(!String::from_utf8_lossy(&body).contains("not for phones"), "{path} leaves out/");
        }
    }
}

#[test]
fn tftpd_serves_every_file_and_nothing_else() {
    if !is_root() {
        return skip("tftpd_serves_every_file_and_nothing_else", "tftpd needs root");
    }
    for site in sites() {
        let out = site.path().join("out");
        let to = site.path().join("fetched");
        // Only so does it serve what its group may read and others may not.
        let server = tftpd(&out, &["--permissive", "--user", USER]);
        // The client takes no names with blanks.
        for (name, bytes) in contents(&out).iter().filter(|(name, _)| !name.contains(' ')) {
            let (fetched, said) = tftp(&server, name, &to);
            assert!(fetched == *bytes, "{name}: {said:?}");
        }
        site.write("outside.txt", "not for phones\n");
        for path in
            ["Digium", ".", "../outside.txt", "/../outside.txt", "Digium/../../outside.txt", "/etc/passwd"]
        {
            assert!(tftp(&server, path, &to).0.is_empty(), "{path} is served");
        }

        // As Debian starts it, the sensitive files stay closed.
        let server = tftpd(&out, &[]);
        let mut sensitive = listing(&out).into_iter().filter(|(_, entry)| entry.mode == 0o100_640);
        let (name, _) = sensitive.next_back().unwrap();
        assert!(tftp(&server, &name, &to).0.is_empty(), "{name} is served to anybody");
        let common = "Digium/000000000000.cfg";
        assert_eq!(tftp(&server, common, &to).0, fs::read(out.join(common)).unwrap());
    }
}

#[test]
fn files_have_the_modes_and_the_group_that_servers_need() {
    let plugin = "id: acme-1.0\nversion: 1.0.0\ndescription: Acme\nvendor: Acme\nfirmware: 1.0\n\
        models: {A1: {type: softphone, lines: 1}}\nfiles:\n  device:\n\
        \x20   - {path: 'private/{{ device.id }}/a.txt', template: a.tera, format: text, sensitive: true}\n";
    for site in sites() {
        site.write("plugins/acme/v1_0/plugin.yaml", plugin);
        site.write("plugins/acme/v1_0/templates/a.tera", "text\n");
        site.write("inventory/acme.yaml", "devices: [{id: acme, vendor: Acme, model: A1, firmware: 1.0}]\n");
        site.provc(&["build"]).expect(0);
        let entries = listing(&site.path().join("out"));
        let group = is_root().then(|| {
            let groups = fs::read_to_string("/etc/group").unwrap();
            let line = groups.lines().find(|line| line.starts_with("www-data:")).unwrap();
            line.split(':').nth(2).unwrap().parse::<u32>().unwrap()
        });
        for (name, entry) in entries {
            let own = name.starts_with("Digium/000fd3") && name.ends_with(".cfg");
            let mode = match (entry.is_directory(), own || name.starts_with("private")) {
                (true, true) => 0o750,
                (true, false) => 0o755,
                (false, true) => 0o640,
                (false, false) => 0o644,
            };
            assert_eq!(entry.permissions(), mode, "{name}: {:o}", entry.permissions());
            assert!(
                name.is_empty() || group.is_none_or(|group| group == entry.group),
                "{name}: {}",
                entry.group
            );
        }
        let state = fs::metadata(site.path().join(".out.provc")).unwrap().permissions().mode();
        assert_eq!(state & 0o777, 0o700);
    }
}
