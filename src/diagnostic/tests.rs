//! What is printed, for people and for programs.

use super::*;

fn span(file: FileId, line: u32, column: u32, len: u32) -> Span {
    Span { file, line, column, len }
}

const X: Code = Code("PV0999");

fn print(d: &Diagnostic, sources: &SourceMap) -> String {
    human(std::slice::from_ref(d), sources, HumanOptions::default())
}

#[test]
fn show() {
    let mut sources = SourceMap::default();
    let a = sources
        .add("inventory/a.yaml", "a: 1\nb:\n  - {username: u, password: p4ss, bogus: 1}\n\t\tc: 漢字 é x\n");
    let b = sources.add("b.yaml", "x: y\n");
    let d = Diagnostic::error(X, "unknown key `bogus`")
        .at(span(a, 3, 36, 5))
        .label("here")
        .related("first defined here", span(a, 1, 1, 1))
        .related("and there", span(b, 1, 1, 1))
        .note("a fact")
        .help("did you mean `x`?")
        .device("00:1a:2b:3c:4d:e0");
    println!("{}", print(&d, &sources));
    let d = Diagnostic::error(X, "wide").at(span(a, 4, 11, 1)).label("here");
    println!("{}", print(&d, &sources));
    let d = Diagnostic::error(X, "nowhere").note("x");
    println!("{}", print(&d, &sources));
}
