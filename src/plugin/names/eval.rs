//! The shape of an expression, and the complaints on the way to it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::expr::{Arg, Expr, Filter};
use super::walk::Survey;
use super::{NameProblem, Problem, Shape, suggest};

/// Filters whose output is text that is not escaped.
const REFUSED_FILTERS: [&str; 1] = ["safe"];
/// Filters that give the same list, in another order or with fewer elements.
const SAME_SHAPE: [&str; 3] = ["sort", "reverse", "unique"];
/// Filters that give one element of a list.
const ONE_ELEMENT: [&str; 3] = ["first", "last", "nth"];
/// Filters that give a list of texts.
const LIST_OF_LEAVES: [&str; 3] = ["split", "words", "keys"];
/// Filters that give a text or a number.
const LEAF: [&str; 24] = [
    "upper",
    "lower",
    "trim",
    "trim_start",
    "trim_end",
    "replace",
    "capitalize",
    "title",
    "truncate",
    "indent",
    "str",
    "int",
    "float",
    "length",
    "join",
    "abs",
    "round",
    "mac",
    "pad",
    "signed",
    "hms",
    "tail",
    "without",
    "urlencode",
];
/// Filters whose `attribute` is a path into each element.
const BY_ATTRIBUTE: [&str; 2] = ["sort", "group_by"];

/// Names that end together.
#[derive(Default)]
pub struct Scope {
    names: BTreeMap<String, Shape>,
}

impl Scope {
    /// The names of one turn of a loop over a value.
    pub fn of_loop(names: Vec<String>, over: &Shape) -> Self {
        let mut scope = Self::default();
        let pair = names.len() > 1;
        for (index, name) in names.iter().enumerate() {
            let shape = if pair && index == 0 { Shape::Leaf } else { over.element() };
            scope.bind(name, shape);
        }
        scope.bind("loop", Shape::map(LOOP_FIELDS.map(|field| (field, Shape::Leaf))));
        scope
    }

    pub fn bind(&mut self, name: &str, shape: Shape) {
        self.names.insert(name.to_owned(), shape);
    }
}

const LOOP_FIELDS: [&str; 5] = ["index", "index0", "first", "last", "length"];

/// Looks names up and collects problems.
pub struct Checker<'a> {
    template: &'a str,
    roots: &'a BTreeMap<&'a str, Shape>,
    shared: &'a BTreeSet<String>,
    survey: &'a Survey,
    out: &'a mut Vec<NameProblem>,
    /// The outermost first; a component's begin anew.
    pub scopes: Vec<Scope>,
    pub in_component: bool,
}

impl<'a> Checker<'a> {
    pub fn new(
        template: &'a str,
        roots: &'a BTreeMap<&'a str, Shape>,
        shared: &'a BTreeSet<String>,
        survey: &'a Survey,
        out: &'a mut Vec<NameProblem>,
    ) -> Self {
        let scopes = vec![Scope::default()];
        Self { template, roots, shared, survey, out, scopes, in_component: false }
    }

    /// Binds a name. A second value in the same scope may be of another branch, so both count.
    pub fn bind(&mut self, name: &str, shape: Shape, global: bool) {
        let scope = if global { self.scopes.first_mut() } else { self.scopes.last_mut() };
        if let Some(scope) = scope {
            let joined = scope.names.get(name).map_or(shape.clone(), |known| known.join(&shape));
            scope.bind(name, joined);
        }
    }

    /// The shape of an `@name` argument, which comes from whatever calls the component.
    pub fn implicit(&mut self, name: &str, range: Range<usize>, has_default: bool) -> Shape {
        if name.starts_with("__tera") {
            self.complain(range, name.to_owned(), Problem::Reserved, None);
            return Shape::Free;
        }
        if self.survey.by_tags.contains(name) || self.shared.contains(name) {
            return Shape::Free;
        }
        match self.roots.get(name) {
            Some(shape) => shape.clone(),
            None if has_default => Shape::Free,
            None => {
                let suggestion = suggest(name, self.roots.keys().copied());
                self.complain(range, name.to_owned(), Problem::UnknownName, suggestion);
                Shape::Free
            }
        }
    }

    fn complain(&mut self, range: Range<usize>, path: String, problem: Problem, suggestion: Option<String>) {
        self.out.push(NameProblem {
            template: self.template.to_owned(),
            offset: range.start,
            len: range.len(),
            // Counted for all problems together, later.
            line: 0,
            column: 0,
            path,
            problem,
            suggestion,
        });
    }

    /// The shape of an expression.
    pub fn shape(&mut self, expr: &Expr) -> Shape {
        match expr {
            Expr::Name(name, range) => self.name(name, range),
            Expr::Field(of, field, range) | Expr::Key(of, field, range) => {
                let shape = self.shape(of);
                self.field(&shape, field, range, || path(of))
            }
            Expr::Index(of, index) => {
                let shape = self.shape(of);
                self.shape(index);
                match shape {
                    Shape::List(element) => (*element).clone(),
                    Shape::Leaf => Shape::Leaf,
                    Shape::Map(_) | Shape::Free => Shape::Free,
                }
            }
            Expr::Slice(of, parts) => {
                self.all(parts);
                self.shape(of)
            }
            Expr::List(items) => Shape::list(self.joined(items)),
            Expr::Map(entries) => self.map(entries),
            Expr::Filter(of, filter) => {
                let shape = self.shape(of);
                self.filter(shape, filter)
            }
            Expr::Call(name, args) => {
                self.args(args);
                if name == "range" { Shape::list(Shape::Leaf) } else { Shape::Free }
            }
            Expr::Either(deciding, values) => {
                self.all(deciding);
                self.joined(values)
            }
            Expr::Not(of) => {
                self.shape(of);
                Shape::Leaf
            }
            Expr::Equal(left, right) | Expr::Joined(left, right) => {
                self.shape(left);
                self.shape(right);
                Shape::Leaf
            }
            Expr::Test(of, _, args) => {
                self.shape(of);
                self.args(args);
                Shape::Leaf
            }
            Expr::Component(args) => {
                args.iter().for_each(|(_, value)| drop(self.shape(value)));
                Shape::Leaf
            }
            Expr::Plain(parts) => {
                self.all(parts);
                Shape::Leaf
            }
            Expr::Comprehension { value, names, of, condition } => {
                let over = self.shape(of);
                // A comprehension has no `loop` of its own, but hides nothing of the outer one either.
                let mut scope = Scope::of_loop(names.clone(), &over);
                scope.names.remove("loop");
                self.scopes.push(scope);
                if let Some(condition) = condition {
                    self.shape(condition);
                }
                let element = self.shape(value);
                self.scopes.pop();
                Shape::list(element)
            }
        }
    }

    fn all(&mut self, exprs: &[Expr]) {
        for expr in exprs {
            self.shape(expr);
        }
    }

    fn args(&mut self, args: &[Arg]) {
        for arg in args {
            self.shape(&arg.value);
        }
    }

    fn joined(&mut self, values: &[Expr]) -> Shape {
        let mut joined: Option<Shape> = None;
        for value in values {
            let shape = self.shape(value);
            joined = Some(joined.map_or(shape.clone(), |known| known.join(&shape)));
        }
        joined.unwrap_or(Shape::Free)
    }

    fn map(&mut self, entries: &[(Option<String>, Expr)]) -> Shape {
        let mut known = true;
        let mut fields = BTreeMap::new();
        for (key, value) in entries {
            let shape = self.shape(value);
            match key {
                Some(key) => {
                    fields.insert(key.clone(), shape);
                }
                None => known = false,
            }
        }
        if known { Shape::map(fields) } else { Shape::Free }
    }

    fn name(&mut self, name: &str, range: &Range<usize>) -> Shape {
        if name.starts_with("__tera") {
            self.complain(range.clone(), name.to_owned(), Problem::Reserved, None);
            return Shape::Free;
        }
        let scoped = self.scopes.iter().rev().find_map(|scope| scope.names.get(name)).cloned();
        if self.survey.set_globally.contains(name) {
            return Shape::Free;
        }
        if let Some(shape) = scoped {
            return shape;
        }
        if self.in_component {
            let elsewhere = self.roots.contains_key(name) || self.survey.uses.bound.contains(name);
            let problem = if elsewhere { Problem::NotInComponent } else { Problem::UnknownName };
            let suggestion = if elsewhere { None } else { suggest(name, self.visible()) };
            self.complain(range.clone(), name.to_owned(), problem, suggestion);
            return Shape::Free;
        }
        if self.survey.set_outside.contains(name) || self.shared.contains(name) {
            return Shape::Free;
        }
        if let Some(shape) = self.roots.get(name) {
            return shape.clone();
        }
        let (problem, suggestion) = match self.survey.uses.bound.contains(name) {
            true => (Problem::EndsWithLoop, None),
            false => {
                let visible = self.visible().chain(self.roots.keys().copied());
                (Problem::UnknownName, suggest(name, visible))
            }
        };
        self.complain(range.clone(), name.to_owned(), problem, suggestion);
        Shape::Free
    }

    fn visible(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().flat_map(|scope| scope.names.keys().map(String::as_str))
    }

    fn field(&mut self, of: &Shape, field: &str, range: &Range<usize>, before: impl Fn() -> String) -> Shape {
        let (problem, suggestion) = match of {
            Shape::Free => return Shape::Free,
            Shape::Map(fields) => match fields.get(field) {
                Some(shape) => return shape.clone(),
                None => (Problem::UnknownField, suggest(field, fields.keys().map(String::as_str))),
            },
            Shape::List(_) => (Problem::FieldOfList, None),
            Shape::Leaf => (Problem::FieldOfLeaf, None),
        };
        self.complain(range.clone(), format!("{}.{field}", before()), problem, suggestion);
        Shape::Free
    }

    fn filter(&mut self, of: Shape, filter: &Filter) -> Shape {
        let mut value = None;
        for arg in &filter.args {
            let shape = self.shape(&arg.value);
            if arg.name == "value" {
                value = Some(shape);
            }
        }
        let name = filter.name.as_str();
        if REFUSED_FILTERS.contains(&name) {
            self.complain(filter.range.clone(), name.to_owned(), Problem::RefusedFilter, None);
            return of;
        }
        if BY_ATTRIBUTE.contains(&name) {
            self.attribute(&of, filter);
        }
        if name == "lookup"
            && let Some(tables) = self.roots.get("tables").cloned()
            && let Some((table, range)) =
                filter.args.iter().find(|a| a.name == "table").and_then(|a| a.literal.as_ref())
        {
            self.field(&tables, table, range, || "tables".to_owned());
        }
        if SAME_SHAPE.contains(&name) {
            return of;
        }
        if ONE_ELEMENT.contains(&name) {
            return match of {
                Shape::List(element) => (*element).clone(),
                _ => Shape::Free,
            };
        }
        if LIST_OF_LEAVES.contains(&name) {
            return Shape::list(Shape::Leaf);
        }
        if LEAF.contains(&name) {
            return Shape::Leaf;
        }
        match (name, of) {
            ("values", of @ Shape::Map(_)) => Shape::list(of.element()),
            ("default", of) => value.map_or(of.clone(), |value| of.join(&value)),
            _ => Shape::Free,
        }
    }

    /// `sort(attribute="a.b")`: the path must exist in the elements.
    fn attribute(&mut self, of: &Shape, filter: &Filter) {
        let Some(arg) = filter.args.iter().find(|arg| arg.name == "attribute") else { return };
        let (Some((attribute, range)), Shape::List(element)) = (&arg.literal, of) else { return };
        let mut shape = (**element).clone();
        let mut walked = Vec::new();
        for field in attribute.split('.') {
            let before = walked.join(".");
            shape = self.field(&shape, field, range, || {
                if before.is_empty() { "(each)".to_owned() } else { before.clone() }
            });
            walked.push(field);
        }
    }
}

/// An expression as a path, for messages.
fn path(expr: &Expr) -> String {
    match expr {
        Expr::Name(name, _) => name.clone(),
        Expr::Field(of, field, _) | Expr::Key(of, field, _) => format!("{}.{field}", path(of)),
        Expr::Index(of, _) => format!("{}[]", path(of)),
        Expr::Slice(of, _) | Expr::Filter(of, _) => path(of),
        _ => "(...)".to_owned(),
    }
}
