//! Who is asking: rules that tell vendor, model, version and MAC from a DHCP request, an HTTP request or a
//! TFTP file name. Expressions are checked when the manifest loads, so that a mistake shows at once.

use std::collections::BTreeMap;

use super::pattern::Pattern;
use super::reader::{self, Fields, Read};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::plugin::codes::BAD_PATTERN;
use crate::yaml::Node;

/// What a rule can tell: the named groups that its expressions may have.
pub const GROUPS: &[&str] = &["vendor", "model", "version", "mac"];

/// The rules of one plugin, by the protocol over which the phone asks.
#[derive(Clone, Debug, Default)]
pub struct Identify {
    /// DHCP requests.
    pub dhcp: Vec<Rule>,
    /// HTTP requests.
    pub http: Vec<Rule>,
    /// TFTP requests.
    pub tftp: Vec<Rule>,
}

/// One rule: every expression has to match.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its place.
    pub span: Span,
    /// What is looked at, with the expression for it, in the order written.
    pub matches: Vec<(Subject, Pattern)>,
    /// Texts to replace in what a group caught, in the order written.
    pub replace: BTreeMap<String, Vec<(String, String)>>,
    /// What is known without looking, by group (`set: {model: D40}`).
    pub set: BTreeMap<String, String>,
}

/// What an expression looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// DHCP option 60.
    VendorClass,
    /// Another DHCP option, by number.
    Option(u8),
    /// The path of an HTTP request, or the file name of a TFTP one.
    Path,
    /// The HTTP header `User-Agent`.
    UserAgent,
    /// Another HTTP header, its name in lower case.
    Header(String),
}

impl Identify {
    /// Reads the section.
    pub(super) fn read(node: &Node<'_>, out: &mut Diagnostics) -> Self {
        let Some(mut fields) = Fields::of(node, "`identify`", out) else { return Self::default() };
        let mut rules = |name: &'static str, read: Subjects, out: &mut Diagnostics| {
            let list = fields.list(name, out);
            list.iter().filter_map(|node| Rule::read(node, name, read, out)).collect()
        };
        let dhcp = rules("dhcp", dhcp_subjects, out);
        let http = rules("http", http_subjects, out);
        let tftp = rules("tftp", tftp_subjects, out);
        fields.finish(out);
        Self { dhcp, http, tftp }
    }
}

type Matches = Vec<(Subject, Pattern)>;
type Subjects = fn(&mut Fields<'_, '_>, &mut Diagnostics) -> Matches;

fn dhcp_subjects(fields: &mut Fields<'_, '_>, out: &mut Diagnostics) -> Matches {
    let mut matches = Vec::new();
    matches.extend(pattern(fields, "vendor_class", Subject::VendorClass, out));
    for (key, node) in fields.map("options", out) {
        match key.text.parse() {
            Ok(number) => matches.extend(compile(node, &key.text, Subject::Option(number), out)),
            Err(_) => {
                let message = format!("`{}` is no DHCP option number", key.text);
                out.push(Diagnostic::error(crate::plugin::codes::BAD_VALUE, message).at(key.span));
            }
        }
    }
    matches
}

fn http_subjects(fields: &mut Fields<'_, '_>, out: &mut Diagnostics) -> Matches {
    let mut matches = Vec::new();
    matches.extend(pattern(fields, "path", Subject::Path, out));
    matches.extend(pattern(fields, "user_agent", Subject::UserAgent, out));
    for (key, node) in fields.map("headers", out) {
        let subject = Subject::Header(key.text.to_ascii_lowercase());
        matches.extend(compile(node, &key.text, subject, out));
    }
    matches
}

fn tftp_subjects(fields: &mut Fields<'_, '_>, out: &mut Diagnostics) -> Matches {
    pattern(fields, "path", Subject::Path, out).into_iter().collect()
}

fn pattern(
    fields: &mut Fields<'_, '_>,
    name: &'static str,
    subject: Subject,
    out: &mut Diagnostics,
) -> Option<(Subject, Pattern)> {
    fields.get(name).and_then(|node| compile(node, name, subject, out))
}

fn compile(
    node: &Node<'_>,
    name: &str,
    subject: Subject,
    out: &mut Diagnostics,
) -> Option<(Subject, Pattern)> {
    let pattern = regex(node, name, out)?;
    for group in pattern.groups().filter(|group| !GROUPS.contains(group)) {
        let message = format!("the group `{group}` tells nothing about a phone");
        let help = reader::near(group, GROUPS.iter().copied())
            .unwrap_or_else(|| format!("name a group one of: {}", GROUPS.join(", ")));
        out.push(Diagnostic::error(BAD_PATTERN, message).at(node.span).help(help));
    }
    Some((subject, pattern))
}

/// A regular expression.
pub(super) fn regex(node: &Node<'_>, name: &str, out: &mut Diagnostics) -> Option<Pattern> {
    let text = reader::text(node, name, out)?;
    let checked = Pattern::parse(&text.value);
    let refused = |reason: String| {
        let message = format!("`{name}` is no regular expression");
        out.push(Diagnostic::error(BAD_PATTERN, message).at(node.span).label(reason));
    };
    checked.map_err(refused).ok()
}

impl Rule {
    fn read(node: &Node<'_>, protocol: &str, read: Subjects, out: &mut Diagnostics) -> Option<Self> {
        let mut fields = Fields::of(node, &format!("a rule of `identify.{protocol}`"), out)?;
        let before = out.iter().count();
        let matches = read(&mut fields, out);
        let replace = replacements(&mut fields, out);
        let set = set(&mut fields, out);
        fields.finish(out);
        if matches.is_empty() && out.iter().count() == before {
            let message = format!("a rule of `identify.{protocol}` looks at nothing");
            reader::report::<()>(BAD_PATTERN, &message, node.span, out);
        }
        Some(Self { span: node.span, matches, replace, set })
    }
}

fn replacements(
    fields: &mut Fields<'_, '_>,
    out: &mut Diagnostics,
) -> BTreeMap<String, Vec<(String, String)>> {
    let mut replace = BTreeMap::new();
    for (group, node) in fields.map("replace", out) {
        known_group(&group.text, group.span, out);
        let entries = reader::mapping(node, "replace", out).unwrap_or_default();
        let pairs = entries.iter().map(|(from, to)| {
            // Here nothing is a value too: what is replaced by it is dropped.
            let to = if to.is_null() { String::new() } else { reader::text(to, &from.text, out)?.value };
            Some((from.text.to_string(), to))
        });
        replace.insert(group.text.to_string(), pairs.flatten().collect());
    }
    replace
}

fn set(fields: &mut Fields<'_, '_>, out: &mut Diagnostics) -> BTreeMap<String, String> {
    let entries = fields.map("set", out);
    for (group, _) in entries {
        known_group(&group.text, group.span, out);
    }
    reader::text_map(entries, out)
}

fn known_group(name: &str, span: Span, out: &mut Diagnostics) {
    if !GROUPS.contains(&name) {
        let message = format!("a rule cannot tell `{name}`");
        let help = reader::near(name, GROUPS.iter().copied());
        out.push(Diagnostic::error(BAD_PATTERN, message).at(span).maybe_help(help));
    }
}
