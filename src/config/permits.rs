//! The chapter on permits in `docs/config.md`: every rule and reason with its number.
use crate::model::plant::{Check, Reason};
use std::fmt::Write;

const HEAD: &str = "\
## Permits

With `check` a request is judged before it is recorded, by all that was recorded up to then; the answer goes to the words
of `reply`. `$permit` is a code of `permit`, `$reason` the number of the rule that decided: 0 if none did. Numbers are the same
in every plant, unless `reasons = { route = 11 }` gives a rule one of the plant's own.

`$recipe` is what the unit is to be worked on with here: the `program` of its first open row in the station's order list, else
`recipe` of its product. It is written with a yes only (`ok`, `rework`); otherwise the word stays as it is. A unit whose recipe is
not known is refused, and nobody can overrule that. The event says what was answered. What an OPC UA word can hold is known
once it is pinned (`pedigree pin`): until then a `program` that its node cannot hold is found when it is written. It is offered three times; then the
request is answered with `unknown` and the reason `recipe`, and that is recorded beside its event, set aside with all its words.

A request is `ok` if every rule is content, `nok` if one refuses (the first in the list is told), `rework` if the unit was here
before and is to be worked on again. What cannot be known is `on_late`, and so is every request that is not judged within its
deadline: neither is ever `ok`. The event says what was answered, with the reason as a sentence; `trace`, the pages,
`tap --events` and the API show it. A part that a rule refused is not built in, packed or used up: it was only asked for. What
a machine reports as done is recorded as done, whatever it was answered, and so is what it asked for and was answered too late.

With `override` a person lets run what a rule refused: both words must say something. The event is *bypassed*, the badge is
kept as a token, the refusal stays visible. A `complete` of a unit that was refused at the station, and overruled by nobody, is
*bypassed* too, and whoever watches (`tap`) is told. What is not known is nobody's to allow, and a hold only if
the hold itself is what was told.

| reason | number | refused unless |
|---|---|---|
";

/// The chapter as Markdown.
pub(super) fn markdown() -> String {
    let mut page = HEAD.to_owned();
    for reason in Reason::all() {
        let _ =
            writeln!(page, "| `{}` | {} | {} |", reason.as_str(), reason.code(), meaning(reason));
    }
    page
}

fn meaning(reason: Reason) -> &'static str {
    match reason {
        Reason::Check(check) => rule(check),
        Reason::ExpiryUnknown => "a date was told for each of these lots (`lot-not-expired`)",
        Reason::ProductUnknown => {
            "which `product` it is was told, and the plant files have it (rules that look at products)"
        }
        Reason::MaterialUnknown => {
            "of which `material` each lot or part is was told; where the rule needs its table, the plant \
             files have it"
        }
        Reason::VisitsMax => {
            "the station completed the unit less often than `max_visits` of its product (`route`)"
        }
        Reason::Recipe => {
            "the station's order list or the unit's product says with which recipe it is worked on here, and \
             the word can hold it (`$recipe`)"
        }
        Reason::Late => "it is judged within its deadline; answered `on_late`",
        Reason::Quarantined => "the item can be known from what was read; answered `unknown`",
        Reason::Conflict => "a number comes again with the same words; answered `unknown`",
    }
}

fn rule(check: Check) -> &'static str {
    match check {
        Check::Known => "the item is in the record; to have been refused or held is not enough",
        Check::NotHeld => {
            "neither an item of the request nor a lot in a feeder of the station is on hold, nor anything that it was \
             made of or contains, nor a container that it is in"
        }
        Check::Route => {
            "each station before this one has completed the unit, the last time with a pass; where a \
             station tells no `result`, to have completed it is enough. Which they are says the `route` \
             of its product, else `after`. Masters have no route; set-up and trials are no visits"
        }
        Check::NotDoneHere => {
            "the station has not completed the unit with a pass; `rework` instead of `nok` while it is to \
             be worked on again here: a `rework` event came since, or the station itself said `rework`. \
             Masters, set-up and trials come as often as they like"
        }
        Check::ChildKnown => "the `child` is in the record",
        Check::ChildNotUsed => {
            "the `child` is built in, packed in, or part of no other item (`remove` frees it), and the unit is not in the \
             `child`, at any depth"
        }
        Check::ChildNotHeld => "neither the `child` nor anything that it was made of is on hold",
        Check::LotKnown => "the `lot` is in the record",
        Check::MountsVerified => {
            "every feeder of the station has a lot, and none of them is on hold, nor anything that it was made of"
        }
        Check::LotNotExpired => {
            "neither the `lot` nor one in a feeder of the station is past the `best_before` that was told \
             when it was produced or received, or else the `shelf_life` of its material since then. With \
             `[attribute.best_before]` nothing that it was made of is either"
        }
        Check::Bom => {
            "the material of the `child` or `lot` is on the `bom` of the product, may sit at this \
             `position`, and with it there is not more of it in the item than the bill says: amounts \
             where the event tells `quantity`, else pieces"
        }
        Check::SetupPlan => {
            "each feeder that `setup` of the product names for this station has that material: as the \
             `material` word of its `mount` says, else as was told when the lot was made, received or used"
        }
        Check::FloorLife => {
            "no lot, neither the `lot` nor one in a feeder, was first mounted, used or reported as `open` longer ago than \
             `floor_life` of its material. The time in dry storage (`close`) does not count, and `dry` sets it back. With \
             `[attribute.floor_life]` nothing that it was made of was either"
        }
        Check::AllergenPlan => {
            "what is used, and every product made here since the last `clean`, has no allergens but \
             those of the product. Only a clean with its proof counts. With `[attribute.allergens]` what a lot \
             was made of counts, at any depth"
        }
        Check::Cleaned => "no other product was made here since the last `clean` with its proof",
        Check::ToolLife => {
            "every `mount` with `tool` has one that made fewer items than `uses`, and was first mounted \
             (or reported as `open`) less long ago than `time`. A tool that is produced or received again begins anew"
        }
        Check::AttributePlan => {
            "nothing that the item was made of, and nothing that is used, at any depth, brings what its product may \
             not be made of (`allowed`, `forbidden`, `at_least`, `at_most`)"
        }
        Check::NoOpenDrift => {
            "no monitor of the station says *drift*, and no master is overdue or was judged wrongly; masters may come"
        }
    }
}
