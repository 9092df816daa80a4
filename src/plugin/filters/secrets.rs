//! Secrets out of messages: the engine's errors quote values here and there.

/// What stands in place of a secret.
const MASK: &str = "***";
/// Secrets shorter than this are masked where they stand alone only, or a PIN of `1` would take every 1
/// out of a message.
const SHORT: usize = 4;

/// A message without any of these secrets, the longest replaced first.
pub fn mask_secrets(message: &str, secrets: &[&str]) -> String {
    let mut forms: Vec<String> = Vec::new();
    for secret in secrets.iter().filter(|secret| !secret.trim().is_empty()) {
        forms.push((*secret).to_owned());
        // The same in quotes, as an error prints it.
        forms.push(secret.escape_debug().to_string());
    }
    forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    forms.dedup();
    let mut out = message.to_owned();
    for form in forms {
        out = if form.chars().count() < SHORT { masked_alone(&out, &form) } else { out.replace(&form, MASK) };
    }
    out
}

fn masked_alone(text: &str, secret: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in text.match_indices(secret) {
        let end = at + secret.len();
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(end..).and_then(|text| text.chars().next());
        let alone = [before, after].into_iter().flatten().all(|c| !c.is_alphanumeric());
        if alone {
            out.push_str(text.get(from..at).unwrap_or_default());
            out.push_str(MASK);
            from = end;
        }
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}
