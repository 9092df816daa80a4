//! `identify`: who is asking, from one request on the command line or from many on stdin.
//!
//! A line of a batch is a JSON object with the words of the command line as keys, and its answer is a line of
//! its own, so that a program can keep one process and ask it as requests come in.

use std::io::{self, BufRead};

use serde::Serialize;
use serde_json::{Map, Value};

use super::Status;
use super::args::{Format, Global, Identify};
use super::codes::BAD_REQUEST;
use super::plugin::load::{Loaded, load};
use super::print::Printer;
use crate::diagnostic::{Diagnostic, SourceMap, nearest};
use crate::inventory::Mac;
use crate::plugin::associate::Level;
use crate::plugin::identify::{Channel, Identified, Identifier, Request};

/// The keys of a line of a batch.
const KEYS: &[&str] = &["dhcp", "http", "tftp", "user_agent", "options", "headers", "mac"];

/// Runs `identify`.
pub(super) fn run(args: &Identify, global: &Global, printer: &Printer) -> Status {
    let Some(Loaded { set, .. }) = load(global, printer) else { return Status::Failed };
    let identifier = Identifier::new(&set);
    let done = if args.batch { batch(&identifier, printer) } else { once(args, &identifier, printer) };
    // Rules may be missing from a set with mistakes.
    if set.has_mistakes() { Status::Failed } else { done }
}

/// What was said, as typed.
#[derive(Default)]
struct Said {
    dhcp: Option<String>,
    http: Option<String>,
    tftp: Option<String>,
    user_agent: Option<String>,
    options: Vec<(u8, String)>,
    headers: Vec<(String, String)>,
    mac: Option<Mac>,
}

impl Said {
    fn request(self) -> Result<Request, String> {
        let dhcp = self.dhcp.is_some() || !self.options.is_empty();
        let http = self.http.is_some() || self.user_agent.is_some() || !self.headers.is_empty();
        let channel = match (dhcp, http, self.tftp.is_some()) {
            (true, false, false) => Channel::Dhcp,
            (false, true, false) => Channel::Http,
            (false, false, true) => Channel::Tftp,
            (false, false, false) => return Err("the request says nothing".into()),
            _ => return Err("a request is one of dhcp, http and tftp".into()),
        };
        let mut request = Request::new(channel).mac(self.mac);
        if let Some(path) = self.http.or(self.tftp) {
            request = request.path(&path);
        }
        if let Some(class) = self.dhcp {
            request = request.option(60, &class);
        }
        if let Some(agent) = self.user_agent {
            request = request.header("user-agent", &agent);
        }
        request =
            self.options.iter().fold(request, |request, (number, value)| request.option(*number, value));
        Ok(self.headers.iter().fold(request, |request, (name, value)| request.header(name, value)))
    }
}

fn once(args: &Identify, identifier: &Identifier<'_>, printer: &Printer) -> Status {
    // What phones say is bytes; what of it is not UTF-8 is nothing that a rule looks for.
    let text = |value: &Option<std::ffi::OsString>| value.as_ref().map(|v| v.to_string_lossy().into_owned());
    let said = Said {
        dhcp: text(&args.dhcp),
        http: text(&args.http),
        tftp: text(&args.tftp),
        user_agent: text(&args.user_agent),
        options: args.option.clone(),
        headers: args.header.clone(),
        mac: args.mac,
    };
    let request = match said.request() {
        Ok(request) => request,
        Err(message) => {
            printer.error(&format!("error: {message}: give --dhcp, --http or --tftp"));
            return Status::Usage;
        }
    };
    let answer = Answer::from(identifier.identify(&request));
    printer.result(&match printer.format() {
        Format::Json => answer.json(),
        _ => answer.human(),
    });
    Status::Done
}

fn batch(identifier: &Identifier<'_>, printer: &Printer) -> Status {
    let mut status = Status::Done;
    for (number, line) in (1..).zip(io::stdin().lock().split(b'\n')) {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                printer.error(&format!("error: cannot read stdin: {error}"));
                return Status::Failed;
            }
        };
        if line.trim_ascii().is_empty() {
            continue;
        }
        let found = match read(&String::from_utf8_lossy(&line)).and_then(Said::request) {
            Ok(request) => identifier.identify(&request),
            Err(message) => {
                let problem = Diagnostic::error(BAD_REQUEST, format!("line {number}: {message}"))
                    .help(r#"a line is a JSON object such as {"http": "/file.cfg", "user_agent": "..."}"#);
                printer.drawn(&[problem], &SourceMap::default());
                status = Status::Failed;
                Identified::default()
            }
        };
        printer.result(&Answer::from(found).json());
    }
    status
}

fn read(line: &str) -> Result<Said, String> {
    let value: Value = serde_json::from_str(line).map_err(|error| {
        // Its own line is always the first.
        format!("it is not JSON: {}", error.to_string().replace(" at line 1 column ", " at column "))
    })?;
    let Value::Object(mut fields) = value else { return Err("it is not a JSON object".into()) };
    let mut take = |name: &str| match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{name}` is not a text")),
    };
    let mut said = Said {
        dhcp: take("dhcp")?,
        http: take("http")?,
        tftp: take("tftp")?,
        user_agent: take("user_agent")?,
        ..Said::default()
    };
    if let Some(mac) = take("mac")? {
        said.mac = Some(Mac::parse(&mac).map_err(|reason| format!("`mac`: {reason}"))?);
    }
    for (number, value) in texts(&mut fields, "options")? {
        let number = number.parse().map_err(|_| format!("`{number}` is no DHCP option number"))?;
        said.options.push((number, value));
    }
    said.headers = texts(&mut fields, "headers")?;
    match fields.keys().next() {
        None => Ok(said),
        Some(key) => Err(match nearest(key, KEYS.iter().copied()) {
            Some(near) => format!("unknown key `{key}`: did you mean `{near}`?"),
            None => format!("unknown key `{key}`"),
        }),
    }
}

fn texts(fields: &mut Map<String, Value>, name: &str) -> Result<Vec<(String, String)>, String> {
    let entries = match fields.remove(name) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(entries)) => entries,
        Some(_) => return Err(format!("`{name}` is not an object")),
    };
    let text = |(key, value)| match value {
        Value::String(value) => Ok((key, value)),
        _ => Err(format!("`{name}.{key}` is not a text")),
    };
    entries.into_iter().map(text).collect()
}

/// What is printed, in this order.
#[derive(Serialize)]
struct Answer {
    vendor: Option<String>,
    model: Option<String>,
    version: Option<String>,
    mac: Option<String>,
    plugin: Option<String>,
    support: Option<&'static str>,
}

impl From<Identified> for Answer {
    fn from(found: Identified) -> Self {
        Self {
            vendor: found.vendor,
            model: found.model,
            version: found.version,
            mac: found.mac.map(|mac| mac.to_string()),
            plugin: found.plugin,
            support: found.support.map(Level::as_str),
        }
    }
}

impl Answer {
    fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    fn human(&self) -> String {
        let rows = [
            ("vendor", self.vendor.as_deref()),
            ("model", self.model.as_deref()),
            ("version", self.version.as_deref()),
            ("mac", self.mac.as_deref()),
            ("plugin", self.plugin.as_deref()),
            ("support", self.support),
        ];
        if rows.iter().all(|(_, value)| value.is_none()) {
            return "no plugin knows this request\n".to_owned();
        }
        rows.iter().filter_map(|(name, value)| Some(format!("{name:8} {}\n", (*value)?))).collect()
    }
}
