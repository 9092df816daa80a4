//! What a template does, as a list of steps without order.

use crate::plugin::names::expr::{Expr, Parser};
use crate::plugin::scan::{self, Kind};

/// One thing that a template does.
#[derive(Debug)]
pub(super) enum Step {
    /// Writes a value.
    Show(Expr),
    /// Asks whether a value counts as true.
    Decide(Expr),
    /// Gives a name a value.
    Bind(String, Expr),
    /// Gives names the elements of a value.
    Each(Vec<String>, Expr),
}

/// The steps of a template; `None` where something in it cannot be followed.
pub(super) fn template(source: &str, steps: &mut Vec<Step>) -> Option<()> {
    let tokens = scan::tokens(source)?;
    let mut parser = Parser::new(&tokens);
    while let Some(token) = parser.next() {
        match token.kind {
            Kind::VariableStart => {
                steps.push(Step::Show(parser.expr()?));
                parser.eat(&Kind::VariableEnd).then_some(())?;
            }
            Kind::TagStart => {
                tag(&mut parser, steps)?;
                parser.eat(&Kind::TagEnd).then_some(())?;
            }
            _ => return None,
        }
    }
    Some(())
}

/// The steps of a `for_each`.
pub(super) fn items(path: &str, steps: &mut Vec<Step>) -> Option<()> {
    let source = format!("{{{{{path}}}}}");
    let tokens = scan::tokens(&source)?;
    let mut parser = Parser::new(&tokens);
    parser.eat(&Kind::VariableStart).then_some(())?;
    steps.push(Step::Each(vec!["item".to_owned()], parser.expr()?));
    parser.eat(&Kind::VariableEnd).then_some(())
}

fn tag(parser: &mut Parser<'_, '_>, steps: &mut Vec<Step>) -> Option<()> {
    // A component around a text captures that text: its tag begins with a sign and ends this.
    let (word, _) = parser.ident()?;
    match word {
        "if" | "elif" => steps.push(Step::Decide(parser.expr()?)),
        "for" => {
            let names = parser.loop_names()?;
            steps.push(Step::Each(names, parser.expr()?));
        }
        "set" | "set_global" => {
            let (name, _) = parser.ident()?;
            // Without the sign it captures text.
            parser.need("=")?;
            steps.push(Step::Bind(name.to_owned(), parser.expr()?));
        }
        "component" => component(parser, steps)?,
        "block" => {
            parser.ident()?;
        }
        "endcomponent" if matches!(parser.peek(), Some(Kind::Ident(_))) => parser.component_name()?,
        "endblock" if matches!(parser.peek(), Some(Kind::Ident(_))) => {
            parser.ident()?;
        }
        "endcomponent" | "endblock" | "else" | "endif" | "endfor" | "break" | "continue" => {}
        "include" | "extends" => {
            matches!(parser.next()?.kind, Kind::Text(_)).then_some(())?;
        }
        // `filter` captures text.
        _ => return None,
    }
    Some(())
}

/// `name(a, b: type = default, @implicit) {metadata}`: only defaults are values. An argument goes by its
/// own name inside, as does what the caller has under the name of an implicit one.
fn component(parser: &mut Parser<'_, '_>, steps: &mut Vec<Step>) -> Option<()> {
    parser.component_name()?;
    parser.need("(")?;
    while !parser.eat(&Kind::Sign(")")) {
        parser.eat(&Kind::Sign("@"));
        // `...rest` begins with a sign, too, and ends this.
        let (name, _) = parser.ident()?;
        if parser.eat(&Kind::Sign(":")) {
            parser.ident()?;
        }
        if parser.eat(&Kind::Sign("=")) {
            steps.push(Step::Bind(name.to_owned(), parser.expr()?));
        }
        if !parser.eat(&Kind::Sign(",")) && parser.peek() != Some(&Kind::Sign(")")) {
            return None;
        }
    }
    if parser.eat(&Kind::Sign("{")) {
        parser.map()?;
    }
    Some(())
}
