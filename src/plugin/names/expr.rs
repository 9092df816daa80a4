//! The engine's expressions, as far as names are concerned. A Pratt parser with the engine's own binding
//! powers; whatever the engine would refuse ends the check of that template.

use std::ops::Range;

use crate::plugin::scan::{Kind, Token};

/// An expression. Operators whose result has no fields are [`Expr::Plain`].
#[derive(Debug)]
pub enum Expr {
    Name(String, Range<usize>),
    Field(Box<Expr>, String, Range<usize>),
    /// `["literal"]`.
    Key(Box<Expr>, String, Range<usize>),
    Index(Box<Expr>, Box<Expr>),
    Slice(Box<Expr>, Vec<Expr>),
    List(Vec<Expr>),
    /// Literal keys; `None` is a spread.
    Map(Vec<(Option<String>, Expr)>),
    Filter(Box<Expr>, Filter),
    /// A function's name and arguments.
    Call(String, Vec<Arg>),
    /// Either of several values, after others that only decide.
    Either(Vec<Expr>, Vec<Expr>),
    /// Whether a value counts as false.
    Not(Box<Expr>),
    /// `==` or `!=`.
    Equal(Box<Expr>, Box<Expr>),
    /// `~`.
    Joined(Box<Expr>, Box<Expr>),
    /// A test by its name, and its arguments.
    Test(Box<Expr>, String, Vec<Arg>),
    /// A component called for its text, by the arguments; `None` for all those of a map.
    Component(Vec<(Option<String>, Expr)>),
    /// A result without fields, of these.
    Plain(Vec<Expr>),
    Comprehension {
        value: Box<Expr>,
        names: Vec<String>,
        of: Box<Expr>,
        condition: Option<Box<Expr>>,
    },
}

/// A filter with its arguments.
#[derive(Debug)]
pub struct Filter {
    pub name: String,
    pub range: Range<usize>,
    pub args: Vec<Arg>,
}

/// A named argument; `literal` where it is a quoted text.
#[derive(Debug)]
pub struct Arg {
    pub name: String,
    pub literal: Option<(String, Range<usize>)>,
    pub value: Expr,
}

/// Deeper than the engine allows (40), shallow enough for any stack.
const MAX_DEPTH: usize = 64;
/// Operators in one expression; the engine allows 256. Each may nest the tree one deeper.
const MAX_OPERATORS: usize = 400;

/// Binding powers as in the engine.
const UNARY_MINUS: u8 = 20;
const UNARY_NOT: u8 = 5;
const NO_TERNARY: u8 = 1;

fn binding(kind: &Kind<'_>) -> Option<(u8, u8)> {
    Some(match kind {
        Kind::Ident("or") => (1, 2),
        Kind::Ident("and") => (3, 4),
        Kind::Ident("in" | "is") => (5, 6),
        Kind::Sign("==" | "!=" | "<" | "<=" | ">" | ">=") => (7, 8),
        Kind::Sign("+" | "-") => (11, 12),
        Kind::Sign("*" | "/" | "%" | "~" | "//") => (13, 14),
        Kind::Sign("**") => (16, 15),
        Kind::Sign("|") => (17, 18),
        _ => return None,
    })
}

/// Reads tokens in order.
pub struct Parser<'t, 's> {
    tokens: &'t [Token<'s>],
    at: usize,
    depth: usize,
    operators: usize,
}

impl<'t, 's> Parser<'t, 's> {
    pub fn new(tokens: &'t [Token<'s>]) -> Self {
        Self { tokens, at: 0, depth: 0, operators: 0 }
    }

    pub fn peek(&self) -> Option<&'t Kind<'s>> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    pub fn next(&mut self) -> Option<&'t Token<'s>> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token)
    }

    pub fn eat(&mut self, kind: &Kind<'_>) -> bool {
        let found = self.peek() == Some(kind);
        self.at += usize::from(found);
        found
    }

    pub fn need(&mut self, sign: &'static str) -> Option<()> {
        self.eat(&Kind::Sign(sign)).then_some(())
    }

    pub fn ident(&mut self) -> Option<(&'s str, Range<usize>)> {
        let token = self.next()?;
        match token.kind {
            Kind::Ident(name) => Some((name, token.range.clone())),
            _ => None,
        }
    }

    /// An expression.
    pub fn expr(&mut self) -> Option<Expr> {
        self.bound(0)
    }

    fn bound(&mut self, min: u8) -> Option<Expr> {
        if self.depth == 0 {
            self.operators = 0;
        }
        self.depth += 1;
        let expr = if self.depth > MAX_DEPTH { None } else { self.pratt(min) };
        self.depth -= 1;
        expr
    }

    fn operator(&mut self) -> Option<()> {
        self.operators += 1;
        (self.operators <= MAX_OPERATORS).then_some(())
    }

    fn pratt(&mut self, min: u8) -> Option<Expr> {
        let mut left = self.primary()?;
        loop {
            let Some(kind) = self.peek() else { return Some(left) };
            self.operator()?;
            match kind {
                Kind::Sign("[") => left = self.subscript(left)?,
                Kind::Ident("if") if min == 0 => {
                    self.next();
                    let condition = self.expr()?;
                    self.eat(&Kind::Ident("else")).then_some(())?;
                    return Some(Expr::Either(vec![condition], vec![left, self.expr()?]));
                }
                Kind::Ident("not") => {
                    if min > 5 {
                        return Some(left);
                    }
                    self.next();
                    if self.peek() != Some(&Kind::Ident("in")) {
                        return None;
                    }
                }
                _ => match binding(kind) {
                    Some((power, right)) if power >= min => {
                        self.next();
                        left = self.infix(left, kind, right)?;
                    }
                    _ => return Some(left),
                },
            }
        }
    }

    fn infix(&mut self, left: Expr, operator: &Kind<'_>, right: u8) -> Option<Expr> {
        Some(match operator {
            Kind::Sign("|") => Expr::Filter(Box::new(left), self.filter()?),
            Kind::Ident("is") => {
                self.eat(&Kind::Ident("not"));
                let (name, _) = self.ident()?;
                Expr::Test(Box::new(left), name.to_owned(), self.optional_args()?)
            }
            Kind::Ident("or" | "and") => Expr::Either(Vec::new(), vec![left, self.bound(right)?]),
            Kind::Sign("==" | "!=") => Expr::Equal(Box::new(left), Box::new(self.bound(right)?)),
            Kind::Sign("~") => Expr::Joined(Box::new(left), Box::new(self.bound(right)?)),
            _ => Expr::Plain(vec![left, self.bound(right)?]),
        })
    }

    fn primary(&mut self) -> Option<Expr> {
        let token = self.next()?;
        Some(match &token.kind {
            Kind::Literal | Kind::Text(_) | Kind::Ident("none" | "None" | "null") => Expr::Plain(Vec::new()),
            Kind::Sign("-") => Expr::Plain(vec![self.bound(UNARY_MINUS)?]),
            Kind::Ident("not") => Expr::Not(Box::new(self.bound(UNARY_NOT)?)),
            Kind::Ident(name) => self.name(name, token.range.clone())?,
            Kind::Sign("<") => {
                let parts = self.component_call()?;
                self.need("/")?;
                self.need(">")?;
                Expr::Component(parts)
            }
            Kind::Sign("{") => self.map()?,
            Kind::Sign("[") => self.list()?,
            Kind::Sign("(") => {
                let inner = self.expr()?;
                self.need(")")?;
                inner
            }
            _ => return None,
        })
    }

    fn name(&mut self, name: &str, range: Range<usize>) -> Option<Expr> {
        if self.peek() == Some(&Kind::Sign("(")) {
            return Some(Expr::Call(name.to_owned(), self.optional_args()?));
        }
        let mut expr = Expr::Name(name.to_owned(), range);
        loop {
            self.operator()?;
            match self.peek() {
                Some(Kind::Sign("." | "?.")) => {
                    self.next();
                    let (field, range) = self.ident()?;
                    expr = Expr::Field(Box::new(expr), field.to_owned(), range);
                }
                Some(Kind::Sign("[" | "?[")) => expr = self.subscript(expr)?,
                _ => return Some(expr),
            }
        }
    }

    fn subscript(&mut self, of: Expr) -> Option<Expr> {
        self.next()?;
        if let Some(Token { kind: Kind::Text(key), range }) = self.tokens.get(self.at)
            && self.tokens.get(self.at + 1).is_some_and(|token| token.kind == Kind::Sign("]"))
        {
            self.at += 2;
            return Some(Expr::Key(Box::new(of), key.clone(), range.clone()));
        }
        let mut parts = Vec::new();
        let mut colons = 0;
        while !self.eat(&Kind::Sign("]")) {
            if self.eat(&Kind::Sign(":")) {
                colons += 1;
            } else {
                parts.push(self.expr()?);
            }
        }
        if colons > 0 {
            return Some(Expr::Slice(Box::new(of), parts));
        }
        Some(Expr::Index(Box::new(of), Box::new(parts.pop()?)))
    }

    /// `(name=value, ...)`, or nothing.
    pub fn optional_args(&mut self) -> Option<Vec<Arg>> {
        let mut args = Vec::new();
        if !self.eat(&Kind::Sign("(")) {
            return Some(args);
        }
        while !self.eat(&Kind::Sign(")")) {
            let (name, _) = self.ident()?;
            self.need("=")?;
            let literal = match self.tokens.get(self.at) {
                Some(Token { kind: Kind::Text(text), range }) => Some((text.clone(), range.clone())),
                _ => None,
            };
            let value = self.expr()?;
            // `"a" ~ b` begins with a text and is none.
            let literal = literal.filter(|_| matches!(&value, Expr::Plain(parts) if parts.is_empty()));
            args.push(Arg { name: name.to_owned(), literal, value });
            if !self.eat(&Kind::Sign(",")) && self.peek() != Some(&Kind::Sign(")")) {
                return None;
            }
        }
        Some(args)
    }

    pub fn filter(&mut self) -> Option<Filter> {
        let (name, range) = self.ident()?;
        Some(Filter { name: name.to_owned(), range, args: self.optional_args()? })
    }

    fn list(&mut self) -> Option<Expr> {
        let mut items = Vec::new();
        loop {
            if self.eat(&Kind::Sign("]")) {
                return Some(Expr::List(items));
            }
            if self.eat(&Kind::Sign("...")) {
                // A spread list: its elements are those of the inner list.
                items.push(Expr::Index(Box::new(self.expr()?), Box::new(Expr::Plain(Vec::new()))));
            } else {
                let item = self.expr()?;
                if items.is_empty() && self.eat(&Kind::Ident("for")) {
                    return self.comprehension(item);
                }
                items.push(item);
            }
            if !self.eat(&Kind::Sign(",")) && self.peek() != Some(&Kind::Sign("]")) {
                return None;
            }
        }
    }

    fn comprehension(&mut self, value: Expr) -> Option<Expr> {
        let names = self.loop_names()?;
        let of = Box::new(self.bound(NO_TERNARY)?);
        let condition =
            if self.eat(&Kind::Ident("if")) { Some(Box::new(self.bound(NO_TERNARY)?)) } else { None };
        self.need("]")?;
        Some(Expr::Comprehension { value: Box::new(value), names, of, condition })
    }

    /// `a in` or `a, b in`.
    pub fn loop_names(&mut self) -> Option<Vec<String>> {
        let mut names = vec![self.ident()?.0.to_owned()];
        if self.eat(&Kind::Sign(",")) {
            names.push(self.ident()?.0.to_owned());
        }
        self.eat(&Kind::Ident("in")).then_some(names)
    }

    /// A map, after its opening brace.
    pub fn map(&mut self) -> Option<Expr> {
        let mut entries = Vec::new();
        while !self.eat(&Kind::Sign("}")) {
            if self.eat(&Kind::Sign("...")) {
                entries.push((None, self.expr()?));
            } else {
                let key = match &self.next()?.kind {
                    Kind::Text(key) => Some(key.clone()),
                    Kind::Literal => None,
                    _ => return None,
                };
                self.need(":")?;
                entries.push((key, self.expr()?));
            }
            if !self.eat(&Kind::Sign(",")) && self.peek() != Some(&Kind::Sign("}")) {
                return None;
            }
        }
        Some(Expr::Map(entries))
    }

    /// `a.b` as components are called; after the `<` or the word `component`.
    pub fn component_name(&mut self) -> Option<()> {
        self.ident()?;
        while self.eat(&Kind::Sign(".")) {
            self.ident()?;
        }
        Some(())
    }

    /// A component's name and attributes, after the `<`: the attributes with their values.
    pub fn component_call(&mut self) -> Option<Vec<(Option<String>, Expr)>> {
        self.component_name()?;
        let mut parts = Vec::new();
        loop {
            match self.peek() {
                Some(Kind::Ident(name)) => {
                    let range = self.next()?.range.clone();
                    let value = if !self.eat(&Kind::Sign("=")) {
                        // `name` alone stands for `name={name}`.
                        Expr::Name((*name).to_owned(), range)
                    } else if self.eat(&Kind::Sign("{")) {
                        let value = self.expr()?;
                        self.need("}")?;
                        value
                    } else if matches!(self.next()?.kind, Kind::Text(_)) {
                        Expr::Plain(Vec::new())
                    } else {
                        return None;
                    };
                    parts.push((Some((*name).to_owned()), value));
                }
                Some(Kind::Sign("{")) => {
                    self.next();
                    self.need("...")?;
                    parts.push((None, self.expr()?));
                    self.need("}")?;
                }
                _ => return Some(parts),
            }
        }
    }
}
