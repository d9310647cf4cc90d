//! `recall`: everything that a lot went into, or that was at a station, and what cannot be told.
use super::client::list;
use super::exit::{Done, Exit, Failure};
use super::trace::{is_complete, reason, reasons};
use super::{Context, client, output, sheet, words};
use crate::query::Only;
use serde_json::Value;

/// Everything that a lot went into, or that was at a station, and what cannot be told.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    question: Question,
    /// Whom to tell of what has left: a sheet for each customer and delivery note.
    #[arg(long)]
    sheets: bool,
    #[command(flatten)]
    form: sheet::Form,
}

/// What is recalled.
#[derive(Debug, clap::Args)]
pub(super) struct Question {
    /// The lot: its number, the full form such as `l/supplier/ACME/0001`, or a label of GS1 that it stands on.
    #[arg(long, required_unless_present_any = ["station", "window"], conflicts_with_all = ["station", "window"])]
    lot: Option<String>,
    /// Instead of a lot: whatever was at this station, and whatever contains that.
    #[arg(long, conflicts_with = "window")]
    station: Option<String>,
    /// Since when it was there, such as `2026-11-22T06:00:00Z`; from the beginning unless said.
    #[arg(long, value_name = "TIME", requires = "station")]
    from: Option<String>,
    /// Up to when, not included; up to now unless said.
    #[arg(long, value_name = "TIME", requires = "station")]
    to: Option<String>,
    /// Of that only what this is true of: `tool=T7`, `operator=P-0a1b2c3d4e5f`, `operation=`, `nest=`, `carrier=`, a word
    /// of the plant file, or something measured such as `torque>8.2`; given again, all of it.
    #[arg(long = "where", value_name = "WHAT", requires = "station")]
    only: Vec<String>,
    /// Instead of a lot: whatever was worked on while a station may have been wrong, and whatever contains that. The record
    /// that opened that time, as `suspects` names it: `1234`.
    #[arg(long, value_name = "POSITION")]
    window: Option<u64>,
    /// What was answered when this record was the last: `1234`.
    #[arg(long, value_name = "POSITION")]
    as_of: Option<u64>,
}

/// One row of the answer.
struct Row {
    group: &'static str,
    item: String,
    state: String,
    via: String,
    station: String,
    time: String,
    reason: String,
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

impl Question {
    /// As it is asked over HTTP.
    pub(super) fn asked(&self) -> Vec<(&'static str, String)> {
        let number = |position: Option<u64>| position.map(|position| position.to_string());
        let Self { lot, station, from, to, only, window, as_of } = self;
        let asked = [
            ("lot", lot.clone()),
            ("station", station.clone()),
            ("from", from.clone()),
            ("to", to.clone()),
            ("where", Only::joined(only)),
            ("window", number(*window)),
            ("as_of", number(*as_of)),
        ];
        asked.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    let asked = args.question.asked();
    let asked: Vec<_> = asked.iter().map(|(key, value)| (*key, value.as_str())).collect();
    if args.sheets {
        let answer = client::get(context, "/api/v1/sheets", &asked)?;
        return sheet::write(context, &answer, "recall", &args.form);
    }
    if args.form.is_of_files() {
        let why = "--dir is for sheets: give --sheets too, or send the table to a file with `>`";
        return Err(Failure::new(Exit::Usage, why));
    }
    let answer = client::get(context, "/api/v1/recall", &asked)?;
    if context.json {
        output::json(&answer)?;
    } else {
        let rows = rows(answer.get("body").unwrap_or(&Value::Null));
        if args.form.csv {
            as_csv(&rows)?;
        } else {
            output::line(as_table(&rows))?;
        }
        let count = |group: &str| rows.iter().filter(|r| r.group == group).count();
        let cleared = match count("cleared") {
            0 => String::new(),
            some => format!(", {some} cleared"),
        };
        output::notice(&format!(
            "{} suspect, {}, {} shipped, {} unknown{cleared}; as of record #{}",
            count("suspect"),
            output::counted(count("container"), "containers"),
            count("shipped"),
            count("unknown"),
            answer.get("position").and_then(Value::as_u64).unwrap_or(0),
        ));
        for balance in answer.get("body").into_iter().flat_map(|body| list(body, "balances")) {
            output::notice(&format!("{}: {}", text(balance, "item"), words::balance(balance)));
        }
        for why in reasons([&answer]) {
            output::notice(&why);
        }
    }
    Ok(if is_complete(&answer) { Exit::Ok } else { Exit::Incomplete })
}

fn rows(body: &Value) -> Vec<Row> {
    let bare = |group, item: String| Row {
        group,
        item,
        state: String::new(),
        via: String::new(),
        station: String::new(),
        time: String::new(),
        reason: String::new(),
    };
    let mut rows = Vec::new();
    for suspect in list(body, "suspect") {
        rows.push(Row {
            state: state(suspect.get("state").unwrap_or(&Value::Null)),
            via: text(suspect, "via"),
            station: text(suspect, "station"),
            time: text(suspect, "time"),
            ..bare("suspect", text(suspect, "item"))
        });
    }
    for container in list(body, "containers").filter_map(Value::as_str) {
        rows.push(bare("container", container.to_owned()));
    }
    for shipped in list(body, "shipped").filter_map(Value::as_array) {
        let word = |i: usize| shipped.get(i).and_then(Value::as_str).unwrap_or_default();
        rows.push(Row { state: word(1).to_owned(), ..bare("shipped", word(0).to_owned()) });
    }
    for unknown in list(body, "unknown").filter_map(Value::as_array) {
        let item = unknown.first().and_then(Value::as_str).unwrap_or_default();
        let why = unknown.get(1).map(reason).unwrap_or_default();
        rows.push(Row { reason: why, ..bare("unknown", item.to_owned()) });
    }
    for cleared in list(body, "cleared") {
        let told: Vec<&str> = list(cleared, "told").filter_map(Value::as_str).collect();
        rows.push(Row { reason: told.join(", "), ..bare("cleared", text(cleared, "item")) });
    }
    rows
}

/// Where an item stands, as words.
fn state(value: &Value) -> String {
    match value {
        Value::String(word) => word.clone(),
        Value::Object(map) => {
            let mut words = map.iter().map(|(word, of)| (word, of.as_str().unwrap_or_default()));
            words.next().map_or_else(String::new, |(word, of)| format!("{word} {of}"))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => String::new(),
    }
}

impl Row {
    fn cells(&self) -> [&str; 7] {
        [self.group, &self.item, &self.state, &self.via, &self.station, &self.time, &self.reason]
    }
}

const HEAD: [&str; 7] = ["group", "item", "state", "via", "station", "time", "reason"];

fn as_csv(rows: &[Row]) -> Result<(), Failure> {
    output::line(HEAD.join(","))?;
    for row in rows {
        output::line(row.cells().map(output::cell).join(","))?;
    }
    Ok(())
}

/// The items of an answer, one below the other.
pub(super) fn table(body: &Value) -> String {
    as_table(&rows(body))
}

fn as_table(rows: &[Row]) -> String {
    let cells = rows.iter().map(|row| {
        let mut cells = row.cells().map(str::to_owned);
        let [_, _, _, _, _, time, _] = &mut cells;
        *time = words::time(time);
        cells.to_vec()
    });
    let cells = cells.collect();
    output::table(&HEAD.map(str::to_uppercase).each_ref().map(String::as_str), cells)
}
