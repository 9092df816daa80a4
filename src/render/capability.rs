//! What an inventory asks of a phone against what its model can do, beside its keys.

use super::{Options, codes};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity, Span};
use crate::inventory::{Device, DeviceId, Item, Line, Map, timezone};
use crate::plugin::{Choice, FileSpec, Model, Protocol};

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
            1 => format!("line {} on the {}, which has one line", line.position, model.name),
            lines => format!("line {} on the {}, which has {lines} lines", line.position, model.name),
        };
        refuse(codes::TOO_MANY_LINES, message, line.span, "take the line out, or use a larger model".into());
    }
    let contacts: usize = device.contacts.iter().map(|list| list.contacts.len()).sum();
    if let (Some(most), Some(item)) = (model.contacts, settings.get("contacts"))
        && contacts > most as usize
    {
        let message = format!("{contacts} contacts on the {}, which holds {most}", model.name);
        refuse(codes::TOO_MANY_CONTACTS, message, item.span, "name fewer lists, or shorter ones".into());
    }
    let handsets = settings.list("handsets");
    if let Some(item) = settings.get("handsets").filter(|_| !handsets.is_empty()) {
        match self::handsets(model) {
            0 => {
                let message = format!("handsets on the {}, which is no DECT base", model.name);
                refuse(codes::TOO_MANY_HANDSETS, message, item.span, "take `handsets` out".into());
            }
            most if handsets.len() > most => {
                let message =
                    format!("{} handsets on the {}, which takes {most}", handsets.len(), model.name);
                refuse(codes::TOO_MANY_HANDSETS, message, item.span, "take some out".into());
            }
            _ => {}
        }
    }
    if let Some(ports) = settings.map("ports") {
        let most = self::ports(model);
        for (position, item) in surplus_ports(ports, most) {
            let ports = if most == 1 { "one port".to_owned() } else { format!("{most} ports") };
            let message = format!("port {position} on the {}, which has {ports}", model.name);
            refuse(codes::NO_SUCH_PORT, message, item.span, "take the port out".into());
        }
    }
    let sip = model.protocol == Protocol::Sip && !device.broken;
    if let Some(line) = device.lines.iter().find(|line| sip && serverless(line)) {
        let message =
            format!("line {} has no SIP server: neither `proxy` nor `registrar` is set", line.position);
        let found = Diagnostic::warning(codes::NO_SERVER, message).at_if(server_place(device, line));
        out.push(found.help("write `sip: {proxy: HOST}` in the profile `base`, or in the line"));
    }
    // A file with a condition sees for itself whether there is a MAC.
    let named_by_mac = |file: &FileSpec| file.when.is_none() && file.path.value.contains("device.mac");
    if model.kind != "softphone"
        && matches!(device.id, DeviceId::Id(_))
        && choice.plugin.manifest.files.device.iter().any(named_by_mac)
    {
        let message = format!("the {} is known by its MAC address, not by an `id`", model.name);
        let found = Diagnostic::error(codes::ID_OF_PHONE, message).at(device.span);
        out.push(found.help("write `mac:`; `id:` is for softphones"));
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

fn serverless(line: &Line) -> bool {
    ["proxy", "registrar", "outbound_proxy"].iter().all(|name| line.sip.get(name).is_none())
}

/// Where a server would have been written: the same place for all devices that miss it for the same reason.
fn server_place(device: &Device, line: &Line) -> Option<Span> {
    let own = line.values.get("sip").or_else(|| device.settings.get("sip"));
    own.map(|sip| sip.span)
}

fn surplus_ports(ports: &Map, most: u32) -> impl Iterator<Item = (&str, &Item)> {
    ports.iter().filter(move |(position, _)| position.parse::<u32>().is_ok_and(|position| position > most))
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
