//! Users and groups by name.
//!
//! Read from /etc/passwd and /etc/group: the C library's look-up would need unsafe code, and a number can
//! be given where a directory service holds the names.

use std::fs;
use std::path::Path;

use super::codes;
use super::errors::{Fault, system};
use crate::diagnostic::Diagnostic;

const GROUPS: &str = "/etc/group";
const USERS: &str = "/etc/passwd";

/// The number of a group given by name or by number.
pub(super) fn group(name: &str) -> Result<u32, Fault> {
    // The highest number means "no group" to chown.
    if let Some(number) = name.parse().ok().filter(|number| *number != u32::MAX) {
        return Ok(number);
    }
    let text = fs::read(GROUPS).map_err(|e| system(&e, "read", Path::new(GROUPS)))?;
    let text = String::from_utf8_lossy(&text);
    if let Some((_, id)) = entries(&text).find(|(entry, _)| *entry == name) {
        return Ok(id);
    }
    let near = entries(&text)
        .map(|(entry, _)| (strsim::damerau_levenshtein(entry, name), entry))
        .filter(|(distance, _)| *distance <= 2)
        .min();
    let help = near.map_or_else(
        || "create it with `groupadd`, or give the number of a group".to_owned(),
        |(_, entry)| format!("did you mean `{entry}`?"),
    );
    let message = format!("there is no group `{name}` on this machine");
    Err(Box::new(Diagnostic::error(codes::UNKNOWN_GROUP, message).help(help)))
}

/// The group exists, but this user is not of it.
pub(super) fn refused(id: u32) -> Fault {
    let message = format!("this user may not give files to the group `{}`", group_name(id));
    let help = "run provc as root or as a member of that group, or set another `group`";
    Box::new(Diagnostic::error(codes::GROUP_REFUSED, message).help(help))
}

/// The name of a user, or the number where it has none.
pub(super) fn user_name(id: u32) -> String {
    name_in(USERS, id)
}

/// The name of a group, or the number where it has none.
pub(super) fn group_name(id: u32) -> String {
    name_in(GROUPS, id)
}

fn name_in(file: &str, id: u32) -> String {
    let text = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let found = entries(&text).find(|(_, number)| *number == id);
    found.map_or_else(|| id.to_string(), |(name, _)| name.to_owned())
}

/// Names and numbers of either file: `name:password:number:...`.
fn entries(text: &str) -> impl Iterator<Item = (&str, u32)> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        Some((name, fields.nth(1)?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_by_name_number_and_not_at_all() {
        assert_eq!(group("root").unwrap(), 0);
        assert_eq!(group("4711").unwrap(), 4711);
        let unknown = group("rooot").unwrap_err();
        assert_eq!(unknown.code, codes::UNKNOWN_GROUP);
        assert_eq!(unknown.help.as_deref(), Some("did you mean `root`?"));
        assert_eq!(group_name(0), "root");
        assert_eq!(user_name(4_000_000_000), "4000000000");
    }

    #[test]
    fn broken_lines_are_passed_over() {
        assert_eq!(entries("\na\nb:x\nc:x:y\nd:x:7:\n").collect::<Vec<_>>(), [("d", 7)]);
    }
}
