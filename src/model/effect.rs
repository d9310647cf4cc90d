//! What comes out of the engine.
use super::plant::{DeviceIndex, TagIndex};
use super::{
    At, Body, CommandId, Frame, Position, Question, Record, Refusal, Sample, Session, Text, Value,
};
use minicbor::{Decode, Encode};

/// Names a read, a write or a question until it is answered. Never reused within one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct ReadToken(#[n(0)] pub u64);

/// Where words are read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadFrom {
    /// Words as they are now.
    Words,
    /// The names of the results that a machine still has: one word that holds a list.
    Results,
    /// The words of the result of this name.
    Result(Text),
}

/// Words to be read afresh in one request, never from a cache (OPC UA `MaxAge` 0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRequest {
    /// To be answered under this.
    pub token: ReadToken,
    /// Of which device.
    pub device: DeviceIndex,
    /// In this session only.
    pub session: Session,
    /// In this order; a snapshot has its trigger word first and last.
    pub tags: Vec<TagIndex>,
    /// Where they stand.
    pub from: ReadFrom,
}

/// One word to be written, or to be found as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// Which; the plant declares it writable.
    pub tag: TagIndex,
    /// One bit of it, or the whole word.
    pub bit: Option<u8>,
    /// What.
    pub value: Value,
}

/// Words to be written once a record is durable: the replies, then the ack word alone and last.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteRequest {
    /// To be answered under this.
    pub token: ReadToken,
    /// To which device.
    pub device: DeviceIndex,
    /// In this session only.
    pub session: Session,
    /// Not before this record is on stable storage.
    pub after: Position,
    /// What must stand in these words right before anything is written: else the PLC asks for
    /// something else by now, and the request is refused as [`super::ReadFault::Withdrawn`].
    pub still: Vec<Write>,
    /// Written first, in one request.
    pub replies: Vec<Write>,
    /// Written last, alone.
    pub ack: Option<Write>,
}

impl WriteRequest {
    /// The words that must be read before it is carried out.
    pub fn witnesses(&self) -> Vec<TagIndex> {
        self.still.iter().map(|word| word.tag).collect()
    }

    /// Whether the PLC still asks for what is to be answered; `read` are the witnesses, in their order.
    pub fn stands(&self, read: &[Sample]) -> bool {
        let same = |(wanted, found): (&Write, &Sample)| {
            let value = found.good().cloned();
            let value = value.and_then(|v| match wanted.bit {
                None => Some(v),
                Some(bit) => v.bit(bit).map(Value::Bool),
            });
            found.tag == wanted.tag && value.as_ref() == Some(&wanted.value)
        };
        self.still.len() == read.len() && self.still.iter().zip(read).all(same)
    }
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Which.
    pub id: CommandId,
    /// The record to be durable before it is told, or why it was refused.
    pub outcome: Result<Position, Vec<Refusal>>,
}

/// What the shell has to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Append one frame to the ledger.
    Append(Frame),
    /// Read words.
    Read(ReadRequest),
    /// Write words once a record is durable.
    Write(WriteRequest),
    /// Look something up.
    Ask(Question),
    /// Tell the north what became of its command.
    Answer(Answer),
    /// Tell the people who watch (`tap`) what fired, and why not.
    Notice(Notice),
}

/// What one step of the engine comes to, while it is being made.
///
/// The engine makes it with the position that the next record gets; nothing else numbers records.
#[derive(Debug)]
pub struct Step {
    /// When it happens.
    pub at: At,
    next: Position,
    plant: Option<Position>,
    frame: Frame,
    effects: Vec<Effect>,
}

impl Step {
    /// A step whose first record, if any, comes after `last`, under the plant of the record `plant`.
    pub fn new(at: At, last: Position, plant: Option<Position>) -> Self {
        Self { at, next: last.next(), plant, frame: Vec::new(), effects: Vec::new() }
    }

    /// Adds a record to the frame.
    pub fn record(&mut self, body: Body) -> &Record {
        if matches!(body, Body::Plant(_)) {
            self.plant = Some(self.next);
        }
        let record = Record { position: self.next, at: self.at, body, plant: self.plant };
        self.next = self.next.next();
        self.frame.push(record);
        self.frame.last().expect("it was just put there")
    }

    /// The position that the next record gets.
    pub fn next_position(&self) -> Position {
        self.next
    }

    /// The records so far.
    pub fn frame(&self) -> &[Record] {
        &self.frame
    }

    /// Adds something to be done.
    pub fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Tells the people who watch.
    pub fn notice(&mut self, about: impl Into<String>, text: impl Into<String>) {
        self.effects.push(Effect::Notice(Notice { about: about.into(), text: text.into() }));
    }

    /// The frame first, then what waits for it.
    pub fn finish(self, out: &mut Vec<Effect>) {
        if !self.frame.is_empty() {
            out.push(Effect::Append(self.frame));
        }
        out.extend(self.effects);
    }
}

/// Something that a PLC engineer wants to see, and that is no record.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Notice {
    /// Station and handshake, phase or mount, `OP10.admit`.
    pub about: String,
    /// One sentence.
    pub text: String,
}
