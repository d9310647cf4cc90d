//! The chapter on inherited attributes in `docs/config.md`.

/// The chapter as Markdown.
pub(super) const CHAPTER: &str = r#"## Inherited attributes

What an item has in it follows from what it was made of: an allergen of a lot three steps back is an allergen of the loaf. An
`attribute` says what is inherited, and by which rule: `union` takes all words, `any` a mark if anything has it, `minimum`
the least number or the earliest time. It takes from the item itself and from everything that it was made of as of the record
that is asked about, at any depth: consumed, fed from a feeder, built in, packed, split and merged. What was taken out
again counts no more. It does not matter in which order the records came.

```toml
[attribute.allergens]
rule = "union"

[attribute.country]
rule = "union"

[attribute.hazardous]
rule = "any"

[attribute.best_before]
rule = "minimum"

[material.nuts]
shelf_life = "180d"
allergens  = ["nuts"]
has        = { country = "TR" }

[product.bread]
allowed   = { country = ["DE", "FR"] }
forbidden = { hazardous = true }
```

Four attributes are told already, and are inherited as soon as they are declared; they are not written under `has`:

| attribute | rule | from | counted by |
|---|---|---|---|
| `allergens` | `union` | `allergens` of materials and products | `allergen-plan` |
| `supplier` | `union` | the scope of lots whose codes are a supplier's | `attribute-plan` |
| `best_before` | `minimum` | the date that was told, else `shelf_life` since the lot was made | `lot-not-expired` |
| `floor_life` | `minimum` | `floor_life` since the lot was opened, less the time in dry storage | `floor-life` |

All others have a name of your own and are written under `has` of materials and products; `allowed`, `forbidden` and `at_least`
of a product say what it may be made of, and the check `attribute-plan` refuses what is not: in the item as it is, in what is
named beside it and in the lots of the feeders. Without the table nothing is inherited: a batch made of flour a day before its date is
good for as long as its own date says, unless `best_before` is declared.

It never says less than there may be. A link that is one of several (a reel changed meanwhile) or a share of a blend counts like any
other, and it is said that it is not certain. Of what the plant files do not have, nothing is known: a check is then refused with
`material-unknown`; and it is not known (`on_late`) if nobody knows which lot was in a feeder, or if there are more than 50,000 items.
What a material does not mention it does not have.

A lot's floor life (IPC/JEDEC J-STD-033) runs while it is out of dry storage: from when it is mounted, used, or reported as `open`, until it is reported as
`close`, sealed again with fresh desiccant or put into a dry cabinet (of 5 % relative humidity at most: a damper one stops no clock, so report no `close` for it). There the clock stands still, and goes on when the lot is next opened, mounted or used. `dry`, told when
it comes out of the oven, sets the clock back: it begins anew from then on, also of a lot that was not open before; tell `close` with it or behind it if the lot goes straight into dry storage.
Where your procedure lets a lot dry in the cabinet (five or ten times as long as it was out), tell `dry` and `close` when that time is over: it is not
reckoned here. What was out for too long stays so until it is dried, wherever it is. A lot that is put away in time has no end as long as it stays there, so it
has no value on pages, and `floor-life` lets it be mounted: that opens it. To be taken out of a feeder does not put it away, and what stands in a feeder is out there, whatever was
reported of it. What went into something else is out from then on for good: the rest of the reel may be put away or dried, and that changes nothing about what was made of it.
All count by the time at which they happened, whenever they are told, and only
for a lot under its own code: reels that share one are one lot. At one and the same time `dry` goes before `close` and `close` before `open`. Times are believed as they were told: a record from a PLC
whose clock was wrong is to be corrected; one that is still to come by an hour or more lets nothing pass (`on_late`). Produced or received anew, a lot begins anew.

```toml
[station.CABINET]
device = "store"

[station.CABINET.handshake.away]
event   = "close"
lot     = "Away.Reel"
scope   = "site"
trigger = "Away.Req"
ack     = "Away.Ack"
```

The refusal names what brings it and by which record: *nuts comes into l/site/D-2 with l/supplier/ZETA/N-1, which went into
l/site/D-2 (record 7); bread may not contain it*. The page of an item, `pedigree trace` and `/api/v1/item` (`inherited`) show each value
by the plant in force, with the item that it is from and all links in between; of numbers that events tell also the record, the 64 values that say
most, and how many there are.

### What events tell

Some attributes come from numbers that events tell of an item, at whatever station: `sum` adds them up (a thermal dose, passes through an
oven, minutes outside a cabinet), `minimum` and `maximum` take one of them. One key says what the numbers are:

| key | names | the numbers are |
|---|---|---|
| `measurement` | a name under `values` of handshakes | what was measured |
| `context` | a name under `context` of handshakes | what the word said of the item that something was done to, and of each of its boards: with `consume` and `install` of the whole, not of the lot or the child, with `merge` of the blend; not with `pack`, `identify` and `note`, with an `inspect` that counts `stock`, nor what was only asked for and refused |
| `count` | a feeder: a name under `mount` of stations that has `used` | how much it gave for the item, as its counters say by now; all feeders of the name have `used`, in one `eu` |

```toml
[attribute.heat]
rule        = "sum"
measurement = "dose"
ancestors   = true

[attribute.glue]
rule  = "sum"
count = "glue"

[product.board]
at_most = { heat = 300, glue = 2.5 }
```

Without `ancestors` the item's own values count, and with `ancestors = true` also those of all that it was made of. Each value counts
once, in however many ways an ancestor came to be in the item. What is measured of a panel, or told of it by a word, is so of each of its boards.
What a feeder gave for a panel is the panel's: of a board it counts, all of it, with `ancestors`.

A value counts as it was told. A lot's dose is not multiplied or shared out by how much of the lot was used. It is that of the lot's whole
life, also after some of it was taken. A container has none of its own, and what a unit was built into passes nothing down to it. A correction takes away what it
takes back.

What is bad, no finite number (a text is none), or below 0 in a sum is not counted, and is not 0 either: the attribute is then *at least* so much, as it is
when a word could not be read, when something was in work before the attribute was declared, when it is not known which lot was in a feeder, or when records
were dropped since their time was over. So it is too when counters do not say how much (`used`) or say it in another unit than now: always so at stations with
positions, with `ua-result` and phases, and for `scrap` that was only counted. If no lot was known in a feeder and its counters stood still since the item before, this item had
nothing of it; else it is *at least*, and so is the first item after a gap or a restart. Counters that begin anew with each lot must stand at 0 for that.
What nobody observed is not told of by that: a visit that lies in a gap or was set aside adds nothing. Where a limit must hold, let `route` ask that
the item was completed where it is told. All have to tell it in the same unit.
All of it is kept at hand from the record of the plant on that declares the attribute. A handshake that does not name the word says nothing of it, and no label
stands in for a word that could not be read.

`at_most` of a product bounds a `sum` or `maximum`, `at_least` a `minimum`. `attribute-plan` asks what the item comes to up to
this request: with `ancestors` together with everything that is named beside it and with the lots of the feeders, as if all of
them were in it. What is over the bound is refused, even if there may be more; else what is not all known is not known (`on_late`), and so is a
minimum or maximum of nothing. Values that come with the request itself count from the next one on.

"#;
