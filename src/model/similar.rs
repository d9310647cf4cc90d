//! "Did you mean": the valid name nearest to what was written.
use std::fmt::Write;

/// Names that a hint lists beside the nearest one; a longer list helps nobody.
const LISTED_MAX: usize = 24;

/// The name that was probably meant.
pub fn nearest<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let key = fold(written);
    // Of a single letter every other one is a slip away.
    let len = key.chars().count();
    let allowed = (len / 3).max(1).min(len.saturating_sub(1));
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&key, &fold(name)), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// The nearest name and the list of all: ``did you mean `press-1`? (devices: oven, press-1)``.
pub fn hint<'a>(written: &str, what: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.into_iter().collect();
    if names.is_empty() {
        return format!("there are no {what} here");
    }
    let nearest = nearest(written, names.iter().copied());
    let more = names.len().saturating_sub(LISTED_MAX);
    names.truncate(LISTED_MAX);
    let mut list = names.join(", ");
    if more > 0 {
        let _ = write!(list, " and {more} more");
    }
    match nearest {
        Some(name) => format!("did you mean `{name}`? ({what}: {list})"),
        None => format!("{what}: {list}"),
    }
}

/// Case, `-` and `_` are what people mix up without noticing.
fn fold(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_name_and_another_word_does_not() {
        let names = ["trigger", "ack", "deadline"];
        assert_eq!(nearest("triger", names), Some("trigger"));
        assert_eq!(nearest("Dead_Line", names), Some("deadline"));
        assert_eq!(nearest("akc", names), Some("ack"));
        assert_eq!(nearest("quantity", names), None);
        assert_eq!(nearest("a", ["b"]), None);
    }

    #[test]
    fn a_hint_without_names_says_so() {
        assert_eq!(hint("x", "devices", []), "there are no devices here");
    }
}
