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
| `floor_life` | `minimum` | `floor_life` since the lot was opened | `floor-life` |

All others have a name of your own and are written under `has` of materials and products; `allowed`, `forbidden` and `at_least`
of a product say what it may be made of, and the check `attribute-plan` refuses what is not: in the item as it is, in what is
named beside it and in the lots of the feeders. Without the table nothing is inherited: a batch made of flour a day before its date is
good for as long as its own date says, unless `best_before` is declared.

It never says less than there may be. A link that is one of several (a reel changed meanwhile) or a share of a blend counts like any
other, and it is said that it is not certain. Of what the plant files do not have, nothing is known: a check is then refused with
`material-unknown`; and it is not known (`on_late`) if nobody knows which lot was in a feeder, or if there are more than 50,000 items.
What a material does not mention it does not have.

The refusal names what brings it and by which record: *nuts comes into l/site/D-2 with l/supplier/ZETA/N-1, which went into
l/site/D-2 (record 7); bread may not contain it*. The page of an item, `pedigree trace` and `/api/v1/item` (`inherited`) show each value
by the plant in force, with the item that it is from and all links in between.

"#;
