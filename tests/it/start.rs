//! Starts of the whole daemon. It goes on from the newest image of the state that is good, says what it does with
//! others, and comes to the same state whatever is there; and it waits for nothing that is derived.
use super::formats::{fill, indexed};
use super::support::daemon::{Daemon, Site};
use super::support::http::until;
use super::support::{PATIENCE, runtime};
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// Records that a daemon before this one left.
const RECORDS: u64 = 3_000;
/// What sled is kept waiting for its file.
const SLOW: Duration = Duration::from_secs(40);
/// The signal that nobody can catch.
const SIGKILL: i32 = 9;
const FROM_IMAGE: &str = "the state is that of an image and what came after";
const FROM_FIRST: &str = "the state is folded from the first record on";
const NOT_USED: &str = "an image of the state is not used";
const READ_FROM_IMAGE: &str = "the read side is that of an image and what came after";
const READ_FROM_FIRST: &str = "the read side is folded from the first record on";
const READ_NOT_USED: &str = "an image of the read side is not used";

/// A stopped site with records and no image, and its last record.
fn filled() -> (Site, u64) {
    let site = Site::new(&[]);
    runtime().block_on(fill(&site.path("data"), 1, RECORDS));
    let last = live(&site).1;
    fs::remove_dir_all(site.path("data/state")).unwrap();
    fs::remove_dir_all(site.path("data/read")).unwrap();
    (site, last)
}

/// One life of the daemon, from its start to a clean stop: what it says, and the last record after it.
fn live(site: &Site) -> (String, u64) {
    let before = site.log().len();
    assert!(site.start().stop().success(), "{}", site.log());
    (site.log()[before..].to_owned(), site.records().last().unwrap().position.0)
}

fn path(site: &Site, position: u64) -> PathBuf {
    site.path(&format!("data/state/{position:020}.image"))
}

/// The names of the images that are there, and of what was begun.
fn names(site: &Site) -> Vec<String> {
    let entries = fs::read_dir(site.path("data/state")).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names
}

/// What the state is for somebody who has no image.
fn anew(site: &Site, last: u64) -> Vec<u8> {
    fs::remove_dir_all(site.path("data/state")).unwrap();
    let (said, after) = live(site);
    assert!(!said.contains(FROM_IMAGE) && after == last, "{said}");
    fs::read(path(site, last)).unwrap()
}

#[test]
fn a_start_goes_on_from_the_image_of_the_last_stop() {
    let (site, last) = filled();
    let (said, _) = live(&site);
    assert!(said.contains("there is no image of the state") && !said.contains(NOT_USED), "{said}");
    let kept = fs::read(path(&site, last)).unwrap();
    let (said, after) = live(&site);
    assert!(said.contains(FROM_IMAGE) && after == last, "{said}");
    assert_eq!(names(&site).len(), 1, "nothing was recorded since");
    runtime().block_on(fill(&site.path("data"), last + 1, last + 50));
    let (said, after) = live(&site);
    assert!(said.contains(FROM_IMAGE), "{said}");
    assert_eq!(fs::read(path(&site, last)).unwrap(), kept, "the one before stays");
    assert_eq!(names(&site).len(), 2);
    let kept = fs::read(path(&site, after)).unwrap();
    assert!(anew(&site, after) == kept, "without images the state is the same");
}

type Spoil = fn(&mut Vec<u8>);

const SPOILT: &[(Spoil, &str)] = &[
    (
        |bytes| {
            let at = bytes.len() - 9;
            bytes[at] ^= 1;
        },
        "it is damaged: its checksum does not match",
    ),
    (|bytes| bytes.truncate(bytes.len() / 2), "it is damaged: "),
    (Vec::clear, "it is damaged: it is cut short"),
    (|bytes| bytes[0] = b'X', "it does not begin as an image does"),
    (|bytes| bytes[8] = 2, "it has image format 2 with features 0x0"),
];

#[test]
fn an_image_that_is_not_good_is_said_and_costs_nothing_but_time() {
    let (site, first) = filled();
    live(&site);
    runtime().block_on(fill(&site.path("data"), first + 1, first + 50));
    let (_, last) = live(&site);
    let good = [first, last].map(|at| fs::read(path(&site, at)).unwrap());
    for (spoil, says) in SPOILT {
        // The newest, and then all of them.
        for (spoilt, from) in [(1, FROM_IMAGE), (2, FROM_FIRST)] {
            for (at, bytes) in [last, first].into_iter().zip(good.iter().rev()) {
                fs::write(path(&site, at), bytes).unwrap();
            }
            for at in [last, first].into_iter().take(spoilt) {
                let mut bytes = fs::read(path(&site, at)).unwrap();
                spoil(&mut bytes);
                fs::write(path(&site, at), bytes).unwrap();
            }
            let (said, after) = live(&site);
            assert_eq!(after, last);
            assert_eq!(said.matches(NOT_USED).count(), spoilt, "{said}");
            assert!(said.contains(says) && said.contains(from), "wanted `{says}`: {said}");
            assert!(fs::read(path(&site, last)).unwrap() == good[1], "{says}: it is made anew");
        }
    }
}

fn read_path(site: &Site, position: u64) -> PathBuf {
    site.path(&format!("data/read/{position:020}.image"))
}

fn stopped(daemon: Daemon) {
    assert!(daemon.stop().success());
}

/// One life of the daemon until all can be asked for: what it says, what it answers, and the last record after it.
fn known(site: &Site, ends: fn(Daemon)) -> (String, Vec<String>, u64) {
    let (before, last) = (site.log().len(), site.records().last().unwrap().position.0);
    let daemon = site.start();
    until("all can be asked for", PATIENCE, || (indexed(&daemon) >= last).then_some(()));
    let questions = (0..5).flat_map(|n| {
        ["item?id=u/site/U", "trace?id=u/site/U"].map(|what| format!("/api/v1/{what}{n}"))
    });
    let answers = questions.map(|question| daemon.get(&question).to_string()).collect();
    ends(daemon);
    (site.log()[before..].to_owned(), answers, site.records().last().unwrap().position.0)
}

#[test]
fn after_a_kill_the_read_side_is_there_without_a_fold() {
    let (site, _) = filled();
    let (said, _, stop) = known(&site, stopped);
    assert!(said.contains("there is no image of the read side"), "{said}");
    runtime().block_on(fill(&site.path("data"), stop + 1, stop + 50));
    let (said, answers, last) = known(&site, Daemon::kill);
    assert!(said.contains(READ_FROM_IMAGE) && !said.contains(READ_NOT_USED), "{said}");
    assert!(said.contains(&stop.to_string()) && last >= stop + 50, "{said}");
    assert!(!read_path(&site, last).exists(), "nobody had the time to keep one");
    let daemon = site.start();
    let told = format!("pedigree_image_position{{of=\"read\"}} {stop}");
    until("it says which image it has", PATIENCE, || {
        daemon.ask("/metrics").1.contains(&told).then_some(())
    });
    stopped(daemon);
    fs::remove_dir_all(site.path("data/read")).unwrap();
    let (said, without, _) = known(&site, stopped);
    assert!(!said.contains(READ_FROM_IMAGE), "{said}");
    assert_eq!(answers, without, "without images the answers are the same");
}

#[test]
fn an_image_of_the_read_side_that_is_not_good_costs_nothing_but_time() {
    let (site, _) = filled();
    let first = known(&site, stopped).2;
    runtime().block_on(fill(&site.path("data"), first + 1, first + 50));
    let (_, answers, last) = known(&site, stopped);
    let good = [first, last].map(|at| fs::read(read_path(&site, at)).unwrap());
    for (spoil, says) in SPOILT {
        // The newest, and then all of them.
        for (spoilt, from) in [(1, READ_FROM_IMAGE), (2, READ_FROM_FIRST)] {
            for (at, bytes) in [last, first].into_iter().zip(good.iter().rev()) {
                fs::write(read_path(&site, at), bytes).unwrap();
            }
            for at in [last, first].into_iter().take(spoilt) {
                let mut bytes = fs::read(read_path(&site, at)).unwrap();
                spoil(&mut bytes);
                fs::write(read_path(&site, at), bytes).unwrap();
            }
            let (said, again, after) = known(&site, stopped);
            assert_eq!((again, after), (answers.clone(), last));
            assert_eq!(said.matches(READ_NOT_USED).count(), spoilt, "{said}");
            assert!(said.contains(says) && said.contains(from), "wanted `{says}`: {said}");
            assert!(fs::read(read_path(&site, last)).unwrap() == good[1], "{says}: made anew");
        }
    }
}

/// A copy of a ledger is another incarnation: what was folded from the first one is not its state, wherever it came from.
#[test]
fn a_restored_ledger_does_not_take_the_images_of_the_one_before() {
    let (site, last) = filled();
    live(&site);
    let copy = site.path("copy").to_str().unwrap().to_owned();
    let done = |verb: &[&str]| {
        let told = site.command(verb).output().unwrap();
        assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    };
    done(&["backup", &copy]);
    assert!(!site.path("copy/state").exists(), "what is derived is not in a copy");
    // Only the ledger was lost.
    fs::remove_dir_all(site.path("data/ledger")).unwrap();
    done(&["restore", &copy]);
    assert!(path(&site, last).exists());
    let (said, _) = live(&site);
    assert!(said.contains("it is of the ledger test incarnation 0"), "{said}");
    assert!(said.contains(FROM_FIRST), "{said}");
    let (said, _) = live(&site);
    assert!(said.contains(FROM_IMAGE) && !said.contains(NOT_USED), "{said}");
}

/// The calls that bring an image onto the disk, each with the file that it is about.
const CALLS: [(&str, &str); 6] = [
    ("openat", "begun"),
    ("pwrite64", "begun"),
    ("fdatasync", "begun"),
    ("rename", "begun"),
    ("fsync", "folder"),
    ("unlink", "oldest"),
];

#[test]
fn wherever_the_daemon_is_killed_while_it_keeps_an_image_the_next_start_has_one() {
    let (site, mut last) = filled();
    live(&site);
    runtime().block_on(fill(&site.path("data"), last + 1, last + 10));
    let mut oldest = last;
    let mut before = live(&site).1;
    for (call, about) in CALLS {
        last = before + 10;
        runtime().block_on(fill(&site.path("data"), before + 1, last));
        let about = match about {
            "begun" => path(&site, last).with_extension("new"),
            "folder" => site.path("data/state"),
            _ => path(&site, oldest),
        };
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-P"]).arg(&about);
        command.args(["-e", &format!("trace={call}"), "-e"]);
        command.arg(format!("inject={call}:signal=SIGKILL:when=1"));
        command.arg(env!("CARGO_BIN_EXE_pedigree")).arg("--config");
        command.arg(site.path("pedigree.toml")).arg("run");
        let daemon = site.launch(command, &[]).unwrap();
        let ended = daemon.stop();
        assert_eq!(ended.signal(), Some(SIGKILL), "at {call}: {ended}; {}", site.log());
        let left = names(&site);
        println!("killed at {call} of {}: {left:?}", about.display());
        let is_kept = path(&site, last).exists();
        assert!(is_kept || path(&site, before).exists(), "{left:?}");
        let (said, after) = live(&site);
        assert!(said.contains(FROM_IMAGE) && !said.contains(NOT_USED), "{said}");
        assert!(after == last && path(&site, last).exists());
        assert!(!names(&site).iter().any(|name| name.contains("new")), "what was begun is gone");
        (oldest, before) = (before, last);
    }
    let kept = fs::read(path(&site, last)).unwrap();
    assert!(anew(&site, last) == kept, "without images the state is the same");
}

/// The index is opened beside everything else. Whatever it waits for, the daemon is up before and knows what hangs
/// together; where it has no more than that, it says that the answer lags.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test has its own clock")]
fn a_start_does_not_wait_for_the_index() {
    let (site, last) = filled();
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-P"]).arg(site.path("data/store/sled/db"));
    command.args(["-e", "trace=openat", "-e"]);
    command.arg(format!("inject=openat:delay_enter={}", SLOW.as_micros()));
    command.arg(env!("CARGO_BIN_EXE_pedigree")).arg("--config");
    command.arg(site.path("pedigree.toml")).arg("run");
    let begun = Instant::now();
    let daemon = site.launch(command, &[]).unwrap();
    println!("up after {:?}", begun.elapsed());
    let position = || daemon.get("/api/v1/yield")["position"].as_u64();
    until("all is known", PATIENCE, || (position() >= Some(last)).then_some(()));
    assert_eq!(indexed(&daemon), 0);
    assert!(begun.elapsed() < SLOW, "it waited");
    let (status, body) = daemon.ask("/api/v1/item?id=u/site/U1");
    assert!(status == 200 && body.contains("lag"), "{status}: {body}");
    // What is not found may be in a record that only the index can be asked for.
    for question in ["item?id=u/site/SN-0", "trace?id=SN-0", "recall?lot=L0", "resolve?id=SN-0"] {
        let (status, body) = daemon.ask(&format!("/api/v1/{question}"));
        assert_eq!(status, 503, "{question}: {body}");
        assert!(body.contains(&format!("up to #{last}")), "{question}: {body}");
    }
    assert_eq!(daemon.ask("/item?id=SN-0").0, 503);
    assert_eq!(daemon.ask("/api/v1/yield?station=X").0, 404, "stations are known");
    until("all records are in the index", PATIENCE, || (indexed(&daemon) >= last).then_some(()));
    assert!(begun.elapsed() > SLOW, "nothing was slow");
    until("it is ready", PATIENCE, || (daemon.ask("/ready").0 == 200).then_some(()));
    assert_eq!(daemon.ask("/api/v1/item?id=u/site/SN-0").0, 404);
    assert!(daemon.stop().success(), "{}", site.log());
}

/// An index that cannot be opened is tried again and again, beside everything else.
#[test]
fn a_daemon_runs_without_its_index_until_that_can_be_opened() {
    let (site, last) = filled();
    fs::remove_dir_all(site.path("data/store")).unwrap();
    fs::write(site.path("data/store"), "in its place").unwrap();
    let daemon = site.start();
    let refused = "the index takes no records";
    until("it is said", PATIENCE, || site.log().contains(refused).then_some(()));
    assert_eq!(indexed(&daemon), 0);
    assert_eq!(daemon.ask("/ready").0, 503);
    fs::remove_file(site.path("data/store")).unwrap();
    until("all records are in the index", PATIENCE, || (indexed(&daemon) >= last).then_some(()));
    until("it is ready", PATIENCE, || (daemon.ask("/ready").0 == 200).then_some(()));
    assert!(daemon.stop().success(), "{}", site.log());
}

/// Seconds from the start of a daemon until it is up, and what it says of its state.
#[expect(clippy::disallowed_methods, reason = "a test has its own clock")]
fn timed(site: &Site, ends: fn(Daemon)) -> (f64, String) {
    let (before, begun) = (site.log().len(), Instant::now());
    let daemon = site.start();
    let up = begun.elapsed().as_secs_f64();
    ends(daemon);
    (up, site.log()[before..].to_owned())
}

/// With `PEDIGREE_START_RECORDS=10000000`, in a release build, the figure of a start after ten million records.
#[test]
fn a_start_folds_only_what_came_after_the_image() {
    let asked = std::env::var("PEDIGREE_START_RECORDS").ok().and_then(|text| text.parse().ok());
    let records: u64 = asked.unwrap_or(120_000);
    let site = Site::new(&[]);
    runtime().block_on(fill(&site.path("data"), 1, records));
    let (first, said) = timed(&site, |daemon| {
        // The first image comes without being waited for.
        until("there is an image", PATIENCE, || {
            let text = daemon.ask("/metrics").1;
            let line =
                text.lines().find(|line| line.starts_with("pedigree_image_position{of=\"state\"}"));
            line.is_some_and(|line| !line.ends_with(" 0")).then_some(())
        });
        daemon.kill();
    });
    assert!(said.contains("there is no image of the state"), "{said}");
    let last = site.records().last().unwrap().position.0;
    runtime().block_on(fill(&site.path("data"), last + 1, last + 20_000));
    let (killed, said) = timed(&site, Daemon::kill);
    assert!(said.contains(FROM_IMAGE), "{said}");
    let folded =
        said.split("folded").nth(1).unwrap().trim_start_matches(|c: char| !c.is_ascii_digit());
    let folded: String = folded.chars().take_while(char::is_ascii_digit).collect();
    assert!((20_000..=20_010).contains(&folded.parse().unwrap()), "{said}");
    let (stopped, _) = timed(&site, |daemon| assert!(daemon.stop().success()));
    let (clean, said) = timed(&site, Daemon::kill);
    assert!(said.contains(FROM_IMAGE), "{said}");
    println!(
        "{records} records: up after {first:.2} s without an image, {killed:.2} s and {stopped:.2} s from one with \
         20000 records after it, {clean:.2} s from one with none"
    );
}
