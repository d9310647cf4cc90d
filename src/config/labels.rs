//! The chapter on codes in `docs/config.md`.

/// The chapter as Markdown.
pub(super) const CHAPTER: &str = "\
## Codes

A word with a code holds the code and nothing else, unless `match` or `parse` says that it is a label with more on it. What
`no_read` and `empty` list is told first, of the whole text. A text that is not of its form is set aside as `label` with what
was read and the reason, and a PLC that waits is answered *unknown*: no part of it is ever taken for a code.

**`match`** is a [regular expression](https://docs.rs/regex/latest/regex/#syntax) that must fit all of the text, with `^` and
`$` or without. Its named groups `(?P<name>…)` are the parts. It is compiled once, and its time grows with the length of the
text only; one that would take much memory is refused.

| group | |
|---|---|
| `serial`, `lot`, `container` | the code: that of the item's class is required. `child` and `members` are units: `serial` |
| `product`, `material`, `supplier` | what the code is unique within, where `scope` says so and no word does; `product` and `material` are attributes of the item as well |
| `gtin` | what the code is unique within, with `scope = \"gs1\"` |
| any other | kept with the event, as with `context`; a group that did not take part is left out |

**`parse = \"gs1\"`** reads a GS1 element string, as scanners send it (with or without the identifier of the symbology; GS, 29,
where the symbol has FNC1), and a GS1 Digital Link. Lengths, characters, check digits and dates are checked (GS1 General
Specifications, 3.2 and 7.8 to 7.12). A unit is (01) with (21), a lot (01), or (02), with (10), a container (00); `scope` is
`gs1` unless said (a `mount` has to say it): unique within the GTIN. The rest is kept with the event as `gtin`, `lot`, `serial`, `produced` (11), `packed`
(13), `best_before` (15), `sell_by` (16), `expiry` (17), `variant` (20), `count` (30), `contained` (37), `content` (02), `sscc`
(00), `net_weight` in kg (310n), `additional_id` (240), `customer_part` (241), `order` (400), and all others as `gs1.` with their
number, such as `gs1.8005`. Dates are written as `2028-11-30`; a day 00 is the last of its month. An identifier that is not known
is kept as it is as long as it is known where its value ends; else the label is set aside. A missing separator is seen only
where a value becomes too long: let the scanner send GS.

A table with several codes says which is meant: `match = { child = '…' }`, `parse = { into = \"gs1\" }`. With `members`, and in a
`phase` or `mount`, only the code and what it is unique within are used, and of a mount the `material`. The date of a label
is kept, and the check `lot-not-expired` does not look at it.

";
