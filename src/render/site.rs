//! `site`: where the phones find the files.

use tera::Value;

use super::convert::{map, number, text};
use crate::inventory::{Endpoint, Map};

/// `site` with its URL taken apart. `prefix` is a plugin's own directory below out/: its phones find their
/// files below it.
pub(super) fn value(site: &Map, prefix: Option<&str>) -> Value {
    let get = |name| site.text(name).map(|text| &**text);
    let url = get("http_url").map(|url| {
        let url = url.trim_end_matches('/');
        prefix.map_or_else(|| url.to_string(), |prefix| format!("{url}/{prefix}"))
    });
    map([
        ("http", url.as_deref().map_or_else(Value::none, parts)),
        ("http_url", text(url.as_deref())),
        ("name", text(get("name"))),
        ("tftp_host", text(get("tftp_host"))),
    ])
}

fn parts(url: &str) -> Value {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let (authority, path) = match rest.find('/').map(|at| rest.split_at(at)) {
        Some((authority, path)) => (authority, path),
        None => (rest, ""),
    };
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let endpoint = Endpoint::parse(host).ok();
    let default = if scheme == "https" { 443 } else { 80 };
    map([
        ("host", text(endpoint.as_ref().map(|endpoint| &*endpoint.host))),
        ("path", Value::from(path)),
        ("port", number(endpoint.map(|endpoint| u32::from(endpoint.port.unwrap_or(default))))),
        ("scheme", Value::from(scheme)),
    ])
}
