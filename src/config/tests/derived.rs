//! What is derived from a plant that is right.
use super::{GOOD, check, good, root};
use crate::config::plant::Checked;
use crate::model::plant::{
    Area, BaselinePer, CodeFrom, Counter, DriftRules, Host, Limits, Protocol, RateLimit, RunSet,
    ScopeFrom, Settle, StringOrder, Tag, TagIndex, TagSource, Test, Transport, Trust, Watched,
    Word, WordOrder,
};
use crate::model::{Scope, ScopeName, Value};
use std::time::Duration;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn tag<'a>(checked: &'a Checked, name: &str) -> (TagIndex, &'a Tag) {
    checked.plant.tags().find(|(_, tag)| tag.name.as_str() == name).unwrap()
}

fn good_with(from: &str, to: &str) -> String {
    assert_eq!(GOOD.matches(from).count(), 1, "`{from}` must stand once in the good file");
    GOOD.replace(from, to)
}

fn names(checked: &Checked, tags: &[TagIndex]) -> Vec<String> {
    tags.iter().map(|tag| checked.plant.tag(*tag).name.to_string()).collect()
}

#[test]
fn a_plant_that_is_right_has_no_warnings() {
    assert!(good().warnings.is_empty());
}

#[test]
fn devices_speak_what_their_url_says() {
    let plant = good().plant;
    let Protocol::OpcUa(op10) = &plant.devices[0].protocol else { panic!("not OPC UA") };
    let Trust::Thumbprint(print) = op10.trust else { panic!("not a thumbprint") };
    assert_eq!((print[0], print[31]), (0x9c, 0xff));
    let Protocol::Modbus(kettle) = &plant.devices[1].protocol else { panic!("not Modbus") };
    let host = Host { name: "kettle.example".to_owned(), port: 502 };
    assert_eq!((&kettle.transport, kettle.unit), (&Transport::Tcp(host), 3));
    assert_eq!((kettle.limits.words, kettle.limits.bits), (60, 1000));
    assert_eq!(kettle.limits.holes, [(Area::Holding, 130, 139)]);
}

#[test]
fn handshake_words_are_looked_at_thrice_before_their_deadline() {
    let plant = good().plant;
    assert_eq!((plant.devices[0].publish, plant.devices[0].publish_fast), (ms(500), ms(100)));
    assert_eq!(
        (plant.devices[1].publish, plant.devices[1].publish_fast.as_millis()),
        (ms(5000), 333)
    );
}

#[test]
fn words_are_watched_and_written_as_they_are_named() {
    let checked = good();
    let flags = |name| {
        let (_, tag) = tag(&checked, name);
        (tag.fast, tag.watched, tag.every_change, tag.writable)
    };
    assert_eq!(flags("In.ReqId"), (true, true, false, false), "trigger");
    assert_eq!(flags("In.AckId"), (true, true, false, true), "ack");
    assert_eq!(flags("In.Permit"), (false, false, false, true), "reply");
    assert_eq!(flags("HostLife"), (false, false, false, true), "host heartbeat");
    assert_eq!(flags("Life"), (false, true, false, false), "heartbeat");
    assert_eq!(flags("BootId"), (false, true, false, false), "restart");
    assert_eq!(flags("IfVersion"), (false, true, false, false), "interface");
    assert_eq!(flags("In.Serial"), (false, false, false, false), "snapshot only");
    assert_eq!(flags("Mode"), (false, false, false, false), "purpose, snapshot only");
    assert_eq!(flags("Coil.LotId"), (false, true, true, false), "mount");
    assert_eq!(flags("step"), (false, true, true, false), "phase");
    assert_eq!(flags("Ax1.Noise"), (false, true, false, false), "monitor");
    assert_eq!(flags("flags"), (true, true, true, false), "trigger, phase and evidence in one");
}

#[test]
fn the_snapshot_is_what_the_event_uses_in_a_fixed_order() {
    let checked = good();
    let plant = &checked.plant;
    let snapshot = |station: usize, handshake: usize| {
        names(&checked, &plant.stations[station].handshakes[handshake].snapshot)
    };
    let around = ["Mode", "Manual", "Coil.LotId", "Coil.Material"];
    assert_eq!(snapshot(0, 0), [&["In.Serial", "In.Type"][..], &around].concat());
    let result = ["Res.Serial", "Badge", "Res.Result", "Res.Torque", "Res.Angle"];
    assert_eq!(snapshot(0, 1), [&result[..], &around].concat());
    assert_eq!(snapshot(1, 0), ["in_no", "batch", "in_lot", "maker", "in_kg"]);
    assert_eq!(snapshot(1, 1), ["done_no", "batch", "outcome"]);
}

#[test]
fn a_node_is_one_tag_under_whatever_name() {
    let checked = good();
    let identifiers: Vec<_> = checked
        .plant
        .tags
        .iter()
        .filter_map(|tag| match &tag.source {
            TagSource::Node(node) => Some(node.identifier.as_str()),
            TagSource::Register(_) | TagSource::Field(_) => None,
        })
        .collect();
    let mut once = identifiers.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), identifiers.len());
    assert!(identifiers.contains(&"s=Trace.In.ReqId"));
    assert!(identifiers.contains(&"i=1001"));
    assert!(identifiers.contains(&"s=Trace.Res.Ack"));
}

#[test]
fn a_node_may_be_named_by_its_identifier_and_its_words_behind_it() {
    let text = super::GOOD.replace("node     = \"Coil\"", "node = \"i=77\"");
    let site = crate::model::SiteId::parse("site").unwrap();
    let checked = crate::config::plant::load(&[("good.toml".to_owned(), text)], &site).unwrap();
    let TagSource::Node(node) = &tag(&checked, "i=77.LotId").1.source else { panic!("a register") };
    assert_eq!(node.identifier, "i=77.LotId");
}

#[test]
fn registers_are_read_as_the_device_says_unless_the_tag_says_otherwise() {
    let checked = good();
    let register = |name| match &tag(&checked, name).1.source {
        TagSource::Register(register) => register.clone(),
        TagSource::Node(_) | TagSource::Field(_) => panic!("no register"),
    };
    assert_eq!(register("in_kg").order, WordOrder::Abcd);
    assert_eq!(register("in_no").order, WordOrder::Cdab);
    assert_eq!(register("batch").strings, StringOrder::LowHigh);
    assert_eq!((register("batch").area, register("batch").address), (Area::Holding, 12));
    let (_, temp) = tag(&checked, "temp");
    assert_eq!((temp.range, temp.bad.as_slice()), (Some((-20.0, 160.0)), &[9999.0][..]));
    assert_eq!(tag(&checked, "step").1.publish, Some(ms(500)));
    let charge = &checked.plant.stations[1].handshakes[0];
    assert_eq!(charge.number, Some(Counter { tag: tag(&checked, "in_no").0, bits: 16 }));
    assert_eq!(charge.trigger, Word { tag: tag(&checked, "flags").0, bit: Some(0) });
}

#[test]
fn items_know_where_their_code_is_unique() {
    let checked = good();
    let [charge, discharge] = checked.plant.stations[1].handshakes.as_slice() else { panic!() };
    let maker = Word { tag: tag(&checked, "maker").0, bit: None };
    assert_eq!(charge.other.as_ref().unwrap().scope, ScopeFrom::Supplier(maker));
    assert_eq!(charge.item.scope, ScopeFrom::Site);
    let soup = Scope::Material(ScopeName::parse("soup").unwrap());
    assert_eq!(discharge.item.scope, ScopeFrom::Fixed(soup));
    assert_eq!(discharge.item.no_read, ["", "NOREAD"]);
    assert_eq!(checked.plant.stations[0].mounts[0].lot.no_read, [""]);
    let order = checked.plant.stations[1].phases[2].item.as_ref().unwrap();
    assert_eq!(order.from, CodeFrom::Order);
}

#[test]
fn missing_codes_of_a_permit_are_those_of_nok() {
    let permit = good().plant.stations[0].handshakes[0].permit;
    assert_eq!((permit.ok, permit.nok, permit.rework, permit.unknown), (1, 2, 2, 2));
}

#[test]
fn names_of_values_stand_for_their_numbers() {
    let checked = good();
    let phases = &checked.plant.stations[1].phases;
    assert_eq!(phases[0].while_.test, Test::In(vec![Value::Int(2), Value::Int(3)]));
    let confirm = phases[1].confirm.as_ref().unwrap();
    assert_eq!(confirm.test, Test::In(vec![Value::Bool(true)]));
    assert_eq!(confirm.word.bit, Some(3));
}

#[test]
fn a_measurement_that_may_drift_is_a_monitor() {
    let checked = good();
    let monitors = &checked.plant.stations[0].monitors;
    let [motor, noise, torque] = monitors.as_slice() else { panic!("{monitors:#?}") };
    assert_eq!(torque.id.as_str(), "result.torque");
    assert!(
        matches!(&torque.of, Watched::Measurement(h, v) if h.as_str() == "result" && v.as_str() == "torque")
    );
    assert_eq!(torque.unit.as_ref().unwrap().as_str(), "N.m");
    assert_eq!(
        torque.limits,
        Some(Limits { low: Some(11.4), high: Some(12.6), ..Limits::default() })
    );
    let drift = torque.drift.unwrap();
    assert_eq!((drift.learn, drift.every), (50, Duration::from_secs(45)));
    assert_eq!(drift.false_alarm_interval, Duration::from_hours(720));
    assert_eq!(motor.drift.unwrap().every, ms(2000));
    assert_eq!(motor.limits, Some(Limits { high: Some(80.0), deadband: 2.0, ..Limits::default() }));
    assert_eq!((noise.limits, noise.drift), (None, None));
}

#[test]
fn limits_are_told_ahead_and_changes_have_limits_of_their_own_where_that_is_said() {
    let limits = |to: &str| {
        let checked = check(&[("good.toml", &GOOD.replace("high = 80, deadband = 2", to))]);
        checked.unwrap().plant.stations[0].monitors[0].limits.unwrap()
    };
    let hours = Duration::from_hours(8);
    assert_eq!(limits("high = 80, forecast = \"8h\"").forecast, Some(hours));
    let rate = RateLimit { most: 5.0, over: Duration::from_mins(10) };
    let only = limits("rate = 5, rate_over = \"10m\"");
    assert_eq!((only.low, only.high, only.rate), (None, None, Some(rate)));
    let delayed = limits("high = 80, on_delay = \"15s\", off_delay = \"1m\"");
    let delays = [delayed.on_delay, delayed.off_delay];
    assert_eq!(delays, [Duration::from_secs(15), Duration::from_mins(1)]);
}

#[test]
fn what_watches_for_drift_is_a_moving_average_unless_said() {
    let drifts = |from: &str, to: &str| {
        let checked = check(&[("good.toml", &GOOD.replace(from, to))]).unwrap();
        let monitors = &checked.plant.stations[0].monitors;
        [0, 2].map(|i| monitors[i].drift.unwrap()).map(|drift| (drift.rules, drift.catch))
    };
    let usual = (DriftRules::DEFAULT, None);
    assert_eq!(drifts("?", "?"), [usual, usual]);
    let cusum = DriftRules { ewma: false, cusum: true, runs: None, variance: false };
    let motor = drifts("in 7d\"", "in 7d\", rules = [\"cusum\"], catch = 2.5");
    assert_eq!(motor, [(cusum, Some(2.5)), usual]);
    let torque = drifts("in 30d\"", "in 30d\", rules = [\"nelson\", \"ewma\"]");
    let both = DriftRules { ewma: true, cusum: false, runs: Some(RunSet::Nelson), variance: false };
    assert_eq!(torque, [usual, (both, None)]);
}

#[test]
fn baselines_are_parted_by_product_and_recipe_unless_said() {
    let drifts = |from: &str, to: &str| {
        let checked = check(&[("good.toml", &GOOD.replace(from, to))]).unwrap();
        let monitors = &checked.plant.stations[0].monitors;
        [0, 2]
            .map(|i| monitors[i].drift.unwrap())
            .map(|drift| (drift.per, drift.settle, drift.idle))
    };
    let usual = (BaselinePer::DEFAULT, None, None);
    assert_eq!(drifts("?", "?"), [usual, usual]);
    let motor = drifts("in 7d\"", "in 7d\", baseline_per = [], settle = \"5m\", idle = \"10m\"");
    let none = BaselinePer { product: false, recipe: false };
    let minutes = |minutes| Duration::from_mins(minutes);
    assert_eq!(motor, [(none, Some(Settle::For(minutes(5))), Some(minutes(10))), usual]);
    let flat = drifts("in 7d\"", "in 7d\", flat = \"20m\"");
    assert_eq!(flat, [(BaselinePer::DEFAULT, None, Some(minutes(20))), usual]);
    let torque = drifts("in 30d\"", "in 30d\", baseline_per = [\"recipe\"], settle = 3");
    let recipe = BaselinePer { product: false, recipe: true };
    assert_eq!(torque, [usual, (recipe, Some(Settle::Values(3)), None)]);
}

#[test]
fn the_hash_changes_with_any_text_or_name() {
    let text = "schema = 1\n";
    let of = |files: &[(&str, &str)]| check(files).unwrap().plant.hash;
    assert_eq!(of(&[("a.toml", text)]), of(&[("dir/a.toml", text)]));
    assert_ne!(of(&[("a.toml", text)]), of(&[("b.toml", text)]));
    assert_ne!(of(&[("a.toml", text)]), of(&[("a.toml", "schema = 1")]));
}

#[test]
fn every_plant_of_this_repository_is_right() {
    let thumbprint = "ab".repeat(32);
    let fill = |path: &str, url: &str| {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        let text = text
            .replace("@URL@", url)
            .replace("@PRESS_PORT@", "4840")
            .replace("@ASSEMBLY_PORT@", "502")
            .replace("@PORT@", "4840")
            .replace("@PRESS_THUMBPRINT@", &thumbprint)
            .replace("@THUMBPRINT@", &thumbprint)
            .replace("@DEADLINE@", "60ms")
            .replace("@EVERY@", "200ms");
        (path.to_owned(), text)
    };
    // Two machines are two servers.
    let another = |(path, text): (String, String)| (path, text.replace(":4840", ":4841"));
    let (opcua, modbus) = ("opc.tcp://127.0.0.1:4840", "tcp://127.0.0.1:502");
    let plants = [
        vec![
            fill("tests/plants/shift/press.toml", ""),
            fill("tests/plants/shift/assembly.toml", ""),
        ],
        vec![
            fill("tests/plants/nist/hurco02.toml", ""),
            another(fill("tests/plants/nist/hurco04.toml", "")),
        ],
        vec![
            fill("src/demo/plant/10-cast.toml", opcua),
            fill("src/demo/plant/20-press.toml", opcua),
            fill("src/demo/plant/30-assembly.toml", modbus),
            fill("src/demo/plant/50-packing.toml", "tcp://127.0.0.1:503"),
        ],
    ];
    for files in plants {
        if let Err(faults) = crate::config::plant::load(&files, &super::site()) {
            panic!("{faults}");
        }
    }
    let examples = super::examples();
    assert_eq!(examples.len(), 13);
    let checked = crate::config::plant::load(&examples, &super::site());
    let checked = checked.unwrap_or_else(|faults| panic!("{faults}"));
    assert!(checked.warnings.is_empty(), "{:?}", checked.warnings);
}

#[test]
fn how_far_a_value_must_move_is_said_in_its_unit_or_as_a_part_of_its_range() {
    let width = |change: &str| {
        let text =
            good_with("range = [-20, 160],", &format!("range = [-20, 160], change = {change},"));
        let checked = check(&[("good.toml", &text)]).unwrap();
        tag(&checked, "temp").1.change
    };
    assert_eq!([width("1"), width("0.5")], [Some(1.0), Some(0.5)]);
    assert_eq!([width("\"1 %\""), width("\"0.5%\"")], [Some(1.8), Some(0.9)]);
    assert_eq!(tag(&good(), "temp").1.change, None);
}

#[test]
fn two_controllers_behind_one_server_are_two_sessions_and_that_is_said() {
    let second = "[device.op11]\nurl = \"opc.tcp://10.20.1.10:4840/\"\ntrust = \"pki\"\nnamespace = \"urn:a\"\nheartbeat = { plc = \"Life\" }\n\n[station.OP10]\n";
    let checked = check(&[("good.toml", &good_with("[station.OP10]\n", second))]).unwrap();
    let warnings: Vec<_> = checked.warnings.iter().map(|w| w.message.as_str()).collect();
    assert_eq!(warnings, ["`device.op11` has a second session at one server"]);
}

/// With a group of this.
fn with_group(of: &str) -> String {
    format!("{GOOD}\n[station.OP10.group.axis]\n{of}\n")
}

#[test]
fn a_group_is_a_monitor_of_its_members_and_settles_as_they_do() {
    let groups = |text: &str| {
        let checked = check(&[("good.toml", text)]).unwrap();
        let monitors = checked.plant.stations[0].monitors.clone();
        monitors.into_iter().find(|m| m.id.as_str() == "axis").unwrap()
    };
    let drift = "drift = \"one false alarm in 30d\"";
    let tags = groups(&with_group(&format!("of = [\"motor\", \"noise\"]\n{drift}")));
    let Watched::Tags(of) = &tags.of else { panic!("{:?}", tags.of) };
    let names: Vec<&str> = of.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(names, ["motor", "noise"]);
    let spec = tags.drift.unwrap();
    assert_eq!((spec.learn, spec.every), (300, ms(2000)), "as the slowest of them is looked at");
    assert_eq!(spec.rules.iter().count(), 0);
    let parts = format!(
        "of = [\"result.torque\", \"result.angle\"]\n{drift}\nlearn = 500\nbaseline_per = []"
    );
    let parts = groups(&with_group(&parts));
    assert!(
        matches!(&parts.of, Watched::Measurements(h, of) if h.as_str() == "result" && of.len() == 2)
    );
    let members: Vec<String> = parts.of.members().iter().map(ToString::to_string).collect();
    assert_eq!(members, ["result.torque", "result.angle"]);
    let spec = parts.drift.unwrap();
    assert_eq!((spec.learn, spec.every), (500, Duration::from_secs(45)), "a part comes so often");
    assert!(!spec.per.product && !spec.per.recipe);
}

#[test]
fn all_faults_of_a_group_are_told_at_once() {
    let faults = |of: &str| {
        let faults = check(&[("good.toml", &with_group(of))]).unwrap_err();
        faults.iter().map(|fault| fault.message.clone()).collect::<Vec<_>>()
    };
    let told = faults("of = [\"motor\", \"motor\", \"nois\"]\nlearn = 50");
    assert_eq!(
        told,
        [
            "`station.OP10.group.axis` has no `drift`",
            "`motor` is named twice",
            "nothing is called `nois` at this station",
            "`station.OP10.group.axis.learn` is 50; it must be from 100 to 4294967295",
        ]
    );
    let drift = "drift = \"one false alarm in 30d\"";
    let mixed = faults(&format!("of = [\"motor\", \"result.torque\"]\n{drift}"));
    assert_eq!(mixed, ["these do not come together"]);
    let one = faults(&format!("of = [\"motor\"]\n{drift}"));
    assert_eq!(one, ["a group has 2 to 8 members, not 1"]);
    let same = check(&[(
        "good.toml",
        &format!("{GOOD}\n[station.OP10.group.noise]\nof = [\"motor\", \"noise\"]\n{drift}\n"),
    )]);
    let same: Vec<_> = same.unwrap_err().iter().map(|fault| fault.message.clone()).collect();
    assert_eq!(same, ["`noise` is a monitor of this station too"]);
}
