//! Serial lines as pseudo-terminals: the assembly spoken to over a cable that is pulled, that is noisy, or that gives
//! back what is said.
use super::lines::plant;
use crate::support::line::Line;
use crate::support::{PATIENCE, http, peers};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

/// The assembly's plant file with this serial port.
fn over(port: &Path, file: &str) -> String {
    let url = format!("\"rtu://{}?115200,8n1\"", port.display());
    file.replace("\"tcp://127.0.0.1:@PORT@\"", &url)
}

/// A serial cable: two ends of one line.
struct Cable {
    socat: Child,
    ends: [PathBuf; 2],
}

impl Cable {
    fn plug(dir: &Path, ends: [&str; 2]) -> Self {
        let ends = ends.map(|end| dir.join(end));
        let words = ends.each_ref().map(|end| format!("pty,raw,echo=0,link={}", end.display()));
        let socat = Command::new("socat").args(words).spawn().expect("`make peers` installs socat");
        http::until("the cable is plugged in", PATIENCE, || {
            ends.iter().all(|end| end.exists()).then_some(())
        });
        Self { socat, ends }
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        drop(self.socat.kill());
        drop(self.socat.wait());
    }
}

#[test]
fn a_serial_cable_that_is_pulled_is_a_gap_and_costs_no_part() {
    let dir = tempfile::tempdir().unwrap();
    if peers().is_none() {
        return;
    }
    let cable = Cable::plug(dir.path(), ["ours", "theirs"]);
    let (ours, theirs) = (&cable.ends[0].clone(), &cable.ends[1].clone());
    let change = |_: &Line, file: &str| over(ours, file);
    let Some(mut plant) = plant(12, &["--serial", theirs.to_str().unwrap()], change) else {
        return;
    };
    plant.assembled(4);
    drop(cable);
    let fault = plant.lost("assembly")["last_fault"].to_string();
    assert!(fault.contains("assembly"), "{fault}");
    // Its adapter does not survive the pull either.
    plant.line.assembly.kill();
    plant.wait("the missing port is said", || {
        plant.lost("assembly")["last_fault"].as_str()?.contains("cannot be opened").then_some(())
    });
    let _cable = Cable::plug(dir.path(), ["ours", "theirs"]);
    plant.line.assembly.again();
    plant.live("assembly");
    let outcome = plant.end_whole();
    assert!(!outcome.gaps("assembly").is_empty());
}

/// What stands between two cables and spoils what goes through.
#[derive(Default)]
struct Noise {
    /// One byte in so many is another one; none if zero.
    flips: AtomicU32,
    /// What we say comes back, as on two wires with a transceiver that hears itself.
    echo: AtomicBool,
    spoilt: AtomicU32,
}

impl Noise {
    /// Between the far ends of two cables, until these are pulled.
    fn between(ours: &Path, theirs: &Path) -> Arc<Self> {
        let noise = Arc::new(Self::default());
        let open = |path: &Path| File::options().read(true).write(true).open(path).unwrap();
        for (from, to, near) in [(ours, theirs, true), (theirs, ours, false)] {
            let (noise, mut from, mut to) = (Arc::clone(&noise), open(from), open(to));
            thread::spawn(move || {
                let (mut bytes, mut drawn) = ([0; 256], 0x2026_1128);
                while let Ok(len @ 1..) = from.read(&mut bytes) {
                    let bytes = &mut bytes[..len];
                    if near && noise.echo.load(Ordering::Relaxed) {
                        from.write_all(bytes).ok();
                    }
                    for byte in bytes.iter_mut() {
                        *byte ^= noise.draw(&mut drawn);
                    }
                    if to.write_all(bytes).is_err() {
                        return;
                    }
                }
            });
        }
        noise
    }

    /// What the next byte is spoilt by: an xorshift generator, the same in every run.
    fn draw(&self, drawn: &mut u32) -> u8 {
        *drawn ^= *drawn << 13;
        *drawn ^= *drawn >> 17;
        *drawn ^= *drawn << 5;
        let flips = self.flips.load(Ordering::Relaxed);
        if flips == 0 || !(*drawn >> 8).is_multiple_of(flips) {
            return 0;
        }
        self.spoilt.fetch_add(1, Ordering::Relaxed);
        1 << (*drawn & 7)
    }
}

/// A long cable beside a drive: now and then a bit is another one, for a while most frames are not whole, and a
/// transceiver hears itself.
#[test]
fn noise_and_echoes_of_a_serial_line_cost_no_part() {
    let dir = tempfile::tempdir().unwrap();
    if peers().is_none() {
        return;
    }
    let near = Cable::plug(dir.path(), ["ours", "near"]);
    let far = Cable::plug(dir.path(), ["far", "theirs"]);
    let noise = Noise::between(&near.ends[1], &far.ends[0]);
    let (ours, theirs) = (&near.ends[0].clone(), &far.ends[1].clone());
    let change = |_: &Line, file: &str| over(ours, file);
    let Some(plant) = plant(24, &["--serial", theirs.to_str().unwrap()], change) else { return };
    plant.assembled(4);
    noise.flips.store(2_000, Ordering::Relaxed);
    plant.assembled(12);
    let before = noise.spoilt.load(Ordering::Relaxed);
    noise.flips.store(10, Ordering::Relaxed);
    plant.wait("bytes are spoilt", || {
        (noise.spoilt.load(Ordering::Relaxed) > before + 5).then_some(())
    });
    plant.lost("assembly");
    noise.flips.store(0, Ordering::Relaxed);
    plant.live("assembly");
    plant.assembled(16);
    // What comes back first is no answer: nobody hears the device then.
    noise.echo.store(true, Ordering::Relaxed);
    plant.lost("assembly");
    noise.echo.store(false, Ordering::Relaxed);
    plant.live("assembly");
    let outcome = plant.end_whole();
    assert!(!outcome.gaps("assembly").is_empty());
}
