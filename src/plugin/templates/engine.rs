//! One engine and its templates. The engine stops at the first template that it cannot take; here what it
//! refuses is reported, emptied, and the rest tried again, so that all mistakes come out at once.

use std::collections::{BTreeMap, BTreeSet};

use tera::{ErrorKind, Tera};

use super::Places;
use super::compile::{add, text_of};
use super::error::{lower, of_report, printed, span_of};
use crate::diagnostic::{Diagnostic, Span};
use crate::plugin::codes::{
    TEMPLATE_CIRCLE, TEMPLATE_PARENT, TEMPLATE_REFERENCE, TEMPLATE_REFUSED, TEMPLATE_SYNTAX,
};
use crate::plugin::manifest::near;

/// An engine while it takes its templates.
pub(super) struct Engine<'e> {
    tera: Tera,
    places: &'e Places,
    texts: BTreeMap<&'e str, &'e str>,
    /// The names that templates are found by, for help.
    known: &'e [&'e str],
    problems: &'e mut Vec<Diagnostic>,
}

impl<'e> Engine<'e> {
    pub fn new(
        tera: Tera,
        places: &'e Places,
        names: &BTreeSet<&'e str>,
        known: &'e [&'e str],
        problems: &'e mut Vec<Diagnostic>,
    ) -> Self {
        let texts = names.iter().map(|name| (*name, text_of(places, name))).collect();
        Self { tera, places, texts, known, problems }
    }

    /// The engine with all its templates; `None` where it refuses any of them.
    pub fn compile(mut self) -> Option<Tera> {
        let mut whole = true;
        // Each round empties at least one template, so that this ends.
        for _ in 0..=self.texts.len() {
            let Err(error) = self.tera.add_raw_templates(self.texts.iter().map(|(n, t)| (*n, *t))) else {
                return whole.then_some(self.tera);
            };
            let refused = match error.kind() {
                ErrorKind::SyntaxError(_) => self.syntax(),
                ErrorKind::MissingParent { current, parent } => self.missing_parent(current, parent),
                ErrorKind::CircularExtend { tpl, inheritance_chain } => {
                    self.circle(tpl, inheritance_chain, "extend")
                }
                ErrorKind::CircularInclude { tpl, include_chain } => {
                    self.circle(tpl, include_chain, "include")
                }
                _ => {
                    self.references(&error.to_string(), whole);
                    return None;
                }
            };
            whole = false;
            for name in &refused {
                if let Some(text) = self.texts.get_mut(name.as_str()) {
                    *text = "";
                }
            }
        }
        None
    }

    /// Every template that cannot be parsed.
    fn syntax(&mut self) -> Vec<String> {
        let mut refused = Vec::new();
        for (name, text) in &self.texts {
            let Err(error) = Tera::default().add_raw_template(name, text) else { continue };
            let ErrorKind::SyntaxError(report) = error.kind() else { continue };
            refused.push((*name).to_owned());
            let mut diagnostic = Diagnostic::error(TEMPLATE_SYNTAX, lower(report.message()));
            diagnostic.span = of_report(report, self.places);
            add(self.problems, diagnostic);
        }
        refused
    }

    fn missing_parent(&mut self, current: &str, parent: &str) -> Vec<String> {
        let message = format!("there is no template `{parent}` to extend");
        let mut diagnostic =
            Diagnostic::error(TEMPLATE_PARENT, message).maybe_help(near(parent, self.known.iter().copied()));
        diagnostic.span = self.quoted(current, parent);
        add(self.problems, diagnostic);
        vec![current.to_owned()]
    }

    /// `chain` leads from a template back to itself; that of `extends` leaves out where it begins.
    fn circle(&mut self, name: &str, chain: &[String], verb: &str) -> Vec<String> {
        let mut steps = chain.to_vec();
        if steps.len() < 2 || steps.first().is_none_or(|first| first != name) {
            steps.insert(0, name.to_owned());
        }
        let itself = steps.iter().all(|step| step == name);
        let message = if itself {
            format!("the template `{name}` {verb}s itself")
        } else {
            format!("templates {verb} one another in a circle: {}", steps.join(", "))
        };
        let mut diagnostic = Diagnostic::error(TEMPLATE_CIRCLE, message);
        // A template is named with its layer or without.
        let next = steps.get(1).map(String::as_str).unwrap_or_default();
        let short = next.split_once('/').map_or(next, |(_, short)| short);
        diagnostic.span = self.quoted(name, next).or_else(|| self.quoted(name, short));
        if itself {
            diagnostic = diagnostic.help(format!("name the layer that it builds on, as in `common/{short}`"));
        }
        add(self.problems, diagnostic);
        steps
    }

    /// What the engine prints when it looks for what templates refer to. Once a template was emptied,
    /// what it defined is missing elsewhere; only what cannot come of that is still said.
    fn references(&mut self, report: &str, whole: bool) {
        let found = printed(report, self.places);
        if found.is_empty() && whole {
            let diagnostic = self.refused(report);
            add(self.problems, diagnostic);
        }
        for problem in found {
            let follows =
                ["unknown component", "block "].iter().any(|start| problem.message.starts_with(start));
            if follows && !whole {
                continue;
            }
            let code =
                if problem.message.starts_with("unknown") { TEMPLATE_REFERENCE } else { TEMPLATE_REFUSED };
            let template =
                problem.message.strip_prefix("unknown template `").and_then(|n| n.strip_suffix('`'));
            let help = template.and_then(|name| near(name, self.known.iter().copied()));
            add(self.problems, Diagnostic::error(code, problem.message).at(problem.span).maybe_help(help));
        }
    }

    /// What the engine says without a place, with the places of the templates that it names.
    fn refused(&self, message: &str) -> Diagnostic {
        let mut diagnostic = Diagnostic::error(TEMPLATE_REFUSED, lower(message));
        let mut quoted = message.split('`').skip(1).step_by(2);
        let component = quoted.next().unwrap_or_default();
        let spans: Vec<Span> =
            quoted.filter_map(|name| self.find(name, &format!("component {component}"))).collect();
        let mut spans = spans.into_iter().rev();
        diagnostic.span = spans.next();
        for span in spans {
            diagnostic = diagnostic.related("also here", span);
        }
        diagnostic
    }

    /// Where a template names another.
    fn quoted(&self, template: &str, name: &str) -> Option<Span> {
        let spellings = ['"', '\'', '`'].map(|quote| format!("{quote}{name}{quote}"));
        spellings.iter().find_map(|spelling| self.find(template, spelling))
    }

    fn find(&self, template: &str, what: &str) -> Option<Span> {
        let (text, place) = self.places.get(template)?;
        let start = text.find(what)?;
        Some(span_of(text, place, start, start + what.len()))
    }
}
