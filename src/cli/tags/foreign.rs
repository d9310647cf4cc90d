//! Whose sheet it is, told by its header, and its rows in our words.
use super::row::{KEYS, Row};
use super::sheet::value;
use super::tia;
use crate::field::modbus::point;
use csv::StringRecord;
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// A sheet that we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Of `export tags`.
    Own,
    /// A tag list of Kepware for its Modbus driver (`KEPServerEX`, CSV export).
    Kepware,
    /// The data access view of `UaExpert`.
    UaExpert,
    /// The PLC tags of TIA Portal (XLSX export).
    Tia,
}

/// One row under its header.
pub(super) struct Cells<'a> {
    pub(super) header: &'a StringRecord,
    pub(super) record: &'a StringRecord,
    /// Excel's custom where fields are separated by semicolons.
    pub(super) decimal_comma: bool,
}

impl<'a> Cells<'a> {
    /// What stands in a column; `None` if nothing does.
    pub(super) fn get(&self, column: &str) -> Option<&'a str> {
        let at = self.header.iter().position(|name| name.eq_ignore_ascii_case(column))?;
        self.record.get(at).filter(|text| !text.is_empty())
    }

    pub(super) fn need(&self, column: &str) -> Result<&'a str, Vec<String>> {
        self.get(column).ok_or_else(|| vec![format!("nothing stands in the column `{column}`")])
    }
}

impl Layout {
    pub(super) fn of(header: &StringRecord) -> Result<Self, String> {
        let has = |column: &str| header.iter().any(|name| name.eq_ignore_ascii_case(column));
        if has("Tag Name") && has("Address") {
            return Ok(Self::Kepware);
        }
        if has("Node Id") && has("Display Name") {
            return Ok(Self::UaExpert);
        }
        if has("Name") && has("Data Type") && has("Logical Address") {
            return Ok(Self::Tia);
        }
        if !has("tag") || !has("at") {
            let ours = KEYS.join("`, `");
            return Err(format!(
                "the first line is no header that we know: wanted the columns `tag`, `{ours}` of \
                 `export tags` (at least `tag` and `at`), those of Kepware (`Tag Name`, \
                 `Address`, `Data Type`), of UaExpert (`Node Id`, `Display Name`) or of TIA Portal \
                 (`Name`, `Data Type`, `Logical Address`)"
            ));
        }
        let known: Vec<_> = KEYS.into_iter().chain(["device", "tag"]).collect();
        let odd = header.iter().find(|name| !known.iter().any(|k| k.eq_ignore_ascii_case(name)));
        let known = || known.join("`, `");
        odd.map_or(Ok(Self::Own), |odd| {
            Err(format!("there is no column `{odd}`; the columns are `{}`", known()))
        })
    }

    /// A row, or all that is wrong with it.
    pub(super) fn row(self, cells: &Cells<'_>, device: &str) -> Result<Row, Vec<String>> {
        match self {
            Self::Own => own(cells, device),
            Self::Kepware => kepware(cells, device),
            Self::UaExpert => uaexpert(cells, device),
            Self::Tia => tia::row(cells, device),
        }
    }

    /// What is wrong with rows that are each well.
    pub(super) fn together(self, records: &[StringRecord], header: &StringRecord) -> Vec<String> {
        let indexes = |record| {
            let cells = Cells { header, record, decimal_comma: false };
            cells.get("Node Id").and_then(|node| node.split(['|', ';']).next()).map(index)
        };
        let mut known: Vec<String> = match self {
            Self::UaExpert => records.iter().filter_map(indexes).collect(),
            Self::Own | Self::Kepware | Self::Tia => return Vec::new(),
        };
        known.sort();
        known.dedup();
        if known.len() < 2 {
            return Vec::new();
        }
        vec![format!(
            "nodes of the namespaces {}: a device has one here; import those of each apart",
            known.join(", ")
        )]
    }

    /// The rows as they go into a plant file: bits of one register come together.
    pub(super) fn gather(self, rows: Vec<Row>) -> Vec<Row> {
        match self {
            Self::Own | Self::UaExpert | Self::Tia => rows,
            Self::Kepware => gather_bits(rows),
        }
    }

    /// What a person should know before using such a list.
    pub(super) fn notices(self, records: &[StringRecord], header: &StringRecord) -> Vec<String> {
        let low_first = |record: &StringRecord| {
            let cells = Cells { header, record, decimal_comma: false };
            cells.get("Address").is_some_and(|address| address.ends_with(['L', 'l']))
        };
        let notices = match self {
            Self::Own => &[][..],
            Self::UaExpert => &[INDEX],
            Self::Tia => &[tia::NAMESPACE],
            Self::Kepware if records.iter().any(low_first) => &[ORDER, STRINGS],
            Self::Kepware => &[ORDER],
        };
        notices.iter().map(|&notice| notice.to_owned()).collect()
    }
}

/// `NS2` and `ns=2` are the same; without one it is that of the standard.
fn index(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let named = text.to_ascii_lowercase().starts_with("ns");
    if named { digits } else { "0".to_owned() }
}

const INDEX: &str = "the list names namespaces by index only; `namespace` of the device must be \
                     their URI: `pedigree probe` shows it";
const ORDER: &str = "the list does not say in which order two registers make a number: Kepware \
                     takes the low word first unless told otherwise (`order = \"CDAB\"`); compare \
                     a value with `pedigree tap --raw`";

const STRINGS: &str = "texts whose address ends with `L` have the low byte first: say `strings = \
                       \"lo-hi\"` at the device; those that end with `H` belong into a device of \
                       their own then";

fn own(cells: &Cells<'_>, device: &str) -> Result<Row, Vec<String>> {
    let (mut keys, mut faults) = (Table::new(), Vec::new());
    for key in KEYS {
        let Some(text) = cells.get(key) else { continue };
        match value(key, text, cells.decimal_comma) {
            Ok(value) => drop(keys.insert(key.to_owned(), value)),
            Err(why) => faults.push(why),
        }
    }
    let tag = cells.need("tag").unwrap_or_else(|whys| {
        faults.extend(whys);
        ""
    });
    if !faults.is_empty() {
        return Err(faults);
    }
    let device = cells.get("device").unwrap_or(device).to_owned();
    Ok(Row { device, tag: tag.to_owned(), number: true, keys })
}

/// `NS2|String|Press.Count`, or `ns=2;s=Press.Count`.
fn uaexpert(cells: &Cells<'_>, device: &str) -> Result<Row, Vec<String>> {
    let node = cells.need("Node Id")?;
    let wrong =
        || vec![format!("`{node}` is no node id: wanted `NS2|String|Name` or `ns=2;s=Name`")];
    let parts: Vec<&str> = node.splitn(3, '|').collect();
    let (identifier, name) = if let [_, kind, name] = *parts.as_slice() {
        let letter = match kind.to_ascii_lowercase().as_str() {
            "string" => "s",
            "numeric" => "i",
            "guid" => "g",
            "opaque" | "bytestring" => "b",
            _ => return Err(wrong()),
        };
        (format!("{letter}={name}"), name)
    } else {
        let identifier = node.strip_prefix("ns=").and_then(|rest| rest.split_once(';'));
        let identifier = identifier.map_or(node, |(_, identifier)| identifier);
        (identifier.to_owned(), identifier.split_once('=').ok_or_else(wrong)?.1)
    };
    // Where the name of the node is text it is unique; what is displayed need not be.
    let shown = cells.get("Display Name").filter(|_| !identifier.starts_with("s="));
    let tag = shown.unwrap_or(name).to_owned();
    let keys = Table::from_iter([("at".to_owned(), Value::String(identifier))]);
    Ok(Row { device: device.to_owned(), tag, number: true, keys })
}

fn kepware(cells: &Cells<'_>, device: &str) -> Result<Row, Vec<String>> {
    let (tag, address) = (cells.need("Tag Name")?, cells.need("Address")?);
    let (register, part) = address.split_once('.').unwrap_or((address, ""));
    let mut keys = Table::new();
    let mut put = |key: &str, value: Value| drop(keys.insert(key.to_owned(), value));
    let mut faults = Vec::new();
    if let Err(why) = point::parse(register) {
        faults.push(why.to_string());
    }
    put("at", Value::String(register.to_owned()));
    let given = cells.get("Data Type").unwrap_or("Word");
    match kind(given, register, part) {
        Ok(Kind::Whole(kind)) => put("type", Value::String(kind)),
        Ok(Kind::Bit(bit)) => {
            put("type", Value::String("bits".to_owned()));
            let name = Value::String(tag.to_owned());
            put("bits", Value::Table(Table::from_iter([(bit.to_string(), name)])));
        }
        Err(why) => faults.push(why),
    }
    let negated = cells.get("Negate Value").unwrap_or("0");
    if !matches!(negated.to_ascii_lowercase().as_str(), "0" | "false" | "no" | "disable") {
        faults.push("its value is negated, which cannot be told".to_owned());
    }
    match scale(cells) {
        Ok(Some(scale)) => put("scale", Value::Float(scale)),
        Ok(None) => {}
        Err(why) => faults.push(why),
    }
    if let Some(unit) = cells.get("Eng Units") {
        put("eu", Value::String(unit.to_owned()));
    }
    if !faults.is_empty() {
        return Err(faults.into_iter().map(|why| format!("`{tag}`: {why}")).collect());
    }
    Ok(Row { device: device.to_owned(), tag: tag.to_owned(), number: true, keys })
}

enum Kind {
    Whole(String),
    Bit(u8),
}

fn kind(given: &str, register: &str, part: &str) -> Result<Kind, String> {
    let digits = part.trim_end_matches(['H', 'L', 'h', 'l']);
    let whole = match given.to_ascii_lowercase().as_str() {
        "boolean" if part.is_empty() => "bool",
        "boolean" => {
            let bit = digits.parse().ok().filter(|bit| *bit < 16);
            let wrong = || format!("`{register}.{part}` is no bit of a register: 0 to 15");
            return bit.map(Kind::Bit).ok_or_else(wrong);
        }
        "short" => "i16",
        "word" => "u16",
        "long" => "i32",
        "dword" => "u32",
        "llong" => "i64",
        "qword" => "u64",
        "float" => "f32",
        "double" => "f64",
        "bcd" => "bcd16",
        "lbcd" => "bcd32",
        "string" => {
            let length = digits.parse::<u16>().map_err(|_| {
                format!("`{register}.{part}` has no length: wanted `{register}.16H`")
            })?;
            return Ok(Kind::Whole(format!("string[{length}]")));
        }
        _ => return Err(format!("there is nothing here that reads its type `{given}`")),
    };
    if part.is_empty() {
        return Ok(Kind::Whole(whole.to_owned()));
    }
    Err(format!("`.{part}` behind the address of a {given} is not known"))
}

/// A line through zero; another cannot be told with `scale`.
fn scale(cells: &Cells<'_>) -> Result<Option<f64>, String> {
    match cells.get("Scaling") {
        None | Some("None") => return Ok(None),
        Some("Linear") => {}
        Some(other) => return Err(format!("its scaling `{other}` cannot be told with `scale`")),
    }
    let number = |column: &str| {
        let text = cells.get(column).unwrap_or_default().replace(',', ".");
        text.parse::<f64>().map_err(|_| format!("`{text}` in the column `{column}` is no number"))
    };
    let (raw, scaled) = (
        (number("Raw Low")?, number("Raw High")?),
        (number("Scaled Low")?, number("Scaled High")?),
    );
    let factor = (scaled.1 - scaled.0) / (raw.1 - raw.0);
    let at_zero = raw.0.mul_add(-factor, scaled.0);
    if !factor.is_finite() || at_zero.abs() > 1e-9 * scaled.1.abs().max(1.0) {
        return Err(format!("its scaling is {at_zero} at zero; `scale` is a factor alone"));
    }
    Ok(Some(factor))
}

/// One word for each register of bits, the bits by their names.
fn gather_bits(rows: Vec<Row>) -> Vec<Row> {
    let mut bits: BTreeMap<String, Table> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.keys.contains_key("bits")) {
        let (Some(at), Some(named)) = (at(row), row.keys.get("bits").and_then(Value::as_table))
        else {
            continue;
        };
        let all = bits.entry(at.to_owned()).or_default();
        for (bit, name) in named {
            // Two names of one bit: the first is kept, and the other one stands beside it.
            let both = all.get(bit).map(|first| format!("{}_{}", text(first), text(name)));
            all.insert(bit.clone(), both.map_or_else(|| name.clone(), Value::String));
        }
    }
    let mut done = BTreeSet::new();
    let gather = |mut row: Row| {
        let at = at(&row).unwrap_or_default().to_owned();
        let Some(named) = bits.get(&at).filter(|_| row.keys.contains_key("bits")) else {
            return Some(row);
        };
        if !done.insert(at.clone()) {
            return None;
        }
        row.tag = format!("bits_{at}");
        row.keys.insert("bits".to_owned(), Value::Table(named.clone()));
        Some(row)
    };
    rows.into_iter().filter_map(gather).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn at(row: &Row) -> Option<&str> {
    row.keys.get("at").and_then(Value::as_str)
}
