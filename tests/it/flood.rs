//! More than the daemon can put on a disk: its memory stays within its bounds, whoever can wait waits, and what is
//! lost is in a gap that is counted.
use super::support::balance::covers;
use super::support::daemon::{Daemon, Site, read};
use super::support::peer::Peer;
use super::support::{PATIENCE, here, http, peers, truth};
use pedigree::model::{Body, Gap, GapCause, GapSource, Record};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Words of the flood, the bytes of each, and the milliseconds between two of its rounds: some 20 MB a second.
const WORDS: usize = 40;
const LEN: usize = 16_384;
const EVERY: usize = 25;
/// Room for all that is put down of it.
pub(crate) const DISK_BYTES: u64 = 512 << 20;
/// What the memory of a process is beside what is in its queues: what is being decoded and encoded, and what an
/// allocator keeps.
const BESIDE: u64 = 48 << 20;

/// Values of the flood that came in, and those that did not.
const TOLD: &str = "pedigree_samples_total{device=\"flood\",quality=\"good\"}";
const DROPPED: &str = "pedigree_samples_dropped_total{device=\"flood\",reason=\"overload\"}";

/// A PLC that floods, with the list of its rounds.
pub(crate) struct Flood {
    pub(crate) plc: Peer,
    truth: PathBuf,
}

impl Flood {
    pub(crate) fn start(peers: &Path, dir: &Path) -> Self {
        let truth = dir.join("flood.jsonl");
        let [words, len, every] = [WORDS, LEN, EVERY].map(|number| number.to_string());
        let mut args = vec!["--truth", truth.to_str().unwrap(), "--words", &words];
        args.extend(["--len", &len, "--every", &every]);
        Self { plc: Peer::start(peers, "flood_plc.py", &args), truth }
    }

    pub(crate) fn plant(&self) -> String {
        let words = (1..=WORDS).map(|n| format!("w{n} = \"W{n}\"\n"));
        let url = format!("opc.tcp://127.0.0.1:{}", self.plc.port("port"));
        format!(
            "schema = 1\n[device.flood]\nurl = \"{url}\"\nsecurity = \"none\"\n\
             allow_insecure = true\nnamespace = \"urn:flood:plc\"\npublish = \"100ms\"\n\
             heartbeat = {{ plc = \"Life\", stale_after = \"6s\" }}\n[station.RIVER]\n\
             device = \"flood\"\n[station.RIVER.monitor]\nlife = \"Life\"\n{}",
            words.collect::<String>()
        )
    }

    /// When each of its rounds was, or each of its beats.
    fn all(&self, what: &str) -> BTreeMap<u64, i64> {
        let of = |line: serde_json::Value| Some((line[what].as_u64()?, line["at"].as_i64()?));
        truth::lines(&self.truth).into_iter().filter_map(of).collect()
    }

    fn last(&self) -> u64 {
        self.all("round").last_key_value().map_or(0, |(round, _)| *round)
    }

    /// Waits until so many times more has come from now on than can wait for the disk; how much.
    pub(crate) fn runs_over(&self, times: u64) -> u64 {
        let round = self.last();
        http::until("more comes than may be kept", PATIENCE, || {
            let came = (self.last() - round) * (WORDS * LEN) as u64;
            (came > times * on_the_way()).then_some(came)
        })
    }

    /// Waits until all that was kept for later is told; how many values were not kept.
    pub(crate) fn dropped(daemon: &Daemon) -> u64 {
        let mut before = [0; 2];
        http::until("all that was kept is told", PATIENCE, || {
            std::thread::sleep(Duration::from_secs(3));
            let now = [counted(daemon, TOLD), counted(daemon, DROPPED)];
            let [told, dropped] = std::mem::replace(&mut before, now);
            // But for the beats.
            (dropped > 0 && dropped == now[1] && now[0] < told + 10).then_some(dropped)
        })
    }

    /// Every round and every beat is on the tape of a daemon that has stopped, or in a gap by overload, and so many are
    /// in one; of each word the last is told.
    pub(crate) fn balance(&self, site: &Site, records: &[Record], dropped: u64) {
        let (told, gaps) = (told(site), gaps(records));
        let (rounds, beats) = (self.all("round"), self.all("beat"));
        assert_eq!(told.len(), WORDS + 1);
        let mut missing = 0;
        for (word, told) in &told {
            let (first, last) = (*told.first().unwrap(), *told.last().unwrap());
            // Beats fell before it was looked at, and fall still.
            let (all, first) = if word == "Life" { (&beats, first) } else { (&rounds, 1) };
            assert!(told.iter().all(|number| all.contains_key(number)), "{word} never said that");
            let now = all.keys().next_back().unwrap();
            assert!(word == "Life" || last == *now, "{word} is {now}, and was told to be {last}");
            let untold = all.range(first..=last).filter(|(number, _)| !told.contains(number));
            for (number, at) in untold {
                missing += 1;
                let gap = gaps.iter().any(|gap| covers(gap, *at));
                assert!(gap, "{number} of {word} is neither told nor in a gap: {gaps:#?}");
            }
        }
        println!("{} rounds of {WORDS} words: {missing} values missing", rounds.len());
        assert!(missing > 0, "nothing was lost");
        assert_eq!(missing, dropped, "missing, and counted");
        let overload = |gap: &&Gap| gap.cause == GapCause::Overload;
        assert!(gaps.iter().all(overload), "nobody else is to blame: {gaps:#?}");
    }
}

/// What a page of the project says that a bound is, in bytes or pieces: `1 << 20`, `4_096`.
fn bound(file: &str, name: &str) -> u64 {
    let page = read(&here("docs/limits.md"));
    let row =
        page.lines().find_map(|line| line.strip_prefix(&format!("| `{file}` | `{name}` | `")));
    let value = row.unwrap_or_else(|| panic!("{name} of {file} is on no page")).split('`').next();
    let numbers = value.unwrap().replace('_', "");
    let mut numbers = numbers.split(" << ").map(|number| number.parse::<u64>().unwrap());
    numbers.next().unwrap() << numbers.next().unwrap_or(0)
}

/// The most that can wait on the way from one device to the disk, in bytes.
fn on_the_way() -> u64 {
    let lanes =
        ["URGENT_BYTES_MAX", "BULK_BYTES_MAX"].map(|lane| bound("src/daemon/queues.rs", lane));
    let notices = 2 * bound("src/field/opcua/subscribe.rs", "NOTICES_BYTES_MAX");
    let ledger = bound("src/ledger/handle.rs", "QUEUE_BYTES_MAX");
    let tape = bound("src/tape/writer.rs", "BUFFER_BYTES_MAX");
    lanes.iter().sum::<u64>() + notices + ledger + tape
}

/// A counter of the flooding device.
fn counted(daemon: &Daemon, name: &str) -> u64 {
    let (_, page) = daemon.ask("/metrics");
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |count| count.trim().parse().unwrap())
}

/// The numbers of rounds and beats that are on the tape, by their word.
fn told(site: &Site) -> BTreeMap<String, BTreeSet<u64>> {
    let mut told: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    site.samples(|plant, sample| {
        let tag = plant.tag(sample.tag);
        if plant.device(tag.device).id.as_str() != "flood" {
            return;
        }
        let said = sample.value.to_string();
        // A text is empty before the first round.
        let number = said.get(..8).unwrap_or(&said).parse().unwrap_or(0);
        let whole = !tag.name.as_str().starts_with('W') || said.len() == LEN;
        assert!(whole || number == 0, "a text of {} bytes", said.len());
        if number > 0 {
            told.entry(tag.name.to_string()).or_default().insert(number);
        }
    });
    told
}

/// Gaps of the flooding device or of one of its words.
fn gaps(records: &[Record]) -> Vec<&Gap> {
    let of = |record: &'_ Record| {
        let Body::Gap(gap) = &record.body else { return None };
        let (GapSource::Device(id) | GapSource::Tag(id, _)) = &gap.source else { return None };
        (id.as_str() == "flood").then_some(())
    };
    let all = records.iter().filter(|record| of(record).is_some());
    all.filter_map(|record| if let Body::Gap(gap) = &record.body { Some(gap) } else { None })
        .collect()
}

/// A disk that takes nothing for a while, before which far more comes than there is memory for.
#[test]
fn a_flooded_daemon_keeps_its_memory_and_what_is_lost_is_in_a_counted_gap() {
    let Some(peers) = peers() else { return };
    let Some(site) = Site::on_a_disk(DISK_BYTES) else { return };
    let dir = tempfile::tempdir().unwrap();
    let flood = Flood::start(&peers, dir.path());
    site.plant(&[("flood.toml", flood.plant())]);
    let daemon = site.start();
    http::until_or(
        "the flood is observed",
        PATIENCE,
        || (daemon.get("/api/v1/devices")["body"][0]["stage"] == "live").then_some(()),
        || site.log(),
    );
    flood.plc.control("flood on");
    http::until("some rounds are through", PATIENCE, || (flood.last() >= 20).then_some(()));
    let before = daemon.memory_max();
    let frozen = site.disk().freeze();
    let came = flood.runs_over(3);
    flood.plc.control("flood off");
    let memory = daemon.memory_max() - before;
    assert_eq!(daemon.ask("/live").0, 200, "who asks is answered while the disk stands");
    drop(frozen);
    println!(
        "{} MiB came, {} MiB were kept of {} MiB",
        came >> 20,
        memory >> 20,
        on_the_way() >> 20
    );
    assert!(memory < on_the_way() + BESIDE);

    let dropped = Flood::dropped(&daemon);
    assert!(daemon.stop().success(), "{}", site.log());
    flood.balance(&site, &site.records(), dropped);
}
