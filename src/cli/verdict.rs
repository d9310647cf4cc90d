//! What a verification proved of the records that were asked about, and what it did not.
use crate::ledger::{Checkpoints, Report};
use crate::model::Position;
use std::ops::RangeInclusive;
use std::path::Path;

/// What was asked.
#[derive(Debug, Clone)]
pub(super) struct Asked<'a> {
    /// Which records.
    pub(super) records: RangeInclusive<Position>,
    /// The file of checkpoints that was named, if one was.
    pub(super) file: Option<&'a Path>,
}

impl Asked<'_> {
    /// All records, and what is kept beside them.
    pub(super) fn all() -> Self {
        Self { records: Position(1)..=Position(u64::MAX), file: None }
    }
}

/// What can be said, in sentences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// What is proven of which records; nothing where there are faults, which say more.
    pub(super) proven: Vec<String>,
    /// Why the answer is no, although nothing that was found is wrong.
    pub(super) against: Vec<String>,
}

impl Verdict {
    /// Of a report about what was asked, with the checkpoints that it was held against.
    pub(super) fn new(report: &Report, checkpoints: &Checkpoints, asked: &Asked<'_>) -> Self {
        let against = [absent(report, asked), unheld(report, checkpoints, asked)];
        let against: Vec<String> = against.into_iter().flatten().collect();
        let proven = if report.is_sound() && report.last >= *asked.records.start() {
            proven(report, checkpoints, asked)
        } else {
            Vec::new()
        };
        Self { proven, against }
    }
}

/// `#3 is`, or `#3 to #5 are`.
fn span(from: Position, to: Position) -> String {
    if from == to { format!("{from} is") } else { format!("{from} to {to} are") }
}

/// Records were asked about that are not there.
fn absent(report: &Report, asked: &Asked<'_>) -> Option<String> {
    let from = *asked.records.start();
    let missing = from > Position(1) && report.last < from;
    missing.then(|| format!("there is no record {from}: the ledger ends at {}", report.last))
}

/// A file was named, and nothing in it was of any use.
fn unheld(report: &Report, checkpoints: &Checkpoints, asked: &Asked<'_>) -> Option<String> {
    let file =
        asked.file.filter(|_| report.agreed == 0 && report.contradiction.is_none())?.display();
    let count = checkpoints.signed.len();
    Some(match count {
        0 => format!(
            "nothing was held against what was signed: no checkpoint by this key can be read in {file}; \
             take the file anew from where it is kept, byte by byte, or name the right --key"
        ),
        1 => format!(
            "nothing was held against what was signed: the checkpoint in {file} is of other records than \
             were looked at; widen --from and --to"
        ),
        _ => format!(
            "nothing was held against what was signed: the {count} checkpoints in {file} are of other \
             records than were looked at; widen --from and --to"
        ),
    })
}

fn proven(report: &Report, checkpoints: &Checkpoints, asked: &Asked<'_>) -> Vec<String> {
    let (from, to) = (*asked.records.start(), report.last.min(*asked.records.end()));
    let signed = report.signed.filter(|signed| *signed >= from).map(|signed| signed.min(to));
    let mut told = Vec::new();
    if let Some(signed) = signed {
        told.push(format!("{} as signed", span(from, signed)));
    }
    let rest = signed.map_or(from, Position::next);
    if rest <= to {
        let next = checkpoints.signed.iter().map(|signed| signed.checkpoint().size);
        let next = next.filter(|size| *size >= to.0).min();
        let help = next.map_or_else(String::new, |size| {
            format!("; there is a checkpoint of {size} records: `--to {size}` compares with it")
        });
        told.push(format!(
            "{} under no checkpoint that was compared: their checksums hold, which whoever writes to \
             the disk can make anew{help}",
            span(rest, to)
        ));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Checkpoint, Contradiction, Signed, SigningKey, Tree};
    use crate::model::{Origin, SiteId, Utc};

    fn report(begin: u64, last: u64, signed: Option<u64>) -> Report {
        Report {
            segments: 1,
            records: last - begin,
            dropped: 0,
            begin: Position(begin),
            last: Position(last),
            signed: signed.map(Position),
            root: Some(Tree::default().root()),
            torn_bytes: 0,
            faults: Vec::new(),
            agreed: u64::from(signed.is_some()),
            contradiction: None,
        }
    }

    fn checkpoints(sizes: &[u64]) -> Checkpoints {
        let signed = |size: &u64| {
            let origin = Origin { site: SiteId::parse("plant-1").unwrap(), incarnation: 0 };
            let root = Tree::default().root();
            let checkpoint = Checkpoint { origin, size: *size, root, time: Utc(0) };
            Signed::new(checkpoint, &SigningKey::new([1; 32]))
        };
        Checkpoints { signed: sizes.iter().map(signed).collect(), ..Checkpoints::default() }
    }

    fn asked(from: u64, to: u64) -> Asked<'static> {
        Asked { records: Position(from)..=Position(to), file: None }
    }

    fn said(report: &Report, sizes: &[u64], asked: &Asked<'_>) -> String {
        let Verdict { proven, against } = Verdict::new(report, &checkpoints(sizes), asked);
        proven
            .into_iter()
            .chain(against.into_iter().map(|text| format!("no: {text}")))
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn a_range_that_no_checkpoint_vouches_for_is_not_called_signed() {
        insta::assert_snapshot!(said(&report(45, 63, None), &[100], &asked(50, 60)), @"#50 to #60 are under no checkpoint that was compared: their checksums hold, which whoever writes to the disk can make anew; there is a checkpoint of 100 records: `--to 100` compares with it");
        insta::assert_snapshot!(said(&report(45, 63, None), &[], &asked(50, 50)), @"#50 is under no checkpoint that was compared: their checksums hold, which whoever writes to the disk can make anew");
        insta::assert_snapshot!(said(&report(45, 63, Some(55)), &[55], &asked(50, 60)), @r"
        #50 to #55 are as signed
        #56 to #60 are under no checkpoint that was compared: their checksums hold, which whoever writes to the disk can make anew
        ");
        insta::assert_snapshot!(said(&report(45, 63, Some(63)), &[63], &asked(50, 60)), @"#50 to #60 are as signed");
        insta::assert_snapshot!(said(&report(45, 63, Some(48)), &[48], &asked(50, u64::MAX)), @"#50 to #63 are under no checkpoint that was compared: their checksums hold, which whoever writes to the disk can make anew");
        insta::assert_snapshot!(said(&report(0, 100, Some(97)), &[97], &Asked::all()), @r"
        #1 to #97 are as signed
        #98 to #100 are under no checkpoint that was compared: their checksums hold, which whoever writes to the disk can make anew
        ");
        insta::assert_snapshot!(said(&report(90, 100, None), &[97], &asked(300, u64::MAX)), @"no: there is no record #300: the ledger ends at #100");
    }

    #[test]
    fn a_named_file_that_nothing_was_held_against_is_a_no() {
        let file = Path::new("audit/checkpoints");
        let named = Asked { file: Some(file), ..Asked::all() };
        let against = |report: Report, sizes: &[u64], asked: &Asked<'_>| {
            Verdict::new(&report, &checkpoints(sizes), asked).against.join("\n")
        };
        insta::assert_snapshot!(against(report(0, 100, None), &[], &named), @"nothing was held against what was signed: no checkpoint by this key can be read in audit/checkpoints; take the file anew from where it is kept, byte by byte, or name the right --key");
        let range = Asked { file: Some(file), ..asked(50, 60) };
        insta::assert_snapshot!(against(report(45, 63, None), &[100, 120], &range), @"nothing was held against what was signed: the 2 checkpoints in audit/checkpoints are of other records than were looked at; widen --from and --to");
        assert_eq!(against(report(0, 100, Some(100)), &[100], &named), "");
        // What contradicts the ledger was held against it.
        let (from, to) = (Position(1), Position(100));
        let found = Contradiction { from, to, signed: Utc(0), end: None, count: 1 };
        let other = Report { contradiction: Some(found), ..report(0, 100, None) };
        assert_eq!(said(&other, &[100], &named), "");
    }
}
