//! Sheets there and back, and those of other programs.
use super::fragment::{self, Target};
use super::{row, sheet};
use crate::config::plant::load;
use crate::model::SiteId;
use crate::model::plant::Plant;
use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

fn plant(text: &str) -> Arc<Plant> {
    let files = [("plant.toml".to_owned(), text.to_owned())];
    let checked = load(&files, &SiteId::parse("site").unwrap());
    checked.unwrap_or_else(|why| panic!("{text}\n{why}")).plant
}

fn import(text: &str, url: Option<&str>, namespace: Option<&str>) -> String {
    let read = sheet::read(text.as_bytes(), "plc").unwrap_or_else(|why| panic!("{why}"));
    fragment::write(&read.rows, &Target { url, namespace })
}

/// The same plant file, its words those of `imported`.
fn with_tags(text: &str, imported: &str) -> String {
    let mut file: toml::Table = text.parse().unwrap();
    let imported: toml::Table = imported.parse().unwrap();
    for (device, table) in imported["device"].as_table().unwrap() {
        let own = file["device"][device].as_table_mut().unwrap();
        own.insert("tags".to_owned(), table["tags"].clone());
    }
    toml::to_string(&file).unwrap()
}

#[test]
fn the_words_of_every_example_go_into_a_sheet_and_come_back() {
    let mut words = 0;
    for entry in fs::read_dir("config/plant.d").unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let before = plant(&text);
        let rows = row::of_plant(&before, &[("plant.toml".to_owned(), text.clone())]);
        words += rows.len();
        let after = plant(&with_tags(&text, &import(&sheet::write(&rows), None, None)));
        let all = |plant: &Plant| {
            plant.tags.iter().map(|tag| format!("{tag:?}")).collect::<BTreeSet<_>>()
        };
        assert_eq!(all(&before), all(&after));
    }
    assert!(words > 60, "{words}");
}

/// What a word can say has a column, or it would be lost on the way.
#[test]
fn every_key_of_a_word_has_a_column() {
    let schema = crate::config::schema::plant();
    let keys = schema["$defs"]["Tag"]["properties"].as_object().unwrap();
    let keys: BTreeSet<&str> = keys.keys().map(String::as_str).collect();
    assert_eq!(keys, BTreeSet::from(row::KEYS));
    let text = "schema = 1\n[device.plc]\nurl = \"opc.tcp://127.0.0.1:4840\"\nnamespace = \"urn:x\"\n\n[device.plc.tags]\n\
                temp = { at = \"Temp\", change = 0.5 }\nflow = { at = \"Flow\", range = [0, 9], change = \"2 %\" }\n";
    let file: toml::Table = text.parse().unwrap();
    let rows = row::of_plant(&plant(text), &[("plant.toml".to_owned(), text.to_owned())]);
    let imported: toml::Table = import(&sheet::write(&rows), None, None).parse().unwrap();
    assert_eq!(imported["device"]["plc"]["tags"], file["device"]["plc"]["tags"]);
}

#[test]
fn excel_writes_semicolons_commas_and_a_mark() {
    let text = "\u{feff}tag;at;type;scale;range\r\ntemp;ir:10;i16;0,1;-20 160,5\r\n;;;;\r\n";
    assert_eq!(
        import(text, None, None),
        "[device.plc.tags]\n\
         temp = { at = \"ir:10\", type = \"i16\", scale = 0.1, range = [-20, 160.5] }\n\n"
    );
}

#[test]
fn a_list_of_kepware_is_a_plant_file() {
    let text = "Tag Name,Address,Data Type,Scaling,Raw Low,Raw High,Scaled Low,Scaled High,Eng Units\n\
                \"Temp\",\"400011\",Short,Linear,0,1000,0,100,Cel\n\
                Weight,400013,Float,None,,,,,kg\n\
                LotReq,400003.0,Boolean,,,,,,\n\
                Bypass,400003.15,Boolean,,,,,,\n\
                Lot,400121.16H,String,,,,,,\n\
                Ack,000017,Boolean,,,,,,\n";
    let file = import(text, Some("tcp://127.0.0.1:502"), None);
    insta::assert_snapshot!(file);
    assert_eq!(plant(&file).stations[0].monitors.len(), 2);
}

#[test]
fn a_view_of_uaexpert_is_a_plant_file() {
    let text = "#,Server,Node Id,Display Name,Value,Datatype\n\
                1,plc,NS2|String|Press.Temp,Temp,20.5,Double\n\
                2,plc,NS2|String|Oven.Temp,Temp,180,Double\n\
                3,plc,NS2|Numeric|1001,Count,7,UInt32\n\
                4,plc,ns=2;s=Press.Force,Force,12,Float\n";
    let file = import(text, Some("opc.tcp://127.0.0.1:4840"), Some("urn:press"));
    insta::assert_snapshot!(file);
    assert_eq!(plant(&file).stations[0].monitors.len(), 4);
}

const SIMATIC: &str = "http://www.siemens.com/simatic-s7-opcua";

#[test]
fn the_plc_tags_of_tia_portal_are_a_plant_file() {
    let book = fs::read("tests/data/tia/plc-tags.xlsx").unwrap();
    let read = sheet::read(&book, "plc").unwrap_or_else(|why| panic!("{why}"));
    let url = Some("opc.tcp://127.0.0.1:4840");
    let file = fragment::write(&read.rows, &Target { url, namespace: Some(SIMATIC) });
    insta::assert_snapshot!(file);
    // Bits and times are there, and no monitors.
    let plant = plant(&file);
    assert_eq!((read.rows.len(), plant.stations[0].monitors.len()), (5, 2));
    assert!(read.notices[0].contains(SIMATIC));
}

#[test]
fn what_tia_portal_lists_and_we_cannot_read_is_all_said_with_its_row() {
    let book = fs::read("tests/data/tia/plc-tags-wrong.xlsx").unwrap();
    insta::assert_snapshot!(sheet::read(&book, "plc").err().unwrap());
    let torn = sheet::read(&book[..book.len() / 2], "plc").err().unwrap().to_string();
    assert!(torn.contains("it is no spreadsheet"), "{torn}");
    let other = sheet::read(b"\xff\xfeN\x00", "plc").err().unwrap().to_string();
    assert!(other.contains("no text in UTF-8"), "{other}");
}

#[test]
fn what_a_foreign_list_says_and_we_cannot_is_not_passed_over() {
    let wrong = |text: &str| sheet::read(text.as_bytes(), "plc").err().unwrap().to_string();
    let two = "Node Id,Display Name\nNS2|String|A,A\nns=3;s=B,B\n";
    assert!(wrong(two).starts_with("nodes of the namespaces 2, 3"), "{}", wrong(two));
    let negated = "Tag Name,Address,Data Type,Negate Value\na,40101,Word,1\n";
    assert_eq!(wrong(negated), "line 2: `a`: its value is negated, which cannot be told");
    let low = "Tag Name,Address,Data Type\nlot,400121.08L,String\n";
    let read = sheet::read(low.as_bytes(), "plc").unwrap_or_else(|why| panic!("{why}"));
    assert!(read.notices.iter().any(|notice| notice.contains("strings = \"lo-hi\"")));
    let lot = "[device.plc.tags]\nlot = { at = \"400121\", type = \"string[8]\" }\n\n";
    assert_eq!(fragment::write(&read.rows, &Target { url: None, namespace: None }), lot);
    let semicolon = "Node Id,Display Name\nns=2;s=A;B,x\n";
    assert!(import(semicolon, None, None).contains("at = \"s=A;B\""));
    let bits = "Tag Name,Address,Data Type\na,400003.1,Boolean\nb,400003.1,Boolean\n";
    assert!(import(bits, None, None).contains("bits = { 1 = \"a_b\" }"));
}

#[test]
fn all_that_is_wrong_is_said_with_its_line() {
    let wrong = |text: &str| sheet::read(text.as_bytes(), "plc").err().unwrap().to_string();
    insta::assert_snapshot!(wrong(
        "tag,at,scale,names\na,hr:1,much,\n,hr:2,,\na,hr:3,,\nb,hr:4,,idle\na,hr:5,,\n"
    ));
    insta::assert_snapshot!(wrong(
        "Tag Name,Address,Data Type,Scaling,Raw Low,Raw High,Scaled Low,Scaled High\n\
         a,40101x,Word,,,,,\nb,40101,Date,,,,,\nc,40101.16,Boolean,,,,,\n\
         d,40101,Word,Linear,0,100,32,212\ne,40101,Word,Square Root,0,1,0,1\nf,40101[10],Word,,,,,\n"
    ));
    insta::assert_snapshot!(wrong("name,address\nx,hr:1\n"));
    insta::assert_snapshot!(wrong("tag,at,typ\nx,hr:1,u16\n"));
    assert_eq!(wrong("tag,at\n"), "no row below the header");
    assert!(wrong("").contains("no header that we know"));
}
