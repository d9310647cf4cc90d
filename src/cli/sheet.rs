//! Stop-ship sheets as text or as comma-separated values, on the terminal or a file each.
use super::client::list;
use super::exit::{Done, Exit, Failure};
use super::trace::{is_complete, reasons};
use super::{Context, output, words};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// How sheets are written.
#[derive(Debug, clap::Args)]
pub(super) struct Form {
    /// Comma-separated values, one row an item.
    #[arg(long)]
    pub(super) csv: bool,
    /// A file for each sheet, in this folder.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Form {
    /// Whether files were asked for, which only sheets are written to.
    pub(super) fn is_of_files(&self) -> bool {
        self.dir.is_some()
    }
}

const TABLE: [&str; 5] = ["ITEM", "PRODUCT", "LEFT IN", "LEFT AT", "RECORD"];
const CSV: [&str; 8] =
    ["customer", "document", "contact", "item", "product", "left_in", "left_at", "record"];

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Writes the sheets of an answer; `of` is what they are called by.
pub(super) fn write(context: &Context, answer: &Value, of: &str, form: &Form) -> Done {
    let sheets: Vec<&Value> = list(answer, "sheets").collect();
    if context.json {
        output::json(answer)?;
    } else if let Some(dir) = &form.dir {
        for (n, sheet) in (1..).zip(&sheets) {
            file(dir, &format!("{of}-{n}"), sheet, form)?;
        }
    } else if form.csv {
        output::line(CSV.join(","))?;
        for row in sheets.iter().flat_map(|sheet| rows(sheet)) {
            output::line(row)?;
        }
    } else {
        for sheet in &sheets {
            output::line(format_args!("{}\n", as_text(of, sheet)))?;
        }
    }
    let count: usize = sheets.iter().map(|sheet| list(sheet, "items").count()).sum();
    output::notice(&format!(
        "{} on {}; as of record #{}",
        output::counted(count, "items"),
        output::counted(sheets.len(), "sheets"),
        answer.get("position").and_then(Value::as_u64).unwrap_or(0),
    ));
    for why in reasons([answer]) {
        output::notice(&why);
    }
    Ok(if is_complete(answer) { Exit::Ok } else { Exit::Incomplete })
}

fn file(dir: &Path, name: &str, sheet: &Value, form: &Form) -> Result<(), Failure> {
    let (kind, text) = if form.csv {
        let rows: Vec<String> = rows(sheet).collect();
        ("csv", format!("{}\n{}\n", CSV.join(","), rows.join("\n")))
    } else {
        ("txt", format!("{}\n", as_text(name, sheet)))
    };
    let path = dir.join(format!("{name}.{kind}"));
    std::fs::write(&path, text).map_err(|why| {
        Failure::new(Exit::Io, format!("{} cannot be written: {why}", path.display()))
    })?;
    output::line(path.display())
}

/// One sheet as somebody reads it.
fn as_text(of: &str, sheet: &Value) -> String {
    let said = |key: &str, otherwise: &'static str| match text(sheet, key) {
        "" => otherwise.to_owned(),
        told => told.to_owned(),
    };
    let customer = said("customer", "NOT TOLD: find out who has these goods, by when they left");
    let note = said("document", "not told");
    let contact = said("contact", "none is declared in `[contacts]` of pedigree.toml");
    let row = |item: &Value| {
        let [item_key, product, left_in] = ["item", "product", "left_in"].map(|k| text(item, k));
        let record = item.get("record").and_then(Value::as_u64);
        let record = record.map_or_else(String::new, |record| format!("#{record}"));
        let left_at = words::time(text(item, "left_at"));
        vec![item_key.to_owned(), product.to_owned(), left_in.to_owned(), left_at, record]
    };
    let items: Vec<_> = list(sheet, "items").map(row).collect();
    let count = output::counted(items.len(), "items");
    let table = output::table(&TABLE, items);
    format!(
        "STOP SHIP {of}\ncustomer:      {customer}\ndelivery note: {note}\ncontact:       {contact}\n\n{table}\n\n{count}"
    )
}

fn rows(sheet: &Value) -> impl Iterator<Item = String> + use<'_> {
    list(sheet, "items").map(move |item| {
        let head = ["customer", "document", "contact"].map(|key| text(sheet, key));
        let body = ["item", "product", "left_in", "left_at"].map(|key| text(item, key));
        let record = item.get("record").and_then(Value::as_u64).map(|record| record.to_string());
        let record = record.unwrap_or_default();
        let cells = head.into_iter().chain(body).chain([record.as_str()]);
        cells.map(output::cell).collect::<Vec<_>>().join(",")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_sheet_says_who_has_what_and_what_nobody_told() {
        let item = json!({
            "item": "u/site/SN-1", "product": null, "left_in": "c/gs1/1",
            "left_at": "2026-11-22T06:00:00Z", "record": 9,
        });
        let sheet = json!({
            "customer": "Bolts, Nuts", "document": "DN-1", "contact": "+49 30 1", "items": [item],
        });
        let told: Vec<String> = rows(&sheet).collect();
        let row = "\"Bolts, Nuts\",DN-1,'+49 30 1,u/site/SN-1,,c/gs1/1,2026-11-22T06:00:00Z,9";
        assert_eq!(told, [row]);
        let text = as_text("RC-7", &sheet);
        for words in ["STOP SHIP RC-7\n", "Bolts, Nuts\n", "DN-1\n", "+49 30 1\n", "#9", "\n1 item"]
        {
            assert!(text.contains(words), "{words}: {text}");
        }
        let untold = as_text("RC-7", &json!({ "customer": null, "document": null, "items": [] }));
        for words in ["NOT TOLD: find out", "not told\n", "`[contacts]` of pedigree.toml"] {
            assert!(untold.contains(words), "{words}: {untold}");
        }
    }
}
