//! The items of a handshake's event: which keys name them, and what each must say.
use super::carrier::{carried, counted};
use super::device::Kind;
use super::item::{ScopeKeys, current, no_read};
use super::word::Use;
use super::{Resolver, Table};
use crate::config::raw;
use crate::config::spot::{Names, Spot};
use crate::model::plant::CodeSpec;
use crate::model::{ItemClass, Verb};

impl Resolver<'_> {
    /// The item of the event and the one beside it; `None` inside where one of them is at fault.
    #[expect(clippy::option_option, reason = "at fault, none, one")]
    pub(super) fn items(
        &mut self,
        t: &Table<'_>,
        event: Verb,
        raw: &raw::Handshake,
    ) -> (Option<CodeSpec>, Option<Option<CodeSpec>>) {
        self.check_item_keys(t, event, raw);
        let keys = scope_keys(raw);
        match event {
            Verb::Consume => {
                let other = self.required(t, event, "lot", raw.lot.as_ref());
                let other = other.and_then(|lot| self.beside(t, lot, ItemClass::Lot, keys, raw));
                (self.consumer(t, raw), other.map(Some))
            }
            Verb::Install | Verb::Remove => {
                let other = self.required(t, event, "child", raw.child.as_ref());
                let site = ScopeKeys::default();
                let other =
                    other.and_then(|child| self.beside(t, child, ItemClass::Unit, site, raw));
                (self.named_unit(t, raw), other.map(Some))
            }
            Verb::Pack if raw.members.is_some() => (self.container(t, raw), Some(None)),
            Verb::Pack => {
                let packed = self.required(t, event, "child", raw.child.as_ref());
                let site = ScopeKeys::default();
                let packed = packed.and_then(|of| self.beside(t, of, ItemClass::Unit, site, raw));
                (self.container(t, raw), packed.map(Some))
            }
            Verb::Produce => (self.produced(t, keys, raw), Some(None)),
            Verb::Arrive => {
                let named = raw.carrier.is_some()
                    || self.required(t, event, "serial", raw.serial.as_ref()).is_some();
                (self.named_unit(t, raw).filter(|_| named), Some(None))
            }
            Verb::Open | Verb::Close | Verb::Dry => {
                let lot = self.required(t, event, "lot", raw.lot.as_ref());
                (lot.and_then(|lot| self.beside(t, lot, ItemClass::Lot, keys, raw)), Some(None))
            }
            Verb::Identify => self.identified(t, raw),
            Verb::Note => (self.came_empty(t, raw), Some(None)),
            Verb::Scrap if raw.quantity.is_some() && is_unnamed(raw) => {
                (Some(counted()), Some(None))
            }
            Verb::Complete
            | Verb::Inspect
            | Verb::Scrap
            | Verb::Rework
            | Verb::Unpack
            | Verb::Split
            | Verb::Merge
            | Verb::Mount
            | Verb::Unmount
            | Verb::Move
            | Verb::Receive
            | Verb::Ship
            | Verb::Hold
            | Verb::Release
            | Verb::Clean
            | Verb::Correct => (self.named_unit(t, raw), Some(None)),
        }
    }

    /// What is made: a lot or a unit.
    fn produced(
        &mut self,
        t: &Table<'_>,
        keys: ScopeKeys<'_>,
        raw: &raw::Handshake,
    ) -> Option<CodeSpec> {
        match (&raw.lot, &raw.serial) {
            (Some(lot), None) => self.beside(t, lot, ItemClass::Lot, keys, raw),
            (None, Some(_)) => self.named_unit(t, raw),
            (Some(_), Some(serial)) => {
                self.error(t, serial.span(), "`produce` makes a lot or a unit, not both")
                    .label("beside `lot`");
                None
            }
            (None, None) => {
                self.required(t, Verb::Produce, "serial", None);
                None
            }
        }
    }

    /// The unit that waits for its code, and the code.
    #[expect(clippy::option_option, reason = "as `items` gives it")]
    fn identified(
        &mut self,
        t: &Table<'_>,
        raw: &raw::Handshake,
    ) -> (Option<CodeSpec>, Option<Option<CodeSpec>>) {
        let real = self.required(t, Verb::Identify, "serial", raw.serial.as_ref());
        let keys = scope_keys(raw);
        let real = real.and_then(|real| self.beside(t, real, ItemClass::Unit, keys, raw));
        let waits = carried(raw.carrier.as_ref()).unwrap_or_else(current);
        (Some(waits), real.map(Some))
    }

    /// The unit that was thought to be on a carrier.
    fn came_empty(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> Option<CodeSpec> {
        if self.lacks(t, "carrier", raw.carrier.as_ref()) {
            self.error(t, t.key.clone(), format!("`{}` has no `carrier`", t.path))
                .label("a note is about a carrier that came empty")
                .help("write `carrier = …` with the word that holds its code");
        }
        carried(raw.carrier.as_ref())
    }

    /// A code of this table that is read from a word.
    fn beside(
        &mut self,
        t: &Table<'_>,
        name: &Spot<String>,
        class: ItemClass,
        keys: ScopeKeys<'_>,
        raw: &raw::Handshake,
    ) -> Option<CodeSpec> {
        self.code(t, name, class, keys, no_read(raw.no_read.as_ref()), Use::Code)
    }

    /// The unit: of the word `serial`, else the current one.
    fn named_unit(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> Option<CodeSpec> {
        // Beside a lot that is consumed, `scope` is the lot's.
        let keys = if raw.lot.is_some() { ScopeKeys::default() } else { scope_keys(raw) };
        match &raw.serial {
            None => Some(carried(raw.carrier.as_ref()).unwrap_or_else(current)),
            Some(name) if name.as_str() == "@current" => {
                if raw.event.as_ref().is_some_and(|event| event.as_str() == "arrive") {
                    self.error(t, name.span(), "the unit that arrives cannot be the current one")
                        .label("a word is wanted")
                        .help("the current unit is the one last presented, which `arrive` names");
                    return None;
                }
                Some(current())
            }
            Some(name) if name.as_str() == "@order" => {
                self.error(t, name.span(), "`@order` is for phases")
                    .label("a word is wanted")
                    .help("a PLC that makes a handshake can say the serial");
                None
            }
            Some(name) => self.beside(t, name, ItemClass::Unit, keys, raw),
        }
    }

    /// What a lot is consumed into: `into`, else the unit.
    fn consumer(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> Option<CodeSpec> {
        let Some(into) = &raw.into else { return self.named_unit(t, raw) };
        if let Some(serial) = &raw.serial {
            self.error(t, serial.span(), "`serial` and `into` both say what it goes into")
                .label("write one of them");
        }
        let keys = ScopeKeys { scope: into.scope.as_ref(), ..scope_keys(raw) };
        match (&into.lot, &into.serial, &into.container) {
            (Some(lot), None, None) => self.beside(t, lot, ItemClass::Lot, keys, raw),
            (None, Some(serial), None) => self.beside(t, serial, ItemClass::Unit, keys, raw),
            _ => {
                self.error(t, into.span(), "a lot is consumed into one lot or one unit")
                    .label("wanted `lot` or `serial`")
                    .help("write `into = { lot = \"word\", scope = \"site\" }`");
                None
            }
        }
    }

    fn container(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> Option<CodeSpec> {
        let into = raw.into.as_ref();
        let found = into.and_then(|into| into.container.as_ref().map(|name| (into, name)));
        let Some((into, name)) = found else {
            let at = into.map_or(t.key.clone(), Spot::span);
            self.error(t, at, format!("`{}` packs into nothing", t.path))
                .label("no container")
                .help("write `into = { container = \"word\", scope = \"gs1\" }`");
            return None;
        };
        let keys = ScopeKeys { scope: into.scope.as_ref(), ..ScopeKeys::default() };
        self.beside(t, name, ItemClass::Container, keys, raw)
    }

    /// The words with the codes of the members: one that holds them all, or one for each.
    pub(super) fn members(
        &mut self,
        t: &Table<'_>,
        event: Option<Verb>,
        raw: &raw::Handshake,
    ) -> Vec<CodeSpec> {
        let Some(members) = &raw.members else {
            if let Some(event @ (Verb::Split | Verb::Merge)) = event {
                self.required(t, event, "members", None);
            }
            return Vec::new();
        };
        if let (Verb::Pack, Some(child)) = (event.unwrap_or(Verb::Note), &raw.child) {
            self.error(t, child.span(), "`child` and `members` both say what is packed")
                .label("write one of them");
        }
        let names = match &**members {
            Names::One(name) => vec![members.with(name.clone())],
            Names::Many(names) => names.clone(),
        };
        let kind = t.device.and_then(|device| self.draft(device)?.kind);
        if matches!(**members, Names::One(_)) && kind == Some(Kind::Modbus) {
            self.error(t, members.span(), "a tag of Modbus holds one code")
                .label("one member alone")
                .help("write a list of tags, one for each: `members = [\"board_1\", \"board_2\"]`");
        }
        if names.is_empty() {
            self.error(t, members.span(), "`members` lists no words").label("empty");
        }
        // An empty text is a place without a member, unless somebody says that it is a code unread.
        let unread = vec!["NOREAD".to_owned()];
        let no_read = raw.no_read.as_ref().map_or(unread, |list| no_read(Some(list)));
        let mut specs: Vec<CodeSpec> = Vec::new();
        for name in &names {
            let keys = ScopeKeys::default();
            let spec = self.code(t, name, ItemClass::Unit, keys, no_read.clone(), Use::Code);
            let Some(spec) = spec else { continue };
            if specs.iter().any(|other| other.from == spec.from) {
                self.error(t, name.span(), format!("`{}` stands twice in `members`", **name))
                    .label("two places of one member");
            }
            specs.push(spec);
        }
        specs
    }

    fn required<'r>(
        &mut self,
        t: &Table<'_>,
        event: Verb,
        key: &str,
        given: Option<&'r Spot<String>>,
    ) -> Option<&'r Spot<String>> {
        if self.lacks(t, key, given) {
            let or = if event == Verb::Produce { " or `lot`" } else { "" };
            let message = format!("`{}` has no `{key}`{or}", t.path);
            let event = event.as_str();
            self.sink
                .error(&t.here(), message)
                .label(format!("`{event}` names it"))
                .help(format!("write `{key} = …` with the word that holds its code"));
        }
        given
    }

    /// Keys that an event does not know.
    fn check_item_keys(&mut self, t: &Table<'_>, event: Verb, raw: &raw::Handshake) {
        let nested = matches!(event, Verb::Install | Verb::Remove | Verb::Pack);
        let mut takes = Vec::new();
        let stored = matches!(event, Verb::Open | Verb::Close | Verb::Dry);
        takes.extend((!stored && !matches!(event, Verb::Pack | Verb::Note)).then_some("serial"));
        takes.extend((stored || matches!(event, Verb::Consume | Verb::Produce)).then_some("lot"));
        takes.extend(nested.then_some("child"));
        let several = [Verb::Arrive, Verb::Complete, Verb::Pack, Verb::Split, Verb::Merge];
        takes.extend(several.contains(&event).then_some("members"));
        takes.extend(matches!(event, Verb::Consume | Verb::Pack).then_some("into"));
        let given = [
            ("serial", raw.serial.as_ref().map(Spot::span)),
            ("lot", raw.lot.as_ref().map(Spot::span)),
            ("child", raw.child.as_ref().map(Spot::span)),
            ("members", raw.members.as_ref().map(Spot::span)),
            ("into", raw.into.as_ref().map(Spot::span)),
        ];
        for (key, span) in given {
            let Some(span) = span.filter(|_| !takes.contains(&key)) else { continue };
            let event = event.as_str();
            self.error(t, span, format!("`{event}` has no `{key}`"))
                .label("not part of this event")
                .help(format!("items of `{event}`: {}", takes.join(", ")));
        }
        let coded = raw.lot.is_some() || raw.serial.as_ref().is_some_and(|s| !s.starts_with('@'));
        if let Some(scope) = raw.scope.as_ref().filter(|_| !coded) {
            self.error(t, scope.span(), "`scope` has no code to say it of")
                .label("does nothing")
                .help("it belongs to `lot` or `serial`; a container's stands in `into`");
        }
        let scopes = [raw.scope.as_ref(), raw.into.as_ref().and_then(|into| into.scope.as_ref())];
        self.idle_scope_word(t, "supplier", raw.supplier.as_ref(), &scopes);
    }
}

fn scope_keys(raw: &raw::Handshake) -> ScopeKeys<'_> {
    ScopeKeys {
        scope: raw.scope.as_ref(),
        product: raw.product.as_ref(),
        material: raw.material.as_ref(),
        supplier: raw.supplier.as_ref(),
    }
}

/// Whether nothing says which unit it is about.
fn is_unnamed(raw: &raw::Handshake) -> bool {
    raw.serial.is_none() && raw.carrier.is_none()
}
