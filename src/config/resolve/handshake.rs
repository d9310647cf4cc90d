//! Handshakes: request, items, data, answer.
use super::device::Kind;
use super::item::{ScopeKeys, current, no_read};
use super::station::Around;
use super::word::Use;
use super::{Resolver, Table, span};
use crate::config::raw::{self, FirstWord, PatternWord};
use crate::config::similar;
use crate::config::spot::Spot;
use crate::model::plant::{
    CodeSpec, Counter, First, Handshake, Pattern, RegisterType, TagSource, Word,
};
use crate::model::{HandshakeId, ItemClass, Verb};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(1);
const RELEASE: Duration = Duration::from_secs(10);

/// Events that a handshake can yield.
const VERBS: [Verb; 10] = [
    Verb::Arrive,
    Verb::Complete,
    Verb::Produce,
    Verb::Consume,
    Verb::Install,
    Verb::Remove,
    Verb::Pack,
    Verb::Inspect,
    Verb::Scrap,
    Verb::Rework,
];

/// Request, number and echo.
struct Request {
    pattern: Pattern,
    trigger: Option<Word>,
    number: Option<Counter>,
    ack: Option<Word>,
}

impl Resolver<'_> {
    /// Reads a handshake.
    pub(super) fn handshake(
        &mut self,
        station: &Table<'_>,
        name: &Spot<String>,
        raw: &raw::Handshake,
        around: &Around,
    ) -> Option<Handshake> {
        let t = self.node_table(station.under("handshake", name, raw.node.as_ref()));
        let id = self.name(&t, name, HandshakeId::parse);
        let event = raw.event.as_ref().and_then(|event| self.verb(&t, event, &VERBS));
        let request = self.request(&t, raw);
        let items = event.map(|event| self.items(&t, event, raw));
        let data = self.data(&t, event, raw);
        let answer = self.answer(&t, raw);
        let (deadline, settle) = self.deadline(&t, raw);
        let release = self.period(&t, raw.release.as_ref(), RELEASE);
        if let Some(raw) = raw.release.as_ref().filter(|_| request.pattern == Pattern::Counter) {
            self.error(&t, raw.span(), "a counter does not fall")
                .label("only for `pattern = \"req-ack\"`");
        }
        let (item, other) = items?;
        let mut handshake = Handshake {
            id: id?,
            pattern: request.pattern,
            event: event?,
            trigger: request.trigger?,
            number: request.number,
            ack: request.ack,
            snapshot: Vec::new(),
            deadline,
            settle,
            stable: raw.stable.as_ref().is_some_and(|stable| **stable),
            release,
            first: match raw.first.as_ref().map(|first| **first) {
                Some(FirstWord::Process) => First::Process,
                Some(FirstWord::Baseline) | None => First::Baseline,
            },
            item: item?,
            other: other?,
            position: data.position,
            quantity: data.quantity,
            time: data.time,
            product: data.product,
            operation: data.operation,
            badge: data.badge,
            result: data.result,
            measurements: data.measurements,
            checks: answer.checks,
            replies: answer.replies,
            permit: answer.permit,
            on_late: answer.on_late,
        };
        handshake.snapshot = super::snapshot::words(&handshake, around);
        self.check_snapshot(&t, &handshake);
        Some(handshake)
    }

    /// Refuses `node` on a device that has none.
    pub(super) fn node_table<'t>(&mut self, t: Table<'t>) -> Table<'t> {
        let kind = t.device.and_then(|device| self.draft(device)?.kind);
        match (t.node, kind) {
            (Some(node), Some(Kind::Modbus)) => {
                self.error(&t, node.span(), "a Modbus device has no nodes")
                    .label("only for OPC UA")
                    .help("write the names of its tags");
                Table { node: None, ..t }
            }
            _ => t,
        }
    }

    /// The event that a text names, of those that are possible here.
    pub(super) fn verb(
        &mut self,
        t: &Table<'_>,
        raw: &Spot<String>,
        possible: &[Verb],
    ) -> Option<Verb> {
        let found = possible.iter().copied().find(|verb| verb.as_str() == raw.as_str());
        if found.is_none() {
            let of_house = ["unpack", "split", "merge", "mount", "unmount", "move", "receive"];
            let of_house = of_house
                .into_iter()
                .chain(["ship", "hold", "release", "clean", "identify", "note", "correct"]);
            let all = of_house.chain(VERBS.iter().map(|verb| verb.as_str()));
            let message = if all.into_iter().any(|verb| verb == raw.as_str()) {
                format!("`{}` is not an event of this kind of table yet", **raw)
            } else {
                format!("`{}` is not an event", **raw)
            };
            let hint = similar::hint(raw, "events here", possible.iter().map(|verb| verb.as_str()));
            self.error(t, raw.span(), message).label("not an event here").maybe_help(hint);
        }
        found
    }

    fn request(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> Request {
        let pattern = match raw.pattern.as_ref().map(|pattern| **pattern) {
            Some(PatternWord::ReqAck) => Pattern::ReqAck,
            Some(PatternWord::Counter) | None => Pattern::Counter,
        };
        let trigger = raw.trigger.as_ref().and_then(|name| {
            let word = self.word(t, name, Use::Trigger)?;
            self.check_trigger(t, name, word, pattern).then_some(word)
        });
        let ack = raw.ack.as_ref().and_then(|name| {
            let ack = self.word(t, name, Use::Ack)?;
            if trigger.is_some_and(|trigger| trigger.tag == ack.tag) {
                self.error(t, name.span(), format!("`{}` is trigger and ack at once", **name))
                    .label("the same word")
                    .help("PLC and host would write over each other: give each its own word");
            }
            Some(ack)
        });
        let number = match (pattern, &raw.number) {
            (Pattern::Counter, Some(number)) => {
                self.error(t, number.span(), "a counter is its own number")
                    .label("only for `pattern = \"req-ack\"`");
                None
            }
            (Pattern::Counter, None) => {
                let name = raw.trigger.as_ref();
                trigger.zip(name).and_then(|(word, name)| self.counter(t, name, word))
            }
            (Pattern::ReqAck, Some(name)) => {
                let word = self.word(t, name, Use::Snapshot);
                word.and_then(|word| self.counter(t, name, word))
            }
            (Pattern::ReqAck, None) => {
                self.sink
                    .warning(&t.here(), format!("`{}` has no number of its requests", t.path))
                    .label("no `number`")
                    .help("a repeat looks like a new request: let the PLC count and name the word");
                None
            }
        };
        Request { pattern, trigger, number, ack }
    }

    fn check_trigger(
        &mut self,
        t: &Table<'_>,
        name: &Spot<String>,
        word: Word,
        pattern: Pattern,
    ) -> bool {
        let kind = match &self.tags.get(word.tag).source {
            TagSource::Register(register) => Some(register.kind),
            TagSource::Node(_) => None,
        };
        let single = word.bit.is_some() || kind == Some(RegisterType::Bool);
        let message = match pattern {
            Pattern::Counter if single => "is a bit; a counter is a whole word",
            Pattern::ReqAck if !single && kind.is_some() => "is not a bit; `req-ack` wants one",
            Pattern::Counter | Pattern::ReqAck => return true,
        };
        self.error(t, name.span(), format!("`{}` {message}", **name))
            .label("wrong for this pattern")
            .help("`counter`: the PLC counts up a word; `req-ack`: it sets a bit");
        false
    }

    /// How wide a count is.
    fn counter(&mut self, t: &Table<'_>, name: &Spot<String>, word: Word) -> Option<Counter> {
        let bits = match &self.tags.get(word.tag).source {
            _ if word.bit.is_some() => None,
            TagSource::Node(_) => Some(32),
            TagSource::Register(register) => match register.kind {
                RegisterType::U16 => Some(16),
                RegisterType::U32 => Some(32),
                RegisterType::Bool
                | RegisterType::Bits
                | RegisterType::I16
                | RegisterType::I32
                | RegisterType::U64
                | RegisterType::I64
                | RegisterType::F32
                | RegisterType::F64
                | RegisterType::Bcd16
                | RegisterType::Bcd32
                | RegisterType::Text(_) => None,
            },
        };
        if bits.is_none() {
            self.error(t, name.span(), format!("`{}` cannot be a count of requests", **name))
                .label("wanted `u16` or `u32`");
        }
        bits.map(|bits| Counter { tag: word.tag, bits })
    }

    fn deadline(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> (Duration, Duration) {
        let deadline = self.period(t, raw.deadline.as_ref(), DEADLINE);
        let settle = self.duration(t, raw.settle.as_ref(), Duration::ZERO);
        let fastest = t.device.and_then(|device| {
            self.hurry(device, deadline);
            self.draft(device)?.kind.map(Kind::fastest)
        });
        let at = raw.deadline.as_ref().map_or(t.key.clone(), Spot::span);
        if let Some(fastest) = fastest.filter(|fastest| deadline <= *fastest) {
            let (deadline, fastest) = (span::shown(deadline), span::shown(fastest));
            self.error(t, at, format!("a deadline of {deadline} cannot be kept"))
                .label("too short")
                .help(format!(
                    "the words are looked at every {fastest} at best, then comes the disk"
                ));
        } else if let Some(raw) = raw.settle.as_ref().filter(|_| settle >= deadline) {
            let deadline = span::shown(deadline);
            self.error(t, raw.span(), "`settle` leaves no time to answer")
                .label(format!("the deadline is {deadline}"));
        }
        (deadline, settle)
    }

    /// The item of the event and the one beside it; `None` inside where one of them is at fault.
    #[expect(clippy::option_option, reason = "at fault, none, one")]
    fn items(
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
            Verb::Pack => {
                let packed = self.required(t, event, "child", raw.child.as_ref());
                let site = ScopeKeys::default();
                let packed = packed.and_then(|of| self.beside(t, of, ItemClass::Unit, site, raw));
                (self.container(t, raw), packed.map(Some))
            }
            Verb::Produce => {
                let item = match (&raw.lot, &raw.serial) {
                    (Some(lot), None) => self.beside(t, lot, ItemClass::Lot, keys, raw),
                    (None, Some(_)) => self.named_unit(t, raw),
                    (Some(_), Some(serial)) => {
                        self.error(t, serial.span(), "`produce` makes a lot or a unit, not both")
                            .label("beside `lot`");
                        None
                    }
                    (None, None) => {
                        self.required(t, event, "serial", None);
                        None
                    }
                };
                (item, Some(None))
            }
            Verb::Arrive => {
                let named = self.required(t, event, "serial", raw.serial.as_ref()).is_some();
                (self.named_unit(t, raw).filter(|_| named), Some(None))
            }
            _ => (self.named_unit(t, raw), Some(None)),
        }
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
            None => Some(current()),
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

    fn required<'r>(
        &mut self,
        t: &Table<'_>,
        event: Verb,
        key: &str,
        given: Option<&'r Spot<String>>,
    ) -> Option<&'r Spot<String>> {
        if self.lacks(t, key, given) {
            let or = match event {
                Verb::Produce => " or `lot`",
                _ => "",
            };
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
        let takes: &[&str] = match event {
            Verb::Consume => &["serial", "lot", "into"],
            Verb::Install | Verb::Remove => &["serial", "child"],
            Verb::Pack => &["child", "into"],
            Verb::Produce => &["serial", "lot"],
            _ => &["serial"],
        };
        let given = [
            ("serial", raw.serial.as_ref().map(Spot::span)),
            ("lot", raw.lot.as_ref().map(Spot::span)),
            ("child", raw.child.as_ref().map(Spot::span)),
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
