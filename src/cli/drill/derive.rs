//! Values for the words of a handshake: those that were given, else ones of their kind. Pure.
use super::super::exit::{Exit, Failure};
use crate::bench;
use crate::model::plant::{
    CodeFrom, CodeSpec, DeviceIndex, Handshake, MeasurementSpec, Plant, Register, RegisterType,
    TagIndex, TagSource, Word,
};
use crate::model::{ItemClass, Result, Text, Utc, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What names that are not codes hold.
const NAME: &str = "DRILL";

/// A word that was given on the command line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Given {
    pub(super) device: DeviceIndex,
    pub(super) word: Word,
    pub(super) value: Value,
}

/// Reads `WORD=VALUE`, `WORD.BIT=VALUE`; the word is one of these devices.
pub(super) fn given(
    plant: &Plant,
    texts: &BTreeSet<TagIndex>,
    devices: &[DeviceIndex],
    text: &str,
) -> std::result::Result<Given, Failure> {
    let fault = |why: String| Failure::new(Exit::Configuration, format!("--set {text}: {why}"));
    let (name, value) =
        text.split_once('=').ok_or_else(|| fault("wanted WORD=VALUE".to_owned()))?;
    let tag_of = |name: &str| {
        let mut of_devices = devices.iter().flat_map(|device| plant.tags_of(*device));
        of_devices.find(|(_, tag)| tag.name.as_str() == name)
    };
    let bit_of = || {
        let (name, bit) = name.rsplit_once('.')?;
        let bit: u8 = bit.parse().ok().filter(|bit| *bit < 64)?;
        Some((tag_of(name)?, Some(bit)))
    };
    let found = tag_of(name).map(|found| (found, None)).or_else(bit_of);
    let ((index, tag), bit) = found
        .ok_or_else(|| fault(format!("no word `{name}`; `pedigree plan` and `tap` show them")))?;
    let named = tag.names.iter().find(|(_, told)| *told == value).map(|(n, _)| Value::Int(*n));
    let value = match named {
        Some(number) => number,
        None if bit.is_none() && is_text(plant, texts, index) => Value::text(value),
        None => as_value(value),
    };
    Ok(Given { device: tag.device, word: Word { tag: index, bit }, value })
}

fn as_value(text: &str) -> Value {
    let whole = || text.parse().map(Value::UInt).or_else(|_| text.parse().map(Value::Int));
    match text {
        "true" | "on" => Value::Bool(true),
        "false" | "off" => Value::Bool(false),
        _ => whole()
            .ok()
            .or_else(|| text.parse().ok().map(Value::Real))
            .unwrap_or_else(|| Value::text(text)),
    }
}

fn is_text(plant: &Plant, texts: &BTreeSet<TagIndex>, index: TagIndex) -> bool {
    match &plant.tag(index).source {
        TagSource::Node(_) | TagSource::Field(_) => texts.contains(&index),
        TagSource::Register(register) => matches!(register.kind, RegisterType::Text(_)),
    }
}

/// Makes values; codes of one run of the verb differ from those of every other.
#[derive(Debug)]
pub(super) struct Derived<'a> {
    plant: &'a Plant,
    texts: &'a BTreeSet<TagIndex>,
    run: u64,
}

impl<'a> Derived<'a> {
    pub(super) fn new(plant: &'a Plant, texts: &'a BTreeSet<TagIndex>, began: Utc) -> Self {
        Self { plant, texts, run: began.0.unsigned_abs() / 1_000_000_000 }
    }

    /// The data words of a request. The codes of a round are the same for all its handshakes: a unit
    /// that is presented is the one that is completed.
    pub(super) fn data(&self, h: &Handshake, round: u64, now: Utc) -> BTreeMap<Word, Value> {
        let mut data = BTreeMap::new();
        let names = [h.position, h.product, h.material, h.operation, h.badge];
        for (word, codes) in self.members(h, round) {
            data.insert(word, codes);
        }
        let specs = std::iter::once(&h.item).chain(&h.other);
        let scopes = specs.filter_map(|spec| spec.scope.word());
        for word in names.into_iter().flatten().chain(scopes) {
            data.insert(word, self.name(word, NAME, 1));
        }
        if let Some((word, product)) = h.product.zip(self.product(h)) {
            data.insert(word, self.name(word, product.as_str(), 1));
        }
        for (word, code) in self.codes(h, round) {
            data.insert(word, self.name(word, &code, round));
        }
        if let Some(carrier) = &h.carrier {
            let code = format!("T{:08X}-{round}", self.run);
            data.insert(carrier.word, self.name(carrier.word, &code, round));
        }
        if let Some(quantity) = &h.quantity {
            data.insert(quantity.word, Value::UInt(1));
        }
        if let Some(time) = h.time {
            data.insert(time, Value::Time(now.0));
        }
        if let Some(result) = &h.result {
            let pass = result.codes.iter().find(|(_, means)| **means == Result::Pass);
            let code = pass.or_else(|| result.codes.iter().next()).map_or(0, |(code, _)| *code);
            data.insert(result.word, Value::Int(code));
        }
        for measurement in &h.measurements {
            data.insert(measurement.word, self.measured(measurement));
        }
        data
    }

    /// A product that has a recipe, where one is to be answered.
    fn product(&self, h: &Handshake) -> Option<&Text> {
        h.recipe_words().next()?;
        let here = self.plant.stations.iter().find(|s| s.handshakes.iter().any(|own| own == h))?;
        let mut products = self.plant.catalog.products.iter();
        let found = products.find(|(_, product)| product.recipes.contains_key(&here.id));
        found.map(|(name, _)| name)
    }

    fn codes(&self, h: &Handshake, round: u64) -> Vec<(Word, String)> {
        let letter_of = |class, beside: bool| match class {
            // What goes in is not what it goes into.
            class if beside && class == h.item.class => 'P',
            ItemClass::Unit => 'U',
            ItemClass::Lot => 'L',
            ItemClass::Container => 'C',
        };
        let code = |spec: &CodeSpec, beside| {
            let CodeFrom::Word(word) = spec.from else { return None };
            let letter = letter_of(spec.class, beside);
            let code = format!("{letter}{:08X}-{round}", self.run);
            Some((word, spec.form.written(&code, spec.class)))
        };
        let other = h.other.as_ref().and_then(|spec| code(spec, true));
        code(&h.item, false).into_iter().chain(other).collect()
    }

    /// Codes of members: in one word an array of two, else one for each.
    fn members(&self, h: &Handshake, round: u64) -> Vec<(Word, Value)> {
        let code = |place: usize| format!("M{:08X}-{round}-{place}", self.run);
        let mut words = Vec::new();
        for (spec, place) in h.members.iter().zip(1..) {
            let CodeFrom::Word(word) = spec.from else { continue };
            let label = |place| spec.form.written(&code(place), spec.class);
            if h.members.len() == 1 {
                let two = [1, 2].map(|place| Value::text(&label(place)));
                return vec![(word, Value::List(two.to_vec()))];
            }
            words.push((word, self.name(word, &label(place), round)));
        }
        words
    }

    /// A text, or its number where the word holds one. What is too long keeps its first letter, which says what it is of,
    /// and its end, which counts.
    fn name(&self, word: Word, text: &str, number: u64) -> Value {
        if !is_text(self.plant, self.texts, word.tag) {
            return Value::UInt(number);
        }
        let room = match &self.plant.tag(word.tag).source {
            TagSource::Register(Register { kind: RegisterType::Text(chars), .. }) => {
                (*chars).into()
            }
            TagSource::Register(_) | TagSource::Node(_) | TagSource::Field(_) => text.len(),
        };
        if text.len() <= room {
            return Value::text(text);
        }
        let end = text.len() - room.saturating_sub(1);
        let kept = text.chars().take(room.min(1)).chain(text.chars().skip(end));
        Value::text(&kept.collect::<String>())
    }

    /// The middle of what is good, as far as the word can say it.
    fn measured(&self, spec: &MeasurementSpec) -> Value {
        let middle = match (spec.low, spec.high) {
            (Some(low), Some(high)) => f64::midpoint(low, high),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => 1.0,
        };
        let tag = self.plant.tag(spec.word.tag);
        let exact = Value::Real(middle);
        if bench::as_read(tag, &exact).is_ok() { exact } else { Value::Real(middle.round()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::model::SiteId;
    use std::sync::Arc;

    fn example(name: &str) -> Arc<Plant> {
        let path = format!("{}/config/plant.d/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let files = [(name.to_owned(), std::fs::read_to_string(path).unwrap())];
        config::plant::load(&files, &SiteId::parse("site").unwrap()).unwrap().plant
    }

    fn told(name: &str, began: i64) -> Vec<String> {
        let plant = example(name);
        let texts = bench::texts(&plant);
        let derived = Derived::new(&plant, &texts, Utc(began));
        let of = |h: &Handshake| {
            let data = derived.data(h, 2, Utc(0)).into_iter();
            let words = data.map(|(word, value)| format!("{} = {value}", plant.tag(word.tag).name));
            format!("{}: {}", h.id, words.collect::<Vec<_>>().join(", "))
        };
        plant.stations.iter().flat_map(|s| &s.handshakes).map(of).collect()
    }

    #[test]
    fn a_word_gets_a_value_of_its_kind_and_a_round_has_one_unit() {
        let at = 1_767_592_800_000_000_000;
        insta::assert_snapshot!(told("assembly", at).join("\n"));
        insta::assert_snapshot!(told("kettle", at).join("\n"));
        insta::assert_snapshot!(told("bottling", at).join("\n"));
    }

    #[test]
    fn where_a_recipe_is_answered_the_product_has_one() {
        let told = told("gearbox", 0);
        let at = |words: &str| told.iter().any(|line| line.contains(words));
        assert!(at("OP120.In.Type = G1"), "{told:#?}");
        assert!(at("OP110.In.Type = DRILL"), "{told:#?}");
    }

    #[test]
    fn a_carrier_is_the_same_at_all_stations_of_a_round() {
        let told = told("carriers", 0);
        let on = |words: &str| told.iter().filter(|line| line.contains(words)).count();
        let tags = ["Load.Tag", "Weld.Tag", "Table.Tag"];
        assert_eq!(tags.map(|tag| on(&format!("{tag} = T00000000-2"))), [3, 1, 1], "{told:#?}");
    }

    #[test]
    fn words_are_given_by_the_names_of_the_plant_file() {
        let plant = example("kettle");
        let texts = bench::texts(&plant);
        let devices = [DeviceIndex(0)];
        let of = |text| given(&plant, &texts, &devices, text);
        let told = |text| {
            let given = of(text).unwrap();
            (plant.tag(given.word.tag).name.to_string(), given.word.bit, given.value)
        };
        assert_eq!(told("in_lot=0001"), ("in_lot".to_owned(), None, Value::text("0001")));
        assert_eq!(told("in_hopper=2"), ("in_hopper".to_owned(), None, Value::UInt(2)));
        assert_eq!(told("step=heat"), ("step".to_owned(), None, Value::Int(2)));
        assert_eq!(told("flags.2=true"), ("flags".to_owned(), Some(2), Value::Bool(true)));
        assert_eq!(told("in_kg=25.5"), ("in_kg".to_owned(), None, Value::Real(25.5)));
        assert!(of("in_lots=1").unwrap_err().text.contains("no word `in_lots`"));
        assert!(of("in_lot").unwrap_err().text.contains("WORD=VALUE"));
    }
}
