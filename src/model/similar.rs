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

/// Codes of more characters than this are not looked at one by one.
const SLIPS_LEN_MAX: usize = 40;
/// Signs between the parts of a code.
const SIGNS: &str = "-_./ ";
/// What is read or typed for one another.
const ALIKE: [&str; 7] = ["0OoQD", "1IilL", "2Zz", "5Ss", "6Gb", "8B", "9gq"];

/// The same code as others write it, each once: in large or small letters, with other signs or none, with more or fewer
/// zeros before it, with zeros and ones in place of letters that look so.
pub fn spellings(code: &str) -> Vec<String> {
    let plain: String = code.chars().filter(|c| !SIGNS.contains(*c)).collect();
    let mut all =
        vec![code.to_uppercase(), code.to_lowercase(), plain.clone(), plain.to_uppercase()];
    all.extend(["-", "_"].map(|sign| code.replace(|c| SIGNS.contains(c), sign)));
    let zeros = code.replace(['O', 'o'], "0");
    all.extend([code.replace(['I', 'l'], "1"), zeros.replace(['I', 'l'], "1"), zeros]);
    let bare = code.trim_start_matches('0');
    all.extend((0..=4).map(|zeros| format!("{}{code}", "0".repeat(zeros))));
    all.extend((0..code.len() - bare.len()).map(|zeros| format!("{}{bare}", "0".repeat(zeros))));
    each_once(code, all)
}

/// The codes with one character that is another, swapped with the next, missing, or too much, each once: some sixty for
/// each character. None of a code that is so short that every other is near it, or too long.
pub fn slips(code: &str) -> Vec<String> {
    let mut all = Vec::new();
    let chars: Vec<char> = code.chars().collect();
    if (3..=SLIPS_LEN_MAX).contains(&chars.len()) {
        for at in 0..chars.len() {
            one_off(&chars, at, &mut all);
        }
    }
    each_once(code, all)
}

fn each_once(code: &str, mut all: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::from([code.to_owned(), String::new()]);
    all.retain(|slip| seen.insert(slip.clone()));
    all
}

/// What a code may be with a slip at one place.
fn one_off(chars: &[char], at: usize, all: &mut Vec<String>) {
    let (Some((before, _)), Some((here, after))) =
        (chars.split_at_checked(at), chars.get(at..).and_then(<[char]>::split_first))
    else {
        return;
    };
    let with = |middle: &[char], after: &[char]| [before, middle, after].concat().iter().collect();
    let mut add = |middle: &[char], after: &[char]| all.push(with(middle, after));
    add(&[], after);
    if let Some((next, rest)) = after.split_first() {
        add(&[*next, *here], rest);
        // Signs stand where digits begin or end.
        let is_border = here.is_ascii_digit() != next.is_ascii_digit();
        for sign in SIGNS.chars().filter(|_| is_border) {
            add(&[*here, sign], after);
        }
    }
    let digits = || '0'..='9';
    let letters = |begin: char| {
        (0..26_u8).filter_map(move |n| char::from_u32(u32::from(begin) + u32::from(n)))
    };
    let alike = ALIKE.iter().filter(|of| of.contains(*here)).flat_map(|of| of.chars());
    let same: Vec<char> = match here {
        '0'..='9' => digits().chain(alike).collect(),
        'A'..='Z' => letters('A').chain(alike).collect(),
        'a'..='z' => letters('a').chain(alike).collect(),
        _ => SIGNS.chars().collect(),
    };
    for other in &same {
        add(&[*other], after);
        add(&[*other, *here], after);
    }
    // The last one may lack another behind it.
    if after.is_empty() {
        for other in digits().chain(same) {
            add(&[*here, other], after);
        }
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
    fn a_code_with_one_slip_leads_back_to_that_which_was_meant() {
        for (typed, meant) in [
            ("sn-0042", "SN-0042"),
            ("SN0042", "SN-0042"),
            ("SN_0042", "SN-0042"),
            ("42", "0042"),
            ("00042", "0042"),
            ("SN-O042", "SN-0042"),
            ("SN-0024", "SN-0042"),
            ("SN-004", "SN-0042"),
            ("SN-042", "SN-0042"),
            ("SN-00442", "SN-0042"),
            ("SN-0043", "SN-0042"),
            ("340123450000000017", "340123450000000018"),
        ] {
            let mut near = spellings(typed).into_iter().chain(slips(typed));
            assert!(near.any(|code| code == meant), "{typed} for {meant}");
        }
        assert!(!slips("SN-0042").contains(&"SN-0042".to_owned()));
        assert!(slips("SN-0000000042").len() < 1_000, "{}", slips("SN-0000000042").len());
        assert!(!spellings("007").contains(&"007".to_owned()));
        assert_eq!(slips("7"), [""; 0]);
    }

    #[test]
    fn a_hint_without_names_says_so() {
        assert_eq!(hint("x", "devices", []), "there are no devices here");
    }
}
