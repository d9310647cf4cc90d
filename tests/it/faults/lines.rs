//! Frames of serial lines over TCP, and TLS: the assembly spoken to otherwise.
use super::Plant;
use crate::support::line::Line;
use crate::support::peers;
use serde_json::Value;

/// How the assembly is spoken to in its plant file.
const PLAIN: &str = "\"tcp://127.0.0.1:";

/// The line with the assembly started and described in another way.
pub(super) fn plant(
    parts: u32,
    assembly: &[&str],
    change: impl Fn(&Line, &str) -> String,
) -> Option<Plant> {
    let line = Line::start(&peers()?, parts, &[], assembly);
    let file = line.plant(0, 0)[1].clone();
    assert!(file.contains(PLAIN));
    // The port is that of a relay that does not stand yet.
    let changed = change(&line, &file.replace("tcp://127.0.0.1:0\"", "tcp://127.0.0.1:@PORT@\""));
    let plant = Plant::over(
        line,
        |[_, file]| {
            let from = file.find(PLAIN).unwrap() + PLAIN.len();
            let port = file[from..].split('"').next().unwrap().to_owned();
            *file = changed.replace("@PORT@", &port);
        },
        &[],
    );
    plant.line.press.control("pause off");
    Some(plant)
}

fn spoilt(plant: &Plant) -> u64 {
    let stats: Value = serde_json::from_str(&plant.line.assembly.control("stats")).unwrap();
    stats["spoilt"].as_u64().unwrap()
}

/// Nothing in a frame says which request it answers: what comes late would be read as something else.
#[test]
fn late_missing_and_spoilt_frames_cost_no_part() {
    let change = |_: &Line, file: &str| file.replace(PLAIN, "\"rtu+tcp://127.0.0.1:");
    let Some(plant) = plant(20, &["--framer", "rtu"], change) else { return };
    let faults = [("delay 1200", "delay 0"), ("drop on", "drop off"), ("drop late", "drop off")];
    for (n, (begin, end)) in faults.into_iter().enumerate() {
        plant.assembled(2 + 3 * n);
        plant.lost_by("assembly", || drop(plant.line.assembly.control(begin)));
        plant.line.assembly.control(end);
        plant.live("assembly");
    }
    for _ in 0..3 {
        let before = spoilt(&plant);
        plant.lost_by("assembly", || {
            plant.line.assembly.control("garbage on");
            plant.wait("an answer is spoilt", || (spoilt(&plant) > before).then_some(()));
        });
        plant.line.assembly.control("garbage off");
        plant.live("assembly");
    }
    let outcome = plant.end_whole();
    assert!(!outcome.gaps("assembly").is_empty());
}

#[test]
fn an_encrypted_device_is_asked_only_if_it_is_the_one() {
    let change = |line: &Line, file: &str| {
        let thumbprint = line.assembly.up["thumbprint_sha256"].as_str().unwrap();
        let trust = format!("trust = \"thumbprint:{thumbprint}\"\nmodbus_unit");
        file.replace(PLAIN, "\"tls://127.0.0.1:").replacen("modbus_unit", &trust, 1)
    };
    let Some(plant) = plant(12, &["--tls"], change) else { return };
    plant.assembled(4);
    plant.lost_by("assembly", || plant.assembly.cut());
    plant.live("assembly");
    let thumbprint = plant.line.assembly.up["thumbprint_sha256"].as_str().unwrap().to_owned();
    let url = format!("tls://127.0.0.1:{}", plant.line.assembly.port("port"));
    let probed = plant.site.command(&["probe", &url]).output().unwrap();
    let said = String::from_utf8(probed.stdout).unwrap();
    let wanted = format!("trust = \"thumbprint:{thumbprint}\"");
    assert!(said.contains(&wanted) && said.contains("assembly stand-in"), "{said}");
    // Another thumbprint, and it is refused before anything is asked of it.
    let file = plant.site.path("plant.d/assembly.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(&thumbprint, &"AB".repeat(32))).unwrap();
    let checked = plant.site.command(&["check", "--live"]).output().unwrap();
    let said = String::from_utf8(checked.stdout).unwrap();
    std::fs::write(&file, &text).unwrap();
    assert!(!checked.status.success());
    let said: String =
        said.split(|c: char| c.is_whitespace() || c == '│').collect::<Vec<_>>().join(" ");
    assert!(said.contains("not trusted"), "{said}");
    plant.end_whole();
}
