//! What was expected and what happened, side by side.
use super::case::{Case, Expected, Wanted};
use super::told::{EVENT, Told};
use super::world::Happened;
use crate::model::plant::{Plant, TagSource, Word};
use crate::model::{Notice, Value};

/// Numbers are equal to so many parts: what a 32-bit float keeps.
const TOLERANCE: f64 = 1e-6;
/// Told of an event that nobody expected, as far as it has them.
const SHORT: [&str; 10] =
    [EVENT, "serial", "lot", "child", "into", "permit", "reason", "result", "cause", "text"];

/// How a test went.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What was expected beside what happened, in order.
    pub rows: Vec<Row>,
    /// Why something did not fire, in the engine's words.
    pub notices: Vec<Notice>,
}

impl Outcome {
    /// Whether all that was expected happened, and nothing else.
    pub fn passed(&self) -> bool {
        self.rows.iter().all(|row| row.right)
    }
}

/// One line of the comparison; a side is empty where there is nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Line of what was expected in its file.
    pub line: Option<usize>,
    /// As it stands in the file.
    pub expected: String,
    /// In the same form.
    pub happened: String,
    /// Whether the two agree.
    pub right: bool,
}

/// An event that came, and the step that it came of.
struct Came {
    step: usize,
    tells: Vec<Told>,
}

pub(super) fn judge(plant: &Plant, case: &Case, happened: Vec<(usize, Happened)>) -> Outcome {
    let (mut events, mut writes, mut notices) = (Vec::new(), Vec::new(), Vec::new());
    for (step, what) in happened {
        match what {
            Happened::Event(tells) => events.push(Came { step, tells }),
            Happened::Wrote(word, value) => writes.push((step, word, value)),
            Happened::Noticed(notice) => {
                if notices.last() != Some(&notice) {
                    notices.push(notice);
                }
            }
        }
    }
    let wanted = case.expect.iter().filter_map(|expected| match &expected.what {
        Wanted::Event(fields) => Some(fields.as_slice()),
        Wanted::Words(_) => None,
    });
    let mut pairs = align(&wanted.collect::<Vec<_>>(), &events).into_iter().peekable();
    let mut rows = Vec::new();
    let mut from = 0;
    for Expected { line, what } in &case.expect {
        match what {
            Wanted::Event(fields) => {
                let happened = loop {
                    match pairs.next() {
                        Some((false, extra)) => rows.extend(extra.map(unexpected)),
                        Some((true, happened)) => break happened,
                        None => break None,
                    }
                };
                from = happened.map_or(from, |came| came.step);
                rows.push(event_row(*line, fields, happened));
            }
            Wanted::Words(words) => {
                let next = pairs.clone().find_map(|(wanted, came)| came.filter(|_| wanted));
                let to = next.map_or(usize::MAX, |came| came.step.saturating_sub(1).max(from));
                rows.push(words_row(plant, *line, words, &writes, from..=to));
            }
        }
    }
    rows.extend(pairs.filter_map(|(_, extra)| extra.map(unexpected)));
    Outcome { rows, notices }
}

/// Pairs expected events with those that came, in order, as many and as well as can be: whether one
/// was expected, and what came.
fn align<'c>(wanted: &[&[(String, Value)]], came: &'c [Came]) -> Vec<(bool, Option<&'c Came>)> {
    let like = |w: usize, c: usize| match (wanted.get(w), came.get(c)) {
        (Some(fields), Some(came)) if fields.iter().all(|field| agrees(field, came)) => 3_u32,
        (Some(fields), Some(came)) => {
            let same = fields.iter().any(|field| field.0 == EVENT && agrees(field, came));
            u32::from(same)
        }
        (Some(_) | None, _) => 0,
    };
    // Best sum of pairs from (w, c) on; a row after the last and a column after the last are 0.
    let (rows, columns) = (wanted.len(), came.len());
    let mut best = vec![vec![0_u32; columns + 1]; rows + 1];
    let at = |best: &[Vec<u32>], w: usize, c: usize| {
        best.get(w).and_then(|row| row.get(c)).copied().unwrap_or(0)
    };
    for w in (0..rows).rev() {
        for c in (0..columns).rev() {
            let skip = at(&best, w + 1, c).max(at(&best, w, c + 1));
            let pair = match like(w, c) {
                0 => 0,
                like => like + at(&best, w + 1, c + 1),
            };
            if let Some(cell) = best.get_mut(w).and_then(|row| row.get_mut(c)) {
                *cell = skip.max(pair);
            }
        }
    }
    let (mut w, mut c, mut pairs) = (0, 0, Vec::new());
    while w < rows || c < columns {
        let here = at(&best, w, c);
        let pair = like(w, c);
        if pair > 0 && here == pair + at(&best, w + 1, c + 1) {
            pairs.push((true, came.get(c)));
            (w, c) = (w + 1, c + 1);
        } else if w < rows && (c == columns || here == at(&best, w + 1, c)) {
            pairs.push((true, None));
            w += 1;
        } else {
            pairs.push((false, came.get(c)));
            c += 1;
        }
    }
    pairs
}

fn agrees((key, value): &(String, Value), came: &Came) -> bool {
    let mut told = came.tells.iter().filter(|told| told.key == *key);
    told.any(|told| {
        let full = || told.full.clone().is_some_and(|full| Value::Text(full) == *value);
        same(value, &told.value) || full()
    })
}

fn same(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Text(wanted), Value::Text(found)) => wanted == found,
        (Value::Text(_), _) | (_, Value::Text(_)) => false,
        _ => match (wanted.number(), found.number()) {
            (Some(a), Some(b)) => (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()),
            (Some(_) | None, _) => wanted == found,
        },
    }
}

fn unexpected(came: &Came) -> Row {
    let tells = SHORT.iter().filter_map(|key| came.tells.iter().find(|told| told.key == *key));
    let happened = table(tells.map(|told| (told.key.as_str(), &told.value)));
    Row { line: None, expected: String::new(), happened, right: false }
}

fn event_row(line: usize, fields: &[(String, Value)], came: Option<&Came>) -> Row {
    let expected = table(fields.iter().map(|(key, value)| (key.as_str(), value)));
    let Some(came) = came else {
        return Row { line: Some(line), expected, happened: String::new(), right: false };
    };
    let right = fields.iter().all(|field| agrees(field, came));
    if right {
        return Row { line: Some(line), happened: expected.clone(), expected, right };
    }
    let first = |key: &str| came.tells.iter().find(|told| told.key == key);
    let asked = fields.iter().filter_map(|field| {
        // Of several that a key tells, the one that was meant.
        let meant = agrees(field, came).then_some((field.0.as_str(), &field.1));
        meant.or_else(|| first(&field.0).map(|told| (told.key.as_str(), &told.value)))
    });
    let more = ["permit", "reason", "cause"].into_iter().filter(|key| {
        !fields.iter().any(|(asked, _)| asked == key)
            && first(key).is_some_and(|told| told.value != Value::text("ok"))
    });
    let more = more.filter_map(|key| first(key).map(|told| (key, &told.value)));
    Row { line: Some(line), expected, happened: table(asked.chain(more)), right }
}

fn words_row(
    plant: &Plant,
    line: usize,
    words: &[(Word, Value)],
    writes: &[(usize, Word, Value)],
    steps: std::ops::RangeInclusive<usize>,
) -> Row {
    let mut right = true;
    let (mut expected, mut happened) = (Vec::new(), Vec::new());
    for (word, value) in words {
        let name = name(plant, *word);
        let mine = writes.iter().filter(|(step, of, _)| of == word && steps.contains(step));
        let mine: Vec<&Value> = mine.map(|(.., value)| value).collect();
        let found = mine.iter().find(|found| same(value, &read_back(plant, *word, found)));
        right = right && found.is_some();
        happened.extend(found.or(mine.last()).map(|found| (name.clone(), (*found).clone())));
        expected.push((name, value.clone()));
    }
    let shown = |list: &[(String, Value)]| table(list.iter().map(|(k, v)| (k.as_str(), v)));
    Row { line: Some(line), expected: shown(&expected), happened: shown(&happened), right }
}

/// What was written, as the word holds it.
fn read_back(plant: &Plant, word: Word, value: &Value) -> Value {
    match (&plant.tag(word.tag).source, word.bit) {
        (TagSource::Register(_), None) => {
            super::as_read(plant.tag(word.tag), value).unwrap_or_else(|_| value.clone())
        }
        (TagSource::Register(_) | TagSource::Node(_) | TagSource::Field(_), _) => value.clone(),
    }
}

fn name(plant: &Plant, word: Word) -> String {
    let tag = plant.tag(word.tag);
    match word.bit {
        Some(bit) => format!("{}.{bit}", tag.name),
        None => tag.name.to_string(),
    }
}

/// An inline table as it would stand in the file.
fn table<'v>(fields: impl Iterator<Item = (&'v str, &'v Value)>) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let fields = fields.map(|(key, value)| {
        let key = if key.chars().all(bare) { key.to_owned() } else { format!("\"{key}\"") };
        match value {
            Value::Text(text) => format!("{key} = \"{text}\""),
            Value::Empty
            | Value::Bool(_)
            | Value::Int(_)
            | Value::UInt(_)
            | Value::Real(_)
            | Value::Bytes(_)
            | Value::Time(_)
            | Value::List(_) => format!("{key} = {value}"),
        }
    });
    let fields: Vec<String> = fields.collect();
    if fields.is_empty() { String::new() } else { format!("{{ {} }}", fields.join(", ")) }
}
