//! `plan`: all that is derived from plant files, before anybody connects.
mod forecast;

use super::exit::{Done, Exit, Failure};
use super::{Context, output, settings};
use crate::config;
use forecast::{Assumed, Exchange, Forecast, Line, Look, Planned};
use std::fmt::Write;
use std::path::PathBuf;

/// What will be read of each PLC and how often, with the load and the worst latency of answers.
///
/// The worst latency is from the PLC's request to our ack: seen at the next look, settled, read, made
/// durable, looked at again, answered; each request takes one round trip. The exit code is 1 if a
/// deadline cannot be met, or a line is asked for more than it can carry.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Plant files, or a folder of them; else the configured folder.
    files: Vec<PathBuf>,
    /// Assumed: a request and its answer, in milliseconds.
    #[arg(long, default_value_t = 20, value_name = "MS")]
    rtt_ms: u64,
    /// Assumed: a write to stable storage, in milliseconds.
    #[arg(long, default_value_t = 10, value_name = "MS")]
    sync_ms: u64,
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    let (files, site) = settings::plant_files(context, &args.files)?;
    let checked = config::plant::load(&files, &site)
        .map_err(|faults| Failure::new(Exit::Configuration, faults.to_string()))?;
    let assumed = Assumed { rtt_ms: args.rtt_ms, sync_ms: args.sync_ms };
    let devices = forecast::devices(&checked.plant, assumed);
    let lines = forecast::lines(&checked.plant, &devices);
    if context.json {
        let document =
            serde_json::json!({ "assumed": assumed, "devices": devices, "lines": lines });
        output::json(&document)?;
    } else {
        output::line(text(&devices, &lines, assumed).trim_end())?;
    }
    let late = devices.iter().flat_map(|d| &d.handshakes).any(|h| !h.in_time());
    let full = lines.iter().any(|line| line.load >= 1.0);
    Ok(if late || full { Exit::Negative } else { Exit::Ok })
}

fn text(devices: &[Forecast], lines: &[Line], assumed: Assumed) -> String {
    let mut text = String::new();
    let mut put = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    for device in devices {
        put(&format!("{}  {}  {}", device.device, device.protocol, device.url));
        if device.sessions > 1 {
            put(&format!(" ! {} sessions at this server, one of each device", device.sessions));
        }
        let rows = device.looks.iter().map(look_row).collect();
        let head = ["LANE", "EVERY", "WORDS", "FOR NOTHING", "HOW"];
        put(&output::table(&head, rows));
        put_planned(&mut put, device);
        for unreadable in device.looks.iter().flat_map(|look| &look.unreadable) {
            put(&format!(" × {unreadable}"));
        }
        if !device.handshakes.is_empty() {
            let rows = device.handshakes.iter().map(exchange_row).collect();
            let head = ["HANDSHAKE", "WORDS", "READS", "ANSWER", "WORST", "DEADLINE", ""];
            put(&output::table(&head, rows));
        }
        put("");
    }
    for Line { devices, requests_per_second, load } in lines {
        let much = if *load >= 1.0 { "  × more than it can carry" } else { "" };
        let percent = load * 100.0;
        put(&format!(
            "line of {}: {requests_per_second:.1} requests/s, {percent:.0} % busy{much}",
            devices.join(", ")
        ));
    }
    let Assumed { rtt_ms, sync_ms } = assumed;
    let _ = write!(
        text,
        "assumed: {rtt_ms} ms for a request and its answer, {sync_ms} ms for a sync of the disk"
    );
    text
}

fn put_planned(put: &mut impl FnMut(&str), device: &Forecast) {
    let Some(Planned { register_ms, reads_over, declared }) = device.planned else { return };
    let why = if declared {
        "as the plant file says".to_owned()
    } else {
        format!("each takes {register_ms:.2} ms")
    };
    put(&format!(" up to {reads_over} registers are read for nothing to save a request: {why}"));
}

fn look_row(look: &Look) -> Vec<String> {
    let Look { lane, every_ms, words, how, for_nothing, unreadable: _ } = look;
    vec![
        (*lane).to_owned(),
        millis(*every_ms),
        words.to_string(),
        for_nothing.to_string(),
        how.join(", "),
    ]
}

fn exchange_row(exchange: &Exchange) -> Vec<String> {
    let Exchange { handshake, words, reads, answer, deadline_ms, worst_ms } = exchange;
    let verdict = if exchange.in_time() { "✓" } else { "× too late" };
    vec![
        handshake.clone(),
        words.to_string(),
        reads.to_string(),
        answer.to_string(),
        millis(*worst_ms),
        millis(*deadline_ms),
        verdict.to_owned(),
    ]
}

fn millis(ms: f64) -> String {
    format!("{ms:.0} ms")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SiteId;

    fn plan_of(names: &[&str], rtt_ms: u64) -> String {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/plant.d");
        let mut files = config::read_dir(&folder).unwrap();
        files.retain(|(name, _)| names.contains(&name.as_str()));
        let checked = config::plant::load(&files, &SiteId::parse("site").unwrap()).unwrap();
        let assumed = Assumed { rtt_ms, sync_ms: 10 };
        let devices = forecast::devices(&checked.plant, assumed);
        let lines = forecast::lines(&checked.plant, &devices);
        text(&devices, &lines, assumed)
    }

    #[test]
    fn the_examples_are_planned_as_they_are_read() {
        insta::assert_snapshot!(plan_of(&["assembly.toml", "kettle.toml", "bottling.toml"], 20));
    }

    /// 100 ms to be seen, a read, a look, reply and ack, one more on the way: 6 round trips at most.
    #[test]
    fn a_deadline_that_a_slow_network_breaks_is_marked() {
        let late = |rtt_ms| {
            let text = plan_of(&["assembly.toml", "bottling.toml"], rtt_ms);
            (text.matches("× too late").count(), text.matches("× more than").count())
        };
        assert_eq!(late(20), (0, 0));
        assert_eq!(late(40), (1, 0), "OP10.admit has 300 ms");
        assert_eq!(late(200), (5, 1));
    }
}
