//! The one-line values: endpoints, addresses, locales, numbers. Each either becomes what it means or is
//! refused with the reason and the way out.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::codes;
use super::schema::Kind;
use super::timezone;
use super::value::{Datum, Endpoint, is_host};
use crate::diagnostic::{Code, Diagnostic, nearest};

/// What a person would call a value of this kind, with its article.
pub fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Name => "a name",
        Kind::Bool => "true or false",
        Kind::Int(..) => "a whole number",
        Kind::Choice(_) => "one word",
        Kind::Endpoint => "HOST or HOST:PORT",
        Kind::Host => "a host",
        Kind::Ip => "an IP address",
        Kind::Netmask => "a netmask",
        Kind::HttpUrl | Kind::Url => "a URL",
        Kind::Locale => "a locale",
        Kind::Timezone => "a time zone",
        Kind::Country => "a country code",
        Kind::DateFormat => "a date format",
        Kind::Digits => "digits",
        _ => "text",
    }
}

/// Reads one scalar. The diagnostic has no place yet.
pub fn read(kind: Kind, text: &str) -> Result<Datum, Diagnostic> {
    let keep = || Datum::Text(Arc::from(text));
    let refuse = |code: Code, message: String, help: &str| Err(Diagnostic::error(code, message).help(help));
    match kind {
        Kind::Name if text.trim().is_empty() => {
            refuse(codes::EMPTY_NAME, "a name is empty".into(), "give it a name, or take the line out")
        }
        Kind::Bool => match text {
            "true" => Ok(Datum::Bool(true)),
            "false" => Ok(Datum::Bool(false)),
            _ => {
                let help = match text.to_ascii_lowercase().as_str() {
                    "yes" | "on" | "y" | "1" | "true" => "write `true`",
                    "no" | "off" | "n" | "0" | "false" => "write `false`",
                    _ => "write `true` or `false`",
                };
                refuse(codes::BAD_BOOLEAN, format!("`{text}` is neither true nor false"), help)
            }
        },
        Kind::Int(low, high) => match text.parse::<i64>() {
            Ok(n) if (low..=high).contains(&n) && !text.starts_with('+') => Ok(Datum::Int(n)),
            _ => refuse(
                codes::BAD_INTEGER,
                format!("`{text}` is not a whole number from {low} to {high}"),
                "write a number within these bounds",
            ),
        },
        Kind::Choice(words) if words.contains(&text) => Ok(keep()),
        Kind::Choice(words) => {
            let help = match nearest(text, words.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("write one of {}", words.join(", ")),
            };
            refuse(codes::BAD_CHOICE, format!("`{text}` is not one of {}", words.join(", ")), &help)
        }
        Kind::Endpoint => match Endpoint::parse(text) {
            Ok(endpoint) => Ok(Datum::Endpoint(Arc::new(endpoint))),
            Err(reason) => refuse(
                codes::BAD_ENDPOINT,
                format!("`{text}` is not HOST or HOST:PORT: {reason}"),
                "write for example `10.0.0.1:5060`, `pbx.example` or `[2001:db8::1]:5060`",
            ),
        },
        Kind::Host if !is_host(text) => refuse(
            codes::BAD_ENDPOINT,
            format!("`{text}` is neither a host name nor an address"),
            "write a name such as `ntp.example`, or an address, without a port",
        ),
        Kind::Ip if text.parse::<IpAddr>().is_err() => refuse(
            codes::BAD_IP,
            format!("`{text}` is not an IP address"),
            "write four numbers from 0 to 255, or a version 6 address",
        ),
        Kind::Netmask if !is_netmask(text) => refuse(
            codes::BAD_NETMASK,
            format!("`{text}` is not a netmask"),
            "write it in full, for example `255.255.255.0` for a /24",
        ),
        Kind::HttpUrl if !is_http_url(text) => refuse(
            codes::BAD_URL,
            format!("`{text}` is not an HTTP URL"),
            "write `http://HOST[:PORT][/PATH]` or `https://...`",
        ),
        Kind::Url if !is_url(text) => refuse(
            codes::BAD_URL,
            format!("`{text}` is not a URL"),
            "write `SCHEME://HOST...` without blanks",
        ),
        Kind::Locale if !is_locale(text) => refuse(
            codes::BAD_LOCALE,
            format!("`{text}` is not a locale"),
            "write language_COUNTRY, for example `fr_FR` or `en_US`",
        ),
        Kind::Timezone if timezone::lookup(text).is_none() => {
            let help = match nearest(text, timezone::names()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "write the IANA name, for example `Europe/Paris`".into(),
            };
            refuse(codes::UNKNOWN_TIMEZONE, format!("unknown time zone `{text}`"), &help)
        }
        Kind::Country if !is_capitals(text, 2) => refuse(
            codes::BAD_COUNTRY,
            format!("`{text}` is not a country code"),
            "write two capitals, for example `FR` or `US`",
        ),
        Kind::DateFormat if !is_date_format(text) => refuse(
            codes::BAD_DATE_FORMAT,
            format!("`{text}` is not a date format"),
            "write dd, mm and yy or yyyy in the order wanted, joined by `.`, `-` or `/`, for example `dd.mm.yyyy`",
        ),
        Kind::Digits if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) => refuse(
            codes::NOT_DIGITS,
            "this holds something else than digits".into(),
            "write digits only: it is typed on a phone's keypad",
        ),
        _ => Ok(keep()),
    }
}

/// A scalar of `vars` or `extra` that has a type of its own: true, false, or a number in JSON's spelling.
/// A number that would not print as it was written (`1.10`, `1e3`) is left as text, so nothing is lost.
pub fn json(text: &str) -> Option<Datum> {
    match text {
        "true" => return Some(Datum::Bool(true)),
        "false" => return Some(Datum::Bool(false)),
        _ => {}
    }
    if let Ok(n) = text.parse::<i64>() {
        return (n.to_string() == text).then_some(Datum::Int(n));
    }
    let n = text.parse::<f64>().ok()?;
    // As templates print it: `2.0` stays `2.0`.
    (n.is_finite() && format!("{n:?}") == text).then_some(Datum::Float(n))
}

fn is_netmask(text: &str) -> bool {
    text.parse::<Ipv4Addr>().is_ok_and(|mask| {
        let bits = u32::from(mask);
        bits != 0 && bits.count_ones() == bits.leading_ones()
    })
}

fn is_http_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let Some(rest) = rest else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Endpoint::parse(host).is_ok() && url_chars(rest) && !rest.contains(['?', '#'])
}

fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
            && !rest.is_empty()
            && url_chars(rest)
    })
}

/// RFC 3986 allows neither blanks nor these; `{family}` is ours and phones' own `#{mac}` is common.
fn url_chars(text: &str) -> bool {
    text.chars().all(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | '"' | '\\'))
}

fn is_locale(text: &str) -> bool {
    text.split_once('_').is_some_and(|(language, country)| {
        (2..=3).contains(&language.len())
            && language.bytes().all(|b| b.is_ascii_lowercase())
            && (is_capitals(country, 2)
                || (country.len() == 3 && country.bytes().all(|b| b.is_ascii_digit())))
    })
}

fn is_capitals(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|b| b.is_ascii_uppercase())
}

fn is_date_format(text: &str) -> bool {
    let Some(sign) = text.chars().find(|c| matches!(c, '.' | '-' | '/')) else { return false };
    let mut parts: Vec<&str> = text.split(sign).collect();
    parts.sort_unstable();
    matches!(parts[..], ["dd", "mm", "yy" | "yyyy"])
}
