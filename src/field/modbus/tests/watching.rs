//! What is told of a device that behaves, and of its restarts.
use super::*;
use crate::model::{GapCause, Quality};

#[tokio::test]
async fn live_is_told_first_then_handshake_words_then_the_rest() {
    let plc = Plc::start().await;
    plc.set(Area::Holding, 0, &[7, 8, 9]);
    let mut one = device("d", plc.port, 1);
    one.restart = Some(TagIndex(2));
    let tags = vec![fast("hr0"), tag("hr1"), Tag { watched: false, ..tag("hr2") }];
    let mut rig = Rig::start(&plant(vec![one], tags));
    match rig.urgent().await {
        Input::Link { device: DeviceIndex(0), link: Link::Live { boot, .. } } => {
            assert_eq!((boot.restart, boot.start_time), (Some(uint(9)), None));
        }
        other => panic!("{other:?}"),
    }
    match rig.urgent().await {
        Input::Samples(samples) => assert_eq!(values(&samples), [(0, uint(7))]),
        other => panic!("{other:?}"),
    }
    assert_eq!(values(&rig.bulk().await), [(1, uint(8))]);
    assert_eq!(rig.status[0].borrow().stage, Stage::Live);
    assert_eq!(rig.metrics.device_up.with_label_values(&["d", "modbus"]).get(), 1);
    rig.end().await;
}

#[tokio::test]
async fn only_changes_are_told_on_their_lanes() {
    let plc = Plc::start().await;
    let tags = vec![fast("hr0"), tag("hr1"), tag("hr2")];
    let mut rig = Rig::start(&plant(vec![device("d", plc.port, 1)], tags));
    assert_eq!(values(&rig.samples().await), [(0, uint(0))]);
    assert_eq!(values(&rig.bulk().await), [(1, uint(0)), (2, uint(0))]);
    plc.set(Area::Holding, 2, &[5]);
    assert_eq!(values(&rig.bulk().await), [(2, uint(5))]);
    plc.set(Area::Holding, 0, &[1]);
    assert_eq!(values(&rig.samples().await), [(0, uint(1))]);
    rig.end().await;
}

#[tokio::test]
async fn what_has_not_moved_far_enough_is_not_told_and_a_drift_is() {
    let plc = Plc::start().await;
    plc.set(Area::Holding, 0, &[100, 0]);
    let slow = Tag { change: Some(5.0), range: Some((0.0, 1_000.0)), ..tag("hr0") };
    let mut rig = Rig::start(&plant(vec![device("d", plc.port, 1)], vec![slow, tag("hr1")]));
    assert_eq!(values(&rig.bulk().await), [(0, uint(100)), (1, uint(0))]);
    let mut told = Vec::new();
    for (look, value) in [103, 105, 106, 108, 111, 112, 2_000, 112].into_iter().enumerate() {
        // The word beside it shows that they were looked at.
        let look = u16::try_from(look + 1).unwrap();
        plc.set(Area::Holding, 0, &[value, look]);
        loop {
            let batch = rig.bulk().await;
            told.extend(
                batch.iter().filter(|s| s.tag.0 == 0).map(|s| (s.value.clone(), s.quality)),
            );
            if values(&batch).contains(&(1, uint(look.into()))) {
                break;
            }
        }
    }
    let (good, bad) = (Quality::GOOD, Quality::BAD_RANGE);
    let wanted = [(106, good), (112, good), (2_000, bad), (112, good)];
    assert_eq!(told, wanted.map(|(value, quality)| (uint(value), quality)));
    rig.end().await;
}

#[tokio::test]
async fn a_value_that_means_none_is_bad_with_its_raw_value() {
    let plc = Plc::start().await;
    plc.set(Area::Holding, 0, &[200]);
    let tags = vec![Tag { range: Some((0.0, 100.0)), ..tag("hr0") }];
    let mut rig = Rig::start(&plant(vec![device("d", plc.port, 1)], tags));
    let samples = rig.bulk().await;
    assert_eq!((&samples[0].value, samples[0].quality), (&uint(200), Quality::BAD_RANGE));
    rig.end().await;
}

#[tokio::test]
async fn a_changed_restart_word_ends_observation_before_any_word_after_it() {
    let plc = Plc::start().await;
    plc.set(Area::Holding, 0, &[57]);
    let mut one = device("d", plc.port, 1);
    one.restart = Some(TagIndex(1));
    let tags = vec![fast("hr0"), Tag { watched: false, ..tag("hr50") }];
    let mut rig = Rig::start(&plant(vec![one], tags));
    assert_eq!(rig.live().await.restart, Some(uint(0)));
    assert_eq!(values(&rig.samples().await), [(0, uint(57))]);
    plc.set(Area::Holding, 50, &[1]);
    plc.set(Area::Holding, 0, &[0]);
    match rig.urgent().await {
        Input::Link {
            link: Link::Down { since: Some(_), cause: GapCause::Disconnected, .. },
            ..
        } => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(rig.live().await.restart, Some(uint(1)));
    assert_eq!(values(&rig.samples().await), [(0, uint(0))]);
    rig.end().await;
}

#[tokio::test]
async fn a_heartbeat_that_stands_is_silence_since_it_last_moved() {
    let plc = Plc::start().await;
    plc.count(1, true);
    let mut one = device("d", plc.port, 1);
    one.heartbeat.plc = Some(TagIndex(1));
    one.heartbeat.stale_after = Duration::from_millis(300);
    let tags = vec![fast("hr0"), Tag { watched: false, ..tag("hr1") }];
    let mut rig = Rig::start(&plant(vec![one], tags));
    rig.live().await;
    plc.count(1, false);
    let stopped = (clock())().wall;
    match rig.link().await.1 {
        Link::Down { since: Some(since), cause: GapCause::Silent, .. } => {
            assert!(since.0 > stopped.0 - 60_000_000_000);
        }
        other => panic!("{other:?}"),
    }
    plc.count(1, true);
    rig.live().await;
    rig.end().await;
}

#[tokio::test]
async fn a_device_whose_heartbeat_never_moves_is_never_live() {
    let plc = Plc::start().await;
    let mut one = device("d", plc.port, 1);
    one.heartbeat.plc = Some(TagIndex(0));
    one.heartbeat.stale_after = Duration::from_millis(100);
    let mut rig = Rig::start(&plant(vec![one], vec![fast("hr0")]));
    let down = Link::Down { since: None, cause: GapCause::Silent, lost: None };
    assert_eq!(rig.link().await, (DeviceIndex(0), down));
    plc.count(0, true);
    assert!(matches!(rig.link().await.1, Link::Live { .. }));
    rig.end().await;
}

#[tokio::test]
async fn another_interface_is_not_captured() {
    let plc = Plc::start().await;
    plc.set(Area::Holding, 1, &[3]);
    let mut one = device("d", plc.port, 1);
    let name = TagName::parse("hr1").unwrap();
    one.interface = Some(Interface { tag: TagIndex(1), name, equals: Value::Int(2) });
    let tags = vec![fast("hr0"), Tag { watched: false, ..tag("hr1") }];
    let mut rig = Rig::start(&plant(vec![one], tags));
    let down = Link::Down { since: None, cause: GapCause::Interface, lost: None };
    assert_eq!(rig.link().await.1, down);
    let fault = rig.status[0].borrow().last_fault.clone().unwrap();
    assert!(fault.contains("interface is 3") && fault.contains("`hr1` to be 2"), "{fault}");
    plc.set(Area::Holding, 1, &[2]);
    rig.live().await;
    // A download while we look.
    plc.set(Area::Holding, 1, &[4]);
    assert!(matches!(
        rig.link().await.1,
        Link::Down { since: Some(_), cause: GapCause::Interface, .. }
    ));
    rig.end().await;
}

#[tokio::test]
async fn our_heartbeat_counts_up() {
    let plc = Plc::start().await;
    let mut one = device("d", plc.port, 1);
    one.heartbeat.host = Some(TagIndex(1));
    one.heartbeat.stale_after = Duration::from_millis(30);
    let mut rig = Rig::start(&plant(vec![one], vec![fast("hr0"), writable("hr9")]));
    rig.live().await;
    let beat = |n: u16| move |seen: &plc::Seen| seen.function == 6 && seen.data == [n];
    for n in 0..4 {
        assert_eq!(plc.seen(beat(n)).await.address, 9);
    }
    rig.end().await;
}

#[tokio::test]
async fn devices_with_one_share_use_one_connection() {
    let plc = Plc::start().await;
    let mut devices = vec![device("a", plc.port, 1), device("b", plc.port, 2)];
    for one in &mut devices {
        link(one).share = Some("gateway".to_owned());
    }
    let tags = vec![fast("hr0"), Tag { device: DeviceIndex(1), ..fast("hr0") }];
    let mut rig = Rig::start(&plant(devices, tags));
    let mut live = [rig.link().await, rig.link().await].map(|(device, _)| device);
    live.sort_unstable();
    assert_eq!(live, [DeviceIndex(0), DeviceIndex(1)]);
    for unit in [1, 2] {
        plc.seen(|seen| seen.unit == unit).await;
    }
    assert_eq!(plc.connections(), 1);
    rig.end().await;
}

#[test]
fn one_share_or_one_address_makes_one_line() {
    let share = |name: &str| Some(name.to_owned());
    let mut devices = [1, 2, 3, 2, 4].map(|port| device("d", port, 1)).to_vec();
    link(&mut devices[0]).share = share("gateway");
    link(&mut devices[1]).share = share("other");
    link(&mut devices[4]).share = share("gateway");
    let lines = |devices| {
        let plant = plant(devices, Vec::new());
        let all: Vec<_> = plant.devices().map(|(index, _)| index).collect();
        let mut lines = crate::field::modbus::bus::lines(&plant, &all);
        for line in &mut lines {
            line.sort_unstable();
        }
        lines.sort_unstable();
        lines
    };
    let indexes = |line: &[u32]| line.iter().copied().map(DeviceIndex).collect::<Vec<_>>();
    assert_eq!(lines(devices.clone()), [indexes(&[0, 4]), indexes(&[1, 3]), indexes(&[2])]);
    // A device that meets two lines makes them one.
    link(&mut devices[3]).share = share("gateway");
    assert_eq!(lines(devices), [indexes(&[0, 1, 3, 4]), indexes(&[2])]);
}

#[tokio::test]
async fn a_dead_unit_does_not_take_the_others_of_its_line_down() {
    let plc = Plc::start().await;
    plc.kill_unit(2);
    let mut devices = vec![device("a", plc.port, 1), device("b", plc.port, 2)];
    link(&mut devices[1]).timeout = Duration::from_millis(30);
    let tags = vec![fast("hr0"), Tag { device: DeviceIndex(1), ..fast("hr0") }];
    let mut rig = Rig::start(&plant(devices, tags));
    let (mut live, mut down) = (false, false);
    while !(live && down) {
        match rig.link().await {
            (DeviceIndex(0), Link::Live { .. }) => live = true,
            (DeviceIndex(1), Link::Down { since: None, .. }) => down = true,
            other => panic!("{other:?}"),
        }
    }
    // Its connection is dropped at each of its timeouts, and the other goes on with the next.
    while rig.errors("b", "timeout") < 3 {
        plc.take_log();
        plc.seen(|seen| seen.unit == 2).await;
    }
    plc.set(Area::Holding, 0, &[9]);
    loop {
        match rig.urgent().await {
            Input::Samples(samples) if values(&samples) == [(0, uint(9))] => break,
            Input::Samples(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(rig.errors("a", "timeout"), 0);
    rig.end().await;
}
