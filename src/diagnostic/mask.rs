//! Which parts of a source line are secrets and must not be drawn.
//!
//! CI logs are read by more people than the inventory. A drawn line may be broken YAML, so this goes by the
//! look of the text, not by its tree, and hides too much rather than too little.

use std::ops::Range;

/// How the names of keys with secret values end.
const SECRET: &[&str] = &[
    "password",
    "passwords",
    "passwd",
    "pwd",
    "passphrase",
    "psk",
    "pin",
    "pins",
    "secret",
    "secrets",
    "token",
    "credentials",
    "community",
    "apikey",
    "api_key",
    "private_key",
    "auth_key",
];
/// The keys of a reference to a secret, which itself is none.
const REFERENCES: &[&str] = &["env:", "file:", "command:"];
/// How far up the key of a text over several lines is looked for.
const LINES_UP: usize = 200;

/// The byte ranges of a line to hide, in order. `above` are the lines before it, nearest first.
pub(super) fn secrets<'a>(line: &str, above: impl Iterator<Item = &'a str>) -> Vec<Range<usize>> {
    let content = line.len() - line.trim_start().len();
    if belongs_to_secret(line, above.take(LINES_UP)) {
        return std::iter::once(content..line.trim_end().len()).collect();
    }
    let mut ranges = Vec::new();
    let (mut at, mut flow) = (0, false);
    while let Some(byte) = line.as_bytes().get(at).copied() {
        at += 1;
        flow |= matches!(byte, b'{' | b'[');
        if byte != b':' {
            continue;
        }
        let key = key_before(line.get(..at - 1).unwrap_or_default());
        let rest = line.get(at..).unwrap_or_default();
        let start = at + (rest.len() - rest.trim_start().len());
        let value = rest.trim_start();
        let pem = value.trim_start_matches(['"', '\'']).starts_with("-----BEGIN");
        if is_secret(key) || is_bare_key(key, value) || pem {
            let len = value_len(value, flow);
            if len > 0 {
                ranges.push(start..start + len);
            }
            at = start + len;
        }
    }
    ranges
}

fn ends_with(key: &str, endings: &[&str]) -> bool {
    let key = key.to_ascii_lowercase();
    endings.iter().any(|ending| key.ends_with(ending))
}

/// Whether a key is one of secret values, or a slip for one (`pasword:` is drawn as an unknown key).
fn is_secret(key: &str) -> bool {
    let word = key.rsplit(['_', '.', '-']).next().unwrap_or_default().to_ascii_lowercase();
    ends_with(key, SECRET)
        || ["password", "secret", "passphrase"].iter().any(|meant| strsim::osa_distance(&word, meant) <= 2)
}

/// Whether a value after `key:` is itself a key (of a wireless network, say) and not a file that holds one.
fn is_bare_key(key: &str, value: &str) -> bool {
    let len = value.find([',', '}', ' ']).unwrap_or(value.len());
    key.eq_ignore_ascii_case("key") && len >= 8 && !value.contains(['.', '/', '{'])
}

/// The key that ends a text, with or without quotes.
fn key_before(text: &str) -> &str {
    let text = text.trim_end();
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_suffix(quote) {
            return inner.rsplit(quote).next().unwrap_or_default();
        }
    }
    text.rsplit([' ', '\t', '{', '}', '[', ']', ',', ':']).next().unwrap_or_default()
}

/// Whether a line goes on with the value of a secret key on a line above, indented less.
fn belongs_to_secret<'a>(line: &str, above: impl Iterator<Item = &'a str>) -> bool {
    let content = line.trim_start();
    if content.is_empty() || content.starts_with('#') || REFERENCES.iter().any(|key| content.starts_with(key))
    {
        return false;
    }
    let indent = |line: &str| line.len() - line.trim_start().len();
    let own = indent(line) + usize::from(content.starts_with('-'));
    let parent = above.into_iter().find(|line| !line.trim().is_empty() && indent(line) < own);
    let Some((key, value)) = parent.and_then(|line| line.split_once(':')) else { return false };
    let key = key_before(key.trim_start_matches(['-', ' ', '?']));
    is_secret(key) || ends_with(key, &["key"]) && value.trim_start().starts_with(['|', '>', '"', '\''])
}

/// How many bytes of a text are the value it starts with.
fn value_len(value: &str, flow: bool) -> usize {
    let first = value.chars().next();
    let quoted = match first {
        Some('{' | '[') if is_reference(value) => return 0,
        Some('{' | '[') => balanced_len(value),
        Some('|' | '>') if value.trim_end().len() <= 3 => return 0,
        Some('#') => return 0,
        Some(quote @ ('"' | '\'')) => quoted_len(value, quote),
        _ => 0,
    };
    let rest = value.get(quoted..).unwrap_or_default();
    quoted + if flow { flow_len(rest) } else { block_len(rest) }
}

fn is_reference(value: &str) -> bool {
    let inner = value.trim_start_matches(['{', ' ']);
    let Some(rest) = REFERENCES.iter().find_map(|key| inner.strip_prefix(key)) else { return false };
    // What stands beside the reference (`default: ...`) may be the secret itself.
    let alone = !rest.get(flow_len(rest)..).unwrap_or_default().trim_start().starts_with(',');
    value.starts_with('{') && !value.starts_with("{{") && alone
}

fn quoted_len(value: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in value.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            // A doubled single quote ends one part and starts the next, which `flow_len` and `block_len` take.
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    value.len()
}

fn balanced_len(value: &str) -> usize {
    let mut depth = 0usize;
    for (at, c) in value.char_indices() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    value.len()
}

fn block_len(value: &str) -> usize {
    let end = if value.starts_with('#') { value.len() } else { value.find(" #").unwrap_or(value.len()) };
    value.get(..end).unwrap_or_default().trim_end().len()
}

/// Up to a comma before another key, or a closing bracket before the end, a comma or another bracket.
fn flow_len(value: &str) -> usize {
    let end = value.char_indices().find_map(|(at, c)| {
        let after = value.get(at + c.len_utf8()..).unwrap_or_default().trim_start();
        let ends = match c {
            ',' => {
                let word = after.trim_start_matches(|c: char| c.is_alphanumeric() || "_-.\"'".contains(c));
                word.len() < after.len() && word.trim_start().starts_with(':') || after.is_empty()
            }
            '}' | ']' => after.is_empty() || after.starts_with([',', '}', ']', '#']),
            _ => false,
        };
        ends.then_some(at)
    });
    value.get(..end.unwrap_or(value.len())).unwrap_or_default().trim_end().len()
}

#[cfg(test)]
mod tests {
    use super::secrets;

    fn masked(line: &str, above: &[&str]) -> String {
        let mut text = line.to_owned();
        for range in secrets(line, above.iter().copied()).into_iter().rev() {
            text.replace_range(range, "***");
        }
        text
    }

    #[test]
    fn values_of_secret_keys_are_hidden() {
        let cases = [
            ("  - {username: u, password: p4ss, bogus: 1}", "  - {username: u, password: ***, bogus: 1}"),
            ("{password: p,4ss}", "{password: ***}"),
            ("{password: {p4ss}}", "{password: ***}"),
            ("[{\"admin_password\":\"p\\\"4,ss\",\"x\":1}]", "[{\"admin_password\":***,\"x\":1}]"),
            ("password: p4: ss # note", "password: *** # note"),
            ("password: 'p''4ss' x", "password: ***"),
            ("password:p4ss", "password:***"),
            ("pasword: p4ss", "pasword: ***"),
            ("admin_passwort: p4ss", "admin_passwort: ***"),
            ("wifi: {ssid: office, key: correct-horse}", "wifi: {ssid: office, key: ***}"),
            ("password: \"p4ss", "password: ***"),
            ("wifi: {ssid: office, psk: x y, pin: \"1\"}", "wifi: {ssid: office, psk: ***, pin: ***}"),
            ("account.1.password: é]4ss", "account.1.password: ***"),
            ("password: {env: NAME}", "password: {env: NAME}"),
            ("http: {username: u, password: {file: x}}", "http: {username: u, password: {file: x}}"),
            ("password: {command: [sops, -d, x]}", "password: {command: [sops, -d, x]}"),
            ("password: {env: NAME, default: p4ss}", "password: ***"),
            ("password:", "password:"),
            ("username: password", "username: password"),
            ("key: \"-----BEGIN PRIVATE KEY-----\\nabc\"", "key: ***"),
            ("key: phone.key", "key: phone.key"),
            ("pinned: yes", "pinned: yes"),
        ];
        for (line, expected) in cases {
            assert_eq!(masked(line, &[]), expected, "{line}");
        }
    }

    #[test]
    fn values_on_lines_of_their_own_are_hidden() {
        assert_eq!(masked("    p4ss", &["  password:", "x:"]), "    ***");
        assert_eq!(masked("  more", &["  p4ss", "password: |"]), "  ***");
        assert_eq!(masked("  MIIabc", &["  -----BEGIN", "key: |"]), "  ***");
        assert_eq!(masked("- p4ss", &["passwords:"]), "***");
        assert_eq!(masked("  env: NAME", &["password:"]), "  env: NAME");
        assert_eq!(masked("  name: x", &["  password: y", "- line: z"]), "  name: x");
    }
}
