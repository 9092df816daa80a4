//! Filters on texts and numbers.

use tera::{Error, Kwargs, State, TeraResult, Value};

use super::{integer_of, only, text_of};
use crate::plugin::format::holes;

/// Widths beyond this are a mistake and would only fill memory.
const MAX_WIDTH: usize = 1000;

pub fn mac(value: Value, args: Kwargs, _: &State) -> TeraResult<String> {
    only("mac", &args, &["sep", "upper"])?;
    let sep = args.get::<&str>("sep")?.unwrap_or_default();
    let upper = args.get::<bool>("upper")?.unwrap_or_default();
    let text = text_of("mac", &value)?;
    let spelled = holes::respelled(&text, sep, upper).or_else(|| respell(&text, sep, upper));
    spelled.ok_or_else(|| Error::message("mac: needs a MAC of 12 hexadecimal digits"))
}

/// A MAC in another spelling; `None` for what is none.
pub fn respell(text: &str, sep: &str, upper: bool) -> Option<String> {
    let mut spelled = String::with_capacity(12 + 5 * sep.len());
    let digits = text.chars().filter(|c| !matches!(c, ':' | '-' | '.' | ' ' | '_'));
    let mut count = 0;
    for digit in digits {
        if !digit.is_ascii_hexdigit() || count == 12 {
            return None;
        }
        if count > 0 && count % 2 == 0 {
            spelled.push_str(sep);
        }
        spelled.push(digit);
        count += 1;
    }
    if upper {
        spelled.make_ascii_uppercase();
    } else {
        spelled.make_ascii_lowercase();
    }
    (count == 12).then_some(spelled)
}

pub fn pad(value: Value, args: Kwargs, _: &State) -> TeraResult<String> {
    only("pad", &args, &["width"])?;
    let width = args.must_get::<usize>("width")?;
    if width > MAX_WIDTH {
        return Err(Error::message(format!("pad: a width of more than {MAX_WIDTH}")));
    }
    let text = text_of("pad", &value)?;
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) if value.is_number() => ("-", digits),
        _ => ("", text.as_str()),
    };
    let zeros = width.saturating_sub(text.chars().count());
    Ok(format!("{sign}{}{digits}", "0".repeat(zeros)))
}

pub fn signed(value: Value, args: Kwargs, _: &State) -> TeraResult<String> {
    only("signed", &args, &[])?;
    match integer_of("signed", &value) {
        Ok(number) => Ok(format!("{number:+}")),
        Err(error) => {
            let number = value.as_number().ok_or(error)?.as_float();
            Ok(format!("{number:+}"))
        }
    }
}

pub fn tail(value: Value, args: Kwargs, _: &State) -> TeraResult<String> {
    only("tail", &args, &["length"])?;
    let length = args.must_get::<usize>("length")?;
    let text = text_of("tail", &value)?;
    let skipped = text.chars().count().saturating_sub(length);
    Ok(text.chars().skip(skipped).collect())
}

pub fn words(value: Value, args: Kwargs, _: &State) -> TeraResult<Vec<Value>> {
    only("words", &args, &[])?;
    if value.is_none() || value.is_undefined() {
        return Ok(Vec::new());
    }
    Ok(text_of("words", &value)?.split_whitespace().map(Value::from).collect())
}

pub fn without(value: Value, args: Kwargs, _: &State) -> TeraResult<String> {
    only("without", &args, &["chars"])?;
    let chars: Vec<char> = args.must_get::<&str>("chars")?.chars().collect();
    let mut text = text_of("without", &value)?;
    text.retain(|c| !chars.contains(&c));
    Ok(text)
}

/// RFC 3986 section 2.3: all but the unreserved characters, so that the result fits any part of a URL.
pub fn urlencode(value: Value, args: Kwargs, _: &State) -> TeraResult<String> {
    only("urlencode", &args, &[])?;
    let text = text_of("urlencode", &value)?;
    let mut out = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(out)
}
