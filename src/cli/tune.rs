//! `condition tune`: what other rules would have said of what was, and what it would have cost.
use super::exit::{Done, Exit, Failure};
use super::words::{self, lasted, rounded};
use super::{Context, offline, output, settings};
use crate::condition::{Change, Found, Learned, Row, Sight, TrialAlarm, Tuned, rule_sets};
use crate::config;
use crate::daemon::replay::{Asked, Missing, tune};
use crate::model::plant::{
    BaselinePer, Drift, DriftRules, Monitor, Plant, RunSet, StationIndex, Watched,
};
use crate::model::{PersonKey, Rule, Side, SiteId, Utc, similar};
use std::path::PathBuf;
use std::sync::Arc;

/// Alarms that are printed of a set of rules; `--json` has all.
const SHOWN_MAX: usize = 20;

/// What is to be tried; what is not said is as the plant has it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Station and monitor, such as `PRESS20.result.force`.
    monitor: String,
    /// From when on, such as `2026-11-22T06:00:00Z`; from the begin of tape and record unless said.
    #[arg(long, value_name = "TIME")]
    from: Option<Utc>,
    /// Up to when; to the end unless said.
    #[arg(long, value_name = "TIME")]
    to: Option<Utc>,
    /// Rules that watch together, such as `ewma,cusum`; each that there is alone, and those in force, unless said.
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    rules: Vec<RuleWord>,
    /// How seldom a false alarm may come: `one false alarm in 30d`.
    #[arg(long, value_name = "PROMISE")]
    drift: Option<String>,
    /// The change worth catching, in the monitor's unit.
    #[arg(long, value_name = "CHANGE")]
    catch: Option<f64>,
    /// Values from which a baseline is learned.
    #[arg(long, value_name = "COUNT")]
    learn: Option<u32>,
    /// Learn anew after each alarm, as if maintenance were done at once; else an alarm stands until it was.
    #[arg(long)]
    rearm: bool,
    /// Print the values instead, as CSV; with --json beside the rest.
    #[arg(long)]
    values: bool,
    /// Under the plant files in this directory instead of the configured ones.
    #[arg(long, value_name = "DIR")]
    plant: Option<PathBuf>,
    /// Another data directory than the configured one.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// A rule as plant files name it.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum RuleWord {
    Ewma,
    Cusum,
    Shewhart,
    WesternElectric,
    Nelson,
    Variance,
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    let config = settings::settings(context)?;
    let plant = match &args.plant {
        Some(dir) => plant(&settings::read_dir(dir)?, &config.site)?,
        None => settings::plant(&config)?.plant,
    };
    let (station, monitor) = monitor(&plant, &args.monitor)?;
    let drifts = drifts(&plant, monitor, args)?;
    if let Some((from, to)) = args.from.zip(args.to).filter(|(from, to)| from > to) {
        let why = format!(
            "error: there is no time from {from} to {to}\n  help: the earlier one is `--from`"
        );
        return Err(Failure::new(Exit::Usage, why));
    }
    let dir = offline::data_dir(context, args.data.as_ref())?;
    let persons = offline::persons(&dir)?.unwrap_or_else(|| PersonKey::new([0; 32]));
    let asked = Asked {
        plant: &plant,
        station,
        monitor,
        drifts: &drifts,
        rearms: args.rearm,
        keeps: args.values,
        from: args.from,
        to: args.to,
    };
    let (tuned, missing) = tune(&dir, &config.site, &persons, &asked)
        .map_err(|why| Failure::new(Exit::Io, why.to_string()))?;
    if context.json {
        let mut told = serde_json::to_value(&tuned).unwrap_or_default();
        if let Some(told) = told.as_object_mut() {
            told.insert("completeness".to_owned(), completeness(&missing));
        }
        output::json(&told)?;
    } else if args.values {
        output::line("time,value")?;
        for seen in &tuned.seen {
            let value = seen.value.map(|value| value.to_string()).unwrap_or_default();
            output::line(format_args!("{},{value}", seen.time))?;
        }
    } else {
        as_text(&tuned)?;
    }
    if !context.json {
        for gap in &missing {
            output::notice(&said(gap));
        }
    }
    Ok(if missing.is_empty() { Exit::Ok } else { Exit::Incomplete })
}

fn plant(files: &[(String, String)], site: &SiteId) -> Result<Arc<Plant>, Failure> {
    let checked = config::plant::load(files, site);
    checked
        .map(|checked| checked.plant)
        .map_err(|faults| Failure::new(Exit::Configuration, faults.to_string()))
}

/// The one monitor that a text names. Names may have dots, so only those that there are tell where the station ends.
fn monitor<'p>(plant: &'p Plant, written: &str) -> Result<(StationIndex, &'p Monitor), Failure> {
    let full = |of: &(StationIndex, &Monitor)| format!("{}.{}", plant.station(of.0).id, of.1.id);
    let all = plant.stations();
    let all = all.flat_map(|(at, station)| station.monitors.iter().map(move |of| (at, of)));
    let all: Vec<(StationIndex, &Monitor)> = all.collect();
    if let Some(found) = all.iter().find(|of| full(of) == written) {
        return Ok(*found);
    }
    let names: Vec<String> = all.iter().map(full).collect();
    let hint = similar::hint(written, "monitors", names.iter().map(String::as_str));
    let why = format!(
        "there is no monitor `{written}` in the plant; {hint}\n  \
         help: a measurement is one if it says `drift`, a tag if it stands under `monitor`; to try that, copy the plant files, \
         add it and name the copy with `--plant`"
    );
    Err(Failure::new(Exit::NotFound, why))
}

/// Every set of rules that is to be tried.
fn drifts(plant: &Plant, monitor: &Monitor, args: &Args) -> Result<Vec<Drift>, Failure> {
    let refused = |why: String| Failure::new(Exit::Usage, format!("error: {why}"));
    if let [first, ..] = &monitor.of.members()[..] {
        return Err(refused(format!(
            "`{}` is a group, and `tune` tries the rules of single monitors\n  help: try its members, such as `{}.{first}`",
            args.monitor,
            args.monitor.rsplit_once('.').map_or("", |(station, _)| station),
        )));
    }
    let promise = args.drift.as_deref().map(|text| {
        config::plant::false_alarm_interval(text).ok_or_else(|| {
            refused(format!(
                "`{text}` does not say what drift is\n  help: `--drift \"one false alarm in 30d\"`"
            ))
        })
    });
    let promise = promise.transpose()?;
    let base = match (monitor.drift, promise, &monitor.of) {
        (Some(drift), Some(interval), _) => Drift { false_alarm_interval: interval, ..drift },
        (Some(drift), None, _) => drift,
        (None, Some(interval), Watched::Tag(word)) => {
            let tag = plant.tag(word.tag);
            let every = tag.publish.unwrap_or(plant.device(tag.device).publish);
            unsaid(interval, every)
        }
        (None, ..) => {
            return Err(refused(format!(
                "`{}` has no `drift`\n  help: say what is to be tried: `--drift \"one false alarm in 30d\"`",
                args.monitor
            )));
        }
    };
    if args.catch.is_some_and(|catch| !(catch.is_finite() && catch > 0.0)) {
        return Err(refused("`--catch` is a number above 0, in the monitor's unit".to_owned()));
    }
    if base.false_alarm_interval <= base.every * Drift::VALUES_MIN {
        let every = base.every;
        return Err(refused(format!(
            "no chart can tell drift from noise that fast: a value comes every {every:?}\n  help: say days, not seconds"
        )));
    }
    let catch = args.catch.or(base.catch);
    let base = Drift { catch, learn: args.learn.unwrap_or(base.learn), ..base };
    let tried = match rules(&monitor.of, &args.rules).map_err(refused)? {
        Some(rules) => vec![rules],
        None => rule_sets(&monitor.of),
    };
    let mut drifts: Vec<Drift> = monitor.drift.into_iter().collect();
    let tried = tried.into_iter().chain(args.rules.is_empty().then_some(base.rules));
    for drift in tried.map(|rules| Drift { rules, ..base }) {
        if !drifts.contains(&drift) {
            drifts.push(drift);
        }
    }
    Ok(drifts)
}

/// What a plant file that says this alone means.
fn unsaid(false_alarm_interval: std::time::Duration, every: std::time::Duration) -> Drift {
    Drift {
        false_alarm_interval,
        learn: Drift::LEARN,
        every,
        rules: DriftRules::DEFAULT,
        catch: None,
        per: BaselinePer::DEFAULT,
        settle: None,
        idle: None,
    }
}

/// The set that words name; `None` if they name none.
fn rules(of: &Watched, words: &[RuleWord]) -> Result<Option<DriftRules>, String> {
    let mut rules = DriftRules { ewma: false, cusum: false, runs: None, variance: false };
    for word in words {
        let set = match word {
            RuleWord::Ewma => {
                rules.ewma = true;
                continue;
            }
            RuleWord::Cusum => {
                rules.cusum = true;
                continue;
            }
            RuleWord::Variance => {
                rules.variance = true;
                continue;
            }
            RuleWord::Shewhart => RunSet::Shewhart,
            RuleWord::WesternElectric => RunSet::WesternElectric,
            RuleWord::Nelson => RunSet::Nelson,
        };
        if matches!(of, Watched::Tag(_)) {
            let name = set.rule();
            return Err(format!(
                "`{}` judges one value per part, and this monitor watches a tag\n  help: `ewma`, `cusum` and `variance` do",
                named(name)
            ));
        }
        if rules.runs.replace(set).is_some_and(|other| other != set) {
            return Err("one of `shewhart`, `western-electric` and `nelson` is enough".to_owned());
        }
    }
    Ok((!words.is_empty()).then_some(rules))
}

/// As in every answer.
fn completeness(missing: &[Missing]) -> serde_json::Value {
    match missing {
        [] => "complete".into(),
        missing => serde_json::json!({ "incomplete": missing }),
    }
}

fn said(gap: &Missing) -> String {
    let at = |time: Option<Utc>, none: &str| time.map_or(none.to_owned(), |time| time.to_string());
    format!("{} … {}: {}", at(gap.from, "the begin"), at(gap.to, "the end"), gap.why)
}

/// A word as plant files have it.
fn named(word: impl serde::Serialize) -> String {
    let word = serde_json::to_value(word).unwrap_or_default();
    word.as_str().unwrap_or_default().to_owned()
}

fn joined(rules: &[Rule]) -> String {
    rules.iter().map(named).collect::<Vec<_>>().join(", ")
}

const HEAD: [&str; 9] =
    ["RULES", "IN", "CATCH", "ALARMS", "PROMISED", "PER WEEK", "FIRST", "AHEAD", "SUSPECT"];

fn as_text(tuned: &Tuned) -> Result<(), Failure> {
    let unit = tuned.unit.as_ref().map(|unit| format!(" {unit}")).unwrap_or_default();
    let span = tuned.first.zip(tuned.last).map(|(first, last)| format!(", {first} … {last}"));
    let restarts = match tuned.restarts {
        0 => String::new(),
        n => format!(
            ", {} of the daemon",
            output::counted(usize::try_from(n).unwrap_or(0), "restarts")
        ),
    };
    output::line(format_args!(
        "{}.{}: {} good values, {} others{}{restarts}",
        tuned.station,
        tuned.monitor,
        tuned.values,
        tuned.no_values,
        span.unwrap_or_default()
    ))?;
    output::line("")?;
    output::line(output::table(&HEAD, tuned.rows.iter().map(|row| cells(row, &unit)).collect()))?;
    output::line("")?;
    let learned: Vec<Vec<String>> = tuned
        .rows
        .iter()
        .flat_map(|row| row.learned.iter().flat_map(|of| learnt(row, of, &unit)))
        .collect();
    if !learned.is_empty() {
        output::line(output::table(&LEARNED, learned))?;
        output::line("")?;
    }
    for row in &tuned.rows {
        for alarm in row.alarms.iter().take(SHOWN_MAX) {
            output::line(told(row, alarm, &unit))?;
        }
        if row.alarms.len() > SHOWN_MAX {
            let more = row.alarms.len() - SHOWN_MAX;
            output::line(format_args!("{}: and {more} more; --json has all", joined(&row.rules)))?;
        }
    }
    let why: std::collections::BTreeSet<&str> =
        tuned.rows.iter().filter_map(|row| row.not_learned.as_deref()).collect();
    for why in why {
        output::notice(&format!("nothing was judged: {why}"));
    }
    output::notice(
        "* as the plant has it; an alarm stands until maintenance was done, unless it is learned anew (--rearm)",
    );
    Ok(())
}

fn cells(row: &Row, unit: &str) -> Vec<String> {
    let mark = if row.in_force { " *" } else { "" };
    let first = row.alarms.first();
    let side = |alarm: &TrialAlarm| alarm.side.map(|side| format!(" {}", named(side)));
    let catch = row.catch.map_or("1 σ".to_owned(), |catch| rounded(catch) + unit);
    let catch = row.rules.contains(&Rule::Cusum).then_some(catch);
    vec![
        joined(&row.rules) + mark,
        format!("{} d", brief(row.interval_seconds / 86_400.0)),
        catch.unwrap_or_else(|| "–".to_owned()),
        row.alarms.len().to_string(),
        format!("{:.2} in {} values", row.promised, row.judged),
        row.alarms_per_week.map_or("–".to_owned(), |per| format!("{per:.2}")),
        first.map_or("–".to_owned(), |first| {
            first.time.to_string() + &side(first).unwrap_or_default()
        }),
        first.map_or("–".to_owned(), ahead),
        row.suspects.to_string(),
    ]
}

/// How long before worse an alarm came.
fn ahead(alarm: &TrialAlarm) -> String {
    if let Some(late) = alarm.late_seconds {
        return format!("{} after a limit", lasted(late));
    }
    alarm.ahead.map_or("–".to_owned(), |ahead| {
        let of = if ahead.of_limit { "a limit" } else { "a failed part" };
        format!("{} before {of}", lasted(ahead.seconds))
    })
}

const LEARNED: [&str; 8] = ["RULE", "OF", "SINCE", "NORMAL", "PHI", "N", "LIMIT", "FINDS"];

/// What each rule of a set can see by what was learned.
fn learnt(row: &Row, of: &Learned, unit: &str) -> Vec<Vec<String>> {
    let made: Vec<String> =
        [&of.product, &of.recipe].into_iter().flatten().map(ToString::to_string).collect();
    let made = if made.is_empty() { "–".to_owned() } else { made.join(" ") };
    let cells = |sight: &Sight| {
        let set =
            if row.rules.len() > 1 { format!(" (of {})", row.rules.len()) } else { String::new() };
        let finds: Vec<String> = sight.finds.iter().map(|found| finds(found, unit)).collect();
        vec![
            named(sight.rule) + &set + if row.in_force { " *" } else { "" },
            made.clone(),
            of.since.to_string(),
            format!("{} ± {}{unit}", rounded(of.baseline.centre_line), rounded(of.baseline.sigma)),
            format!("{:.2}", of.baseline.phi),
            of.baseline.n.to_string(),
            format!("{:.2} σ", sight.limit),
            finds.join(", "),
        ]
    };
    of.sees.iter().map(cells).collect()
}

/// `0.5 kN (1 σ) in 14`
fn finds(found: &Found, unit: &str) -> String {
    let values = found.values.map_or("no time".to_owned(), |values| format!("{values:.0}"));
    match found.change {
        Change::Level { change, sigmas } => {
            format!("{}{unit} ({} σ) in {values}", brief(change), brief(sigmas))
        }
        Change::Spread { spread } => format!("{} times the spread in {values}", brief(spread)),
    }
}

/// To three significant digits.
fn brief(number: f64) -> String {
    format!("{number:.2e}").parse::<f64>().map_or_else(|_| number.to_string(), |n| n.to_string())
}

/// An alarm on one line.
fn told(row: &Row, alarm: &TrialAlarm, unit: &str) -> String {
    let mut text = format!("{}: {}", joined(&row.rules), alarm.time);
    let side = match alarm.side {
        Some(Side::High) => " high",
        Some(Side::Low) => " low",
        None => "",
    };
    text += &format!(" {}{side}", named(alarm.rule));
    if let Some((statistic, limit)) = alarm.statistic.zip(alarm.limit) {
        text += &format!(" {} against {}{unit}", rounded(statistic), rounded(limit));
    }
    for of in [&alarm.product, &alarm.recipe].into_iter().flatten() {
        text += &format!(" of {of}");
    }
    if !alarm.joined.is_empty() {
        text += &format!(", then {}", joined(&alarm.joined));
    }
    if let Some(onset) = alarm.onset {
        text += &format!("; began about {}", words::time(&onset.estimate.to_string()));
    }
    let suspects = &alarm.suspects;
    let items = suspects.first.as_ref().zip(suspects.last.as_ref());
    let items = items.map(|(first, last)| format!(" ({first} … {last})")).unwrap_or_default();
    let count = output::counted(usize::try_from(suspects.count).unwrap_or(usize::MAX), "parts");
    text += &format!("; {count} suspect{items}, {} by then", suspects.by_then);
    let worse = ahead(alarm);
    if worse != "–" {
        text += &format!("; {worse}");
    }
    match alarm.until {
        Some(until) => text + &format!("; ended {until}"),
        None => text + "; stands",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::{Ahead, Suspects};
    use crate::model::{Baseline, Code, ItemKey, Onset};

    fn at(seconds: i64) -> Utc {
        Utc(seconds * 1_000_000_000)
    }

    fn alarm() -> TrialAlarm {
        let serial = |code: &str| Some(ItemKey::unit(Code::parse(code).unwrap()));
        TrialAlarm {
            time: at(7_200),
            rule: Rule::Ewma,
            joined: vec![Rule::Cusum],
            side: Some(Side::Low),
            statistic: Some(48.5),
            limit: Some(48.75),
            onset: Some(Onset { estimate: at(7_000), earliest: None, latest: at(7_100) }),
            product: None,
            recipe: None,
            baseline: 1,
            until: None,
            suspects: Suspects {
                from: at(6_900),
                count: 412,
                by_then: 7,
                first: serial("SN-100"),
                last: serial("SN-511"),
            },
            ahead: Some(Ahead { of_limit: false, seconds: 9_000.0 }),
            late_seconds: None,
        }
    }

    fn row() -> Row {
        let baseline = Baseline {
            centre_line: 50.0,
            sigma: 0.5,
            phi: 0.104,
            n: 50,
            version: 1,
            spread: None,
            group: None,
        };
        let level = |change: f64, values| Found {
            change: Change::Level { change, sigmas: change / 0.5 },
            values,
        };
        let finds = vec![level(0.25, None), level(0.5, Some(14.04))];
        let sees = vec![Sight { rule: Rule::Ewma, limit: 4.3211, finds }];
        let learned = Learned { product: None, recipe: None, since: at(60), baseline, sees };
        Row {
            rules: vec![Rule::Ewma, Rule::Cusum],
            interval_seconds: 30.0 * 86_400.0,
            catch: None,
            learn: 50,
            in_force: true,
            learned: vec![learned],
            not_learned: None,
            judged: 1_200,
            promised: 0.018,
            alarms: vec![alarm()],
            alarms_per_week: None,
            suspects: 412,
        }
    }

    #[test]
    fn a_set_of_rules_is_told_with_what_it_would_have_said_and_can_see() {
        let row = row();
        let lines = [
            cells(&row, " kN").join(" | "),
            learnt(&row, &row.learned[0], " kN")[0].join(" | "),
            told(&row, &row.alarms[0], " kN"),
            ahead(&TrialAlarm { late_seconds: Some(30.0), ..alarm() }),
            finds(&Found { change: Change::Spread { spread: 1.5 }, values: Some(31.0) }, " kN"),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        ewma, cusum * | 30 d | 1 σ | 1 | 0.02 in 1200 values | – | 1970-01-01T02:00:00.000Z low | 2.5 h before a failed part | 412
        ewma (of 2) * | – | 1970-01-01T00:01:00.000Z | 50 ± 0.5 kN | 0.10 | 50 | 4.32 σ | 0.25 kN (0.5 σ) in no time, 0.5 kN (1 σ) in 14
        ewma, cusum: 1970-01-01T02:00:00.000Z ewma low 48.5 against 48.75 kN, then cusum; began about 1970-01-01T01:56:40.000Z; 412 parts suspect (u/site/SN-100 … u/site/SN-511), 7 by then; 2.5 h before a failed part; stands
        30 s after a limit
        1.5 times the spread in 31
        ");
    }

    #[test]
    fn a_set_of_tests_is_for_values_of_parts_and_one_is_enough() {
        let tag = Watched::Tag(crate::model::plant::Word {
            tag: crate::model::plant::TagIndex(0),
            bit: None,
        });
        let handshake = crate::model::HandshakeId::parse("result").unwrap();
        let force = crate::model::TagName::parse("force").unwrap();
        let measured = Watched::Measurement(handshake, force);
        assert!(
            rules(&tag, &[RuleWord::Nelson])
                .unwrap_err()
                .contains("`nelson` judges one value per part")
        );
        let two = [RuleWord::Nelson, RuleWord::Shewhart];
        assert!(rules(&measured, &two).unwrap_err().contains("is enough"));
        let set = rules(&measured, &[RuleWord::Cusum, RuleWord::Nelson]).unwrap().unwrap();
        assert_eq!(set.iter().collect::<Vec<_>>(), [Rule::Cusum, Rule::Nelson]);
        assert_eq!(rules(&tag, &[]), Ok(None));
    }
}
