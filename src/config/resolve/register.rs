//! Declared tags: Modbus registers, and OPC UA nodes that need more than a name.
use super::device::{Kind, word_order};
use super::word::bare;
use super::{Resolver, Table, span};
use crate::config::raw;
use crate::config::similar;
use crate::config::spot::{Keyed, Scalar, Spot};
use crate::field::modbus::plan::readable;
use crate::field::modbus::point;
use crate::model::plant::{
    Area, DeviceIndex, NodeAddress, Register, RegisterType, Tag, TagIndex, TagSource, WordOrder,
};
use std::collections::BTreeMap;

impl Resolver<'_> {
    /// A tag in the registers of a Modbus device.
    pub(super) fn register_tag(
        &mut self,
        t: &Table<'_>,
        device: DeviceIndex,
        name: &Spot<String>,
        raw: &raw::Tag,
    ) -> Option<TagIndex> {
        self.foreign_keys(t, Kind::OpcUa, &[("publish", raw.publish.as_ref().map(Spot::span))]);
        if self.lacks(t, "at", raw.at.as_ref()) {
            self.sink
                .error(&t.here(), format!("`{}` has no address", t.path))
                .label("no `at`")
                .help("write `at = \"hr:100\"`, or the number of the manual, `at = \"40101\"`");
        }
        let at = raw.at.as_ref().and_then(|at| self.address(t, at));
        let kind = self.register_type(t, at.map(|(area, _)| area), raw);
        let tag_name = self.tag_name(t, name, name);
        let tag = tag_name.map(|tag_name| {
            let node = TagSource::Node(NodeAddress {
                namespace: String::new(),
                identifier: String::new(),
            });
            self.common(t, bare(tag_name, device, node), raw)
        });
        let poll = raw.poll.as_ref().map(|poll| self.period(t, Some(poll), span::LOOK));
        let ((area, address), kind) = (at?, kind?);
        let scale = self.scale(t, kind, raw);
        let (order, strings) = self.orders(t, device, kind, raw);
        let moves = self.may_change(t, kind, raw);
        let register = Register { area, address, kind, order, strings, scale };
        if let Some(raw) = raw.at.as_ref() {
            self.check_room(t, device, raw, &register);
        }
        let tag = tag?;
        let change = tag.change.filter(|_| moves);
        let tag = Tag { source: TagSource::Register(register), publish: poll, change, ..tag };
        Some(self.tags.add(tag))
    }

    /// Whether the registers are there and may be read.
    fn check_room(
        &mut self,
        t: &Table<'_>,
        device: DeviceIndex,
        at: &Spot<String>,
        register: &Register,
    ) {
        let span = register.span();
        if register.address.checked_add(span - 1).is_none() {
            self.error(t, at.span(), format!("`{}` has no room for its type", **at))
                .label(format!("{span} registers from here end beyond 65535"));
            return;
        }
        let limits = self.draft(device).and_then(|draft| draft.limits.clone());
        if let Some(Err(why)) = limits.map(|limits| readable(register, &limits)) {
            self.error(t, at.span(), format!("`{}` is never read", t.path))
                .label(why.to_string())
                .help("change the address, `holes` or `max_read` of the device");
        }
    }

    /// A node that was declared for its unit, range, names or bits.
    pub(super) fn node_tag(
        &mut self,
        t: &Table<'_>,
        device: DeviceIndex,
        name: &Spot<String>,
        raw: &raw::Tag,
    ) -> Option<TagIndex> {
        let modbus = [
            ("type", raw.r#type.as_ref().map(Spot::span)),
            ("order", raw.order.as_ref().map(Spot::span)),
            ("scale", raw.scale.as_ref().map(Spot::span)),
            ("poll", raw.poll.as_ref().map(Spot::span)),
        ];
        self.foreign_keys(t, Kind::Modbus, &modbus);
        let found = self.identifier(t, device, raw.at.as_ref().unwrap_or(name));
        let tag_name = self.tag_name(t, name, name);
        let namespace = self.draft(device).and_then(|draft| draft.namespace.clone());
        let publish = raw.publish.as_ref().map(|p| self.period(t, Some(p), span::LOOK));
        let (_, identifier) = found?;
        let source = TagSource::Node(NodeAddress {
            namespace: namespace.unwrap_or_default(),
            identifier: identifier.clone(),
        });
        let tag = self.common(t, bare(tag_name?, device, source), raw);
        let tag = self.tags.add(Tag { publish, ..tag });
        if !self.tags.claim_node(device, &identifier, tag) {
            self.error(t, name.span(), format!("`{identifier}` is declared by another tag"))
                .label("second tag for this node");
        }
        Some(tag)
    }

    fn address(&mut self, t: &Table<'_>, at: &Spot<String>) -> Option<(Area, u16)> {
        point::parse(at)
            .map_err(|error| {
                self.error(t, at.span(), error.to_string()).label("not an address");
            })
            .ok()
    }

    fn register_type(
        &mut self,
        t: &Table<'_>,
        area: Option<Area>,
        raw: &raw::Tag,
    ) -> Option<RegisterType> {
        let single = match area? {
            Area::Coil | Area::Discrete => true,
            Area::Holding | Area::Input => false,
        };
        let Some(written) = &raw.r#type else {
            if single {
                return Some(RegisterType::Bool);
            }
            if self.lacks(t, "type", raw.r#type.as_ref()) {
                self.sink
                    .error(&t.here(), format!("`{}` has no type", t.path))
                    .label("no `type`")
                    .help(format!("one of {}", point::TYPE_NAMES.join(", ")));
            }
            return None;
        };
        match point::parse_type(written) {
            Err(error) => {
                let nearest = similar::nearest(written, point::TYPE_NAMES);
                self.error(t, written.span(), error.to_string())
                    .label("not a type")
                    .maybe_help(nearest.map(|name| format!("did you mean `{name}`?")));
                None
            }
            Ok(kind) if (kind == RegisterType::Bool) == single => Some(kind),
            Ok(_) if single => {
                self.error(t, written.span(), "a coil or discrete input is a `bool`")
                    .label("wanted `bool`");
                None
            }
            Ok(_) => {
                self.error(t, written.span(), "a register is not a `bool`")
                    .label("wanted `bits` or a number")
                    .help("`type = \"bits\"` with `bits = { 0 = \"name\" }` names its bits");
                None
            }
        }
    }

    fn scale(&mut self, t: &Table<'_>, kind: RegisterType, raw: &raw::Tag) -> f64 {
        let Some(scale) = &raw.scale else { return 1.0 };
        if !scale.is_finite() || **scale == 0.0 {
            self.error(t, scale.span(), "`scale` must be a number other than 0").label("no scale");
        }
        if !is_number(kind) {
            self.error(t, scale.span(), "`scale` is for numbers").label("this tag is not a number");
        }
        **scale
    }

    fn may_change(&mut self, t: &Table<'_>, kind: RegisterType, raw: &raw::Tag) -> bool {
        let number = is_number(kind);
        if let Some(change) = raw.change.as_ref().filter(|_| !number) {
            self.error(t, change.span(), "`change` is for numbers")
                .label("this tag is not a number");
        }
        number
    }

    fn orders(
        &mut self,
        t: &Table<'_>,
        device: DeviceIndex,
        kind: RegisterType,
        raw: &raw::Tag,
    ) -> (WordOrder, crate::model::plant::StringOrder) {
        let draft = self.draft(device);
        let (order, strings) =
            draft.map_or_else(Default::default, |draft| (draft.order, draft.strings));
        let Some(own) = &raw.order else { return (order, strings) };
        if kind.len() < 2 || kind.is_text() {
            self.error(t, own.span(), "`order` is for numbers of more than one register")
                .label("nothing to order")
                .help("how the characters of a text stand is said by `strings` of the device");
        }
        (word_order(**own), strings)
    }

    /// What tags of both protocols may say.
    fn common(&mut self, t: &Table<'_>, tag: Tag, raw: &raw::Tag) -> Tag {
        let range = raw.range.as_ref().and_then(|range| self.range(t, range));
        Tag {
            unit: self.unit(t, raw.eu.as_ref()),
            change: raw.change.as_ref().and_then(|change| self.change(t, change, range)),
            range,
            bad: raw.bad.iter().flatten().filter_map(|bad| self.bad(t, bad)).collect(),
            names: self.int_keys(t, &raw.names, |name| (**name).clone()),
            ..tag
        }
    }

    fn range(&mut self, t: &Table<'_>, raw: &Spot<Vec<Spot<f64>>>) -> Option<(f64, f64)> {
        match raw.as_slice() {
            [low, high] if low.is_finite() && high.is_finite() && **low < **high => {
                Some((**low, **high))
            }
            _ => {
                self.error(t, raw.span(), "`range` wants two numbers, the lower one first")
                    .label("not a range")
                    .help("write `range = [-20, 160]`");
                None
            }
        }
    }

    /// How far a value must move, in its unit: a percentage is one of `range`, so that it means the same
    /// whatever a server takes for the range of the word.
    fn change(
        &mut self,
        t: &Table<'_>,
        raw: &Spot<Scalar>,
        range: Option<(f64, f64)>,
    ) -> Option<f64> {
        let width = match &**raw {
            #[expect(clippy::cast_precision_loss, reason = "values are compared as numbers")]
            Scalar::Int(i) => Some(*i as f64),
            Scalar::Real(r) => Some(*r),
            Scalar::Text(text) => {
                let percent = text.strip_suffix('%').and_then(|p| p.trim_end().parse::<f64>().ok());
                let percent = percent.filter(|percent| *percent <= 100.0);
                if percent.is_some() && range.is_none() {
                    self.error(t, raw.span(), format!("`{text}` of what?"))
                        .label("a part of `range`, and the tag has none")
                        .help("write `range = [-20, 160]`, or how far as a number: `change = 0.5`");
                    return None;
                }
                percent.zip(range).map(|(percent, (low, high))| (high - low) * percent / 100.0)
            }
            Scalar::Bool(_) => None,
        };
        let width = width.filter(|width| width.is_finite() && *width > 0.0);
        if width.is_none() {
            self.error(t, raw.span(), "`change` says how far a value must move to be taken again")
                .label("not a distance")
                .help("write `change = 0.5`, or `change = \"1 %\"` of the tag's `range`");
        }
        width
    }

    fn bad(&mut self, t: &Table<'_>, raw: &Spot<Scalar>) -> Option<f64> {
        match &**raw {
            #[expect(clippy::cast_precision_loss, reason = "values are compared as numbers")]
            Scalar::Int(i) => Some(*i as f64),
            Scalar::Real(r) if r.is_nan() => None,
            Scalar::Real(r) => Some(*r),
            Scalar::Text(text) if text.eq_ignore_ascii_case("nan") => None,
            Scalar::Text(_) | Scalar::Bool(_) => {
                self.error(t, raw.span(), "`bad` lists numbers, or \"nan\"").label("not a number");
                None
            }
        }
    }

    /// A table whose keys are whole numbers.
    pub(super) fn int_keys<T, U>(
        &mut self,
        t: &Table<'_>,
        raw: &Keyed<Spot<T>>,
        of: impl Fn(&Spot<T>) -> U,
    ) -> BTreeMap<i64, U> {
        let mut table = BTreeMap::new();
        for (key, value) in raw.iter() {
            match key.parse() {
                Ok(number) => {
                    if table.insert(number, of(value)).is_some() {
                        self.error(t, key.span(), format!("the number {number} is said twice"))
                            .label("second time");
                    }
                }
                Err(_) => {
                    self.error(t, key.span(), format!("`{}` is not a whole number", **key))
                        .label("the value of a word is wanted")
                        .help("write `{ 1 = \"first\", 2 = \"second\" }`");
                }
            }
        }
        table
    }
}

fn is_number(kind: RegisterType) -> bool {
    let bits = matches!(kind, RegisterType::Bool | RegisterType::Bits);
    !bits && !kind.is_text() && !kind.is_time()
}
