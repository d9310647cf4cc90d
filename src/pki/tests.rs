use super::*;
use std::os::unix::fs::PermissionsExt;

fn own(dir: &Path) -> Own {
    ensure_own(dir, "urn:pedigree:test", "pedigree", &["127.0.0.1".to_owned()]).unwrap()
}

#[test]
fn our_key_is_made_once_and_only_ours_to_read() {
    let dir = tempfile::tempdir().unwrap();
    let first = own(dir.path());
    let mode = std::fs::metadata(&first.key_path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(first.certificate.is_for_application("urn:pedigree:test"));
    assert!(!first.certificate.is_for_application("urn:somebody:else"));
    assert_eq!(own(dir.path()).certificate, first.certificate);
    assert_eq!(list(dir.path()).unwrap()[0].standing, Standing::Own);

    std::fs::set_permissions(&first.key_path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let refused = ensure_own(dir.path(), "urn:pedigree:test", "pedigree", &[]);
    assert!(matches!(refused, Err(PkiError::KeyReadable { mode: 0o640, .. })), "{refused:?}");

    std::fs::remove_file(&first.key_path).unwrap();
    let refused = ensure_own(dir.path(), "urn:pedigree:test", "pedigree", &[]);
    assert!(matches!(refused, Err(PkiError::KeyMissing(_))), "{refused:?}");
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (one_own, other_own) = (own(one.path()), own(other.path()));
    std::fs::copy(&other_own.key_path, &one_own.key_path).unwrap();
    let refused = ensure_own(one.path(), "urn:pedigree:test", "pedigree", &[]);
    assert!(matches!(refused, Err(PkiError::KeyForeign(_))), "{refused:?}");
}

#[test]
fn what_is_refused_can_be_trusted_and_distrusted() {
    let (dir, peer) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let peer = own(peer.path()).certificate;
    assert!(!is_trusted(dir.path(), &peer.der).unwrap());
    assert!(matches!(trust(dir.path(), &peer.thumbprint), Err(PkiError::Unknown { .. })));
    reject(dir.path(), &peer.der).unwrap();
    trust(dir.path(), &peer.thumbprint).unwrap();
    assert!(is_trusted(dir.path(), &peer.der).unwrap());
    let standings: Vec<_> = list(dir.path()).unwrap().iter().map(|e| e.standing).collect();
    assert_eq!(standings, [Standing::Trusted]);
    distrust(dir.path(), &peer.thumbprint).unwrap();
    assert!(!is_trusted(dir.path(), &peer.der).unwrap());

    pin(dir.path(), "press", &peer.der).unwrap();
    assert_eq!(pinned(dir.path(), "press").unwrap(), Some(peer.der.clone()));
    assert_eq!(pinned(dir.path(), "oven").unwrap(), None);
    assert!(!is_trusted(dir.path(), &peer.der).unwrap(), "a pin is for one device");
}

/// A client may open several connections at once, each of which has its certificate put where it belongs.
#[test]
fn a_certificate_that_many_store_at_once_is_stored_and_whole() {
    let (dir, peer) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let der = own(peer.path()).certificate.der;
    for _ in 0..20 {
        let start = std::sync::Barrier::new(8);
        let path = std::thread::scope(|many| {
            let each = || {
                start.wait();
                store(dir.path(), &der).unwrap()
            };
            let all: Vec<_> = (0..8).map(|_| many.spawn(each)).collect();
            all.into_iter().map(|one| one.join().unwrap()).last().unwrap()
        });
        assert_eq!(std::fs::read(&path).unwrap(), der);
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn refused_certificates_do_not_fill_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..150u32 {
        reject(dir.path(), &n.to_le_bytes()).unwrap();
    }
    assert_eq!(std::fs::read_dir(dir.path().join("rejected")).unwrap().count(), 100);
}

#[test]
fn a_thumbprint_reads_back_in_every_common_form() {
    let thumbprint = thumbprint_sha256(b"x");
    let hex = thumbprint_hex(&thumbprint);
    assert_eq!(parse_thumbprint(&hex).unwrap(), thumbprint);
    let colons: Vec<_> =
        hex.as_bytes().chunks(2).map(|c| std::str::from_utf8(c).unwrap()).collect();
    assert_eq!(parse_thumbprint(&colons.join(":").to_lowercase()).unwrap(), thumbprint);
    assert!(parse_thumbprint(&hex[1..]).is_err());
    assert!(parse_thumbprint(&format!("{}é", &hex[1..])).is_err());
}

#[test]
fn only_the_leaf_of_a_chain_counts() {
    let dir = tempfile::tempdir().unwrap();
    let own = own(dir.path()).certificate;
    let chain = [own.der.as_slice(), own.der.as_slice()].concat();
    assert_eq!(Certificate::parse(&chain).unwrap(), own);
    assert!(Certificate::parse(&own.der[..100]).is_err());
}
