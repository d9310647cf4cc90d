//! Recipes: what is answered, what is refused, and what `check` says of it.
use super::{check, found};
use crate::bench::play;

/// A station that asks for a recipe; its order list goes before the products.
const PRESS: &str = r#"schema = 1

[device.plc]
url         = "tcp://10.0.0.5:502"
heartbeat   = { plc = "life", stale_after = "15s" }
restart     = "boot"

[device.plc.tags]
life   = { at = "hr:0", type = "u16" }
boot   = { at = "hr:1", type = "u16" }
req    = { at = "hr:2", type = "u16" }
fin    = { at = "hr:3", type = "u16" }
serial = { at = "hr:10", type = "string[8]" }
type   = { at = "hr:20", type = "string[8]" }
badge  = { at = "hr:30", type = "string[8]" }
why    = { at = "hr:40", type = "string[8]" }
ack    = { at = "hr:100", type = "u16" }
permit = { at = "hr:101", type = "u16" }
reason = { at = "hr:102", type = "u16" }
recipe = { at = "hr:103", type = "u16" }
name   = { at = "hr:110", type = "string[4]" }
done   = { at = "hr:120", type = "u16" }

[product.A]
recipe = { PRESS = 7 }

[product.B]

[station.PRESS]
device = "plc"
orders = true

[station.PRESS.handshake.admit]
event    = "arrive"
serial   = "serial"
product  = "type"
trigger  = "req"
ack      = "ack"
check    = ["not-held"]
reply    = { permit = "$permit", reason = "$reason", recipe = "$recipe", name = "$recipe" }
permit   = { ok = 1, nok = 2, unknown = 9 }
override = { badge = "badge", reason = "why" }

[station.PRESS.handshake.result]
event    = "complete"
serial   = "serial"
trigger  = "fin"
ack      = "done"

[[test]]
name   = "what is completed is off the list, and a reworked unit has the next row's or its product's"
orders = [
  { station = "PRESS", serial = "SN-2", program = "12" },
  { station = "PRESS", serial = "SN-2", program = "13" },
]
given  = [{ serial = "SN-2", req = 1 }, { fin = 1 }, { req = 2 }, { fin = 2 }, { type = "A", req = 3 }]
expect = [
  { event = "arrive", permit = "ok", recipe = "12" },
  { event = "complete" },
  { event = "arrive", permit = "ok", recipe = "13" },
  { event = "complete" },
  { event = "arrive", permit = "ok", recipe = 7 },
]

[[test]]
name   = "the product says it, and an order says it better"
orders = [{ station = "PRESS", serial = "SN-2", program = "12" }]
given  = [
  { serial = "SN-1", type = "A", req = 1 },
  { serial = "SN-2", req = 2 },
]
expect = [
  { event = "arrive", permit = "ok", recipe = 7 },
  { recipe = 7, name = "7", permit = 1, ack = 1 },
  { event = "arrive", serial = "SN-2", permit = "ok", recipe = "12" },
  { recipe = 12, name = "12", permit = 1, ack = 2 },
]

[[test]]
name   = "the product may be known from before"
given  = [{ serial = "SN-1", type = "A", req = 1 }, { type = "", req = 2 }]
expect = [
  { event = "arrive", permit = "ok", recipe = 7 },
  { event = "arrive", permit = "ok", recipe = 7 },
]

[[test]]
name   = "a recipe that nobody knows, or that does not fit, is a refusal that a badge does not lift"
orders = [{ station = "PRESS", serial = "SN-3", program = "P12" }]
given  = [
  { badge = "4711", why = "hurry", serial = "SN-1", type = "B", req = 1 },
  { serial = "SN-2", type = "", req = 2 },
  { serial = "SN-3", type = "A", req = 3 },
  { "$hold" = "SN-1", serial = "SN-1", type = "B", req = 4 },
]
expect = [
  { event = "arrive", permit = "nok", reason = "recipe" },
  { permit = 2, reason = 33, ack = 1 },
  { event = "arrive", permit = "nok", reason = "product-unknown" },
  { permit = 2, reason = 30, ack = 2 },
  { event = "arrive", permit = "nok", reason = "recipe" },
  { permit = 2, reason = 33, ack = 3 },
  { event = "arrive", permit = "nok", reason = "not-held" },
  { permit = 2, reason = 2, ack = 4 },
]
"#;

#[test]
fn a_recipe_is_answered_or_the_request_refused() {
    let checked = check(&[("press.toml", PRESS)]).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(checked.warnings.len(), 0, "{:?}", checked.warnings);
    for case in &checked.tests {
        let outcome = play(&checked.plant, case);
        assert!(outcome.passed(), "{}: {outcome:#?}", case.name);
        // A word of a recipe is written with a yes only.
        let wrote = format!("{outcome:?}").contains("recipe = 0");
        assert!(!wrote, "{}", case.name);
    }
}

/// What stands there, what is written in its place, and what is said of it.
const VARIANTS: [(&str, &str, &str); 7] = [
    ("PRESS = 7", "PRESS = 70000", "`recipe` cannot hold the recipe 70000"),
    ("PRESS = 7", "PRESS = \"RIVET\"", "`recipe` cannot hold the recipe RIVET"),
    ("PRESS = 7", "PRESS = 7.5", "this is no recipe"),
    ("PRESS = 7", "PRES = 7", "`product.A` names station `PRES`, which is not configured"),
    ("permit = \"$permit\", ", "", "`$recipe` needs a `$permit` beside it"),
    (
        "recipe = \"$recipe\", name = \"$recipe\"",
        "recipe = \"$recip\"",
        "there is no answer `$recip`",
    ),
    (
        "recipe = { at = \"hr:103\", type = \"u16\" }",
        "recipe = { at = \"hr:104\", type = \"f32\" }",
        "`recipe` cannot hold a recipe",
    ),
];

#[test]
fn a_recipe_that_cannot_be_answered_is_a_fault_of_the_files() {
    for (right, wrong, wanted) in VARIANTS {
        assert_eq!(PRESS.matches(right).count(), 1, "{right}");
        let found = found(&[("press.toml", &PRESS.replace(right, wrong))]);
        let messages: Vec<&str> = found.iter().map(|fault| fault.message.as_str()).collect();
        assert!(
            messages.contains(&wanted),
            "`{wrong}` should give `{wanted}`, gives {messages:#?}"
        );
    }
    let (press, _) = PRESS.split_once("[[test]]").unwrap();
    let silent = press.replace("orders = true\n", "").replace("recipe = { PRESS = 7 }\n", "");
    let routed = press
        .replace("orders = true\n", "")
        .replace("[product.B]\n", "[product.B]\nroute = [\"PRESS\"]\n");
    let unasked = press.replace(", recipe = \"$recipe\", name = \"$recipe\"", "");
    let mut page = String::new();
    for text in [silent, routed, unasked] {
        let found = found(&[("press.toml", &text)]);
        page.push_str(&crate::config::render(&found, miette::GraphicalTheme::unicode_nocolor()));
    }
    insta::assert_snapshot!(page);
}
