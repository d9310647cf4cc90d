//! `case`: a recall that is frozen, so that nobody can say later that something else was found.
use super::client::list;
use super::exit::{Done, Exit, Failure};
use super::recall::Question;
use super::signed::Signed;
use super::trace::{is_complete, reasons};
use super::{Context, client, output, recall, sheet, words};
use serde_json::Value;

/// A recall that is frozen, so that nobody can say later that something else was found.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Ask as `recall` does, and record what was found as a case, with a hash of it.
    Open {
        #[command(flatten)]
        question: Question,
        #[command(flatten)]
        signed: Signed,
    },
    /// Ask the question of a case again as of then, compare it with the hash, and say what came since.
    Show {
        /// The case, such as `RC-17`.
        id: String,
    },
    /// Whom to tell of what had left when it was frozen: a sheet for each customer and delivery note.
    Sheets {
        /// The case, such as `RC-17`.
        id: String,
        #[command(flatten)]
        form: sheet::Form,
    },
    /// The cases that there are, the newest first.
    Ls {
        /// As of this record: `1234`.
        #[arg(long, value_name = "POSITION")]
        as_of: Option<u64>,
    },
    /// Widen or narrow a case: from now on it is this question that counts, and both stay on record.
    Revise {
        /// The case, such as `RC-17`.
        id: String,
        #[command(flatten)]
        question: Question,
        #[command(flatten)]
        signed: Signed,
    },
    /// End a case; it stays on record.
    Close {
        /// The case, such as `RC-17`.
        id: String,
        #[command(flatten)]
        signed: Signed,
    },
}

/// What the daemon is told of it.
fn said(signed: &Signed) -> Value {
    let Signed { reason, badge } = signed;
    serde_json::json!({ "reason": reason, "badge": badge })
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    match &args.verb {
        Verb::Open { question, signed } => {
            let done = client::post_asking(context, "/api/v1/cases", question, &said(signed))?;
            told(context, &done, "opened")
        }
        Verb::Revise { id, question, signed } => {
            let path = format!("{}/revise", path(id)?);
            let done = client::post_asking(context, &path, question, &said(signed))?;
            told(context, &done, "revised")
        }
        Verb::Close { id, signed } => {
            let path = format!("{}/close", path(id)?);
            told(context, &client::post(context, &path, &said(signed))?, "closed")
        }
        Verb::Show { id } => shown(context, &client::get(context, &path(id)?, &[])?),
        Verb::Sheets { id, form } => {
            let path = path(id)?;
            let answer = client::get(context, &format!("{path}/sheets"), &[])?;
            sheet::write(context, &answer, path.rsplit('/').next().unwrap_or(id), form)
        }
        Verb::Ls { as_of } => {
            let as_of = as_of.map(|position| position.to_string());
            let asked = [("as_of", &as_of)];
            listed(context, &client::get(context, "/api/v1/cases", &client::given(&asked))?)
        }
    }
}

/// Where a case is.
fn path(id: &str) -> Result<String, Failure> {
    let id: crate::model::CaseId =
        id.parse().map_err(|why: String| Failure::new(Exit::Usage, why))?;
    Ok(format!("/api/v1/cases/{id}"))
}

fn text<'a>(value: &'a Value, at: &str) -> &'a str {
    value.pointer(at).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, at: &str) -> u64 {
    value.pointer(at).and_then(Value::as_u64).unwrap_or(0)
}

fn told(context: &Context, done: &Value, what: &str) -> Done {
    if context.json {
        return output::json(done).map(|()| Exit::Ok);
    }
    output::line(text(done, "/case"))?;
    let record = number(done, "/position");
    let mut sentence = format!("{what} by record #{record}");
    if let Some(frozen) = done.get("frozen") {
        sentence += &format!(": {}", found(frozen));
    }
    for (key, how) in [("came", "more"), ("went", "no more")] {
        if let Some(counts) = done.get(key) {
            sentence += &format!("; {how}: {}", counted(counts));
        }
    }
    output::notice(&sentence);
    Ok(Exit::Ok)
}

/// `3 suspect, 1 container, 0 shipped, 2 unknown`.
fn counted(counts: &Value) -> String {
    let count = |key: &str| number(counts, &format!("/{key}"));
    let containers = usize::try_from(count("containers")).unwrap_or(usize::MAX);
    let mut all = format!(
        "{} suspect, {}, {} shipped, {} unknown",
        count("suspect"),
        output::counted(containers, "containers"),
        count("shipped"),
        count("unknown"),
    );
    if count("cleared") > 0 {
        all += &format!(", {} cleared", count("cleared"));
    }
    all
}

/// What a frozen answer has, and how it is told from any other.
fn found(frozen: &Value) -> String {
    let counts = frozen.get("counts").map(counted).unwrap_or_default();
    let gaps = match frozen.get("complete").and_then(Value::as_bool) {
        Some(true) => "",
        Some(false) | None => ", with known gaps",
    };
    let (position, hash) = (number(frozen, "/position"), text(frozen, "/hash"));
    format!("{counts}{gaps}; as of record #{position}, SHA-256 {hash}")
}

const HISTORY: [&str; 6] = ["RECORD", "TIME", "WHAT", "WHO", "WHY", "FOUND"];

fn history(case: &Value) -> Vec<Vec<String>> {
    let row = |entry: &Value| {
        let counts = entry.pointer("/frozen/counts").map(counted).unwrap_or_default();
        let time = words::time(text(entry, "/time"));
        let words = ["/what", "/who", "/reason"].map(|at| text(entry, at).to_owned());
        let [what, who, why] = words;
        vec![format!("#{}", number(entry, "/position")), time, what, who, why, counts]
    };
    list(case, "history").map(row).collect()
}

/// The answer that stands.
fn standing(case: &Value) -> &Value {
    let frozen = list(case, "history").filter_map(|entry| entry.get("frozen"));
    frozen.last().unwrap_or(&Value::Null)
}

fn is_open(case: &Value) -> bool {
    case.get("open").and_then(Value::as_bool).unwrap_or(false)
}

fn shown(context: &Context, case: &Value) -> Done {
    let is = |key: &str| case.get(key).and_then(Value::as_bool).unwrap_or(false);
    let (same, retained) = (is("same"), is("retained"));
    let answer = case.get("answer").unwrap_or(&Value::Null);
    if context.json {
        output::json(case)?;
    } else {
        let frozen = standing(case);
        let open = if is_open(case) { "open" } else { "closed" };
        output::line(format_args!("{}  {open}", text(case, "/id")))?;
        output::line(format_args!("asked: {}", text(frozen, "/question")))?;
        output::line(format_args!("found: {}", found(frozen)))?;
        output::line("")?;
        output::line(output::table(&HISTORY, history(case)))?;
        output::line("")?;
        let body = answer.get("body").unwrap_or(&Value::Null);
        output::line(recall::table(body))?;
        since(case.get("since").unwrap_or(&Value::Null))?;
        output::notice(verdict(same, retained));
        for why in reasons([answer]) {
            output::notice(&why);
        }
    }
    match (same, retained) {
        (true, _) if is_complete(answer) => Ok(Exit::Ok),
        (true, _) | (false, true) => Ok(Exit::Incomplete),
        (false, false) => Ok(Exit::Negative),
    }
}

fn verdict(same: bool, retained: bool) -> &'static str {
    match (same, retained) {
        (true, _) => "asked again as of then, it has the hash that was recorded",
        (false, true) => {
            "asked again as of then, it has not the hash that was recorded: retention has dropped records since, and what they told is told no more"
        }
        (false, false) => {
            "asked again as of then, it has NOT the hash that was recorded, and retention dropped nothing: something is wrong; run `pedigree verify`"
        }
    }
}

/// What the same question finds today.
fn since(since: &Value) -> Result<(), Failure> {
    let rows = |key: &'static str, how: &'static str| {
        list(since, key).map(move |of| {
            let words = ["/group", "/item", "/document"].map(|at| text(of, at).to_owned());
            std::iter::once(how.to_owned()).chain(words).collect::<Vec<_>>()
        })
    };
    let rows: Vec<_> = rows("came", "came").chain(rows("went", "went")).collect();
    let position = number(since, "/position");
    if since.is_null() {
        return output::line("asked today, nothing of it is recorded any more");
    }
    if rows.is_empty() {
        return output::line(format_args!("nothing came or went up to record #{position}"));
    }
    output::line(format_args!("since then, up to record #{position}:"))?;
    output::line(output::table(&["SINCE", "GROUP", "ITEM", "DELIVERY NOTE"], rows))
}

const CASES: [&str; 6] = ["CASE", "STATE", "OPENED", "WHO", "WHY", "FOUND"];

fn listed(context: &Context, answer: &Value) -> Done {
    if context.json {
        return output::json(answer).map(|()| Exit::Ok);
    }
    let row = |case: &Value| {
        let state = if is_open(case) { "open" } else { "closed" };
        let first = case.pointer("/history/0").unwrap_or(&Value::Null);
        let counts = standing(case).get("counts").map(counted).unwrap_or_default();
        let [who, why] = ["/who", "/reason"].map(|at| text(first, at).to_owned());
        let opened = words::time(text(first, "/time"));
        vec![text(case, "/id").to_owned(), state.to_owned(), opened, who, why, counts]
    };
    let rows: Vec<_> = list(answer, "body").map(row).collect();
    let notice = format!(
        "{}; as of record #{}",
        output::counted(rows.len(), "cases"),
        number(answer, "/position")
    );
    output::line(output::table(&CASES, rows))?;
    output::notice(&notice);
    Ok(Exit::Ok)
}
