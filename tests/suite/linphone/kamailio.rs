//! Kamailio as the PBX of a test: a registrar and proxy on loopback that asks for digests, and that says in its log
//! what it made of each request.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::servers::{Server, program};

use super::{poll, shown};

/// Who may register: the name in the digest, and the password.
pub type Subscribers<'s> = [(&'s str, &'s str)];

/// A running Kamailio; it ends with the test.
pub struct Kamailio {
    server: Server,
    log: PathBuf,
}

impl Kamailio {
    /// Starts one on a port that is free for UDP and TCP.
    pub fn start(place: &Path, subscribers: &Subscribers) -> Self {
        for _ in 0..10 {
            // Between this look and Kamailio's own another program may take the port.
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
                drop(listener);
                if let Ok(kamailio) = Self::start_on(place, port, subscribers) {
                    return kamailio;
                }
            }
        }
        panic!("Kamailio does not start: {}", shown(&place.join("kamailio.log")));
    }

    /// Starts it again on its port, with other passwords and an empty log.
    pub fn restart(self, place: &Path, subscribers: &Subscribers) -> Self {
        let port = self.port();
        drop(self);
        Self::start_on(place, port, subscribers).unwrap_or_else(|said| panic!("{said}"))
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// What it has said since its start.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Starts it, or returns its log where it ended by itself.
    fn start_on(place: &Path, port: u16, subscribers: &Subscribers) -> Result<Self, String> {
        let (configuration, log) = (place.join("kamailio.cfg"), place.join("kamailio.log"));
        fs::write(&configuration, configured(port, subscribers)).unwrap();
        let output = File::create(&log).unwrap();
        // In the foreground, its log on stderr, with as little memory as it needs.
        let mut command: Command = program("kamailio");
        command.args(["-DD", "-E", "-m", "16", "-M", "4", "-f"]).arg(configuration);
        command.arg("-Y").arg(place).arg("-P").arg(place.join("kamailio.pid"));
        command.stdout(Stdio::null()).stderr(output);
        let mut server = Server::start(&mut command, port);
        let answers = poll(|| !server.is_running() || TcpStream::connect(("127.0.0.1", port)).is_ok());
        if answers && server.is_running() { Ok(Self { server, log }) } else { Err(shown(&log)) }
    }
}

/// A text between quotes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The configuration: registrations and calls are for those who know a password; a call goes to where its callee
/// registered.
fn configured(port: u16, subscribers: &Subscribers) -> String {
    let passwords: String = subscribers
        .iter()
        .map(|(name, password)| format!("  $sht(passwords=>{name}) = {};\n", quoted(password)))
        .collect();
    format!(
        r#"#!KAMAILIO
debug=2
children=1
tcp_children=1
dns=no
rev_dns=no
auto_aliases=no
disable_core_dump=yes
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "htable.so"
loadmodule "auth.so"
modparam("htable", "htable", "passwords=>size=4;")
# A client keeps its own contact: one that names this server would have to be looked up again within calls.
modparam("registrar", "gruu_enabled", 0)
event_route[htable:mod-init] {{
{passwords}}}
request_route {{
  if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
  if (has_totag()) {{
    if (loose_route() || t_check_trans()) t_relay();
    else if (!is_method("ACK")) sl_send_reply("404", "Not Here");
    exit;
  }}
  if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
  if (is_method("REGISTER")) {{
    if (!pv_www_authenticate("$fd", "$sht(passwords=>$au)", "0")) {{
      # -2: the name is known and the password is another.
      if ($retcode == -2) {{
        xlog("L_NOTICE", "PBX: refused $fU as $au\n");
        sl_send_reply("403", "Forbidden");
      }} else www_challenge("$fd", "1");
      exit;
    }}
    xlog("L_NOTICE", "PBX: registered $fU as $au by $proto for $hdr(Expires) seconds\n");
    save("location");
    exit;
  }}
  if (!is_method("INVITE")) {{ sl_send_reply("405", "Method Not Allowed"); exit; }}
  if (!pv_proxy_authenticate("$fd", "$sht(passwords=>$au)", "0")) {{ proxy_challenge("$fd", "1"); exit; }}
  consume_credentials();
  record_route();
  if (!lookup("location")) {{ sl_send_reply("404", "Not Found"); exit; }}
  xlog("L_NOTICE", "PBX: $fU calls $tU and offers $rb\n");
  t_relay();
}}
"#
    )
}
