//! The programs of the machines: each takes parts from the one before it, does its work, tells its
//! host, and hands the part on. A machine whose host does not answer stands, and the line behind it.
use super::day::{Day, Fate};
use super::modbus_plc::{ModbusPlc, Registers, ReqAckHandshake};
use super::nodes::{Word, host, plc};
use super::opcua_plc::{CounterHandshake, Identity, UaPlc};
use super::sim::{BOX_SIZE, MotorTemperature, Part, Simulation, code};
use super::truth::{Reached, Recorder, VisitTruth};
use crate::model::{ItemClass, ItemKey, Result, Scope};
use ::opcua::types::Variant;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// Parts between two machines; a full belt stops the machine before it.
pub(super) const BELT: usize = 8;
/// How often a PLC moves its heartbeat and looks at its slow tags.
const LIFE_INTERVAL: Duration = Duration::from_millis(500);
/// How often the press asks again when the host cannot say whether it may.
const ASKED_MAX: u32 = 3;
/// Codes of the permit, as in the plant file.
const PERMIT_OK: i16 = 1;
const PERMIT_NOK: i16 = 2;
const PERMIT_UNKNOWN: i16 = 9;
/// Codes of a result, as in the plant files.
pub(super) const PASS: i16 = 1;
pub(super) const FAIL: i16 = 2;
pub(super) const REWORK: i16 = 3;
/// Who lets a part run that nobody knows, and why.
const FOREMAN: (&str, &str) = ("B-900", "cast at the other site, papers seen");
/// What the scanner says where it cannot read a code.
const UNREAD: &str = "NOREAD";

/// What every machine knows.
#[derive(Clone)]
pub(super) struct Shift {
    /// Time from part to part.
    pub(super) cycle: Duration,
    /// Where it writes what it did.
    pub(super) recorder: Recorder,
    /// What happens beside good parts.
    pub(super) day: Option<Day>,
}

impl Shift {
    /// What happens to a part.
    pub(super) fn fate(&self, part: &Part) -> Fate {
        self.day.map_or(Fate::Plain, |day| day.fate(part))
    }
}

pub(super) const CAST: Identity<'static> =
    Identity { name: "cast-01", namespace: "urn:demo:cast", top: "Cast" };
pub(super) const PRESS: Identity<'static> =
    Identity { name: "press-01", namespace: "urn:demo:press", top: "Press" };

/// The words of cast-01.
pub(super) fn cast_words(boot: u32) -> Vec<Word> {
    vec![
        plc("Cast.BootId", boot),
        plc("Cast.Life", 0_u32),
        plc("Cast.Furnace.LotId", ""),
        plc("Cast.Furnace.Alloy", ""),
        plc("Cast.Part.Serial", ""),
        plc("Cast.Part.Badge", ""),
        plc("Cast.Part.MeltTemp", 0.0_f64),
        plc("Cast.Part.Count", 0_u32),
        host("Cast.Part.Ack", 0_u32),
    ]
}

/// The words of press-01.
pub(super) fn press_words(boot: u32) -> Vec<Word> {
    vec![
        plc("Press.BootId", boot),
        plc("Press.Life", 0_u32),
        plc("Press.Badge", ""),
        plc("Press.Motor.Temp", 48.0_f64),
        plc("Press.Tool.PunchId", ""),
        plc("Press.Tool.Strokes", 0_u32),
        plc("Press.Admit.Serial", ""),
        plc("Press.Admit.Foreman", ""),
        plc("Press.Admit.Why", ""),
        plc("Press.Admit.ReqId", 0_u32),
        host("Press.Admit.AckId", 0_u32),
        host("Press.Admit.Permit", 0_i16),
        host("Press.Admit.Reason", ""),
        plc("Press.Result.Serial", ""),
        plc("Press.Result.Force", 0.0_f64),
        plc("Press.Result.Stroke", 0.0_f64),
        plc("Press.Result.Result", 0_i16),
        plc("Press.Result.Count", 0_u32),
        host("Press.Result.Ack", 0_u32),
    ]
}

fn text(text: &str) -> Variant {
    Variant::from(text)
}

fn item(key: &ItemKey) -> Variant {
    text(key.code.as_str())
}

/// CAST10: pours a part every cycle. A new melt is charged while the furnace is empty.
pub(super) async fn cast(
    plc: UaPlc,
    shift: Shift,
    parts: impl Iterator<Item = Part> + Send,
    out: mpsc::Sender<Part>,
) {
    let mut poured = CounterHandshake::new(&plc, "Cast.Part.Count", "Cast.Part.Ack");
    let mut tick = interval(shift.cycle.max(Duration::from_micros(1)));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut furnace: Option<ItemKey> = None;
    for part in parts {
        tick.tick().await;
        if furnace.as_ref() != Some(&part.melt) {
            plc.put(&[("Cast.Furnace.LotId", text(""))]);
            sleep(shift.cycle * 3 / 10).await;
            plc.put(&[
                ("Cast.Furnace.Alloy", text(part.alloy)),
                ("Cast.Furnace.LotId", item(&part.melt)),
            ]);
            furnace = Some(part.melt.clone());
        }
        sleep(shift.cycle * 3 / 10).await;
        let fate = shift.fate(&part);
        // One from elsewhere comes onto the belt without anything being poured.
        if fate != Fate::Stranger {
            poured
                .request(&[
                    ("Cast.Part.Serial", item(&part.unit)),
                    ("Cast.Part.Badge", text(part.badge)),
                    ("Cast.Part.MeltTemp", part.melt_celsius.into()),
                ])
                .await;
        }
        shift.recorder.cast(&part, fate);
        if out.send(part).await.is_err() {
            return;
        }
    }
}

/// PRESS20: asks for each part whether it may be pressed, presses it, and reports force and stroke.
pub(super) async fn press(
    plc: UaPlc,
    shift: Shift,
    mut parts: mpsc::Receiver<Part>,
    out: mpsc::Sender<Part>,
) {
    let mut admit = CounterHandshake::new(&plc, "Press.Admit.ReqId", "Press.Admit.AckId");
    let mut result = CounterHandshake::new(&plc, "Press.Result.Count", "Press.Result.Ack");
    let mut punch: Option<ItemKey> = None;
    while let Some(part) = parts.recv().await {
        if shift.day.is_some_and(|day| day.plan.download_after == part.index) {
            download(&plc);
            admit = CounterHandshake::new(&plc, "Press.Admit.ReqId", "Press.Admit.AckId");
            result = CounterHandshake::new(&plc, "Press.Result.Count", "Press.Result.Ack");
        }
        if punch.as_ref() != Some(&part.punch) {
            plc.put(&[("Press.Tool.PunchId", text(""))]);
            sleep(shift.cycle * 3 / 10).await;
            plc.put(&[("Press.Tool.PunchId", item(&part.punch))]);
            punch = Some(part.punch.clone());
        }
        plc.put(&[("Press.Badge", text(part.badge))]);
        let mut permit = ask(&plc, &mut admit, &part, shift.cycle).await;
        let fate = shift.fate(&part);
        if fate == Fate::Stranger && permit == PERMIT_NOK {
            let (badge, why) = FOREMAN;
            plc.put(&[("Press.Admit.Foreman", text(badge)), ("Press.Admit.Why", text(why))]);
            permit = ask(&plc, &mut admit, &part, shift.cycle).await;
            plc.put(&[("Press.Admit.Foreman", text("")), ("Press.Admit.Why", text(""))]);
        }
        if permit != PERMIT_OK {
            shift.recorder.refused(&part, i64::from(permit));
            continue;
        }
        sleep(shift.cycle * 3 / 10).await;
        let read = if fate == Fate::Unread { text(UNREAD) } else { item(&part.unit) };
        let at = result
            .request(&[
                ("Press.Tool.Strokes", part.strokes.into()),
                ("Press.Result.Serial", read),
                ("Press.Result.Force", part.force_kn.into()),
                ("Press.Result.Stroke", part.stroke_mm.into()),
                ("Press.Result.Result", PASS.into()),
            ])
            .await;
        shift.recorder.pressed(&part, at);
        if out.send(part).await.is_err() {
            return;
        }
    }
}

/// Another program: its data blocks begin anew, and with them every count.
fn download(plc: &UaPlc) {
    let boot = if let Variant::UInt32(boot) = plc.get("Press.BootId") { boot } else { 0 };
    let boot = boot.wrapping_add(1);
    plc.put(&[
        ("Press.BootId", boot.into()),
        ("Press.Admit.Serial", text("")),
        ("Press.Admit.ReqId", 0_u32.into()),
        ("Press.Admit.AckId", 0_u32.into()),
        ("Press.Result.Serial", text("")),
        ("Press.Result.Count", 0_u32.into()),
        ("Press.Result.Ack", 0_u32.into()),
    ]);
}

/// The permit for a part; where the host cannot say, the operator presses the button again.
async fn ask(plc: &UaPlc, admit: &mut CounterHandshake, part: &Part, cycle: Duration) -> i16 {
    let mut permit = PERMIT_UNKNOWN;
    for _ in 0..ASKED_MAX {
        admit.request(&[("Press.Admit.Serial", item(&part.unit))]).await;
        if let Variant::Int16(code) = plc.get("Press.Admit.Permit") {
            permit = code;
        }
        if permit != PERMIT_UNKNOWN {
            break;
        }
        sleep(cycle / 2).await;
    }
    permit
}

/// Registers, bits and coils of asm-01, as in the plant file.
pub(super) mod asm {
    pub(in crate::demo) const LIFE: u16 = 0;
    pub(in crate::demo) const BOOT: u16 = 1;
    pub(in crate::demo) const FLAGS: u16 = 2;
    pub(in crate::demo) const FIT_NO: u16 = 10;
    pub(in crate::demo) const GREASE_NO: u16 = 11;
    pub(in crate::demo) const DONE_NO: u16 = 12;
    pub(in crate::demo) const LEAK_NO: u16 = 13;
    pub(in crate::demo) const SERIAL: u16 = 20;
    pub(in crate::demo) const BEARING: u16 = 28;
    pub(in crate::demo) const GREASE_LOT: u16 = 36;
    pub(in crate::demo) const GREASE_MAKER: u16 = 44;
    pub(in crate::demo) const GREASE_MG: u16 = 52;
    pub(in crate::demo) const TORQUE: u16 = 54;
    pub(in crate::demo) const RESULT: u16 = 56;
    pub(in crate::demo) const BADGE: u16 = 57;
    pub(in crate::demo) const LEAK_SERIAL: u16 = 70;
    pub(in crate::demo) const LEAK_RATE: u16 = 78;
    pub(in crate::demo) const LEAK_RESULT: u16 = 80;
    pub(in crate::demo) const FIT_ACK: u16 = 16;
    pub(in crate::demo) const GREASE_ACK: u16 = 17;
    pub(in crate::demo) const DONE_ACK: u16 = 18;
    pub(in crate::demo) const LEAK_ACK: u16 = 19;
    pub(in crate::demo) const CABINET_TEMP: u16 = 10;
}

/// Registers, bits and coils of pack-01, as in the plant file.
mod pack {
    pub(super) const LIFE: u16 = 0;
    pub(super) const BOOT: u16 = 1;
    pub(super) const FLAGS: u16 = 2;
    pub(super) const PACK_NO: u16 = 10;
    pub(super) const SERIAL: u16 = 20;
    pub(super) const BOX: u16 = 28;
    pub(super) const PACK_ACK: u16 = 16;
}

pub(super) fn chars(text: &str, registers: u16) -> Registers<'_> {
    Registers::Text(text, registers)
}

/// ASM30: a bearing is fitted, greased, and the cover tightened; what comes back is only tightened anew.
pub(super) async fn assemble(
    plc: ModbusPlc,
    shift: Shift,
    mut parts: mpsc::Receiver<Part>,
    mut rework: mpsc::Receiver<Part>,
    out: mpsc::Sender<(Part, bool)>,
) {
    let mut fit = ReqAckHandshake::new(&plc, (asm::FLAGS, 0), asm::FIT_NO, asm::FIT_ACK);
    let mut grease = ReqAckHandshake::new(&plc, (asm::FLAGS, 1), asm::GREASE_NO, asm::GREASE_ACK);
    let mut done = ReqAckHandshake::new(&plc, (asm::FLAGS, 2), asm::DONE_NO, asm::DONE_ACK);
    loop {
        // Cancel-safe: each branch only receives.
        let (part, reworked) = tokio::select! {
            biased;
            Some(part) = rework.recv() => (part, true),
            Some(part) = parts.recv() => (part, false),
            else => return,
        };
        let serial = || (asm::SERIAL, chars(part.unit.code.as_str(), 8));
        if reworked {
            tighten(&mut done, &shift, &part).await;
            if out.send((part, true)).await.is_err() {
                return;
            }
            continue;
        }
        fit.request(&[
            serial(),
            (asm::BEARING, chars(part.bearing.code.as_str(), 8)),
            (asm::BADGE, chars(part.badge, 4)),
        ])
        .await;
        grease
            .request(&[
                serial(),
                (asm::GREASE_LOT, chars(part.grease.code.as_str(), 8)),
                (asm::GREASE_MAKER, chars(part.grease_supplier, 8)),
                (asm::GREASE_MG, Registers::U32(part.grease_mg)),
            ])
            .await;
        sleep(shift.cycle / 10).await;
        tighten(&mut done, &shift, &part).await;
        shift.recorder.reached(&part, Reached::Assembled);
        if out.send((part, false)).await.is_err() {
            return;
        }
    }
}

async fn tighten(done: &mut ReqAckHandshake, shift: &Shift, part: &Part) {
    done.request(&[
        (asm::SERIAL, chars(part.unit.code.as_str(), 8)),
        (asm::TORQUE, Registers::F32(part.torque_nm)),
        (asm::RESULT, Registers::U16(PASS.unsigned_abs())),
        (asm::BADGE, chars(part.badge, 4)),
    ])
    .await;
    let value = f64::from(part.torque_nm);
    let visit = VisitTruth { station: "ASM30", result: Some(Result::Pass), value };
    shift.recorder.visit(part, visit);
}

/// PACK50: ten units into a box.
pub(super) async fn pack(plc: ModbusPlc, shift: Shift, mut parts: mpsc::Receiver<Part>) {
    let mut packed = ReqAckHandshake::new(&plc, (pack::FLAGS, 0), pack::PACK_NO, pack::PACK_ACK);
    let mut count: u64 = 0;
    while let Some(part) = parts.recv().await {
        let number = format!("BOX-{:05}", count / BOX_SIZE + 1);
        packed
            .request(&[
                (pack::SERIAL, chars(part.unit.code.as_str(), 8)),
                (pack::BOX, chars(&number, 8)),
            ])
            .await;
        count += 1;
        let container =
            ItemKey { class: ItemClass::Container, scope: Scope::Site, code: code(&number) };
        shift.recorder.packed(&part, container);
    }
}

/// The heartbeat of an OPC UA PLC and, where it has one, its motor.
pub(super) async fn ua_life(plc: UaPlc, word: &'static str, motor: Option<MotorTemperature>) {
    let mut motor = motor.into_iter().flatten();
    let mut tick = interval(LIFE_INTERVAL);
    let mut life: u32 = 0;
    loop {
        tick.tick().await;
        life = life.wrapping_add(1);
        plc.put(&[(word, life.into())]);
        if let Some(celsius) = motor.next() {
            plc.put(&[("Press.Motor.Temp", celsius.into())]);
        }
    }
}

/// The heartbeat of asm-01 and the temperature of its cabinet.
pub(super) async fn asm_life(plc: ModbusPlc, boot: u16) {
    plc.put_input(asm::CABINET_TEMP, 287);
    modbus_life(plc, asm::LIFE, asm::BOOT, boot).await;
}

/// The heartbeat of pack-01.
pub(super) async fn pack_life(plc: ModbusPlc, boot: u16) {
    modbus_life(plc, pack::LIFE, pack::BOOT, boot).await;
}

async fn modbus_life(plc: ModbusPlc, life_at: u16, boot_at: u16, boot: u16) {
    plc.put(&[(boot_at, Registers::U16(boot))]);
    let mut tick = interval(LIFE_INTERVAL);
    let mut life: u16 = 0;
    loop {
        tick.tick().await;
        life = life.wrapping_add(1);
        plc.put(&[(life_at, Registers::U16(life))]);
    }
}

/// The parts of a demo: so many, or without end.
pub(super) fn parts(
    simulation: Simulation,
    parts_max: Option<u64>,
) -> impl Iterator<Item = Part> + Send {
    let limit = parts_max.unwrap_or(u64::MAX);
    simulation.take_while(move |part| part.index < limit)
}
