//! `condition`: what monitors say of machines, since when, what was made meanwhile, and how well values fit between limits.
use super::client::list;
use super::exit::{Done, Exit, Failure};
use super::trace::{is_complete, reasons};
use super::{Context, alarm, client, output, suspects, tune, words};
use crate::http::in_query;
use crate::model::similar;
use serde_json::Value;

/// What monitors say of machines, since when, and what was made meanwhile.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// All monitors with what they say, in the order of the plant.
    Ls {
        /// Only those of this one.
        #[arg(long)]
        station: Option<String>,
        /// Only those that say this: `in-control`, `warning`, `drift` or `no-data`.
        #[arg(long)]
        verdict: Option<String>,
    },
    /// What one monitor says, since when, and every item that was made while its station may have been wrong.
    Show {
        /// Station and monitor, such as `PRESS20.result.force`.
        monitor: String,
        /// How many items of a time are named; all up to 100,000 unless said.
        #[arg(long, value_name = "COUNT", default_value_t = 100_000)]
        limit: u32,
    },
    /// How well what was measured fits between its specification limits: Cp, Cpk, Pp, Ppk by product (ISO 22514-2).
    Capability {
        /// Station and monitor, such as `PRESS20.result.force`.
        monitor: String,
        /// From when on, such as `2026-11-22T06:00:00Z`; from the beginning unless said.
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Up to when, not included; up to now unless said.
        #[arg(long, value_name = "TIME")]
        to: Option<String>,
        /// Of how many values, the last ones; 1,000 unless said, and at most 10,000.
        #[arg(long, value_name = "COUNT")]
        limit: Option<u32>,
    },
    #[command(flatten)]
    Alarm(alarm::Verb),
    /// What other rules would have said in the time that is on the tape and on record, how soon, and what it would have
    /// cost. Reads the data directory; the daemon may run.
    Tune(tune::Args),
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    match &args.verb {
        Verb::Ls { station, verdict } => {
            let asked = [("station", station), ("verdict", verdict)];
            let answer = client::get(context, "/api/v1/conditions", &client::given(&asked))?;
            listed(context, &answer)
        }
        Verb::Show { monitor, limit } => {
            let path = path(context, monitor)?;
            let limit = Some(limit.to_string());
            shown(context, &client::get(context, &path, &client::given(&[("limit", &limit)]))?)
        }
        Verb::Capability { monitor, from, to, limit } => {
            let path = format!("{}/capability", path(context, monitor)?);
            let limit = limit.map(|limit| limit.to_string());
            let asked = [("from", from), ("to", to), ("limit", &limit)];
            capable(context, &client::get(context, &path, &client::given(&asked))?)
        }
        Verb::Alarm(verb) => alarm::run(context, verb),
        Verb::Tune(args) => tune::run(context, args),
    }
}

/// Where the one monitor is that a text names. Names may have dots, so only those that there are tell where the station ends.
fn path(context: &Context, written: &str) -> Result<String, Failure> {
    let all = client::get(context, "/api/v1/conditions", &[])?;
    let named = list(&all, "body").map(|of| (text(of, "/station"), text(of, "/monitor")));
    let named: Vec<(&str, &str)> = named.collect();
    let full = |(station, monitor): &(&str, &str)| format!("{station}.{monitor}");
    let found: Vec<_> = named.iter().filter(|of| full(of) == written).collect();
    match found.as_slice() {
        [(station, monitor)] => {
            Ok(format!("/api/v1/conditions/{}/{}", in_query(station), in_query(monitor)))
        }
        [] => {
            let all: Vec<String> = named.iter().map(full).collect();
            let hint = similar::hint(written, "monitors", all.iter().map(String::as_str));
            Err(Failure::new(Exit::NotFound, format!("there is no monitor `{written}`; {hint}")))
        }
        several => {
            let stations: Vec<&str> = several.iter().map(|(station, _)| *station).collect();
            let why = format!(
                "`{written}` is a monitor of each of {}; ask `/api/v1/conditions/<station>/<monitor>`",
                stations.join(", ")
            );
            Err(Failure::new(Exit::NotFound, why))
        }
    }
}

fn text<'a>(value: &'a Value, at: &str) -> &'a str {
    value.pointer(at).and_then(Value::as_str).unwrap_or_default()
}

/// A figure with its unit; nothing where there is none.
fn figure(value: &Value, at: &str, unit: &str) -> Option<String> {
    let number = value.pointer(at).filter(|value| value.is_number()).map(words::number)?;
    Some(format!("{number} {unit}").trim_end().to_owned())
}

fn joined<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    values.filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

const LISTED: [&str; 9] =
    ["STATION", "MONITOR", "VERDICT", "ALARM", "SINCE", "RULES", "VALUE", "LIMIT", "NORMAL"];

fn listed(context: &Context, answer: &Value) -> Done {
    if context.json {
        return output::json(answer).map(|()| Exit::Ok);
    }
    let rows: Vec<Vec<String>> = list(answer, "body").map(row).collect();
    let count = rows.len();
    output::line(output::table(&LISTED, rows))?;
    let position = answer.get("position").and_then(Value::as_u64).unwrap_or(0);
    let counted = output::counted(count, "monitors");
    output::notice(&format!("{counted}; as of record #{position}"));
    Ok(Exit::Ok)
}

fn row(of: &Value) -> Vec<String> {
    let unit = text(of, "/unit");
    let of_figure = |at| figure(of, at, unit).unwrap_or_default();
    vec![
        text(of, "/station").to_owned(),
        text(of, "/monitor").to_owned(),
        text(of, "/verdict").to_owned(),
        text(of, "/alarm").to_owned(),
        words::time(text(of, "/since")),
        joined(list(of, "rules")),
        of_figure("/statistic"),
        of_figure("/limit"),
        of.get("baseline").and_then(|baseline| normal(baseline, unit)).unwrap_or_default(),
    ]
}

/// `50 ± 0.5 kN`
fn normal(baseline: &Value, unit: &str) -> Option<String> {
    let (centre, sigma) =
        (figure(baseline, "/centre_line", "")?, figure(baseline, "/sigma", unit)?);
    Some(format!("{centre} ± {sigma}"))
}

fn shown(context: &Context, answer: &Value) -> Done {
    if context.json {
        output::json(answer)?;
    } else {
        let body = answer.get("body").unwrap_or(&Value::Null);
        for line in head(body) {
            output::line(line)?;
        }
        let windows: Vec<&Value> = list(body, "suspects").collect();
        output::line("")?;
        if windows.is_empty() {
            output::line("nothing is suspect because of it")?;
        } else {
            output::line(suspects::table(windows))?;
        }
        output::line("")?;
        for said in list(body, "verdicts") {
            let position = said.get("position").and_then(Value::as_u64).unwrap_or(0);
            let time = words::time(text(said, "/time"));
            output::line(format_args!("#{position}  {time}  {}", text(said, "/text")))?;
        }
        let left_out = body.get("verdicts_left_out").and_then(Value::as_u64).unwrap_or(0);
        if left_out > 0 {
            output::line(format_args!("and {left_out} older ones"))?;
        }
        told_position(answer);
    }
    Ok(if is_complete(answer) { Exit::Ok } else { Exit::Incomplete })
}

fn told_position(answer: &Value) {
    let position = answer.get("position").and_then(Value::as_u64).unwrap_or(0);
    output::notice(&format!("as of record #{position}"));
    for why in reasons([answer]) {
        output::notice(&why);
    }
}

/// What a monitor says, line by line.
fn head(body: &Value) -> Vec<String> {
    let unit = text(body, "/unit");
    let mut says = format!(
        "{}.{}  {}",
        text(body, "/station"),
        text(body, "/monitor"),
        text(body, "/verdict")
    );
    for (before, what, after) in [
        (" (", text(body, "/side").to_owned(), ")"),
        (" since ", words::time(text(body, "/since")), ""),
        (", by ", joined(list(body, "rules")), ""),
    ] {
        if !what.is_empty() {
            says += &format!("{before}{what}{after}");
        }
    }
    let mut lines = vec![says];
    let alarm = text(body, "/alarm");
    if !alarm.is_empty() {
        lines.push(format!("  alarm {alarm}"));
    }
    let watches = body.get("watches").filter(|watches| watches.is_object());
    lines.push(watches.map_or_else(
        || "  watches nothing by the plant in force".to_owned(),
        |watches| {
            let what = ["/measurement", "/tag"].map(|at| text(watches, at)).concat();
            let what = what + &joined(list(watches, "group"));
            let limits = ["low", "high"].map(|which| {
                let limit = figure(watches, &format!("/{which}"), unit)?;
                Some(format!(", {which} {limit}"))
            });
            format!("  watches {what}{}", limits.into_iter().flatten().collect::<String>())
        },
    ));
    if let Some(statistic) = figure(body, "/statistic", unit) {
        let limit = figure(body, "/limit", unit).map(|limit| format!(", limit {limit}"));
        lines.push(format!("  decided by {statistic}{}", limit.unwrap_or_default()));
    }
    for of in list(body, "contributors") {
        let [z, given] = ["/z", "/given"].map(|at| figure(of, at, "").unwrap_or_default());
        let monitor = text(of, "/monitor");
        lines.push(format!("  {monitor} is {z} σ off, {given} σ given the others"));
    }
    if body.get("onset").is_some_and(Value::is_object) {
        let [about, earliest, latest] = ["estimate", "earliest", "latest"]
            .map(|at| words::time(text(body, &format!("/onset/{at}"))));
        let earliest = if earliest.is_empty() {
            "nobody knows how long before".to_owned()
        } else {
            format!("not before {earliest}")
        };
        lines.push(format!("  began about {about}, {earliest}, not after {latest}"));
    }
    for baseline in list(body, "baselines") {
        let version = baseline.get("version").map(ToString::to_string).unwrap_or_default();
        let n = baseline.get("n").map(ToString::to_string).unwrap_or_default();
        let since = words::time(text(baseline, "/since"));
        let normal = normal(baseline, unit).unwrap_or_default();
        let until = words::time(text(baseline, "/until"));
        let until = if until.is_empty() { until } else { format!(" until {until}") };
        let parts = ["/product", "/recipe"].map(|at| text(baseline, at));
        let of = parts.into_iter().filter(|part| !part.is_empty());
        let of = of.fold(String::new(), |of, part| of + " of " + part);
        lines.push(format!(
            "  baseline {version}{of} since {since}{until}: {normal}, from {n} values"
        ));
    }
    lines
}

const CAPABLE: [&str; 11] =
    ["PRODUCT", "N", "LEFT OUT", "LOW", "HIGH", "MEAN", "SIGMA", "CP", "CPK", "PP", "PPK"];

fn capable(context: &Context, answer: &Value) -> Done {
    if context.json {
        output::json(answer)?;
    } else {
        let body = answer.get("body").unwrap_or(&Value::Null);
        if let Some(why) = body.get("no_values").and_then(Value::as_str) {
            output::line(format_args!("no values: {why}"))?;
        } else {
            output::line(output::table(&CAPABLE, list(body, "rows").map(capability).collect()))?;
            output::notice("an index, and what it is at least with a confidence of 95 %");
        }
        for row in list(body, "rows") {
            for why in warnings(row) {
                output::notice(&why);
            }
        }
        if body.get("truncated").and_then(Value::as_bool) == Some(true) {
            let since = words::time(text(body, "/interval/from"));
            output::notice(&format!("there may be more values before {since}; --limit takes more"));
        }
        told_position(answer);
    }
    Ok(if is_complete(answer) { Exit::Ok } else { Exit::Incomplete })
}

fn capability(row: &Value) -> Vec<String> {
    let unit = text(row, "/unit");
    let count = |at| row.pointer(at).and_then(Value::as_u64).unwrap_or(0);
    let figure = |at| figure(row, at, unit).unwrap_or_else(|| "–".to_owned());
    let left_out = count("/left_out") + count("/other_unit");
    let mut cells = vec![
        Some(text(row, "/product")).filter(|p| !p.is_empty()).unwrap_or("–").to_owned(),
        count("/n").to_string(),
        left_out.to_string(),
    ];
    cells.extend(["/low", "/high", "/mean", "/sigma_total"].map(figure));
    cells.extend(["cp", "cpk", "pp", "ppk"].map(|index| {
        let hundredths = |at: &str| row.pointer(&format!("/{index}/{at}")).and_then(Value::as_f64);
        let value = hundredths("value").map_or_else(|| "–".to_owned(), |x| format!("{x:.2}"));
        let lower = hundredths("lower").map(|x| format!(" ≥ {x:.2}"));
        value + &lower.unwrap_or_default()
    }));
    cells
}

/// Why figures of a row say less than they seem to, and why some of them are not there.
fn warnings(row: &Value) -> Vec<String> {
    let product = Some(text(row, "/product")).filter(|product| !product.is_empty());
    let of = product.map(|product| format!("{product}: ")).unwrap_or_default();
    let mut told: Vec<String> = Vec::new();
    for index in ["cp", "cpk", "pp", "ppk"] {
        let why = text(row, &format!("/{index}/why"));
        if !why.is_empty() {
            told.push(format!("{of}no {}: {why}", index.to_uppercase()));
        }
    }
    let more = list(row, "warnings").filter_map(Value::as_str);
    told.extend(more.map(|why| format!("{of}{why}")));
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_condition_says_what_since_when_and_by_what() {
        let body = json!({
            "station": "PRESS20", "monitor": "result.force", "verdict": "drift", "side": "low",
            "since": "2026-11-22T06:10:00Z", "rules": ["ewma", "cusum"], "unit": "kN",
            "statistic": 48.5, "limit": 48.75,
            "onset": { "estimate": "2026-11-22T06:05:00Z", "earliest": null, "latest": "2026-11-22T06:07:00Z" },
            "watches": { "measurement": "result.force", "low": 40.0, "high": 60.0, "deadband": 1.0 },
            "baselines": [{ "version": 1, "n": 50, "since": "2026-11-22T05:00:00Z", "centre_line": 50.0, "sigma": 0.5 }],
        });
        insta::assert_snapshot!(head(&body).join("\n"), @r"
        PRESS20.result.force  drift (low) since 2026-11-22T06:10:00.000Z, by ewma, cusum
          watches result.force, low 40 kN, high 60 kN
          decided by 48.5 kN, limit 48.75 kN
          began about 2026-11-22T06:05:00.000Z, nobody knows how long before, not after 2026-11-22T06:07:00.000Z
          baseline 1 since 2026-11-22T05:00:00.000Z: 50 ± 0.5 kN, from 50 values
        ");
        let quiet = json!({ "station": "S", "monitor": "m", "verdict": "no-data", "rules": [] });
        assert_eq!(head(&quiet), ["S.m  no-data", "  watches nothing by the plant in force"]);
    }

    #[test]
    fn an_index_is_told_with_its_bound_or_with_why_there_is_none() {
        let none =
            json!({ "value": null, "lower": null, "why": "there is only one specification limit" });
        let some = json!({ "value": 1.333, "lower": 1.1 });
        let row = json!({
            "product": null, "unit": "kN", "low": null, "high": 60.0, "n": 49, "left_out": 1, "other_unit": 2,
            "mean": 50.0, "sigma_total": 0.5, "cp": none, "cpk": some, "pp": none, "ppk": some,
            "warnings": ["49 values are few: 50 are wanted at least"],
        });
        assert_eq!(
            capability(&row),
            [
                "–",
                "49",
                "3",
                "–",
                "60 kN",
                "50 kN",
                "0.5 kN",
                "–",
                "1.33 ≥ 1.10",
                "–",
                "1.33 ≥ 1.10"
            ]
        );
        assert_eq!(
            warnings(&row),
            [
                "no CP: there is only one specification limit",
                "no PP: there is only one specification limit",
                "49 values are few: 50 are wanted at least",
            ]
        );
    }
}
