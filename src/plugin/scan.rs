//! A template's source as tokens, cut exactly as the engine's own lexer cuts it (tera 2.4): what it takes
//! for a name must be a name here. Text outside tags, comments and `raw` blocks leave no token.

use std::ops::Range;

/// One token and where it stands.
#[derive(Clone, PartialEq, Debug)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind<'a>,
    /// Its bytes in the source.
    pub range: Range<usize>,
}

/// The kinds of tokens.
#[derive(Clone, PartialEq, Debug)]
pub enum Kind<'a> {
    /// `{{`
    VariableStart,
    /// `}}`
    VariableEnd,
    /// `{%`
    TagStart,
    /// `%}`
    TagEnd,
    /// A name or a word such as `for`.
    Ident(&'a str),
    /// A quoted text, without its quotes and unescaped.
    Text(String),
    /// A number, `true` or `false`.
    Literal,
    /// An operator or bracket.
    Sign(&'static str),
}

/// The longer signs first: the first that fits is taken.
const SIGNS: [&str; 34] = [
    "...", "//", "**", "==", "!=", ">=", "<=", "</", "?.", "?[", "+", "-", "*", "/", "%", "!", ".", ",", ":",
    "~", "|", "=", ">", "<", "(", ")", "[", "]", "{", "}", "@", "'", "\"", "`",
];

/// Cuts a source; `None` where the engine refuses it too.
pub fn tokens(source: &str) -> Option<Vec<Token<'_>>> {
    let mut scanner = Scanner { source, at: 0, out: Vec::new() };
    while scanner.next_start()? {
        scanner.inside()?;
    }
    Some(scanner.out)
}

struct Scanner<'a> {
    source: &'a str,
    at: usize,
    out: Vec<Token<'a>>,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn push(&mut self, kind: Kind<'a>, length: usize) {
        self.out.push(Token { kind, range: self.at..self.at + length });
        self.at += length;
    }

    /// Goes past text, comments and raw blocks to the inside of the next tag; false at the end.
    fn next_start(&mut self) -> Option<bool> {
        loop {
            let Some(brace) = find_start(self.rest()) else { return Some(false) };
            self.at += brace;
            let rest = self.rest();
            let dash = usize::from(rest.as_bytes().get(2) == Some(&b'-'));
            if rest.starts_with("{#") {
                // As the engine: the end may begin right after the start, but not overlap it.
                let body = rest.get(2 + dash..)?;
                self.at += 2 + dash + body.find("#}")? + 2;
            } else if rest.starts_with("{{") {
                self.push(Kind::VariableStart, 2 + dash);
                return Some(true);
            } else if let Some(length) = rest.get(2 + dash..).and_then(|body| tag_named(body, "raw")) {
                self.at += 2 + dash + length;
                self.skip_raw()?;
            } else {
                self.push(Kind::TagStart, 2 + dash);
                return Some(true);
            }
        }
    }

    fn skip_raw(&mut self) -> Option<()> {
        loop {
            self.at += self.rest().find("{%")? + 2;
            if let Some(length) = tag_named(self.rest(), "endraw") {
                self.at += length;
                return Some(());
            }
        }
    }

    /// Cuts from after a start to after its end. A source that ends inside is the engine's to refuse.
    fn inside(&mut self) -> Option<()> {
        let (end, end_kind) = match self.out.last()?.kind {
            Kind::VariableStart => ("}}", Kind::VariableEnd),
            _ => ("%}", Kind::TagEnd),
        };
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
            self.at += rest.len() - trimmed.len();
            let rest = trimmed;
            let first = *rest.as_bytes().first()?;
            let dash = usize::from(first == b'-');
            if rest.get(dash..).is_some_and(|rest| rest.starts_with(end)) {
                self.push(end_kind, dash + 2);
                return Some(());
            }
            match first {
                b'"' | b'\'' | b'`' => self.text(first)?,
                b'0'..=b'9' => {
                    let mut dots = 0;
                    let length = rest.bytes().take_while(|byte| {
                        dots += usize::from(*byte == b'.');
                        byte.is_ascii_digit() || (*byte == b'.' && dots == 1)
                    });
                    let length = length.count();
                    self.push(Kind::Literal, length);
                }
                b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                    let length =
                        rest.bytes().take_while(|byte| *byte == b'_' || byte.is_ascii_alphanumeric()).count();
                    let kind = match rest.get(..length)? {
                        "true" | "True" | "false" | "False" => Kind::Literal,
                        name => Kind::Ident(name),
                    };
                    self.push(kind, length);
                }
                _ => {
                    let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign))?;
                    self.push(Kind::Sign(sign), sign.len());
                }
            }
        }
    }

    fn text(&mut self, quote: u8) -> Option<()> {
        let rest = self.rest();
        let mut text = String::new();
        let mut chars = rest.char_indices().skip(1);
        loop {
            match chars.next()? {
                (at, c) if c == char::from(quote) => {
                    self.push(Kind::Text(text), at + 1);
                    return Some(());
                }
                (_, '\\') => text.push(match chars.next()?.1 {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    c @ ('"' | '\'' | '/' | '\\') => c,
                    _ => return None,
                }),
                (_, c) => text.push(c),
            }
        }
    }
}

fn find_start(text: &str) -> Option<usize> {
    text.as_bytes().windows(2).position(|pair| matches!(pair, b"{{" | b"{%" | b"{#"))
}

/// The length of `-? name -? %}` with blanks anywhere, if that is what a text begins with.
fn tag_named(text: &str, name: &str) -> Option<usize> {
    let blanks =
        |text: &'_ str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_whitespace()).len();
    let mut at = usize::from(text.starts_with('-'));
    at += blanks(text.get(at..)?);
    at += text.get(at..)?.strip_prefix(name).map(|_| name.len())?;
    at += blanks(text.get(at..)?);
    at += usize::from(text.get(at..)?.starts_with('-'));
    text.get(at..)?.starts_with("%}").then_some(at + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str) -> String {
        let tokens = tokens(source).expect(source);
        tokens.iter().map(|token| source.get(token.range.clone()).unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn only_the_inside_of_tags_counts() {
        assert_eq!(shown("a {{ b.c }} d {%- if e -%} f"), "{{ b . c }} {%- if e -%}");
        assert_eq!(shown("{# {{ a }} #}{#- {% b -#}{{c}}{##}"), "{{ c }}");
        assert_eq!(shown("{% raw %}{{ a }}{% b %}{%- endraw -%}{{c}}{%-raw-%}{{d}}{% endraw %}"), "{{ c }}");
        assert_eq!(shown("{ { % } é"), "");
    }

    #[test]
    fn texts_hide_what_is_in_them() {
        assert_eq!(shown(r#"{{ "}} \" {{" ~ '%}' ~ `a"b` }}"#), r#"{{ "}} \" {{" ~ '%}' ~ `a"b` }}"#);
        let source = r#"{{ "a\n\"é" }}"#;
        assert_eq!(tokens(source).unwrap().get(1).unwrap().kind, Kind::Text("a\n\"é".to_owned()));
    }

    #[test]
    fn signs_and_numbers_are_cut_like_the_engine_does() {
        assert_eq!(shown("{{ a?.b?[0]**2//1.5 }}"), "{{ a ?. b ?[ 0 ] ** 2 // 1.5 }}");
        assert_eq!(shown("{{ a[1:-1] -}}"), "{{ a [ 1 : - 1 ] -}}");
        assert_eq!(shown("{% <c a={...b} /> %}"), "{% < c a = { ... b } / > %}");
        assert_eq!(shown("{{ {\"a\": {}} }}"), "{{ { \"a\" : { }}", "as in the engine, two braces end it");
    }

    #[test]
    fn what_the_engine_refuses_is_not_cut() {
        for source in
            ["{{ a", "{% if", "{{ 'a }}", "{# a", "{% raw %}a", "{{ é }}", r#"{{ "\x" }}"#, "{{ $a }}"]
        {
            assert_eq!(tokens(source), None, "{source}");
        }
    }
}
