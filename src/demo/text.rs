//! What the demo says to the person who started it. Pure: facts in, text out.
use super::Plc;
use super::truth::{OnsetTruth, PartTruth, Reached};
use std::fmt::Write as _;
use std::path::Path;

/// What runs where.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// The simulated PLCs.
    pub plcs: &'a [Plc],
    /// Our OPC UA server, `opc.tcp://127.0.0.1:4855`.
    pub opcua: &'a str,
    /// The console, `http://127.0.0.1:8080`.
    pub console: &'a str,
    /// Where ledger, store, certificates and plant files of this demo lie, with its settings in
    /// `pedigree.toml`.
    pub data: &'a Path,
    /// Whether the directory goes with the demo.
    pub temporary: bool,
}

/// The text at the start: what runs where, how a client is let in, how to stop.
pub fn banner(facts: &Facts<'_>) -> String {
    let Facts { plcs, opcua, console, data, temporary } = facts;
    let data = data.display();
    let mut text = format!("  plant      {} simulated PLCs, encrypted where OPC UA\n", plcs.len());
    for Plc { name, url, stations } in *plcs {
        let _ = writeln!(text, "             {name:<9} {url:<28} {stations}");
    }
    let kept = if *temporary { "removed at the end; keep it with --data DIR" } else { "kept" };
    let _ = write!(
        text,
        "  console    {console}\n  \
         OPC UA     {opcua}  (signed and encrypted)\n             \
         a new client is refused once, then let in by its thumbprint:\n             \
         pedigree -c {data}/pedigree.toml certs list\n             \
         pedigree -c {data}/pedigree.toml certs trust THUMBPRINT\n  \
         data       {data}  ({kept})\n  \
         stop       Ctrl-C\n"
    );
    text
}

/// Three commands to copy, with real ids: what a unit is made of, where a lot went, and what happens
/// now, the verdict on a machine that drifts among it. `None` before the first unit is packed.
pub fn questions(truth: &[PartTruth], onset: Option<&OnsetTruth>) -> Option<[String; 3]> {
    let packed = |row: &&PartTruth| row.reached == Reached::Packed;
    // A unit of the drift asks more than a healthy one.
    let suspect =
        onset.and_then(|onset| truth.iter().filter(packed).find(|row| row.part.unit == onset.unit));
    let row = suspect.or_else(|| truth.iter().rfind(packed))?;
    Some([
        format!("pedigree trace {}", row.part.unit.code),
        format!("pedigree recall --lot {}", row.part.grease),
        "pedigree tap --events".to_owned(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::Fate;
    use crate::demo::Simulation;
    use crate::model::Utc;

    fn plcs() -> Vec<Plc> {
        vec![
            Plc { name: "cast-01", url: "opc.tcp://127.0.0.1:40001".into(), stations: "CAST10" },
            Plc { name: "asm-01", url: "tcp://127.0.0.1:40002".into(), stations: "ASM30, TEST40" },
        ]
    }

    #[test]
    fn the_banner_says_what_runs_where_how_to_get_in_and_how_to_stop() {
        let facts = Facts {
            plcs: &plcs(),
            opcua: "opc.tcp://127.0.0.1:4855",
            console: "http://127.0.0.1:8080",
            data: Path::new("/tmp/demo"),
            temporary: true,
        };
        insta::assert_snapshot!(banner(&facts), @"
        plant      2 simulated PLCs, encrypted where OPC UA
                   cast-01   opc.tcp://127.0.0.1:40001    CAST10
                   asm-01    tcp://127.0.0.1:40002        ASM30, TEST40
        console    http://127.0.0.1:8080
        OPC UA     opc.tcp://127.0.0.1:4855  (signed and encrypted)
                   a new client is refused once, then let in by its thumbprint:
                   pedigree -c /tmp/demo/pedigree.toml certs list
                   pedigree -c /tmp/demo/pedigree.toml certs trust THUMBPRINT
        data       /tmp/demo  (removed at the end; keep it with --data DIR)
        stop       Ctrl-C
        ");
    }

    #[test]
    fn the_questions_name_a_packed_unit_and_one_of_the_drift_if_there_is_one() {
        let rows: Vec<_> = Simulation::new(1, None)
            .take(3)
            .zip([Reached::Packed, Reached::Packed, Reached::Cast])
            .map(|(part, reached)| PartTruth {
                part,
                reached,
                pressed_at: None,
                container: None,
                fate: Fate::Plain,
                visits: Vec::new(),
                refused: None,
            })
            .collect();
        assert_eq!(questions(&rows[2..], None), None);
        let [trace, recall, watch] = questions(&rows, None).unwrap();
        assert_eq!(trace, format!("pedigree trace {}", rows[1].part.unit.code));
        assert!(recall.starts_with("pedigree recall --lot l/supplier/"), "{recall}");
        assert_eq!(watch, "pedigree tap --events");
        let onset = OnsetTruth { unit: rows[0].part.unit.clone(), at: Utc(0) };
        let [trace, ..] = questions(&rows, Some(&onset)).unwrap();
        assert_eq!(trace, format!("pedigree trace {}", rows[0].part.unit.code));
    }
}
