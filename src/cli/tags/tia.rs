//! The PLC tags of a SIMATIC S7 as TIA Portal exports them, by their OPC UA nodes.
use super::foreign::Cells;
use super::row::Row;
use toml::{Table, Value};

/// Types that are numbers over OPC UA.
const NUMBERS: [&str; 15] = [
    "Byte", "Word", "DWord", "LWord", "SInt", "USInt", "Int", "UInt", "DInt", "UDInt", "LInt",
    "ULInt", "Real", "LReal", "Time",
];
/// Types that are bits, texts or times there.
const OTHERS: [&str; 14] = [
    "Bool",
    "Char",
    "WChar",
    "String",
    "WString",
    "LTime",
    "Date",
    "LDate",
    "Time_Of_Day",
    "TOD",
    "LTime_Of_Day",
    "LTOD",
    "LDT",
    "DTL",
];

pub(super) const NAMESPACE: &str = "the nodes are those of the standard SIMATIC server interface: say `namespace = \
     \"http://www.siemens.com/simatic-s7-opcua\"` at the device";

/// A tag of a tag table is the node of its name in quotes.
pub(super) fn row(cells: &Cells<'_>, device: &str) -> Result<Row, Vec<String>> {
    let (tag, kind) = (cells.need("Name")?, cells.need("Data Type")?);
    let mut faults = Vec::new();
    let is_one_of = |types: &[&str]| types.iter().any(|known| known.eq_ignore_ascii_case(kind));
    let number = is_one_of(&NUMBERS);
    if !number && !is_one_of(&OTHERS) {
        faults.push(format!("there is nothing here that reads its type `{kind}`"));
    }
    if cells.get("Hmi Accessible").is_some_and(|told| told.eq_ignore_ascii_case("false")) {
        faults.push(
            "the PLC does not show it: it needs *Accessible from HMI/OPC UA* in TIA Portal"
                .to_owned(),
        );
    }
    if !faults.is_empty() {
        return Err(faults.into_iter().map(|why| format!("`{tag}`: {why}")).collect());
    }
    let at = Value::String(format!("s=\"{tag}\""));
    let keys = Table::from_iter([("at".to_owned(), at)]);
    Ok(Row { device: device.to_owned(), tag: tag.to_owned(), number, keys })
}
