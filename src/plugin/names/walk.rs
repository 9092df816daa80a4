//! A template's tags in order: which names they bind, and the expressions in them.
//!
//! Tags are taken one by one with a stack of what is open, never by recursion: no source can nest deep
//! enough to hurt.

use std::collections::{BTreeMap, BTreeSet};

use super::eval::{Checker, Scope};
use super::expr::{Expr, Parser};
use super::{NameProblem, Shape, Uses};
use crate::plugin::scan::{self, Kind};

/// What one pass over a template finds out about the names it binds itself.
#[derive(Default)]
pub struct Survey {
    pub uses: Uses,
    /// Set outside loops: visible to all that is rendered later, which need not stand later.
    pub set_outside: BTreeSet<String>,
    /// Bound by `set`, `set_global` or `for`: what an `@name` argument may find.
    pub by_tags: BTreeSet<String>,
    /// Set by `set_global`: may hold anything at any place.
    pub set_globally: BTreeSet<String>,
}

/// Finds out what a template binds and names.
pub fn survey(source: &str) -> Survey {
    let (roots, shared, survey) = (BTreeMap::new(), BTreeSet::new(), Survey::default());
    let mut problems = Vec::new();
    let mut walk = Walk::new("", source, &roots, &shared, &survey, &mut problems);
    walk.run();
    walk.found
}

/// Whether a source is understood to its end.
#[cfg(test)]
pub fn reads_all(source: &str) -> bool {
    let (roots, shared, survey) = (BTreeMap::new(), BTreeSet::new(), Survey::default());
    Walk::new("", source, &roots, &shared, &survey, &mut Vec::new()).reads_all()
}

/// Checks a template.
pub fn check(
    template: &str,
    source: &str,
    roots: &BTreeMap<&str, Shape>,
    shared: &BTreeSet<String>,
    out: &mut Vec<NameProblem>,
) {
    let survey = survey(source);
    Walk::new(template, source, roots, shared, &survey, out).run();
}

/// The shape of a source that is one `{{ expression }}`.
pub fn shape_of(source: &str, roots: &BTreeMap<&str, Shape>, out: &mut Vec<NameProblem>) -> Shape {
    let (shared, survey) = (BTreeSet::new(), Survey::default());
    let mut checker = Checker::new("", roots, &shared, &survey, out);
    let tokens = scan::tokens(source).unwrap_or_default();
    let mut parser = Parser::new(&tokens);
    parser.eat(&Kind::VariableStart);
    parser.expr().map_or(Shape::Free, |expr| checker.shape(&expr))
}

/// What a tag opened, and what ends with it.
enum Open {
    /// `for`: a scope of names.
    Loop,
    /// `component`: everything seen so far is out of sight until its end.
    Component(Vec<Scope>),
    /// No scope of its own.
    Other,
}

/// Deeper than the engine allows (40).
const MAX_NESTING: usize = 64;

struct Walk<'a> {
    source: &'a str,
    checker: Checker<'a>,
    found: Survey,
    open: Vec<Open>,
}

impl<'a> Walk<'a> {
    fn new(
        template: &'a str,
        source: &'a str,
        roots: &'a BTreeMap<&'a str, Shape>,
        shared: &'a BTreeSet<String>,
        survey: &'a Survey,
        out: &'a mut Vec<NameProblem>,
    ) -> Self {
        let checker = Checker::new(template, roots, shared, survey, out);
        Self { source, checker, found: Survey::default(), open: Vec::new() }
    }

    fn run(&mut self) {
        let tokens = scan::tokens(self.source).unwrap_or_default();
        let mut parser = Parser::new(&tokens);
        // The engine reports what ends the walk early.
        while self.step(&mut parser).is_some() {}
    }

    /// Whether nothing of a source is left unread.
    #[cfg(test)]
    fn reads_all(&mut self) -> bool {
        let Some(tokens) = scan::tokens(self.source) else { return false };
        let mut parser = Parser::new(&tokens);
        while self.step(&mut parser).is_some() {}
        // A step fails at the end, too, but takes nothing then.
        parser.peek().is_none() && self.open.is_empty()
    }

    fn step(&mut self, parser: &mut Parser<'_, '_>) -> Option<()> {
        if self.open.len() > MAX_NESTING {
            return None;
        }
        match parser.next()?.kind {
            Kind::VariableStart => {
                let expr = parser.expr()?;
                self.checker.shape(&expr);
                parser.eat(&Kind::VariableEnd).then_some(())
            }
            Kind::TagStart => {
                self.tag(parser)?;
                parser.eat(&Kind::TagEnd).then_some(())
            }
            _ => None,
        }
    }

    fn tag(&mut self, parser: &mut Parser<'_, '_>) -> Option<()> {
        if parser.eat(&Kind::Sign("<")) {
            for (_, part) in parser.component_call()? {
                self.checker.shape(&part);
            }
            self.open.push(Open::Other);
            return parser.need(">");
        }
        if parser.eat(&Kind::Sign("</")) {
            parser.component_name()?;
            self.close()?;
            return parser.need(">");
        }
        let (word, _) = parser.ident()?;
        match word {
            "if" | "elif" => {
                let condition = parser.expr()?;
                self.checker.shape(&condition);
                if word == "if" {
                    self.open.push(Open::Other);
                }
            }
            "else" => {
                // The names of a loop end before its `else`.
                if matches!(self.open.last()?, Open::Loop) {
                    self.close()?;
                    self.open.push(Open::Other);
                }
            }
            "for" => self.for_loop(parser)?,
            "set" | "set_global" => self.set(parser, word == "set_global")?,
            "filter" => {
                self.filters(parser)?;
                self.open.push(Open::Other);
            }
            "block" => {
                parser.ident()?;
                self.open.push(Open::Other);
            }
            "component" => self.component(parser)?,
            "endblock" => {
                self.close()?;
                if matches!(parser.peek(), Some(Kind::Ident(_))) {
                    parser.ident()?;
                }
            }
            "endcomponent" => {
                self.close()?;
                if matches!(parser.peek(), Some(Kind::Ident(_))) {
                    parser.component_name()?;
                }
            }
            "endif" | "endfor" | "endset" | "endfilter" => self.close()?,
            "include" | "extends" => match &parser.next()?.kind {
                Kind::Text(name) => {
                    self.found.uses.templates.insert(name.clone());
                }
                _ => return None,
            },
            "break" | "continue" => {}
            _ => return None,
        }
        Some(())
    }

    fn close(&mut self) -> Option<()> {
        match self.open.pop()? {
            Open::Loop => {
                self.checker.scopes.pop();
            }
            Open::Component(outer) => {
                self.checker.scopes = outer;
                self.checker.in_component = false;
            }
            Open::Other => {}
        }
        Some(())
    }

    fn for_loop(&mut self, parser: &mut Parser<'_, '_>) -> Option<()> {
        let names = parser.loop_names()?;
        let over = parser.expr()?;
        let shape = self.checker.shape(&over);
        self.found.uses.bound.extend(names.iter().cloned());
        self.found.by_tags.extend(names.iter().cloned());
        self.checker.scopes.push(Scope::of_loop(names, &shape));
        self.open.push(Open::Loop);
        Some(())
    }

    fn set(&mut self, parser: &mut Parser<'_, '_>, global: bool) -> Option<()> {
        let (name, _) = parser.ident()?;
        let shape = if parser.eat(&Kind::Sign("=")) {
            let value = parser.expr()?;
            self.checker.shape(&value)
        } else {
            if parser.eat(&Kind::Sign("|")) {
                self.filters(parser)?;
            }
            self.open.push(Open::Other);
            Shape::Leaf
        };
        let in_loop = self.open.iter().any(|open| matches!(open, Open::Loop));
        self.found.uses.bound.insert(name.to_owned());
        self.found.by_tags.insert(name.to_owned());
        if global {
            self.found.set_globally.insert(name.to_owned());
        } else if !in_loop && !self.checker.in_component {
            self.found.set_outside.insert(name.to_owned());
        }
        self.checker.bind(name, shape, global);
        Some(())
    }

    /// Filters in a row, without what they are applied to.
    fn filters(&mut self, parser: &mut Parser<'_, '_>) -> Option<()> {
        loop {
            let filter = parser.filter()?;
            self.checker.shape(&Expr::Filter(Box::new(Expr::Plain(Vec::new())), filter));
            if !parser.eat(&Kind::Sign("|")) {
                return Some(());
            }
        }
    }

    /// `name(a, b: type = default, @implicit, ...rest) {metadata}`.
    fn component(&mut self, parser: &mut Parser<'_, '_>) -> Option<()> {
        parser.component_name()?;
        parser.need("(")?;
        let mut scope = Scope::default();
        scope.bind("body", Shape::Leaf);
        while !parser.eat(&Kind::Sign(")")) {
            let rest = parser.eat(&Kind::Sign("..."));
            let implicit = !rest && parser.eat(&Kind::Sign("@"));
            let (name, range) = parser.ident()?;
            if parser.eat(&Kind::Sign(":")) {
                parser.ident()?;
            }
            let default = parser.eat(&Kind::Sign("="));
            if default {
                let value = parser.expr()?;
                self.checker.shape(&value);
            }
            let shape = match implicit {
                true => self.checker.implicit(name, range, default),
                false => Shape::Free,
            };
            scope.bind(name, shape);
            self.found.uses.bound.insert(name.to_owned());
            if !parser.eat(&Kind::Sign(",")) && parser.peek() != Some(&Kind::Sign(")")) {
                return None;
            }
        }
        if parser.eat(&Kind::Sign("{")) {
            parser.map()?;
        }
        let outer = std::mem::replace(&mut self.checker.scopes, vec![scope]);
        self.checker.in_component = true;
        self.open.push(Open::Component(outer));
        Some(())
    }
}
