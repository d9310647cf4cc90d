//! What the daemon says of itself while a handshake is drilled: whether it observes the stand-in, what it
//! recorded, and why not.
use super::super::exit::{Exit, Failure};
use super::super::{Context, client, output};
use crate::model::{DeviceId, Monotonic, TagName};
use crate::telemetry::Now;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// Lines kept until they are looked at; more are dropped, and an answer goes unexplained.
const LINES_MAX: usize = 100_000;
/// The daemon tries a device again at least this often.
const OBSERVED_WITHIN: Duration = Duration::from_mins(2);
/// Between two looks at the state of the device.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How long a trigger is waited for that is never told of.
const TOLD_WITHIN: Duration = Duration::from_secs(3);
/// A record is told of so soon after its answer.
const RECORDED_WITHIN: Duration = Duration::from_secs(2);

/// The live stream of the daemon.
pub(super) struct Watch {
    lines: Receiver<Value>,
}

/// What was told of a request.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Told {
    /// The event, or what was set aside.
    pub(super) event: Option<Value>,
    /// Why something did not fire.
    pub(super) notices: Vec<String>,
}

impl Watch {
    pub(super) fn begin(context: &Context) -> Result<Self, Failure> {
        let stream = client::stream(context, "/api/v1/tap")?;
        let (tell, lines) = sync_channel(LINES_MAX);
        std::thread::spawn(move || {
            for line in stream.map_while(Result::ok) {
                let Ok(line) = serde_json::from_str(&line) else { continue };
                // The other end is gone when the drill is over.
                if let Err(std::sync::mpsc::TrySendError::Disconnected(_)) = tell.try_send(line) {
                    return;
                }
            }
        });
        Ok(Self { lines })
    }

    /// Waits until the daemon observes the device and has seen the words that ask for something: a
    /// request that stands there at first contact is one that was dealt with before.
    pub(super) fn observed(
        &self,
        context: &Context,
        device: &DeviceId,
        triggers: &BTreeSet<TagName>,
        now: &Now,
    ) -> Result<(), Failure> {
        let began = now().monotonic;
        let (mut live_since, mut unseen, mut told) = (None, triggers.clone(), None);
        loop {
            let waited = since(now().monotonic, began);
            while let Ok(line) = self.lines.recv_timeout(LOOK_AGAIN) {
                let of = |key: &str| line.pointer(&format!("/sample/{key}"))?.as_str();
                if of("device") == Some(device.as_str()) {
                    unseen.retain(|tag| of("tag") != Some(tag.as_str()));
                }
            }
            let state = state(context, device)?;
            let live = state.get("stage").and_then(Value::as_str) == Some("live");
            if live {
                let since = *live_since.get_or_insert(waited);
                if unseen.is_empty() || waited.saturating_sub(since) > TOLD_WITHIN {
                    return Ok(());
                }
            }
            let fault = state.get("last_fault").and_then(Value::as_str).map(str::to_owned);
            if !live && fault.is_some() && fault != told {
                output::notice(&format!("the daemon: {}", fault.as_deref().unwrap_or_default()));
                told = fault;
            }
            if waited > OBSERVED_WITHIN {
                let text =
                    format!("the daemon does not observe `{device}` within {OBSERVED_WITHIN:?}");
                return Err(Failure::new(Exit::Unreachable, text));
            }
        }
    }

    /// What was told of a request: waits for its event, or for as long as one takes.
    pub(super) fn told(&self, station: &str, handshake: &str, verb: &str, now: &Now) -> Told {
        let began = now().monotonic;
        let about = format!("{station}.{handshake}");
        let mut told = Told::default();
        loop {
            let left = RECORDED_WITHIN.saturating_sub(since(now().monotonic, began));
            let Ok(line) = self.lines.recv_timeout(left) else { return told };
            let of = |at: &str| line.pointer(at).and_then(Value::as_str);
            if of("/notice/about") == Some(&about) {
                told.notices.extend(of("/notice/text").map(str::to_owned));
            }
            let kind = of("/event/kind");
            let ours = of("/event/station") == Some(station);
            if ours && (kind == Some(verb) || kind == Some("quarantine")) {
                told.event = line.get("event").cloned();
                return told;
            }
        }
    }

    /// Forgets what was told until now.
    pub(super) fn forget(&self) {
        while self.lines.try_recv().is_ok() {}
    }
}

/// The time between two moments.
pub(super) fn since(at: Monotonic, earlier: Monotonic) -> Duration {
    Duration::from_nanos(at.0.saturating_sub(earlier.0))
}

fn state(context: &Context, device: &DeviceId) -> Result<Value, Failure> {
    let answer = client::get(context, "/api/v1/devices", &[])?;
    let listed = answer.get("body").unwrap_or(&answer);
    let mut listed = listed.as_array().into_iter().flatten();
    let found = listed.find(|row| row.get("id").and_then(Value::as_str) == Some(device.as_str()));
    found.cloned().ok_or_else(|| {
        let text =
            format!("the daemon has no device `{device}`: does it run with this plant file?");
        Failure::new(Exit::NotFound, text)
    })
}
