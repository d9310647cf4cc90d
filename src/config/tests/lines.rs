//! Modbus lines: who is on them, and what they can carry.
use super::found;

fn device(name: &str, url: &str, more: &str) -> String {
    format!(
        r#"
[device.{name}]
url       = "{url}"
heartbeat = {{ plc = "life", stale_after = "15s" }}
restart   = "boot"
{more}

[device.{name}.tags]
life  = {{ at = "hr:0", type = "u16" }}
boot  = {{ at = "hr:1", type = "u16" }}
req   = {{ at = "hr:2", type = "u16" }}
code  = {{ at = "hr:10", type = "string[8]" }}
ack   = {{ at = "hr:100", type = "u16" }}

[station.{name}]
device = "{name}"

[station.{name}.handshake.result]
event    = "complete"
serial   = "code"
trigger  = "req"
ack      = "ack"
deadline = "@DEADLINE@"
"#
    )
}

/// Line and message of what is said.
fn said(devices: &[String], deadline: &str) -> Vec<(usize, String)> {
    let text = format!("schema = 1\n{}", devices.concat()).replace("@DEADLINE@", deadline);
    found(&[("line.toml", &text)]).into_iter().map(|f| (f.line, f.message)).collect()
}

#[test]
fn one_unit_stands_in_one_table() {
    let (one, other) = ("tcp://10.0.0.5:502", "rtu+tcp://10.0.0.5:502");
    let of = |url: &str, more: &str| said(&[device("a", one, ""), device("b", url, more)], "1s");
    let twin = [(27, "`device.b` is unit 1 of the line of `device.a`".to_owned())];
    assert_eq!(of(one, ""), twin);
    assert_eq!(of(other, ""), twin, "however it is spoken to");
    let written = [(30, twin[0].1.clone())];
    assert_eq!(of(one, "modbus_unit = 1"), written, "it is said where it is written");
    assert_eq!(of(one, "modbus_unit = 2"), []);
    assert_eq!(of("tcp://10.0.0.6:502", ""), []);
    let shared = |url: &str| {
        said(&[device("a", one, "share = \"gw\""), device("b", url, "share = \"gw\"")], "1s")
    };
    assert_eq!(shared("tcp://10.0.0.6:502").len(), 1, "{:?}", shared("tcp://10.0.0.6:502"));
}

/// At 9,600 baud a request and its answer take some 20 ms, whatever the device is.
#[test]
fn a_serial_line_can_carry_what_is_asked_of_it() {
    let slow = "rtu:///dev/ttyS1?9600,8e1";
    let wanted = [(3, "the line of `device.a` cannot keep their periods".to_owned())];
    let alone = [device("a", slow, "")];
    assert_eq!(said(&alone, "30ms"), wanted);
    assert_eq!(said(&alone, "300ms"), []);
    let two = [device("a", slow, ""), device("b", slow, "modbus_unit = 2")];
    let both = [(26, "the line of `device.a` and `device.b` cannot keep their periods".to_owned())];
    assert_eq!((said(&alone, "200ms"), said(&two, "200ms")), (vec![], both.to_vec()));
    let quick = "rtu:///dev/ttyS1?115200,8e1";
    let two = [device("a", quick, ""), device("b", quick, "modbus_unit = 2")];
    assert_eq!(said(&two, "100ms"), []);
}
