//! Checkpoints as they are written, kept, changed and cut off.
use super::*;

fn key() -> SigningKey {
    SigningKey::new(std::array::from_fn(|at| u8::try_from(at).unwrap()))
}

fn origin_of(site: &str) -> Origin {
    Origin { site: SiteId::parse(site).unwrap(), incarnation: 2 }
}

fn checkpoint(size: u64) -> Checkpoint {
    let time = Utc(1_795_336_870_250_000_000);
    Checkpoint { origin: origin_of("plant-1"), size, root: Digest([7; 32]), time }
}

/// C2SP `tlog-checkpoint` and `signed-note`, line by line; the bytes of the signature are held against
/// another implementation in `tests/it/proof.rs`.
#[test]
fn a_checkpoint_is_a_signed_note() {
    let signed = Signed::new(checkpoint(20_852_163), &key());
    let lines: Vec<&str> = signed.note().split('\n').collect();
    let [name, size, root, time, empty, signature, ""] = lines.as_slice() else {
        panic!("{}", signed.note())
    };
    assert_eq!(
        (*name, *size, *root, *time, *empty),
        (
            "pedigree/plant-1/2",
            "20852163",
            "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
            "time 2026-11-22T08:41:10.250Z",
            ""
        )
    );
    let signature = signature.strip_prefix("— pedigree/plant-1/2 ").unwrap();
    assert_eq!(BASE64.decode(signature).unwrap().len(), 4 + 64);
    let public = key().public();
    assert_eq!(Signed::open(signed.note(), &public), Ok(signed.clone()));
    let named = public.named(&signed.checkpoint().origin);
    assert_eq!(PublicKey::parse(&named), Ok(public));
}

/// RFC 8032 §7.1, test 1: the key of all tests of Ed25519.
#[test]
fn the_public_key_is_that_of_the_rfc() {
    let hex = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let secret =
        std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap());
    let named = SigningKey::new(secret).public().named(&origin_of("plant-1"));
    let bytes = BASE64.decode(named.splitn(3, '+').nth(2).unwrap()).unwrap();
    let public = Digest(bytes[1..].try_into().unwrap());
    assert_eq!(
        public.to_string(),
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    );
}

#[test]
fn every_changed_byte_of_a_checkpoint_is_found() {
    let (signed, public) = (Signed::new(checkpoint(4711), &key()), key().public());
    let good = signed.note().as_bytes();
    for at in 0..good.len() {
        let mut bad = good.to_vec();
        bad[at] ^= 1;
        let opened = Signed::open(&String::from_utf8_lossy(&bad), &public);
        // The last bits of base64 mean nothing, and are refused all the same.
        assert!(opened.is_err(), "byte {at}: {opened:?}");
    }
}

#[test]
fn a_signature_by_another_key_does_not_count() {
    let signed = Signed::new(checkpoint(4711), &SigningKey::new([9; 32]));
    let opened = Signed::open(signed.note(), &key().public());
    assert!(matches!(opened, Err(CheckpointFault::Unsigned(_))), "{opened:?}");
    // One of ours beside it does, whoever signed before.
    let ours = Signed::new(checkpoint(4711), &key());
    let both = format!("{}{}", signed.note(), ours.note().rsplit_once("\n\n").unwrap().1);
    assert_eq!(Signed::open(&both, &key().public()).unwrap().checkpoint(), ours.checkpoint());
}

#[test]
fn a_site_may_have_a_plus_in_its_name() {
    let origin = origin_of("a+b");
    let public = key().public();
    assert_eq!(PublicKey::parse(&public.named(&origin)), Ok(public.clone()));
    let signed = Signed::new(Checkpoint { origin, ..checkpoint(1) }, &key());
    assert_eq!(Signed::open(signed.note(), &public), Ok(signed));
}

#[test]
fn what_is_no_public_key_is_told() {
    let named = key().public().named(&origin_of("plant-1"));
    for bad in ["", "x", &named[1..], &named[..named.len() - 1], &named.replace("/2", "/3")] {
        assert!(PublicKey::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_file_of_checkpoints_is_read_wherever_it_was_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoints");
    let public = key().public();
    assert_eq!(recent(&path, &public, 5).unwrap(), []);
    let all: Vec<Signed> = (1..=3).map(|n| Signed::new(checkpoint(n), &key())).collect();
    for signed in &all {
        append(&path, signed).unwrap();
    }
    let good = std::fs::read(&path).unwrap();
    let whole = Checkpoints { signed: all.clone(), ..Checkpoints::default() };
    assert_eq!(read(&good, &public), whole);
    assert_eq!(recent(&path, &public, 2).unwrap(), all[1..]);
    let two = 2 * good.len() / 3;
    for cut in two..good.len() {
        let found = read(&good[..cut], &public);
        let count = if cut < good.len() - 1 { 2 } else { 3 };
        assert_eq!((found.signed.len(), found.unread.len()), (count, 0), "cut at {cut}");
        assert_eq!(found.is_torn, (two + 1..good.len() - 1).contains(&cut), "cut at {cut}");
        // Who goes on writes one that is whole, and leaves nothing before it that is not.
        std::fs::write(&path, &good[..cut]).unwrap();
        append(&path, &all[0]).unwrap();
        let found = read(&std::fs::read(&path).unwrap(), &public);
        // The end of a line is all that the third may want.
        let count = if cut < good.len() - 2 { 2 } else { 3 };
        assert_eq!((found.signed.len(), found.unread.len()), (count + 1, 0), "cut at {cut}");
        assert_eq!((found.signed.last(), found.is_torn), (all.first(), false), "cut at {cut}");
    }
    let mut bad = good.clone();
    bad[two / 2 + 25] ^= 1;
    let found = read(&bad, &public);
    assert_eq!((found.signed.len(), found.is_torn), (2, false));
    assert_eq!(found.unread[0].line, 8);
}

#[test]
fn a_file_that_was_changed_on_its_way_is_not_taken_for_an_empty_one() {
    let public = key().public();
    let notes = |range: std::ops::RangeInclusive<u64>| {
        let note = |n| format!("{}\n", Signed::new(checkpoint(n), &key()).note());
        range.map(note).collect::<Vec<String>>().concat()
    };
    let good = notes(1..=3);
    let stripped = good.replace("\n\n", "\n");
    let wrapped = good.replace("— pedigree/plant-1/2 ", "— pedigree/plant-1/2\n");
    let narrow = good.lines().map(|line| line.chars().take(60).collect::<String>());
    let narrow = narrow.collect::<Vec<_>>().join("\n");
    let begin = good.chars().take(80).collect::<String>();
    for (what, text, signed) in [
        ("without empty lines", stripped.clone(), 0),
        ("one, without empty lines", notes(1..=1).replace("\n\n", "\n"), 0),
        ("with carriage returns", good.replace('\n', "\r\n"), 0),
        ("one, with carriage returns", notes(1..=1).replace('\n', "\r\n"), 0),
        ("no empty lines before signatures", good.replace("\n\n—", "\n—"), 0),
        ("lines that were broken", wrapped, 0),
        ("lines that were shortened", narrow, 0),
        ("the good, then the bad", format!("{good}{stripped}"), 3),
        ("one that is cut off before others", format!("{begin}\n\n{good}"), 3),
    ] {
        let found = read(text.as_bytes(), &public);
        assert_eq!(found.signed.len(), signed, "{what}");
        assert!(!found.unread.is_empty(), "{what}: {found:?}");
    }
    // At the end it is what a writer leaves that was killed.
    let found = read(format!("{good}{begin}").as_bytes(), &public);
    assert_eq!((found.signed.len(), &found.unread, found.is_torn), (3, &vec![], true));
}

#[test]
fn the_last_checkpoints_are_found_whatever_stands_behind_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoints");
    let public = key().public();
    let ours = Signed::new(checkpoint(7), &key());
    append(&path, &ours).unwrap();
    for n in 0..40 {
        append(&path, &Signed::new(checkpoint(n), &SigningKey::new([9; 32]))).unwrap();
    }
    assert!(std::fs::metadata(&path).unwrap().len() > 4 * 1024);
    assert_eq!(recent(&path, &public, 1).unwrap(), std::slice::from_ref(&ours));
    assert_eq!(recent(&path, &public, 5).unwrap(), [ours]);
}

#[test]
fn what_is_not_ours_to_cut_off_is_left_before_the_next_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("checkpoints");
    let (one, two) = (Signed::new(checkpoint(1), &key()), Signed::new(checkpoint(2), &key()));
    let witness = "— witness.example AAAAAAAA\n";
    for before in [
        one.note().trim_end().to_owned(),
        one.note().to_owned(),
        format!("{}{witness}", one.note()),
        one.note().replace('\n', "\r\n"),
        one.note().replace("\n\n", "\n"),
        "a word\n".to_owned(),
    ] {
        std::fs::write(&path, &before).unwrap();
        append(&path, &two).unwrap();
        let after = std::fs::read_to_string(&path).unwrap();
        assert!(
            after.starts_with(&before) && after.ends_with(&format!("\n\n{}\n", two.note())),
            "{after}"
        );
    }
}
