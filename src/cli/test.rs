//! `test`: the `[[test]]` blocks of plant files, played against the engine. No PLC, no daemon.
use super::exit::{Done, Exit, Failure};
use super::{Context, output, settings};
use crate::bench::{self, Case, Outcome, Row};
use crate::config;
use std::path::PathBuf;

/// Play the tests of plant files against the engine; needs no PLC and no daemon.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Plant files, or a folder of them; else the configured folder.
    files: Vec<PathBuf>,
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    let (files, site) = settings::plant_files(context, &args.files)?;
    let checked = match config::plant::load(&files, &site) {
        Ok(checked) => checked,
        Err(faults) if context.json => {
            output::json(&serde_json::json!({ "faults": faults }))?;
            return Ok(Exit::Configuration);
        }
        Err(faults) => return Err(Failure::new(Exit::Configuration, faults.to_string())),
    };
    let played: Vec<(&Case, Outcome)> =
        checked.tests.iter().map(|case| (case, bench::play(&checked.plant, case))).collect();
    let failed = played.iter().filter(|(_, outcome)| !outcome.passed()).count();
    if context.json {
        let tests: Vec<_> = played.iter().map(|(case, outcome)| as_json(case, outcome)).collect();
        output::json(&serde_json::json!({ "tests": tests, "failed": failed }))?;
    } else {
        for (case, outcome) in &played {
            output::line(report(case, outcome))?;
        }
        if played.is_empty() {
            output::notice("there is no `[[test]]` in these files");
        } else {
            let tests = output::counted(played.len(), "tests");
            output::line(format_args!("{tests}, {failed} failed"))?;
        }
    }
    Ok(if failed == 0 { Exit::Ok } else { Exit::Negative })
}

/// One line for a test that passed; what was expected beside what happened for one that did not.
fn report(case: &Case, outcome: &Outcome) -> String {
    let Case { file, line, name, .. } = case;
    if outcome.passed() {
        return format!(" ✓ {name}");
    }
    let rows = outcome.rows.iter().map(|Row { line, expected, happened, right }| {
        let or_nothing =
            |side: &str| if side.is_empty() { "–".to_owned() } else { side.to_owned() };
        vec![
            if *right { "✓" } else { "×" }.to_owned(),
            line.map(|line| line.to_string()).unwrap_or_default(),
            or_nothing(expected),
            or_nothing(happened),
        ]
    });
    let mut text = format!(" × {name}\n   {file}:{line}\n");
    text.push_str(&output::table(&["", "LINE", "EXPECTED", "HAPPENED"], rows.collect()));
    for notice in &outcome.notices {
        text.push_str(&format!("\n   – {}: {}", notice.about, notice.text));
    }
    text
}

fn as_json(case: &Case, outcome: &Outcome) -> serde_json::Value {
    let rows = outcome.rows.iter().map(|Row { line, expected, happened, right }| {
        serde_json::json!({
            "line": line, "expected": expected, "happened": happened, "right": right,
        })
    });
    let notices = outcome.notices.iter().map(|n| format!("{}: {}", n.about, n.text));
    serde_json::json!({
        "file": case.file,
        "line": case.line,
        "name": case.name,
        "passed": outcome.passed(),
        "rows": rows.collect::<Vec<_>>(),
        "notices": notices.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SiteId;

    const PLANT: &str = r#"schema = 1
[device.press]
url       = "opc.tcp://10.0.0.5:4840"
namespace = "urn:press"
heartbeat = { plc = "Life" }
[station.PRESS]
device = "press"
[station.PRESS.handshake.admit]
event   = "arrive"
serial  = "Serial"
trigger = "Count"
ack     = "Ack"
check   = ["known"]
reply   = { Permit = "$permit" }
permit  = { ok = 1, nok = 2 }

[[test]]
name   = "a unit comes in"
given  = [{ Serial = "SN-1", Count = 1 }, { Serial = "SN-2", Count = 2 }, { Count = "$bad" }]
expect = [
  { event = "arrive", serial = "SN-1", permit = "ok" },
  { Permit = 1, Ack = 1 },
  { event = "complete", serial = "SN-1" },
]
"#;

    #[test]
    fn a_test_that_fails_shows_what_was_expected_beside_what_happened() {
        let files = [("press.toml".to_owned(), PLANT.to_owned())];
        let checked = config::plant::load(&files, &SiteId::parse("site").unwrap()).unwrap();
        let case = &checked.tests[0];
        insta::assert_snapshot!(report(case, &bench::play(&checked.plant, case)), @r#"
         × a unit comes in
           press.toml:17
            LINE  EXPECTED                                              HAPPENED
         ×  21    { event = "arrive", serial = "SN-1", permit = "ok" }  { event = "arrive", serial = "SN-1", permit = "nok", reason = "known" }
         ×  22    { Permit = 1, Ack = 1 }                               { Permit = 2, Ack = 1 }
         ×  23    { event = "complete", serial = "SN-1" }               –
         ×        –                                                     { event = "arrive", serial = "SN-2", permit = "nok", reason = "known" }
         ×        –                                                     { event = "gap", cause = "bad-quality" }
           – PRESS.admit: did not fire because 0 stood there at first contact: another asks
           – PRESS.admit: did not fire because 0 is acknowledged already: another asks, as read
           – PRESS.admit: did not fire because the trigger is BadDeviceFailure
        "#);
    }
}
