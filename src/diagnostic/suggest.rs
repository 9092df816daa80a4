//! "Did you mean": the nearest of the names that would have been right.

/// The candidate nearest to a word, if it is near enough to be what was meant: at most a third of the
/// letters wrong (a swap of neighbours counts once), or the same but for case, `-`, `_` and blanks. Of
/// equally near ones the first.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = plain(word);
    let letters = wanted.chars().count();
    let limit = (letters / 3).clamp(1, 4);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let folded = plain(candidate);
            let distance = if folded.chars().count().abs_diff(letters) > limit {
                return None;
            } else if folded == wanted {
                0
            } else {
                strsim::osa_distance(&wanted, &folded)
            };
            // One wrong letter of one or two says nothing.
            (distance == 0 || distance <= limit && distance < letters.min(folded.chars().count()))
                .then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn plain(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const KEYS: [&str; 5] = ["username", "auth_username", "password", "label", "ip"];

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        assert_eq!(nearest("usrename", KEYS), Some("username"));
        assert_eq!(nearest("passwrd", KEYS), Some("password"));
        assert_eq!(nearest("authUserName", KEYS), Some("auth_username"));
        assert_eq!(nearest("lable", KEYS), Some("label"));
        assert_eq!(nearest("IP", KEYS), Some("ip"));
        assert_eq!(nearest("colour", KEYS), None);
        assert_eq!(nearest("x", KEYS), None);
        assert_eq!(nearest("", KEYS), None);
        assert_eq!(nearest("id", ["mac", "ip"]), Some("ip"));
    }
}
