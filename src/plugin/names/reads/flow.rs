//! Following values through the steps of templates until nothing new is found.

use std::collections::{BTreeMap, BTreeSet};

use super::collect::Step;
use super::node::{Node, element, field, root, texts};
use super::{Reads, Text, Use};
use crate::plugin::names::expr::{Arg, Expr, Filter};

/// Lists of lists deeper than this are not followed.
const DEEPEST: u8 = 3;
/// Tests that ask for the kind of a value only, or whether there is one.
const OF_KIND: [&str; 12] = [
    "array",
    "bool",
    "defined",
    "float",
    "integer",
    "iterable",
    "map",
    "none",
    "null",
    "number",
    "string",
    "undefined",
];

/// What a value may be: nodes, each in so many lists that a template put it in, or something `else` that
/// holds no text. Null is none of these.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
struct Value {
    nodes: BTreeSet<(Node, u8)>,
    other: bool,
}

impl Value {
    fn other() -> Self {
        Self { nodes: BTreeSet::new(), other: true }
    }

    fn of(node: Node) -> Self {
        Self { nodes: BTreeSet::from([(node, 0)]), other: false }
    }

    fn join(mut self, more: Self) -> Self {
        self.nodes.extend(more.nodes);
        self.other |= more.other;
        self
    }

    /// The texts, if it can be nothing else.
    fn texts(&self) -> Option<Vec<Text>> {
        let text = |(node, depth): &(Node, u8)| match (node, depth) {
            (Node::Text(text), 0) => Some(*text),
            _ => None,
        };
        let texts: Option<Vec<Text>> = self.nodes.iter().map(text).collect();
        texts.filter(|texts| !self.other && !texts.is_empty())
    }
}

/// What all these steps together do with the texts.
pub(super) fn follow(steps: &[Step], roots: &BTreeSet<&str>, pieces: bool) -> Reads {
    let nothing = Reads { uses: [Use::Shown; super::TEXTS] };
    let mut flow =
        Flow { reads: nothing.clone(), names: BTreeMap::new(), roots, grown: true, lost: false, pieces };
    // Once for the names alone: one that is given a value later is not something else before.
    steps.iter().for_each(|step| flow.step(step));
    flow.names.values_mut().for_each(|value| *value = Value::default());
    flow.grown = true;
    // Names only ever gain meanings, and there are few of these.
    while std::mem::take(&mut flow.grown) {
        steps.iter().for_each(|step| flow.step(step));
    }
    // What is done with a value is right once all that it may be is known.
    (flow.reads, flow.lost) = (nothing, false);
    steps.iter().for_each(|step| flow.step(step));
    if flow.lost { Reads::EVERYTHING } else { flow.reads }
}

struct Flow<'r> {
    reads: Reads,
    names: BTreeMap<String, Value>,
    /// The names of the context.
    roots: &'r BTreeSet<&'r str>,
    grown: bool,
    /// Whether a text went where it cannot be followed.
    lost: bool,
    pieces: bool,
}

impl Flow<'_> {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Show(expr) => self.show(expr),
            Step::Decide(expr) => drop(self.value(expr)),
            Step::Bind(name, expr) => {
                let value = self.value(expr);
                self.bind(name, value);
            }
            Step::Each(names, expr) => {
                let over = self.value(expr);
                self.each(names, over);
            }
        }
    }

    fn bind(&mut self, name: &str, value: Value) {
        let known = self.names.get(name).cloned();
        let joined = known.clone().unwrap_or_default().join(value);
        if known.as_ref() != Some(&joined) {
            self.names.insert(name.to_owned(), joined);
            self.grown = true;
        }
    }

    fn each(&mut self, names: &[String], over: Value) {
        let element = self.element(over);
        for (index, name) in names.iter().enumerate() {
            // Of two names the first is a key.
            let key = names.len() > 1 && index == 0;
            self.bind(name, if key { Value::other() } else { element.clone() });
        }
    }

    /// Anything may be done with all texts that a value holds.
    fn read(&mut self, value: &Value) {
        for (node, _) in &value.nodes {
            for text in texts(*node) {
                self.reads.raise(text, Use::Read);
            }
        }
    }

    fn read_node(&mut self, node: Node) {
        self.read(&Value::of(node));
    }

    fn read_all<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) -> Value {
        for expr in exprs {
            let value = self.value(expr);
            self.read(&value);
        }
        Value::other()
    }

    /// One element of a value. To go through a mapping or a text is to look at it.
    fn element(&mut self, of: Value) -> Value {
        let mut found = Value { nodes: BTreeSet::new(), other: of.other };
        for (node, depth) in of.nodes {
            match (depth, element(node)) {
                (0, Some(node)) => drop(found.nodes.insert((node, 0))),
                (0, None) => {
                    self.read_node(node);
                    found.other = true;
                }
                (_, _) => drop(found.nodes.insert((node, depth - 1))),
            }
        }
        found
    }

    fn list_of(&mut self, elements: Value) -> Value {
        let mut found = Value { nodes: BTreeSet::new(), other: elements.other };
        for (node, depth) in elements.nodes {
            if depth < DEEPEST {
                found.nodes.insert((node, depth + 1));
            } else {
                self.read_node(node);
                found.other = true;
            }
        }
        found
    }

    fn show(&mut self, expr: &Expr) {
        match expr {
            Expr::Component(args) => self.component(args),
            Expr::Either(deciding, values) => {
                deciding.iter().for_each(|expr| drop(self.value(expr)));
                values.iter().for_each(|expr| self.show(expr));
            }
            Expr::Call(name, _) if name == "super" => {}
            _ => {
                let value = self.value(expr);
                for (node, depth) in value.nodes {
                    if depth > 0 || !matches!(node, Node::Text(_) | Node::Made(_)) {
                        self.read_node(node);
                    }
                }
            }
        }
    }

    fn component(&mut self, args: &[(Option<String>, Expr)]) {
        for (name, expr) in args {
            let value = self.value(expr);
            match name {
                Some(name) => self.bind(name, value),
                None => {
                    self.read(&value);
                    self.lost |= !value.nodes.is_empty();
                }
            }
        }
    }

    /// What an expression may be, and what is done on the way.
    fn value(&mut self, expr: &Expr) -> Value {
        match expr {
            Expr::Name(name, _) => self.name(name),
            Expr::Field(of, name, _) | Expr::Key(of, name, _) => {
                let of = self.value(of);
                let mut found = Value { nodes: BTreeSet::new(), other: of.other };
                for (node, depth) in of.nodes {
                    match field(node, name).filter(|_| depth == 0) {
                        Some(node) => drop(found.nodes.insert((node, 0))),
                        None => found.other = true,
                    }
                }
                found
            }
            Expr::Index(of, index) => {
                self.read_all([&**index]);
                let of = self.value(of);
                self.element(of)
            }
            Expr::Slice(of, parts) => {
                self.read_all(parts);
                let of = self.value(of);
                self.list(of)
            }
            Expr::List(items) => {
                let items = self.any(items);
                self.list_of(items)
            }
            Expr::Map(entries) => self.read_all(entries.iter().map(|(_, value)| value)),
            Expr::Filter(of, filter) => self.filter(of, filter),
            Expr::Call(name, args) => self.call(name, args),
            Expr::Either(deciding, values) => {
                deciding.iter().for_each(|expr| drop(self.value(expr)));
                self.any(values)
            }
            Expr::Not(of) => {
                self.value(of);
                Value::other()
            }
            Expr::Equal(left, right) => {
                let (left, right) = (self.value(left), self.value(right));
                self.compare(&left, &right);
                Value::other()
            }
            Expr::Joined(left, right) => {
                let both = self.value(left).join(self.value(right));
                self.made(both)
            }
            Expr::Test(of, test, args) => {
                let of = self.value(of);
                if !OF_KIND.contains(&test.as_str()) {
                    self.read(&of);
                }
                self.read_all(args.iter().map(|arg| &arg.value))
            }
            Expr::Component(args) => {
                // Its text would be looked at, and what is in it with it.
                self.component(args);
                self.lost = true;
                Value::other()
            }
            Expr::Plain(parts) => self.read_all(parts),
            Expr::Comprehension { value, names, of, condition } => {
                let over = self.value(of);
                self.each(names, over);
                if let Some(condition) = condition {
                    self.value(condition);
                }
                let element = self.value(value);
                self.list_of(element)
            }
        }
    }

    fn name(&mut self, name: &str) -> Value {
        let given = self.names.get(name).cloned();
        match (given, root(name)) {
            (Some(given), Some(root)) => given.join(Value::of(root)),
            // Where it is not given it may be something else of the context.
            (Some(given), None) if name == "loop" || self.roots.contains(name) => given.join(Value::other()),
            (Some(given), None) => given,
            (None, Some(root)) => Value::of(root),
            (None, None) => Value::other(),
        }
    }

    fn any<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) -> Value {
        exprs.into_iter().fold(Value::default(), |all, expr| all.join(self.value(expr)))
    }

    /// What is known to be a list, or is looked at.
    fn list(&mut self, value: Value) -> Value {
        let mut found = Value { nodes: BTreeSet::new(), other: value.other };
        for (node, depth) in value.nodes {
            if depth > 0 || element(node).is_some() {
                found.nodes.insert((node, depth));
            } else {
                self.read_node(node);
                found.other = true;
            }
        }
        found
    }

    /// A text made of others.
    fn made(&mut self, of: Value) -> Value {
        let mut found = Value::other();
        for (node, depth) in of.nodes {
            match node {
                Node::Text(text) | Node::Made(text) if depth == 0 && self.pieces => {
                    found.nodes.insert((Node::Made(text), 0));
                }
                node => self.read_node(node),
            }
        }
        found
    }

    fn compare(&mut self, left: &Value, right: &Value) {
        match (left.texts(), right.texts()) {
            (Some(left), Some(right)) => {
                left.into_iter().chain(right).for_each(|text| self.reads.raise(text, Use::Compared));
            }
            _ => {
                self.read(left);
                self.read(right);
            }
        }
    }

    fn call(&mut self, name: &str, args: &[Arg]) -> Value {
        let args = args.iter().map(|arg| &arg.value);
        match name {
            // A file that ends in a mistake is no file.
            "throw" => args.for_each(|arg| drop(self.value(arg))),
            _ => {
                self.lost |= name == "super";
                self.read_all(args);
            }
        }
        Value::other()
    }

    fn filter(&mut self, of: &Expr, filter: &Filter) -> Value {
        let of = self.value(of);
        let args = || filter.args.iter().map(|arg| &arg.value);
        match filter.name.as_str() {
            "default" => {
                let instead = self.any(args());
                of.join(instead)
            }
            "first" | "last" | "nth" => {
                self.read_all(args());
                self.element(of)
            }
            "reverse" => {
                self.read_all(args());
                self.list(of)
            }
            "length" => {
                self.read_all(args());
                self.list(of);
                Value::other()
            }
            // It takes its place among the holes: `crate::plugin::format::holes`.
            "mac" => {
                self.read_all(args());
                let plain = of.texts().is_some();
                if plain {
                    return self.made_by_filter(of);
                }
                self.read(&of);
                Value::other()
            }
            _ => {
                self.read(&of);
                self.read_all(args())
            }
        }
    }

    /// A text that one filter made of another.
    fn made_by_filter(&mut self, of: Value) -> Value {
        let mut found = Value::default();
        for (node, _) in of.nodes {
            match node {
                Node::Text(text) => drop(found.nodes.insert((Node::Made(text), 0))),
                node => self.read_node(node),
            }
        }
        found
    }
}
