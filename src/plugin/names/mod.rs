//! What the engine does not check when a template loads: whether the names in it exist.
//!
//! In tera `network.vln` is no mistake until it is printed, and in an `if` it is silently false. So every
//! path that a template spells out is followed here through the shape of the context: through `set`,
//! `for`, comprehensions, filters that keep or pick elements, and `["literal"]` indexes. Where the shape is
//! not known (a dynamic index, a component's argument, what several `set_global` give one name) nothing is
//! said: a complaint here is always a real mistake.
//!
//! A template that others include, extend or are extended by sees names that they bind; such names are
//! taken to be anything there ([`check_all`]).

mod eval;
mod expr;
pub mod reads;
mod shape;
mod walk;

#[cfg(test)]
mod tests;

pub use shape::{Shape, Spec};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::diagnostic;

/// A name in a template that cannot be meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NameProblem {
    /// The template's name.
    pub template: String,
    /// Byte offset in the template's source.
    pub offset: usize,
    /// Length in bytes.
    pub len: usize,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The path as written up to and with the offending part (`network.vln`), or the filter's name.
    pub path: String,
    /// What is wrong.
    pub problem: Problem,
    /// A name that exists and may have been meant.
    pub suggestion: Option<String>,
}

/// What is wrong with a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Problem {
    /// No such name at the top of the context.
    UnknownName,
    /// The name is set in a loop, whose names end with each turn, and used outside of it.
    EndsWithLoop,
    /// The name exists, but components see only their arguments.
    NotInComponent,
    /// The map has no such field.
    UnknownField,
    /// A text, number or boolean has no fields.
    FieldOfLeaf,
    /// A list has no fields.
    FieldOfList,
    /// `__tera_context` and its like would put the whole context into a file.
    Reserved,
    /// The filter would switch escaping off.
    RefusedFilter,
}

impl NameProblem {
    /// What to do about it, as an instruction.
    pub fn help(&self) -> Option<String> {
        match (&self.suggestion, self.problem) {
            (Some(suggestion), _) => Some(format!("did you mean `{suggestion}`?")),
            (None, Problem::EndsWithLoop) => Some("use `set_global`, or set it before the loop".to_owned()),
            (None, Problem::NotInComponent) => {
                Some(format!("take it with `@{}` among the component's arguments", self.path))
            }
            (None, Problem::FieldOfList) => Some("go through it with `for`, or take one by `[0]`".to_owned()),
            (None, Problem::RefusedFilter) => Some("leave it out: values are always escaped".to_owned()),
            (None, _) => None,
        }
    }
}

impl fmt::Display for NameProblem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match self.problem {
            Problem::UnknownName => write!(out, "there is no `{path}`"),
            Problem::EndsWithLoop => write!(out, "`{path}` is set inside a loop and ends with it"),
            Problem::NotInComponent => write!(out, "a component does not see `{path}`"),
            Problem::UnknownField => write!(out, "`{path}` does not exist"),
            Problem::FieldOfLeaf => write!(out, "`{path}` does not exist: what stands before has no fields"),
            Problem::FieldOfList => write!(out, "`{path}` does not exist: what stands before is a list"),
            Problem::Reserved => write!(out, "`{path}` may not be used"),
            Problem::RefusedFilter => write!(out, "the filter `{path}` may not be used"),
        }
    }
}

/// Names that a template binds, and the templates it names.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Uses {
    /// Everything bound by `set`, `set_global`, `for`, or as a component's argument.
    pub bound: BTreeSet<String>,
    /// Templates named by `include` and `extends`.
    pub templates: BTreeSet<String>,
}

/// What a template binds and names. Empty for a source that the engine refuses.
pub fn uses(source: &str) -> Uses {
    walk::survey(source).uses
}

/// Checks one template by itself. `shared` are names bound by templates that it is used together with.
/// A source that the engine refuses is checked as far as it can be read.
pub fn check(
    template: &str,
    source: &str,
    roots: &BTreeMap<&str, Shape>,
    shared: &BTreeSet<String>,
    out: &mut Vec<NameProblem>,
) {
    let first = out.len();
    walk::check(template, source, roots, shared, out);
    let tail = out.get_mut(first..).unwrap_or_default();
    tail.sort_by_key(|problem| problem.offset);
    place(source, tail);
}

/// Counts lines and columns of problems that are sorted by offset, in one pass over the source.
fn place(source: &str, problems: &mut [NameProblem]) {
    let (mut at, mut line, mut column) = (0, 1, 1);
    for problem in problems {
        for c in source.get(at..problem.offset).unwrap_or_default().chars() {
            (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
        }
        at = problem.offset;
        (problem.line, problem.column) = (line, column);
    }
}

/// Checks templates that belong together, as (name, source) pairs. Each sees the shapes in `roots`; one
/// that takes part in an `include` or `extends` also sees, as anything, the names that the others bind.
pub fn check_all(templates: &[(&str, &str)], roots: &BTreeMap<&str, Shape>, out: &mut Vec<NameProblem>) {
    let uses: Vec<Uses> = templates.iter().map(|(_, source)| uses(source)).collect();
    let named = |name: &str| uses.iter().any(|uses| uses.templates.iter().any(|used| same(used, name)));
    let extends = |index: usize| uses.get(index).is_some_and(|uses| !uses.templates.is_empty());
    for (index, (name, source)) in templates.iter().enumerate() {
        let mut shared = BTreeSet::new();
        if named(name) || extends(index) {
            let others = uses.iter().enumerate().filter(|(other, _)| *other != index);
            shared.extend(others.flat_map(|(_, uses)| uses.bound.iter().cloned()));
        }
        check(name, source, roots, &shared, out);
    }
}

/// Whether an `include` of one name may mean the template of the other: layers are prefixes of names.
fn same(used: &str, name: &str) -> bool {
    used == name || name.strip_suffix(used).is_some_and(|prefix| prefix.ends_with('/'))
}

/// Follows a dotted path from outside a template, such as a manifest's `for_each`.
///
/// # Errors
/// The part of the path that does not exist; offsets count within the path.
pub fn shape_of_path(path: &str, roots: &BTreeMap<&str, Shape>) -> Result<Shape, NameProblem> {
    let source = format!("{{{{{path}}}}}");
    let mut out = Vec::new();
    let shape = walk::shape_of(&source, roots, &mut out);
    match out.into_iter().next() {
        Some(mut problem) => {
            problem.offset = problem.offset.saturating_sub(2);
            place(path, std::slice::from_mut(&mut problem));
            Err(problem)
        }
        None => Ok(shape),
    }
}

/// The nearest existing name.
fn suggest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    diagnostic::nearest(word, names).map(str::to_owned)
}
