//! Seconds as phones want them written.

use std::fmt::Write;

use tera::{Error, Kwargs, State, TeraResult, Value};

use super::{integer_of, only};

/// Letters of the units and their seconds, the greatest first.
const UNITS: [(char, u64); 3] = [('H', 3600), ('M', 60), ('S', 1)];

pub fn hms(value: Value, args: Kwargs, _: &State) -> TeraResult<String> {
    only("hms", &args, &["format"])?;
    let format = args.get::<&str>("format")?.unwrap_or("+HH:MM");
    let seconds = integer_of("hms", &value)?;
    written(seconds, format).map_err(Error::message)
}

fn written(seconds: i64, format: &str) -> Result<String, String> {
    let mut rest = seconds.unsigned_abs();
    // Each unit takes what the greater ones that the format has leave over.
    let mut amounts = [None; UNITS.len()];
    for (amount, (letter, size)) in amounts.iter_mut().zip(UNITS) {
        if format.contains(letter) {
            *amount = Some(rest / size);
            rest %= size;
        }
    }
    if amounts.iter().all(Option::is_none) {
        return Err("hms: the format has neither H nor M nor S".to_owned());
    }
    if rest != 0 {
        return Err(format!("hms: the format `{format}` would lose {rest} seconds"));
    }
    let amount_of = |letter: char| {
        UNITS.iter().zip(amounts).find(|((unit, _), _)| *unit == letter).and_then(|(_, amount)| amount)
    };

    let negative = seconds < 0;
    let mut out = String::new();
    let mut sign_written = false;
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        let before_unit = chars.peek().is_some_and(|next| amount_of(*next).is_some());
        if matches!(c, '+' | '-') && before_unit && !sign_written {
            sign_written = true;
            match (c, negative) {
                (_, true) => out.push('-'),
                ('+', false) => out.push('+'),
                _ => {}
            }
        } else if let Some(amount) = amount_of(c) {
            if !sign_written && negative {
                out.push('-');
            }
            sign_written = true;
            let mut width = 1;
            while chars.next_if_eq(&c).is_some() {
                width += 1;
            }
            // Writing to a string cannot fail.
            let _ = write!(out, "{amount:0width$}");
        } else {
            out.push(c);
        }
    }
    Ok(out)
}
