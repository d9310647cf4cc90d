use super::*;
use crate::ledger::simulated::{Faults, SimulatedDisk};
use crate::ledger::{Files, Generation, Ledger, Options, SEGMENT_BYTES_MAX};
use crate::model::{At, Audit, Body, Record, SiteId};
use crate::telemetry::Metrics;
use std::fs;
use tempfile::TempDir;

const DURABLE: Position = Position(30);

fn of() -> ImageOf {
    let origin = Origin { site: SiteId::parse("plant").unwrap(), incarnation: 1 };
    ImageOf { origin, program: Text::parse("1.2.3").unwrap(), schema: 7 }
}

/// A ledger of thirty records, and a folder for images.
struct Site {
    dir: TempDir,
    ledger: Ledger,
}

impl Site {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = Options {
            dir: dir.path().to_owned(),
            origin: of().origin,
            segment_bytes_max: SEGMENT_BYTES_MAX,
            metrics: Arc::new(Metrics::new()),
            now: Arc::new(At::default),
        };
        let ledger = Ledger::open(options, Files).unwrap().ledger;
        let record = |n| {
            let text = |text: &str| Text::parse(text).unwrap();
            let body = Body::Audit(Audit { who: text("a"), what: text(&format!("record {n}")) });
            Record { position: Position(n), at: At::default(), body, plant: None }
        };
        ledger.append(Generation(0), (1..=DURABLE.0).map(record).collect()).await.unwrap();
        ledger.durable().wait_for(|durable| durable.position == DURABLE).await.unwrap();
        Self { dir, ledger }
    }

    fn images(&self, of: ImageOf) -> Images {
        Images::new(Arc::new(Files), &self.folder(), of)
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn root(&self, position: u64) -> Digest {
        self.ledger.reader().root_at(position).unwrap().unwrap()
    }

    fn keep(&self, images: &mut Images, position: u64) -> io::Result<()> {
        images.keep(Position(position), self.root(position), &body(position))
    }

    /// What is found, and why others are not used.
    fn newest(&self, images: &mut Images) -> (Option<Vec<u8>>, Vec<String>) {
        let read = |body: &[u8]| Ok(body.to_vec());
        let Newest { found, refused } = images.newest(&self.ledger.reader(), DURABLE, read);
        (found, refused.into_iter().map(|(_, why)| why.to_string()).collect())
    }

    /// The names of all files in the folder.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }
}

fn body(position: u64) -> Vec<u8> {
    (0..500).map(|n| u8::try_from((n * 7 + position) % 251).unwrap()).collect()
}

#[tokio::test]
async fn the_last_two_good_images_are_kept() {
    let site = Site::new().await;
    let mut images = site.images(of());
    assert_eq!(site.newest(&mut images), (None, Vec::new()), "there is no folder yet");
    for position in [5, 10, 20] {
        site.keep(&mut images, position).unwrap();
        assert_eq!(site.newest(&mut site.images(of())), (Some(body(position)), Vec::new()));
    }
    assert_eq!(site.names(), [name(Position(10)), name(Position(20))]);
    // One that is not good is not what stays beside the next, and what was not finished goes.
    fs::write(site.folder().join(name(Position(20))), "not an image").unwrap();
    fs::write(site.folder().join("00000000000000000025.new"), "half").unwrap();
    let mut images = site.images(of());
    let (found, refused) = site.newest(&mut images);
    assert_eq!((found, images.last()), (Some(body(10)), Some(Position(10))));
    assert_eq!(refused, ["it does not begin as an image does"]);
    site.keep(&mut images, 30).unwrap();
    assert_eq!(site.names(), [name(Position(10)), name(Position(30))]);
}

#[tokio::test]
async fn any_flipped_byte_and_any_cut_is_refused_and_the_one_before_is_used() {
    let site = Site::new().await;
    let mut images = site.images(of());
    site.keep(&mut images, 10).unwrap();
    site.keep(&mut images, 20).unwrap();
    let path = site.folder().join(name(Position(20)));
    let good = fs::read(&path).unwrap();
    let check = |bytes: &[u8], what: &str| {
        fs::write(&path, bytes).unwrap();
        let (found, refused) = site.newest(&mut site.images(of()));
        assert_eq!((found, refused.len()), (Some(body(10)), 1), "{what}");
    };
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        check(&bytes, &format!("byte {at} is flipped"));
        check(&good[..at], &format!("cut to {at} bytes"));
    }
    check(&[good.as_slice(), &[0]].concat(), "a byte more");
    fs::write(&path, &good).unwrap();
    assert_eq!(site.newest(&mut site.images(of())), (Some(body(20)), Vec::new()));
}

/// What is there, and what is said of it.
type Other = (fn(&Site), &'static str);

fn by(site: &Site, of: ImageOf) {
    site.keep(&mut site.images(of), 20).unwrap();
}

fn changed(site: &Site, at: usize, to: u8) {
    by(site, of());
    let path = site.folder().join(name(Position(20)));
    let mut bytes = fs::read(&path).unwrap();
    bytes[at] = to;
    fs::write(&path, bytes).unwrap();
}

const OTHERS: &[Other] = &[
    (
        |site| {
            let origin = Origin { incarnation: 2, ..of().origin };
            by(site, ImageOf { origin, ..of() });
        },
        "it is of the ledger plant incarnation 2",
    ),
    (
        |site| {
            let origin = Origin { site: SiteId::parse("other").unwrap(), incarnation: 1 };
            by(site, ImageOf { origin, ..of() });
        },
        "it is of the ledger other incarnation 1",
    ),
    (
        |site| by(site, ImageOf { program: Text::parse("1.2.4").unwrap(), ..of() }),
        "it was written by pedigree 1.2.4, this is 1.2.3",
    ),
    (|site| by(site, ImageOf { schema: 8, ..of() }), "it is of form 8, wanted 7"),
    (
        |site| site.images(of()).keep(Position(20), site.root(19), &body(20)).unwrap(),
        "the records up to #20 are not those that it was folded from",
    ),
    (
        |site| site.images(of()).keep(Position(31), site.root(30), &body(31)).unwrap(),
        "it was folded up to #31, the ledger has records up to #30",
    ),
    (
        |site| {
            by(site, of());
            let [from, to] = [20, 21].map(|at| site.folder().join(name(Position(at))));
            fs::rename(from, to).unwrap();
        },
        "it is damaged: it has the name of another",
    ),
    (
        |site| changed(site, 8, 2),
        "it has image format 2 with features 0x0, this pedigree reads format 1 without features",
    ),
    (
        |site| changed(site, 12, 4),
        "it has image format 1 with features 0x4, this pedigree reads format 1 without features",
    ),
];

#[tokio::test]
async fn an_image_of_another_ledger_program_or_form_is_refused_by_name() {
    for (put, says) in OTHERS {
        let site = Site::new().await;
        put(&site);
        assert_eq!(site.newest(&mut site.images(of())), (None, vec![(*says).to_owned()]));
        let other = site.names().remove(0);
        let mut images = site.images(of());
        site.keep(&mut images, 10).unwrap();
        assert_eq!(site.names(), [name(Position(10))], "it is in nobody's way");
        put(&site);
        fs::write(
            site.folder().join(name(Position(10))),
            [images.head(Position(10), site.root(10), &body(10)), body(10)].concat(),
        )
        .unwrap();
        assert!(site.names().contains(&other));
        let told = site.newest(&mut site.images(of()));
        assert_eq!(told, (Some(body(10)), vec![(*says).to_owned()]), "the one before is used");
    }
}

#[tokio::test]
async fn what_cannot_be_read_by_whoever_had_it_kept_is_refused() {
    let site = Site::new().await;
    let mut images = site.images(of());
    site.keep(&mut images, 10).unwrap();
    let read = |body: &[u8]| wire::decode::<Header>(body);
    let Newest { found, refused } = images.newest(&site.ledger.reader(), DURABLE, read);
    assert!(found.is_none());
    let [(path, ImageFault::Damaged(_))] = refused.as_slice() else { panic!("{refused:?}") };
    assert_eq!(*path, site.folder().join(name(Position(10))));
}

/// Wherever the process or the machine ends while an image is kept, the next start finds one that is whole: the
/// new one for certain if it was said to be kept.
#[tokio::test]
async fn wherever_it_ends_there_is_a_whole_image() {
    let site = Site::new().await;
    let (mut ends, mut fresh) = (0, 0);
    for seed in 0..200 {
        for operations in 0.. {
            let disk = SimulatedDisk::new(seed);
            let images = || Images::new(Arc::new(disk.clone()), Path::new("/state"), of());
            let mut before = images();
            site.keep(&mut before, 10).unwrap();
            site.keep(&mut before, 20).unwrap();
            disk.cut_power_after(operations);
            let kept = site.keep(&mut before, 30).is_ok();
            let whole = disk.has_power();
            if seed % 4 == 0 {
                disk.kill();
            } else {
                disk.power_cut();
            }
            let mut after = images();
            let (found, refused) = site.newest(&mut after);
            assert_eq!(refused, Vec::<String>::new(), "seed {seed}, {operations} operations");
            let is_new = found == Some(body(30));
            assert!(is_new || (!kept && found == Some(body(20))), "seed {seed}, {operations}");
            ends += 1;
            fresh += u32::from(is_new);
            site.keep(&mut after, 30).unwrap();
            let there = disk.list(Path::new("/state")).unwrap();
            assert!(!there.contains(&name(Position(10))) && there.len() <= 2, "{there:?}");
            if kept && whole {
                break;
            }
        }
    }
    println!("{ends} ends, {fresh} of them with the new image");
    assert!(ends > 1000 && fresh > 200 && fresh < ends);
}

#[tokio::test]
async fn a_disk_that_refuses_an_image_costs_none_that_is_there() {
    let site = Site::new().await;
    let faults: [Faults; 4] = [
        Faults { sync: 1.0, ..Faults::default() },
        Faults { write: 1.0, ..Faults::default() },
        Faults { names: 1.0, ..Faults::default() },
        Faults { full: true, ..Faults::default() },
    ];
    for (seed, faults) in (0..).zip(faults) {
        let disk = SimulatedDisk::new(seed);
        let mut images = Images::new(Arc::new(disk.clone()), Path::new("/state"), of());
        site.keep(&mut images, 10).unwrap();
        disk.set(faults);
        assert!(site.keep(&mut images, 20).is_err(), "{faults:?}");
        assert_eq!(images.last(), Some(Position(10)));
        assert_eq!(site.newest(&mut images), (Some(body(10)), Vec::new()), "{faults:?}");
        disk.set(Faults::default());
        site.keep(&mut images, 30).unwrap();
        let there = disk.list(Path::new("/state")).unwrap();
        assert_eq!(there, [name(Position(10)), name(Position(30))], "{faults:?}");
    }
}
