//! `trace`: what an item was made of and went into, with its own record.
use super::exit::{Done, Exit, Failure};
use super::{Context, client, output, tree, words};
use crate::query::Level;
use serde::Deserialize as _;
use serde_json::Value;
use std::collections::BTreeMap;

/// What an item was made of and went into.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A serial, a lot number, the full form such as `l/supplier/ACME/0001`, or whatever `resolve` takes, such as a label of GS1.
    id: String,
    /// Only what it was made of.
    #[arg(long, conflicts_with = "down")]
    up: bool,
    /// Only what it went into.
    #[arg(long)]
    down: bool,
    /// Links to follow at most.
    #[arg(long)]
    depth: Option<u32>,
    /// List every brother.
    #[arg(long)]
    all: bool,
    /// What was answered when this record was the last: `1234`.
    #[arg(long, value_name = "POSITION")]
    as_of: Option<u64>,
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    let as_of = args.as_of.map(|position| position.to_string());
    let mut about = vec![("id", args.id.as_str())];
    about.extend(as_of.as_ref().map(|position| ("as_of", position.as_str())));
    let item = client::get(context, "/api/v1/item", &about)?;
    // All are answered as of one record: a line that runs adds others between two questions.
    let position = item.get("position").and_then(Value::as_u64).map(|at| at.to_string());
    about.retain(|(key, _)| *key != "as_of");
    about.extend(position.as_ref().map(|position| ("as_of", position.as_str())));
    let depth = args.depth.map(|d| d.to_string());
    let mut ways = Vec::new();
    for (wanted, direction) in [(!args.down, "backward"), (!args.up, "forward")] {
        if wanted {
            let mut query = about.clone();
            query.push(("direction", direction));
            if let Some(depth) = &depth {
                query.push(("depth", depth));
            }
            ways.push(client::get(context, "/api/v1/trace", &query)?);
        }
    }
    if context.json {
        output::json(&serde_json::json!({ "item": item, "traces": ways }))?;
    } else {
        as_text(&item, &ways, args.all)?;
    }
    let answers = std::iter::once(&item).chain(&ways);
    Ok(if answers.clone().all(is_complete) { Exit::Ok } else { Exit::Incomplete })
}

/// Whether an answer says that nothing is missing.
pub(super) fn is_complete(answer: &Value) -> bool {
    answer.get("completeness").and_then(Value::as_str) == Some("complete")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn array<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn as_text(item: &Value, ways: &[Value], all: bool) -> Result<(), Failure> {
    let body = item.get("body").unwrap_or(&Value::Null);
    let product = text(body, "product");
    let mut head = text(body, "key").to_owned();
    if !product.is_empty() {
        head.push_str(&format!("  ({product})"));
    }
    for hold in array(body, "holds") {
        let (of, reason) = (text(hold, "item"), text(hold, "reason"));
        let with = if of == text(body, "key") { String::new() } else { format!(" with {of}") };
        head.push_str(&format!("  ON HOLD{with}: {reason}"));
    }
    output::line(head)?;
    if let Some(balance) = body.get("balance") {
        output::line(format_args!("  {}", words::balance(balance)))?;
    }
    for step in array(body, "steps") {
        output::line(step_line(step))?;
    }
    for gone in array(body, "superseded") {
        output::line(superseded_line(gone))?;
    }
    for line in array(body, "inherited").flat_map(inherited) {
        output::line(line)?;
    }
    for line in body.get("level").into_iter().flat_map(level) {
        output::line(line)?;
    }
    for answer in ways {
        let trace = answer.get("body").unwrap_or(&Value::Null);
        let lines = tree::draw(trace, all);
        let (some, none) = match text(trace, "direction") {
            "forward" => ("went into", "went into nothing yet"),
            _ => ("made of", "made of nothing that is recorded"),
        };
        output::line(if lines.is_empty() { none } else { some })?;
        for line in lines {
            output::line(format_args!("  {line}"))?;
        }
    }
    for reason in reasons(std::iter::once(item).chain(ways)) {
        output::notice(&reason);
    }
    let position = item.get("position").and_then(Value::as_u64).unwrap_or(0);
    let complete = std::iter::once(item).chain(ways).all(is_complete);
    let state = if complete { "complete" } else { "NOT complete" };
    output::notice(&format!("{state}, as of record #{position}"));
    Ok(())
}

/// How far the record goes, and what is wanting for a higher level.
fn level(of: &Value) -> Vec<String> {
    let Ok(level) = Level::deserialize(of) else { return Vec::new() };
    let wanting = level.wanting().into_iter().map(|why| format!("    {why}"));
    std::iter::once(format!("  level {level}")).chain(wanting).collect()
}

/// An attribute that comes from what it was made of: a line for each value.
fn inherited(view: &Value) -> Vec<String> {
    let head = format!("  inherits {} ({})", text(view, "attribute"), text(view, "rule"));
    let missing = Some(text(view, "missing")).filter(|why| !why.is_empty());
    let missing = missing.map(|why| format!("  [not all is known: {why}]")).unwrap_or_default();
    let parts = view.get("parts").and_then(Value::as_u64);
    let sum = view.get("total").filter(|_| text(view, "rule") == "sum");
    let sum = sum.zip(parts).map(|(sum, parts)| {
        let least = if missing.is_empty() { "" } else { "at least " };
        format!("{head}: {least}{sum} of {parts} values{missing}")
    });
    let missing = if sum.is_some() { String::new() } else { missing };
    let values = array(view, "values").map(|from| {
        let value = from.get("value").unwrap_or(&Value::Null);
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let way = array(from, "way").map(|link| {
            let by = link.get("position").and_then(Value::as_u64).unwrap_or_default();
            format!(" into {} (#{by})", text(link, "into"))
        });
        let way: String = way.collect();
        let more = from.get("more").and_then(Value::as_u64).filter(|more| *more > 0);
        let more = more.map(|more| format!(" and {more} more links")).unwrap_or_default();
        let sure = from.get("sure").and_then(Value::as_bool) == Some(true);
        let doubt = if sure { "" } else { "  [not certain]" };
        let by = from.get("record").and_then(Value::as_u64);
        let by = by.map(|by| format!(" by #{by}")).unwrap_or_default();
        format!("{head}: {value}, from {}{by}{way}{more}{doubt}{missing}", text(from, "item"))
    });
    let mut lines: Vec<String> = sum.into_iter().chain(values).collect();
    if lines.is_empty() {
        lines.push(format!("{head}: none{missing}"));
    }
    lines
}

fn step_line(step: &Value) -> String {
    let mut line = format!(
        "  {}  {:9} {:12}",
        words::time(text(step, "time")),
        text(step, "verb"),
        text(step, "station")
    );
    for key in ["operation", "result", "other"] {
        let word = text(step, key);
        if !word.is_empty() {
            line.push_str(&format!("  {word}"));
        }
    }
    for m in array(step, "measurements") {
        let value = m.get("value").map(words::number).unwrap_or_default();
        line.push_str(&format!("  {} {value} {}", text(m, "name"), text(m, "unit")));
        if m.get("in_limits").and_then(Value::as_bool) == Some(false) {
            line.push_str(" OUT OF LIMITS");
        }
    }
    if let Some(recipe) = step.pointer("/permit/recipe").filter(|recipe| !recipe.is_null()) {
        let recipe = recipe.as_str().map_or_else(|| recipe.to_string(), str::to_owned);
        line.push_str(&format!("  recipe {recipe}"));
    }
    if let Some(why) = refusal(step) {
        line.push_str(&format!("  {why}"));
    }
    let evidence = text(step, "evidence");
    if evidence != "automatic" {
        line.push_str(&format!("  [{evidence}]"));
    }
    if step.get("complete").and_then(Value::as_bool) == Some(false) {
        line.push_str("  [gap]");
    }
    line.trim_end().to_owned()
}

/// A step that does not count any more.
fn superseded_line(gone: &Value) -> String {
    let step = step_line(gone.get("step").unwrap_or(&Value::Null));
    let by = gone.get("by").and_then(Value::as_u64).unwrap_or_default();
    let mut line = format!("{step}  [superseded by #{by}");
    for (word, key) in [(" of ", "who"), (": ", "reason")] {
        let said = text(gone, key);
        if !said.is_empty() {
            line.push_str(&format!("{word}{said}"));
        }
    }
    line + "]"
}

/// What stood against a step, if anything did.
fn refusal(step: &Value) -> Option<String> {
    let permit = step.get("permit")?;
    let why = [text(permit, "text"), text(permit, "reason")].into_iter().find(|t| !t.is_empty())?;
    Some(match permit.get("overruled").filter(|overruled| overruled.is_object()) {
        Some(overruled) => format!(
            "let through by {} ({}), although {why}",
            text(overruled, "by"),
            text(overruled, "reason")
        ),
        None => format!("{}: {why}", text(permit, "permit")),
    })
}

/// Says beside what was told which record was the last one, and why the answer is not complete.
pub(super) fn tell_as_of(answer: &Value, what: &str) {
    let position = answer.get("position").and_then(Value::as_u64).unwrap_or(0);
    output::notice(&format!("{what}; as of record #{position}"));
    for why in reasons([answer]) {
        output::notice(&why);
    }
}

/// Why answers are not complete, each sentence once: about how many items, or how often.
pub(super) fn reasons<'a>(answers: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    let mut told: Vec<Said> = Vec::new();
    for answer in answers {
        let incomplete = answer.get("completeness").and_then(|c| c.get("incomplete"));
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for said in incomplete.and_then(Value::as_array).into_iter().flatten().map(said) {
            let often = times.entry(said.one.clone()).or_default();
            *often += 1;
            match told.iter_mut().find(|before| before.one == said.one) {
                // Two answers that name one reason do not make it two.
                Some(before) => {
                    before.often = before.often.max(*often);
                    let new = said.who.into_iter().filter(|who| !before.who.contains(who));
                    before.who.extend(new.collect::<Vec<_>>());
                }
                None => told.push(said),
            }
        }
    }
    told.iter().map(Said::sentence).collect()
}

/// A reason: who, what of one, what of several, and how often.
struct Said {
    who: Vec<String>,
    one: String,
    many: String,
    often: usize,
}

impl Said {
    fn of(who: &str, one: String, many: String) -> Self {
        Self { who: vec![who.to_owned()], one, many, often: 1 }
    }

    fn alone(one: String) -> Self {
        Self { who: Vec::new(), many: String::new(), one, often: 1 }
    }

    fn sentence(&self) -> String {
        let Self { who, one, many, often } = self;
        match who.as_slice() {
            [] if *often > 1 => format!("{one} ({often} times)"),
            [] => one.clone(),
            [who] => format!("not complete: {who} {one}"),
            [first, rest @ ..] => {
                format!(
                    "not complete: {first} and {} {many}",
                    output::counted(rest.len(), "others")
                )
            }
        }
    }
}

/// Why and from when to when something was not observed.
fn cause_and_time(gap: &Value) -> String {
    let facts = gap.get("gap").unwrap_or(&Value::Null);
    let interval = facts.get("interval").unwrap_or(&Value::Null);
    let to = text(interval, "to");
    let to = if to.is_empty() { "now" } else { to };
    format!("{}, {} to {to}", text(facts, "cause"), text(interval, "from"))
}

/// One reason as a sentence.
pub(super) fn reason(why: &Value) -> String {
    said(why).sentence()
}

fn said(why: &Value) -> Said {
    let inner = |key: &str| why.get(key);
    if let Some(gap) = inner("gap") {
        let (station, why) = (text(gap, "station"), cause_and_time(gap));
        let where_and_why = format!("at {station} while it was not observed ({why})");
        let (one, many) = (format!("was {where_and_why}"), format!("were {where_and_why}"));
        return Said::of(text(gap, "item"), one, many);
    }
    if let Some(one_of) = inner("one-of") {
        let (one, many) = ("has one of several lots", "have one of several lots");
        return Said::of(text(one_of, "item"), one.to_owned(), many.to_owned());
    }
    if let Some(lacks) = inner("not-told") {
        let (station, what) = (text(lacks, "station"), text(lacks, "what"));
        let at = format!("no record of the work at {station} that says whether {what}");
        return Said::of(text(lacks, "item"), format!("has {at}"), format!("have {at}"));
    }
    if let Some(missing) = inner("unaccounted") {
        let amount = missing.get("amount").map(words::amount).unwrap_or_default();
        let one = format!("does not add up: {amount} cannot be accounted for");
        return Said::of(text(missing, "item"), one, "do not add up".to_owned());
    }
    Said::alone(without_item(why))
}

/// A reason that is not about one item.
fn without_item(why: &Value) -> String {
    let inner = |key: &str| why.get(key);
    if let Some(gap) = inner("unobserved") {
        let (station, why) = (text(gap, "station"), cause_and_time(gap));
        return format!("not complete: {station} was not observed ({why})");
    }
    if let Some(set_aside) = inner("quarantine") {
        return format!(
            "not complete: record #{} at {} was set aside with its raw values",
            set_aside.get("position").map(ToString::to_string).unwrap_or_default(),
            text(set_aside, "station"),
        );
    }
    if let Some(ring) = inner("ring") {
        let items: Vec<&str> = array(ring, "items").filter_map(Value::as_str).collect();
        let records: Vec<String> = array(ring, "records").map(|at| format!("#{at}")).collect();
        return format!(
            "conflict: {} are said to be part of each other, which cannot be: one of the records {} is wrong",
            items.join(", "),
            records.join(", ")
        );
    }
    if let Some(lag) = inner("lag") {
        let durable = lag.get("durable").map(ToString::to_string).unwrap_or_default();
        return format!("not complete: the index has not caught up with record #{durable}");
    }
    format!("not complete: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(why: &[Value]) -> Value {
        json!({ "completeness": { "incomplete": why } })
    }

    #[test]
    fn a_level_is_told_with_what_is_wanting_for_the_next() {
        let wanting = json!({ "level": 2, "reasons": ["which reel"], "more": 3 });
        let of = json!({ "material": wanting, "process": { "level": 0, "reasons": ["a step"] } });
        insta::assert_snapshot!(level(&of).join("\n"), @r"
        level M2, below P1
          M3 wanted: which reel
          M3 wanted: and 3 more
          P1 wanted: a step
        ");
        let highest = json!({ "level": 4, "reasons": [] });
        let of = json!({ "material": highest, "process": highest });
        assert_eq!(level(&of), ["  level M4, P4"]);
    }

    #[test]
    fn what_is_inherited_is_told_with_the_way_that_it_came_by() {
        let way = json!([{ "into": "l/site/D-1", "kind": "consumed-into", "position": 4 }]);
        let value =
            json!({ "value": "nuts", "item": "l/site/N-1", "sure": false, "way": way, "more": 0 });
        let of = |values| json!({ "attribute": "allergens", "rule": "union", "values": values });
        let mut nothing = of(json!([]));
        nothing["missing"] = json!("it was made of more items than are looked at");
        let dose = json!({ "value": 1.5, "record": 3, "item": "l/site/N-1", "sure": true });
        let sum = json!({ "attribute": "heat", "rule": "sum", "total": 1.5, "parts": 1, "values": [dose] });
        let mut least = sum.clone();
        least["missing"] = json!("what was told of l/site/N-1 with record #4 is no good");
        let all = [of(json!([value])), nothing, sum, least];
        let told = all.iter().flat_map(inherited).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(told, @r"
        inherits allergens (union): nuts, from l/site/N-1 into l/site/D-1 (#4)  [not certain]
        inherits allergens (union): none  [not all is known: it was made of more items than are looked at]
        inherits heat (sum): 1.5 of 1 values
        inherits heat (sum): 1.5, from l/site/N-1 by #3
        inherits heat (sum): at least 1.5 of 1 values  [not all is known: what was told of l/site/N-1 with record #4 is no good]
        inherits heat (sum): 1.5, from l/site/N-1 by #3
        ");
    }

    #[test]
    fn what_is_incomplete_is_said_once_with_how_many_it_is_about() {
        let facts = json!({ "cause": "disconnected", "interval": { "from": "6:00" } });
        let gap = |item: &str| json!({ "gap": { "item": item, "station": "OP10", "gap": facts } });
        let unseen = json!({ "unobserved": { "station": "OP20", "gap": facts } });
        let one_of = |item: &str| json!({ "one-of": { "item": item } });
        let item = answer(&[gap("U1"), unseen.clone(), unseen]);
        let trace = answer(&[gap("U1"), gap("U2"), one_of("U3"), gap("U4")]);
        let ring = json!({ "ring": { "items": ["U1", "U2"], "records": [3, 4] } });
        let other = answer(&[one_of("U3"), ring]);
        let told = reasons([&item, &trace, &other]).join("\n");
        insta::assert_snapshot!(told, @r"
        not complete: U1 and 2 others were at OP10 while it was not observed (disconnected, 6:00 to now)
        not complete: OP20 was not observed (disconnected, 6:00 to now) (2 times)
        not complete: U3 has one of several lots
        conflict: U1, U2 are said to be part of each other, which cannot be: one of the records #3, #4 is wrong
        ");
        assert_eq!(reason(&one_of("U3")), "not complete: U3 has one of several lots");
    }
}
