//! What an inventory asks of a phone against what its model can do, beside its keys.

use super::{Options, codes};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity, Span};
use crate::inventory::{Device, Item, Map, timezone};
use crate::plugin::{Choice, Model};

/// Checks lines, contacts, handsets, ports and time zone of a device.
pub(super) fn check(device: &Device, choice: &Choice, options: &Options, out: &mut Diagnostics) {
    let model = choice.model();
    let settings = &device.settings;
    let mut refuse = |code: Code, message: String, span: Span, help: String| {
        let mut found = Diagnostic::error(code, message).at(span).help(help);
        if options.allow_unsupported {
            found.severity = Severity::Warning;
            found = found.note("left out, as --allow-unsupported asks");
        }
        out.push(found);
    };
    if let Some(line) = device.lines.iter().find(|line| line.position > model.lines) {
        let message = match model.lines {
            1 => format!("line {} on a {}, which has one line", line.position, model.name),
            lines => format!("line {} on a {}, which has {lines} lines", line.position, model.name),
        };
        refuse(codes::TOO_MANY_LINES, message, line.span, "take the line out, or use a larger model".into());
    }
    let contacts: usize = device.contacts.iter().map(|list| list.contacts.len()).sum();
    if let (Some(most), Some(item)) = (model.contacts, settings.get("contacts"))
        && contacts > most as usize
    {
        let message = format!("{contacts} contacts on a {}, which holds {most}", model.name);
        refuse(codes::TOO_MANY_CONTACTS, message, item.span, "name fewer lists, or shorter ones".into());
    }
    let handsets = settings.list("handsets");
    if let Some(item) = settings.get("handsets").filter(|_| !handsets.is_empty()) {
        match self::handsets(model) {
            0 => {
                let message = format!("handsets on a {}, which is no DECT base", model.name);
                refuse(codes::TOO_MANY_HANDSETS, message, item.span, "take `handsets` out".into());
            }
            most if handsets.len() > most => {
                let message = format!("{} handsets on a {}, which takes {most}", handsets.len(), model.name);
                refuse(codes::TOO_MANY_HANDSETS, message, item.span, "take some out".into());
            }
            _ => {}
        }
    }
    if let Some(ports) = settings.map("ports") {
        for (item, most) in surplus_ports(ports, self::ports(model)) {
            let message = format!("a port past the {most} of a {}", model.name);
            refuse(codes::NO_SUCH_PORT, message, item.span, "take the port out".into());
        }
    }
    warn_of_timezone(settings, out);
}

/// How many handsets a model takes.
pub(super) fn handsets(model: &Model) -> usize {
    match model.handsets {
        Some(most) => most as usize,
        None if matches!(model.kind, "dect" | "wifidect") => usize::MAX,
        None => 0,
    }
}

/// How many ports a device has: one for each line, where its plugin says nothing else.
pub(super) fn ports(model: &Model) -> u32 {
    model.ports.unwrap_or(model.lines)
}

fn surplus_ports(ports: &Map, most: u32) -> impl Iterator<Item = (&Item, u32)> {
    ports
        .iter()
        .filter(move |(position, _)| position.parse::<u32>().is_ok_and(|position| position > most))
        .map(move |(_, item)| (item, most))
}

fn warn_of_timezone(settings: &Map, out: &mut Diagnostics) {
    let Some((item, name)) = settings.get("timezone").and_then(|item| Some((item, item.text()?))) else {
        return;
    };
    if timezone::lookup(name).is_some_and(|zone| !zone.exact) {
        let message = format!("phones cannot be told the daylight saving rule of {name} exactly");
        let found = Diagnostic::warning(codes::INEXACT_TIMEZONE, message).at(item.span);
        out.push(found.help("the nearest rule is written; check the clocks when they change"));
    }
}
