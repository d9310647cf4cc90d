//! What a PLC engineer sees of a line: each word once, and registers as they come.
use super::support::line::Line;
use super::support::{PATIENCE, http, peers, truth};

#[test]
fn an_engineer_sees_each_word_and_what_registers_say_in_every_order() {
    let Some(peers) = peers() else { return };
    // More than whoever looks will see.
    let line = Line::start(&peers, 100_000, &[], &[]);
    let site = line.patient_site();

    let once = site.command(&["check", "--live"]).output().unwrap();
    let table = String::from_utf8(once.stdout).unwrap();
    assert_eq!(once.status.code(), Some(0), "{table}");
    let head = table.lines().find(|row| row.trim().starts_with("DEVICE"));
    let head: Vec<_> = head.unwrap_or(&table).split("  ").map(str::trim).collect();
    let head: Vec<_> = head.into_iter().filter(|cell| !cell.is_empty()).collect();
    let wanted = ["DEVICE", "PROTOCOL", "ENDPOINT", "STATE", "RTT", "A REGISTER", "TAGS", "FAULT"];
    assert_eq!(head, wanted);
    for (device, protocol) in [("press", "opcua"), ("assembly", "modbus")] {
        let row = table.lines().find(|row| row.trim().starts_with(&format!("{device} "))).unwrap();
        let cells: Vec<_> = row.split_whitespace().collect();
        let [.., tags, state] = cells[6..] else { panic!("{row}") };
        assert_eq!((cells[1], cells[3], cells[5], state), (protocol, "ok", "ms", "good"));
        assert_eq!(row.contains("reads over"), protocol == "modbus", "{row}");
        assert!(cells[4].parse::<f64>().unwrap() > 0.0, "{row}");
        let (good, all) = tags.split_once('/').unwrap();
        assert!(good == all && good != "0", "{row}");
    }

    let sheet = site.command(&["export", "tags"]).output().unwrap().stdout;
    std::fs::write(site.path("tags.csv"), &sheet).unwrap();
    let imported = site
        .command(&["import", "tags", site.path("tags.csv").to_str().unwrap()])
        .output()
        .unwrap();
    let imported: toml::Table = String::from_utf8(imported.stdout).unwrap().parse().unwrap();
    let devices = imported["device"].as_table().unwrap();
    assert_eq!(devices.keys().collect::<Vec<_>>(), ["assembly", "press"]);
    // The words and nothing else: where the daemon is, is not where the device is.
    assert!(
        devices.values().all(|device| device.as_table().unwrap().keys().eq(["tags"])),
        "{imported}"
    );

    let daemon = site.start();
    let url = format!("http://{}", daemon.http());
    let mut tap = site.command(&["tap", "--raw", "torque", "--count", "4"]);
    let seen = String::from_utf8(tap.env("PEDIGREE_URL", url).output().unwrap().stdout).unwrap();
    // A part is told once it is done; the one behind it has another torque.
    let made = || truth::parts(&line.assembly_truth).len();
    let goal = made() + 2;
    http::until("what was seen is told", PATIENCE, || (made() >= goal).then_some(()));
    let torques: Vec<f64> =
        truth::parts(&line.assembly_truth).iter().map(|p| p["torque"].as_f64().unwrap()).collect();
    assert_eq!(seen.lines().count(), 4, "{seen}");
    // Nothing was tightened yet when the first was read.
    for row in seen.lines().filter(|row| !row.contains("0000 0000")) {
        let cells: Vec<_> = row.split("  ").collect();
        assert_eq!(cells[1], "assembly/torque");
        let readings: Vec<_> =
            cells[3..].iter().map(|cell| cell.split_once(' ').unwrap()).collect();
        let orders: Vec<_> = readings.iter().map(|(order, _)| *order).collect();
        assert_eq!(orders, ["ABCD", "CDAB*", "BADC", "DCBA"], "{row}");
        // The plant file has the order of the stand-in; the other readings are something else.
        let right = |(_, value): &(&str, &str)| {
            let value: f64 = value.parse().unwrap();
            torques.iter().any(|torque| (torque - value).abs() < 1e-3)
        };
        let right: Vec<_> = readings.iter().map(right).collect();
        assert_eq!(right, [false, true, false, false], "{row}");
    }
}
