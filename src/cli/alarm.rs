//! `condition alarms`, `condition load`, `condition ack` and what else operators do with alarms.
use super::client::list;
use super::exit::{Done, Exit, Failure};
use super::trace::{is_complete, tell_as_of};
use super::{Context, client, maintenance, output, words};
use crate::config;
use serde_json::Value;

/// Verbs of `condition` that are about alarms.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// The alarms that are not normal, or those in a state, what was told last first.
    Alarms {
        /// Only those of this one.
        #[arg(long)]
        station: Option<String>,
        /// Only those in this state, such as `unacknowledged-active`, `shelved` or `normal`.
        #[arg(long)]
        state: Option<String>,
    },
    /// How many alarms come, whether there is a flood, which chatter, and which stand for more than a day.
    Load,
    /// Say that an operator has seen alarms; it ends nothing, and is not `maintenance acknowledge`.
    Ack(Said),
    /// Say that what was to be done about acknowledged alarms was done.
    Confirm(Said),
    /// Say something about alarms.
    Comment(Said),
    /// Have nobody told of alarms for a while; they are recorded all the same.
    Shelve {
        #[command(flatten)]
        said: Said,
        /// For so long, such as `2h`; at most `24h`.
        #[arg(long = "for", value_name = "TIME")]
        time: Option<String>,
        /// Only until it returns to normal.
        #[arg(long)]
        one_shot: bool,
    },
    /// Have people told of shelved alarms again.
    Unshelve(Said),
    /// Have nobody told of alarms until they are put in service again; they are recorded all the same.
    OutOfService(Said),
    /// Put alarms in service again.
    InService(Said),
}

/// Of which alarms, and who says so.
#[derive(Debug, clap::Args)]
pub(super) struct Said {
    /// Where.
    station: String,
    /// The monitors and masters; all of the station of which it can be done unless said, and of those that can be shelved, taken
    /// out of service or spoken of the active ones.
    monitors: Vec<String>,
    /// Why, or what is said.
    #[arg(long, value_name = "TEXT")]
    what: Option<String>,
    /// Who says so: recorded as a token, like every badge.
    #[arg(long, env = "USER", default_value = "local")]
    badge: String,
}

pub(super) fn run(context: &Context, verb: &Verb) -> Done {
    match verb {
        Verb::Alarms { station, state } => {
            let asked = [("station", station), ("state", state)];
            let answer = client::get(context, "/api/v1/alarms", &client::given(&asked))?;
            maintenance::listed(context, &answer, (&HEAD, "alarms", ""), row)
        }
        Verb::Load => loaded(context, &client::get(context, "/api/v1/alarms/load", &[])?),
        Verb::Ack(said) => say(context, "acknowledge", said, (None, false)),
        Verb::Confirm(said) => say(context, "confirm", said, (None, false)),
        Verb::Comment(said) => say(context, "comment", said, (None, false)),
        Verb::Shelve { said, time, one_shot } => {
            let seconds = time.as_deref().map(seconds).transpose()?;
            say(context, "shelve", said, (seconds, *one_shot))
        }
        Verb::Unshelve(said) => say(context, "unshelve", said, (None, false)),
        Verb::OutOfService(said) => say(context, "out-of-service", said, (None, false)),
        Verb::InService(said) => say(context, "in-service", said, (None, false)),
    }
}

fn seconds(time: &str) -> Result<u64, Failure> {
    let wrong = || {
        Failure::new(
            Exit::Usage,
            format!("`--for {time}` is no time; wanted one such as `30m` or `2h`"),
        )
    };
    config::duration(time).map(|time| time.as_secs()).ok_or_else(wrong)
}

fn say(
    context: &Context,
    step: &str,
    said: &Said,
    (seconds, one_shot): (Option<u64>, bool),
) -> Done {
    let Said { station, monitors, what, badge } = said;
    let said = serde_json::json!({
        "step": step, "station": station, "monitors": monitors, "text": what, "seconds": seconds, "one_shot": one_shot,
        "badge": badge,
    });
    let command = serde_json::json!({ "alarm": said });
    let told = client::post(context, "/api/v1/commands", &command)?;
    maintenance::recorded(context, &told, (station, step, monitors), "all that it concerns")
}

const HEAD: [&str; 8] =
    ["STATION", "MONITOR", "STATE", "SINCE", "RULES", "FIRST", "SEEN BY", "REASON"];

fn text<'a>(of: &'a Value, at: &str) -> &'a str {
    of.pointer(at).and_then(Value::as_str).unwrap_or_default()
}

fn row(of: &Value) -> Vec<String> {
    let or_none = |text: String| if text.is_empty() { "–".to_owned() } else { text };
    let rules: Vec<&str> = list(of, "rules").filter_map(Value::as_str).collect();
    let first = of.get("first").and_then(Value::as_bool) == Some(true);
    let until = words::time(text(of, "/shelf/until"));
    let reason = match until.as_str() {
        "" => text(of, "/out_of_service/text").to_owned(),
        until => format!("until {until}: {}", text(of, "/shelf/by/text")),
    };
    let seen = [
        words::time(text(of, "/acknowledged_by/time")),
        text(of, "/acknowledged_by/who").to_owned(),
    ];
    vec![
        text(of, "/station").to_owned(),
        text(of, "/monitor").to_owned(),
        text(of, "/state").to_owned(),
        or_none(words::time(text(of, "/began/time"))),
        or_none(rules.join(", ")),
        if first { "first" } else { "–" }.to_owned(),
        or_none(seen.join(" ").trim().to_owned()),
        or_none(reason),
    ]
}

fn loaded(context: &Context, answer: &Value) -> Done {
    if context.json {
        output::json(answer)?;
    } else {
        for line in lines(answer.get("body").unwrap_or(&Value::Null)) {
            output::line(line)?;
        }
        tell_as_of(answer, &format!("at {}", words::time(text(answer, "/body/at"))));
    }
    Ok(if is_complete(answer) { Exit::Ok } else { Exit::Incomplete })
}

/// The load, line by line.
fn lines(body: &Value) -> Vec<String> {
    let count = |key: &str| body.get(key).and_then(Value::as_u64).unwrap_or(0);
    let at_least = body.get("at_least").and_then(Value::as_bool) == Some(true);
    let at_least = if at_least { "at least " } else { "" };
    let flood = words::time(text(body, "/flood"));
    let flood =
        if flood.is_empty() { "no flood".to_owned() } else { format!("a flood since {flood}") };
    let mut lines = vec![
        format!(
            "{} in ten minutes, {} in the hour, {at_least}{} in the day; {flood}",
            count("ten_minutes"),
            count("hour"),
            count("day")
        ),
        format!(
            "{} active, {} unacknowledged, {} shelved",
            count("active"),
            count("unacknowledged"),
            count("shelved")
        ),
    ];
    let named = |of: &Value| format!("{}.{}", text(of, "/station"), text(of, "/monitor"));
    let often = |of: &Value| {
        let count = of.get("count").and_then(Value::as_u64).unwrap_or(0);
        format!("{} ({count})", named(of))
    };
    let since =
        |of: &Value| format!("{} since {}", named(of), words::time(text(of, "/since/time")));
    let share = body.get("most_share").and_then(Value::as_f64);
    let share =
        share.map(|share| format!(", {:.0} % of the day", share * 100.0)).unwrap_or_default();
    let lists: [(&str, Vec<String>); 3] = [
        ("chattering", list(body, "chattering").map(often).collect()),
        ("stale", list(body, "stale").map(since).collect()),
        ("most often", list(body, "most").map(often).collect()),
    ];
    for (what, named) in lists.into_iter().filter(|(_, named)| !named.is_empty()) {
        let share = if what == "most often" { share.as_str() } else { "" };
        lines.push(format!("{what}: {}{share}", named.join(", ")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_says_how_an_alarm_stands_who_has_seen_it_and_why_nobody_is_told() {
        let mut of = json!({
            "station": "PRESS20", "monitor": "oil", "state": "acknowledged-active", "first": true, "rules": ["limit", "rate"],
            "began": { "time": "2026-11-29T06:00:00Z" }, "shelf": null, "out_of_service": null,
            "acknowledged_by": { "time": "2026-11-29T06:12:01Z", "who": "P-0a1b2c3d4e5f" },
        });
        insta::assert_snapshot!(row(&of).join(" | "), @"PRESS20 | oil | acknowledged-active | 2026-11-29T06:00:00.000Z | limit, rate | first | 2026-11-29T06:12:01.000Z P-0a1b2c3d4e5f | –");
        of["shelf"] =
            json!({ "until": "2026-11-29T08:00:00Z", "by": { "text": "pump is changed" } });
        of["first"] = false.into();
        of["acknowledged_by"] = Value::Null;
        insta::assert_snapshot!(row(&of).join(" | "), @"PRESS20 | oil | acknowledged-active | 2026-11-29T06:00:00.000Z | limit, rate | – | – | until 2026-11-29T08:00:00.000Z: pump is changed");
    }

    #[test]
    fn the_load_is_told_with_what_makes_it() {
        let oil = json!({ "station": "PRESS20", "monitor": "oil", "count": 4 });
        let mut body = json!({
            "ten_minutes": 12, "hour": 14, "day": 15, "at_least": false, "flood": "2026-11-29T06:00:00Z", "active": 3,
            "unacknowledged": 2, "shelved": 1, "chattering": [oil], "most": [oil], "most_share": 0.25,
            "stale": [{ "station": "PRESS20", "monitor": "way", "since": { "time": "2026-11-28T05:00:00Z" } }],
        });
        insta::assert_snapshot!(lines(&body).join("\n"), @r"
        12 in ten minutes, 14 in the hour, 15 in the day; a flood since 2026-11-29T06:00:00.000Z
        3 active, 2 unacknowledged, 1 shelved
        chattering: PRESS20.oil (4)
        stale: PRESS20.way since 2026-11-28T05:00:00.000Z
        most often: PRESS20.oil (4), 25 % of the day
        ");
        body = json!({ "at_least": true, "day": 10_000, "flood": null });
        insta::assert_snapshot!(lines(&body).join("\n"), @r"
        0 in ten minutes, 0 in the hour, at least 10000 in the day; no flood
        0 active, 0 unacknowledged, 0 shelved
        ");
    }
}
