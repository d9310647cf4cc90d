//! `match` and `parse`: what is read, and every fault at its place.
use super::check;
use crate::config::plant::load;
use crate::model::label::CodeForm;
use crate::model::plant::{LabelScope, ScopeFrom};

const HEAD: &str = r#"schema = 1

[device.plc]
url       = "opc.tcp://10.0.0.5:4840"
trust     = "pki"
login     = { user = "u", password_file = "/etc/p" }
namespace = "urn:line1"
heartbeat = { plc = "Life", stale_after = "5s" }
restart   = "BootId"

[station.OP20]
device = "plc"
"#;

fn shown(tables: &str) -> String {
    check(&[("a.toml", &format!("{HEAD}{tables}"))]).unwrap_err().to_string()
}

#[test]
fn every_fault_of_a_label_is_shown_at_its_place() {
    insta::assert_snapshot!(
        "labels",
        shown(
            r#"
[station.OP20.handshake.a]
event   = "arrive"
serial  = "Serial"
trigger = "Req"
ack     = "Ack"
match   = "(?P<serial>SN-[0-9+)"

[station.OP20.handshake.b]
event   = "arrive"
serial  = "Serial"
trigger = "ReqB"
ack     = "AckB"
match   = "(?P<seriel>SN-[0-9]+)"

[station.OP20.handshake.c]
event   = "arrive"
serial  = "Serial"
product = "Type"
trigger = "ReqC"
ack     = "AckC"
match   = "(?P<serial>S)(?P<quantity>[0-9])(?P<prodct>.)(?P<product>.)"

[station.OP20.handshake.d]
event   = "install"
child   = "Child"
trigger = "ReqD"
ack     = "AckD"
match   = "(?P<serial>.+)"
parse   = "gs1"

[station.OP20.handshake.e]
event   = "consume"
lot     = "Lot"
scope   = "supplier"
into    = { lot = "Batch", scope = "site" }
trigger = "ReqE"
ack     = "AckE"
match   = "(?P<lot>.+)"

[station.OP20.handshake.f]
event   = "complete"
trigger = "ReqF"
ack     = "AckF"
parse   = "gs1"

[station.OP20.handshake.g]
event   = "arrive"
serial  = "Serial"
trigger = "ReqG"
ack     = "AckG"
parse   = { lot = "gs1", serial = "gs2" }

[station.OP20.mount.reel]
lot   = "Reel"
scope = "site"
match = "(?P<lot>[^;]+);(?P<spool>.+)"
"#
        )
    );
}

#[test]
fn what_is_written_of_codes_is_what_is_read() {
    let text = format!(
        r#"{HEAD}
[station.OP20.handshake.consume]
event   = "consume"
lot     = "Lot"
scope   = "supplier"
into    = {{ lot = "Batch", scope = "site" }}
trigger = "Req"
ack     = "Ack"
match   = {{ lot = '(?P<supplier>[A-Z]+)/(?P<lot>\d+)' }}

[station.OP20.handshake.pack]
event   = "pack"
members = "Units"
into    = {{ container = "Case" }}
trigger = "PackReq"
ack     = "PackAck"
parse   = {{ members = "gs1", into = "gs1" }}

[station.OP20.phase.run]
while   = "Run = true"
event   = "complete"
serial  = "Serial"
parse   = "gs1"
"#
    );
    let site = super::site();
    let checked = load(&[("a.toml".to_owned(), text)], &site).unwrap_or_else(|f| panic!("{f}"));
    let station = &checked.plant.stations[0];
    let (consume, pack) = (&station.handshakes[0], &station.handshakes[1]);
    assert_eq!(consume.item.form, CodeForm::Plain);
    let lot = consume.other.as_ref().unwrap();
    assert!(matches!(lot.form, CodeForm::Match(_)));
    assert_eq!(lot.scope, ScopeFrom::Label(LabelScope::Supplier));
    for spec in [&pack.item, &pack.members[0], station.phases[0].item.as_ref().unwrap()] {
        assert_eq!((&spec.form, &spec.scope), (&CodeForm::Gs1, &ScopeFrom::Gs1));
    }
}
