//! TEST40, on the PLC of the assembly: the leak test of parts and masters.
use super::day::Fate;
use super::line::{FAIL, PASS, REWORK, Shift, asm, chars};
use super::modbus_plc::{ModbusPlc, Registers, ReqAckHandshake};
use super::sim::Part;
use super::truth::{MasterTruth, Reached, VisitTruth};
use crate::model::Result;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// A leak that no part with a good seat has, in mL/min.
const LEAKY_ML_MIN: f32 = 1.6;
/// The masters: what they leak is known.
const MASTERS: [(&str, f32, Result); 2] =
    [("MSTR-TIGHT", 0.21, Result::Pass), ("MSTR-LEAK", 2.5, Result::Fail)];

/// The test bench.
struct Bench {
    leak: ReqAckHandshake,
    shift: Shift,
}

impl Bench {
    async fn report(&mut self, serial: &str, rate: f32, result: Result) {
        let code = match result {
            Result::Pass => PASS,
            Result::Rework => REWORK,
            Result::Fail | Result::Scrap => FAIL,
        };
        let words = [
            (asm::LEAK_SERIAL, chars(serial, 8)),
            (asm::LEAK_RATE, Registers::F32(rate)),
            (asm::LEAK_RESULT, Registers::U16(code.unsigned_abs())),
        ];
        self.leak.request(&words).await;
    }

    async fn test(&mut self, part: &Part, rate: f32, result: Result) {
        self.report(part.unit.code.as_str(), rate, result).await;
        let value = f64::from(rate);
        let visit = VisitTruth { station: "TEST40", result: Some(result), value };
        self.shift.recorder.visit(part, visit);
    }

    async fn masters(&mut self) {
        for (serial, rate, result) in MASTERS {
            self.report(serial, rate, result).await;
            self.shift.recorder.master(MasterTruth { serial, result });
        }
    }

    /// A part on its first visit; false if it has to go back to the assembly.
    async fn first_visit(&mut self, part: &Part) -> bool {
        let fate = self.shift.fate(part);
        if matches!(fate, Fate::Retest | Fate::Rework) {
            self.test(part, LEAKY_ML_MIN, Result::Fail).await;
        }
        if fate == Fate::Rework {
            self.test(part, LEAKY_ML_MIN, Result::Rework).await;
        }
        fate != Fate::Rework
    }
}

/// Tests what comes from the assembly, for the first time or after rework. What fails for good leaves the
/// line here.
pub(super) async fn test(
    plc: ModbusPlc,
    shift: Shift,
    mut parts: mpsc::Receiver<(Part, bool)>,
    rework: mpsc::Sender<Part>,
    out: mpsc::Sender<Part>,
) {
    let leak = ReqAckHandshake::new(&plc, (asm::FLAGS, 3), asm::LEAK_NO, asm::LEAK_ACK);
    let mut bench = Bench { leak, shift: shift.clone() };
    while let Some((part, reworked)) = parts.recv().await {
        sleep(shift.cycle * 3 / 10).await;
        if !reworked && shift.day.is_some_and(|day| day.masters_due(&part)) {
            bench.masters().await;
        }
        if !reworked && !bench.first_visit(&part).await {
            // The assembly makes room for it before it takes another part.
            if rework.send(part).await.is_err() {
                return;
            }
            continue;
        }
        let result = if part.is_tight() { Result::Pass } else { Result::Fail };
        bench.test(&part, part.leak_ml_min, result).await;
        shift.recorder.reached(&part, Reached::Tested);
        if !part.is_tight() {
            shift.recorder.left();
        } else if out.send(part).await.is_err() {
            return;
        }
    }
}
