//! What the templates of a plugin do with the texts that differ from phone to phone: whether they only
//! show them, or look at them.
//!
//! A text that is only shown cannot change anything else in a file, so that files of phones which differ in
//! such texts alone are the same but for these; `render` makes use of it. Every value is followed from the
//! context through `set`, `for`, arguments and the few operations that are known to pass a text on whole.
//! Whatever else happens to a text counts as looking at it, and what cannot be followed at all (captured
//! text, `...` arguments) makes every text one that is looked at: the answer errs to one side only.
//!
//! Scopes, conditions and the order of things are left out of account: a name stands for everything that
//! any template of the plugin ever gives it.

mod collect;
mod flow;
mod node;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

/// What a text belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Owner {
    /// `device`.
    Device,
    /// A line, wherever templates see it.
    Line,
    /// A function key, likewise.
    Key,
}

/// A text of a device that often is its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Text {
    /// `device.id` and `device.mac`, which are one text.
    Id,
    /// `device.name`.
    Name,
    /// `device.ip`.
    Ip,
    /// A field of a line, by its place in [`LINE_TEXTS`].
    Line(u8),
    /// The label of a function key.
    KeyLabel,
    /// What a function key dials, watches or opens.
    KeyValue,
}

/// The texts of a line.
pub const LINE_TEXTS: [&str; 8] =
    ["auth_username", "display_name", "label", "name", "number", "password", "username", "voicemail"];

impl Text {
    /// The text at a field of an owner.
    fn at(owner: Owner, field: &str) -> Option<Self> {
        match (owner, field) {
            (Owner::Device, "id" | "mac") => Some(Self::Id),
            (Owner::Device, "name") => Some(Self::Name),
            (Owner::Device, "ip") => Some(Self::Ip),
            (Owner::Line, field) => Self::of_line(field),
            (Owner::Key, "label") => Some(Self::KeyLabel),
            (Owner::Key, "value") => Some(Self::KeyValue),
            _ => None,
        }
    }

    /// The text of a line's field.
    pub fn of_line(field: &str) -> Option<Self> {
        let at = LINE_TEXTS.iter().position(|name| *name == field)?;
        u8::try_from(at).ok().map(Self::Line)
    }

    /// All texts of an owner.
    fn all_of(owner: Owner) -> Vec<Self> {
        match owner {
            Owner::Device => vec![Self::Id, Self::Name, Self::Ip],
            Owner::Line => LINE_TEXTS.iter().filter_map(|field| Self::of_line(field)).collect(),
            Owner::Key => vec![Self::KeyLabel, Self::KeyValue],
        }
    }

    fn index(self) -> usize {
        match self {
            Self::Id => 0,
            Self::Name => 1,
            Self::Ip => 2,
            Self::KeyLabel => 3,
            Self::KeyValue => 4,
            Self::Line(at) => 5 + usize::from(at),
        }
    }
}

/// How many texts there are.
const TEXTS: usize = 5 + LINE_TEXTS.len();

/// What templates do with a text that is not blank.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Use {
    /// At most write it, and ask whether there is one.
    Shown,
    /// Also ask whether it is the same as another text that is compared.
    Compared,
    /// Anything.
    Read,
}

/// What the templates of a plugin do with each text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reads {
    uses: [Use; TEXTS],
}

impl Reads {
    /// What is right for any template.
    pub const EVERYTHING: Self = Self { uses: [Use::Read; TEXTS] };

    /// What becomes of a text.
    pub fn of(&self, text: Text) -> Use {
        self.uses.get(text.index()).copied().unwrap_or(Use::Read)
    }

    /// Whether phones that differ can have files that differ in texts alone.
    pub fn leave_any(&self) -> bool {
        self.of(Text::Id) != Use::Read
    }

    fn raise(&mut self, text: Text, to: Use) {
        if let Some(used) = self.uses.get_mut(text.index()) {
            *used = to.max(*used);
        }
    }
}

/// What templates do with the texts. `sources` are all that may take part in a file of a device, with the
/// paths and conditions of such files; `items` are the lists that `item` is taken from; `roots` the names of
/// their context. `pieces` says that two texts written as one are the same as both written one by one, in
/// all formats of these files.
pub fn reads<'s>(
    sources: impl IntoIterator<Item = &'s str>,
    items: impl IntoIterator<Item = &'s str>,
    roots: &BTreeSet<&str>,
    pieces: bool,
) -> Reads {
    let mut steps = Vec::new();
    let sources = sources.into_iter().map(|source| collect::template(source, &mut steps));
    // All of them, for the steps.
    let understood = sources.fold(true, |all, one| all & one.is_some());
    let items = items.into_iter().map(|path| collect::items(path, &mut steps));
    let understood = items.fold(understood, |all, one| all & one.is_some());
    if understood { flow::follow(&steps, roots, pieces) } else { Reads::EVERYTHING }
}
