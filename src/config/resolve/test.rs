//! Tests: every word of a step and of an expectation finds its tag, every key its meaning.
use super::device::value;
use super::{Read, Resolver, Table};
use crate::bench::{self, Case, Expected, Given, Wanted};
use crate::config::fault::Place;
use crate::config::raw;
use crate::config::similar;
use crate::config::spot::{Held, Keyed, Scalar, Spot};
use crate::model::plant::{DeviceIndex, Station, TagSource, Word};
use crate::model::{Code, ItemKey, OrderRow, StationId, Text, Value};
use std::collections::BTreeSet;

/// Makes a word bad.
const BAD: &str = "$bad";
/// Steps that are no words.
const STEPS: [&str; 5] = ["$wait", "$down", "$up", "$hold", "$release"];

/// What a test of one file may speak of.
struct Scene<'a> {
    t: Table<'a>,
    /// Devices whose words need no prefix: those of the file and of its stations.
    devices: BTreeSet<DeviceIndex>,
    stations: &'a [Station],
    /// Nothing was wrong before: a word that is not there is not there by a fault of the test.
    whole: bool,
}

impl Resolver<'_> {
    /// Reads the tests of a file; `whole` says that nothing was wrong in any file before.
    pub(super) fn tests(&mut self, read: &Read, stations: &[Station], whole: bool) -> Vec<Case> {
        let Some(raw) = &read.raw else { return Vec::new() };
        let own = raw.device.iter().map(|(name, _)| (**name).clone());
        let served =
            raw.station.iter().filter_map(|(_, s)| s.device.as_ref().map(|d| (**d).clone()));
        let devices = own.chain(served).filter_map(|name| self.device_names.get(&name)?.index);
        let devices: BTreeSet<DeviceIndex> = devices.collect();
        let mut cases = Vec::new();
        for test in &raw.test {
            let key = test.span();
            let t = Table {
                file: read.file,
                key,
                path: "test".to_owned(),
                device: None,
                node: None,
                notifier: None,
                forms: None,
            };
            cases.extend(self.test(&Scene { t, devices: devices.clone(), stations, whole }, test));
        }
        cases
    }

    fn test(&mut self, scene: &Scene<'_>, raw: &raw::Test) -> Option<Case> {
        let raw::Test { name, orders, given, expect } = raw;
        let orders = orders.iter().flatten().filter_map(|row| self.order_row(scene, row)).collect();
        let given = given.iter().flatten().map(|step| self.given(scene, step)).collect();
        let expect = expect.iter().flatten().filter_map(|table| self.expected(scene, table));
        let expect = expect.collect();
        let (file, line) = self.sink.line(&scene.t.here());
        Some(Case { file, line, name: (**name.as_ref()?).clone(), orders, given, expect })
    }

    fn order_row(&mut self, scene: &Scene<'_>, raw: &raw::Order) -> Option<OrderRow> {
        let t = &scene.t;
        let raw::Order { station, program, serial, product } = raw;
        let station = station.as_ref()?;
        let known = scene.stations.iter().find(|s| s.id.as_str() == station.as_str());
        if scene.whole && known.is_none_or(|station| !station.orders) {
            let listed = scene.stations.iter().filter(|s| s.orders).map(|s| s.id.as_str());
            let hint = similar::hint(station, "stations with `orders = true`", listed);
            self.error(t, station.span(), format!("`{}` has no order list", **station))
                .label("no list of work")
                .help(hint);
        }
        let station = self.name(t, station, StationId::parse);
        let program = self.name(t, program.as_ref()?, Text::parse);
        let serial = self.name(t, serial.as_ref()?, Code::parse);
        let product = product.as_ref().and_then(|product| self.name(t, product, Text::parse));
        let item = ItemKey::unit(serial?);
        Some(OrderRow { station: station?, program: program?, item, product })
    }

    fn given(&mut self, scene: &Scene<'_>, raw: &Keyed<Spot<Held>>) -> Given {
        let mut given = Given::default();
        for (key, held) in raw.iter() {
            let scalar = match &**held {
                Held::One(scalar) => &held.with(scalar.clone()),
                Held::List(texts) => {
                    let list = self.array(scene, key, &held.with(texts.as_slice()));
                    given.words.extend(list.map(|(word, list)| (word, Some(list))));
                    continue;
                }
            };
            if key.starts_with('$') {
                self.happening(scene, key, scalar, &mut given);
                continue;
            }
            let Some(word) = self.scene_word(scene, key) else { continue };
            let bad = matches!(&**scalar, Scalar::Text(text) if text == BAD);
            let value =
                if bad { Some(None) } else { self.held(scene, word, key, scalar).map(Some) };
            given.words.extend(value.map(|value| (word, value)));
        }
        given
    }

    /// An array of texts, for a word of OPC UA: a register holds one value.
    fn array(
        &mut self,
        scene: &Scene<'_>,
        key: &Spot<String>,
        texts: &Spot<&[String]>,
    ) -> Option<(Word, Value)> {
        let word = self.scene_word(scene, key)?;
        let node =
            matches!(self.tags.get(word.tag).source, TagSource::Node(_) | TagSource::Field(_));
        if node && word.bit.is_none() {
            return Some((word, Value::List(texts.iter().map(|text| Value::text(text)).collect())));
        }
        self.error(&scene.t, texts.span(), format!("`{}` cannot hold a list", **key))
            .label("it holds one value");
        None
    }

    /// A step that is no word: `$wait` and its like.
    fn happening(
        &mut self,
        scene: &Scene<'_>,
        key: &Spot<String>,
        scalar: &Spot<Scalar>,
        given: &mut Given,
    ) {
        let t = &scene.t;
        if !STEPS.contains(&key.as_str()) {
            let hint = similar::hint(key, "steps", STEPS);
            self.error(t, key.span(), format!("there is no step `{}`", **key))
                .label("not a step")
                .help(hint);
            return;
        }
        let Scalar::Text(text) = &**scalar else {
            self.error(t, scalar.span(), format!("`{}` wants a text", **key)).label("no text");
            return;
        };
        let text = scalar.with(text.clone());
        match key.as_str() {
            "$wait" => {
                let span = scalar.with(crate::config::spot::Span((*text).clone()));
                given.wait = self.period(t, Some(&span), super::span::LOOK);
            }
            "$down" => given.down.extend(self.scene_device(scene, &text)),
            "$up" => given.up.extend(self.scene_device(scene, &text)),
            "$hold" => given.hold.extend(self.scene_item(scene, &text)),
            _ => given.release.extend(self.scene_item(scene, &text)),
        }
    }

    fn scene_device(&mut self, scene: &Scene<'_>, name: &Spot<String>) -> Option<DeviceIndex> {
        if let Some(named) = self.device_names.get(name.as_str()) {
            return named.index;
        }
        let hint = Self::unknown("devices", name, &self.device_names);
        self.error(&scene.t, name.span(), format!("there is no device `{}`", **name))
            .label("no device with this name")
            .help(hint);
        None
    }

    /// An item in full, `l/supplier/ACME/0001`, or the serial of a unit.
    fn scene_item(&mut self, scene: &Scene<'_>, text: &Spot<String>) -> Option<ItemKey> {
        if let Ok(item) = text.parse() {
            return Some(item);
        }
        self.name(&scene.t, text, Code::parse).map(ItemKey::unit)
    }

    fn expected(&mut self, scene: &Scene<'_>, raw: &Spot<Keyed<Spot<Scalar>>>) -> Option<Expected> {
        let place: Place = scene.t.place(raw.span());
        let (_, line) = self.sink.line(&place);
        if raw.is_empty() {
            self.error(&scene.t, raw.span(), "this table expects nothing").label("empty").help(
                "write an event as `{ event = \"arrive\", serial = \"SN-1\" }`, words as \
                       `{ word = 1 }`; `expect = []` says that nothing happens",
            );
            return None;
        }
        let is_event = raw.iter().any(|(key, _)| key.as_str() == bench::EVENT);
        let what = if is_event {
            let fields = raw.iter().filter_map(|(key, value)| self.field(scene, key, value));
            Wanted::Event(fields.collect())
        } else {
            let words = raw.iter().filter_map(|(key, value)| self.written(scene, key, value));
            Wanted::Words(words.collect())
        };
        Some(Expected { line, what })
    }

    /// What is to be told of an event.
    fn field(
        &mut self,
        scene: &Scene<'_>,
        key: &Spot<String>,
        scalar: &Spot<Scalar>,
    ) -> Option<(String, Value)> {
        let t = &scene.t;
        if !bench::is_field(key) {
            let names = bench::FIELDS.iter().map(|(field, _)| *field);
            let hint = similar::hint(key, "keys", names);
            self.error(t, key.span(), format!("an event is not told by `{}`", **key))
                .label("unknown key")
                .help(hint);
            return None;
        }
        let mut choices = bench::choices(key);
        let stations = || scene.stations.iter();
        match key.as_str() {
            "station" => choices.extend(stations().map(|s| s.id.to_string())),
            "handshake" => {
                let handshakes = stations().flat_map(|s| &s.handshakes);
                choices.extend(handshakes.map(|h| h.id.to_string()));
            }
            _ => {}
        }
        let told = value(scalar);
        let text = told.as_text().unwrap_or_default();
        if !choices.is_empty() && !choices.contains(&text) {
            let hint = similar::hint(&text, "valid", choices.iter().map(String::as_str));
            self.error(t, scalar.span(), format!("`{}` cannot be `{text}`", **key))
                .label("not one of its words")
                .help(hint);
            return None;
        }
        Some(((**key).clone(), told))
    }

    /// A word that has to be written, and with what.
    fn written(
        &mut self,
        scene: &Scene<'_>,
        key: &Spot<String>,
        scalar: &Spot<Scalar>,
    ) -> Option<(Word, Value)> {
        // Somebody forgot to say which event it is.
        if bench::is_field(key) && self.find(scene, key).is_empty() {
            self.error(&scene.t, key.span(), format!("`{}` is told of an event", **key))
                .label("of which event?")
                .help("a table without `event` lists words that are written");
            return None;
        }
        let word = self.scene_word(scene, key)?;
        if !self.tags.get(word.tag).writable {
            if !scene.whole {
                return None;
            }
            self.error(&scene.t, key.span(), format!("`{}` is never written", **key))
                .label("not an ack or reply")
                .help("only words named as `ack` or in `reply` are");
            return None;
        }
        Some((word, self.held(scene, word, key, scalar)?))
    }

    /// The value as the word holds it; a name of `names` stands for its number.
    fn held(
        &mut self,
        scene: &Scene<'_>,
        word: Word,
        key: &Spot<String>,
        scalar: &Spot<Scalar>,
    ) -> Option<Value> {
        let tag = self.tags.get(word.tag);
        let named = |text: &String| tag.names.iter().find(|(_, name)| *name == text);
        let number = match &**scalar {
            Scalar::Text(text) => named(text).map(|(number, _)| Value::Int(*number)),
            Scalar::Bool(_) | Scalar::Int(_) | Scalar::Real(_) => None,
        };
        let given = number.unwrap_or_else(|| value(scalar));
        if word.bit.is_some() {
            if matches!(given.integer(), Some(0 | 1)) {
                return Some(given);
            }
            self.error(&scene.t, scalar.span(), format!("`{}` is one bit", **key))
                .label("wanted true or false");
            return None;
        }
        let text = matches!(&tag.source, TagSource::Register(r) if is_text(r.kind));
        let register = matches!(&tag.source, TagSource::Register(_));
        let why = match bench::as_read(tag, &given) {
            Ok(_) if register && text != matches!(given, Value::Text(_)) => {
                if text { "it holds a text" } else { "it holds no text" }.to_owned()
            }
            Ok(value) => return Some(value),
            Err(why) => why.to_string(),
        };
        self.error(&scene.t, scalar.span(), format!("`{}` cannot hold this value", **key))
            .label(why);
        None
    }

    /// The word of this name, or its fault.
    fn scene_word(&mut self, scene: &Scene<'_>, name: &Spot<String>) -> Option<Word> {
        let found = self.find(scene, name);
        match found.as_slice() {
            [word] => return *word,
            [] if !scene.whole => {}
            [] => {
                let names = scene.devices.iter().flat_map(|device| self.tags.names(*device));
                let names: Vec<String> = names.collect();
                let hint = similar::hint(name, "words", names.iter().map(String::as_str));
                self.error(&scene.t, name.span(), format!("there is no word `{}`", **name))
                    .label("nothing in this file uses it")
                    .help(hint);
            }
            [..] => {
                self.error(&scene.t, name.span(), format!("two devices have a word `{}`", **name))
                    .label("which device?")
                    .help(format!("write `\"device/{}\"`", **name));
            }
        }
        None
    }

    /// The words that a name may mean; `None` for one whose declaration was refused.
    fn find(&mut self, scene: &Scene<'_>, name: &Spot<String>) -> Vec<Option<Word>> {
        if let Some((device, word)) = name.split_once('/')
            && let Some(named) = self.device_names.get(device)
        {
            let index = named.index;
            let word = name.with(word.to_owned());
            return match index {
                Some(device) => self.find_in(&scene.t, device, &word).into_iter().collect(),
                None => vec![None],
            };
        }
        let devices: Vec<DeviceIndex> = scene.devices.iter().copied().collect();
        devices.into_iter().filter_map(|device| self.find_in(&scene.t, device, name)).collect()
    }

    #[expect(clippy::option_option, reason = "not there, there in vain, there")]
    fn find_in(
        &mut self,
        t: &Table<'_>,
        device: DeviceIndex,
        name: &Spot<String>,
    ) -> Option<Option<Word>> {
        if let Some(found) = self.declared_word(device, name) {
            return Some(found);
        }
        // A node may have another name: the key of its table, or its identifier as it stands.
        let (_, identifier) = self.identifier(t, device, name)?;
        self.tags.at_node(device, &identifier).map(|tag| Some(Word { tag, bit: None }))
    }
}

fn is_text(kind: crate::model::plant::RegisterType) -> bool {
    kind.is_text() || kind.is_time()
}
