//! The rules of the language: one change to a good file gives one fault, at the place of the change.
use super::{GOOD, found};
use crate::config::later;

/// In groups of three lines: what is taken out of the good file, what comes in its place (`⏎` is a
/// line break), and the one message that follows.
const RULES: &str = include_str!("rules.txt");

/// Makes one change and says what was found, and where.
fn change(from: &str, to: &str) -> Vec<(usize, String)> {
    assert_eq!(GOOD.matches(from).count(), 1, "`{from}` must stand once in the good file");
    let faults = found(&[("good.toml", &GOOD.replace(from, to))]);
    faults.iter().map(|fault| (fault.line, fault.message.clone())).collect()
}

/// What is wrong with a rule, if it does not hold.
fn broken(from: &str, to: &str, wanted: &str) -> Option<String> {
    let found = change(from, to);
    let [(line, message)] = found.as_slice() else {
        return Some(format!("`{to}` should give `{wanted}`, gives {found:#?}"));
    };
    let first = GOOD[..GOOD.find(from)?].matches('\n').count() + 1;
    let touched = first..=first + to.matches('\n').count();
    let taken_out = from.matches('\n').count() > to.matches('\n').count();
    let right = message == wanted && (taken_out || touched.contains(line));
    (!right).then(|| format!("`{to}` should give `{wanted}` on line {first}, gives {found:#?}"))
}

#[test]
fn one_change_gives_one_fault_where_it_was_made() {
    let lines = RULES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let lines: Vec<String> = lines.map(|line| line.replace('⏎', "\n")).collect();
    let mut wrong = Vec::new();
    for rule in lines.chunks(3) {
        let of = |at: usize, mark: char| rule[at].strip_prefix(mark).unwrap();
        let of = |at, mark| of(at, mark).strip_prefix(' ').unwrap_or_default();
        wrong.extend(broken(of(0, '-'), of(1, '+'), of(2, '!')));
    }
    assert!(lines.len() > 200 && wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn encryption_is_given_up_only_in_so_many_words() {
    let trust = GOOD.lines().find(|line| line.starts_with("trust")).unwrap();
    let found = change(trust, "security = \"none\"\nallow_insecure = true");
    let warning = "the password of `device.op10` goes over the wire in clear";
    assert_eq!(found.iter().map(|(_, m)| m.as_str()).collect::<Vec<_>>(), [warning]);
    let open = |text: &str| format!("{text}\nsecurity = \"none\"\nallow_insecure = true");
    let login = "login     = { user = \"trace\", password_env = \"OP10\" }";
    let found =
        change(login, &open("login = { certificate_file = \"a.der\", key_file = \"a.pem\" }"));
    let wanted = "`device.op10` cannot show a certificate without encryption";
    assert!(found.iter().any(|(_, message)| message == wanted), "{found:?}");
    for word in ["none", "legacy"] {
        let found = change(trust, &format!("security = \"{word}\""));
        let wanted = format!("`security = \"{word}\"` needs `allow_insecure = true`");
        assert!(found.iter().any(|(_, message)| *message == wanted), "{found:?}");
    }
}

#[test]
fn what_is_put_on_a_carrier_is_counted() {
    let pulse = "trigger = \"Late.Pulse\"\nnumber  = \"Late.Pulses\"\n";
    let carrier = "trigger = \"Late.Pulse\"\ncarrier = \"Late.Tag\"\n";
    let missed = "`station.LATE.handshake.pulse` has no number of its requests";
    for (fill, faults) in [("", 2), ("fill = \"close\"\n", 2), ("fill = \"read\"\n", 1)] {
        let found = change(pulse, &format!("{carrier}{fill}"));
        let found: Vec<_> = found.iter().map(|(_, message)| message.as_str()).collect();
        assert_eq!(found, vec![missed; faults], "{fill}");
    }
}

#[test]
fn a_number_is_a_whole_unsigned_word_and_is_missed_where_there_is_none() {
    let found = change("number   = \"in_no\"\n", "");
    let wanted = (87, "`station.KETTLE.handshake.charge` has no number of its requests".to_owned());
    assert!(found.contains(&wanted), "{found:?}");
    let found = change("at = \"hr:20\", type = \"u16\"", "at = \"hr:20\", type = \"i16\"");
    assert_eq!(found, [(92, "`in_no` cannot be a count".to_owned())]);
}

#[test]
fn a_snapshot_over_several_requests_must_be_read_twice() {
    for (from, to) in [
        ("in_kg   = { at = \"hr:30\"", "in_kg = { at = \"hr:110\""),
        ("in_kg   = { at = \"hr:30\"", "in_kg = { at = \"ir:30\""),
        ("holes       = [\"hr:130..139\"]", "holes = [\"hr:18..19\"]"),
    ] {
        let found = change(from, to);
        assert!(
            found.iter().all(|(_, m)| m.ends_with("cannot be read in one request")),
            "{found:#?}"
        );
        assert_eq!(found[0].0, 87, "{to}");
        let text = GOOD.replace(from, to).replace("pattern  = ", "stable = true\npattern = ");
        let text = text.replace(
            "pattern = \"req-ack\"\nevent   =",
            "stable = true\npattern = \"req-ack\"\nevent =",
        );
        assert!(super::found(&[("good.toml", &text)]).is_empty(), "{to}");
    }
}

#[test]
fn what_the_language_has_and_this_version_not_is_refused_with_its_reason() {
    for (table, key, reason) in later::keys() {
        let header = match table {
            "PlantFile" => "schema = 1",
            "Device" => "[device.op10]",
            "Tag" => "[device.kettle.tags.extra]\nat = \"di:1\"",
            "Station" => "[station.OP10]",
            "Handshake" => "[station.OP10.handshake.admit]",
            "Measurement" => "[station.OP10.handshake.result.values.extra]\nfrom = \"X\"",
            "Phase" => "[station.KETTLE.phase.cook]",
            "Mount" => "[station.OP10.mount.coil]",
            "Monitor" => "[station.OP10.monitor.extra]\nnode = \"X\"",
            other => panic!("no example for {other}"),
        };
        let line = format!("{header}\n{key} = 1\n");
        let begin = header.lines().next().unwrap();
        let text = if GOOD.contains(&format!("{begin}\n")) {
            GOOD.replacen(&format!("{begin}\n"), &line, 1)
        } else {
            format!("{GOOD}\n{line}")
        };
        let faults = found(&[("good.toml", &text)]);
        let [fault] = faults.as_slice() else { panic!("{table}.{key}: {faults:#?}") };
        assert!(fault.message.ends_with("is not supported by this version"), "{}", fault.message);
        assert_eq!(fault.help.as_deref(), Some(reason));
    }
}
