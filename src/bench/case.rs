//! A test as it is meant: words and events, every name resolved.
use crate::model::plant::{DeviceIndex, Word};
use crate::model::{ItemKey, OrderRow, Value};
use std::time::Duration;

/// One `[[test]]` block.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Name of its file as it was given.
    pub file: String,
    /// Line of its head, from 1.
    pub line: usize,
    /// What it shows.
    pub name: String,
    /// Rows of the order lists, given before the first step.
    pub orders: Vec<OrderRow>,
    /// What is done, step by step.
    pub given: Vec<Given>,
    /// What has to come of it, in this order, and nothing else.
    pub expect: Vec<Expected>,
}

/// One step. What it does is done in the order of its fields.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Given {
    /// Time that passes before, beside the second between two steps.
    pub wait: Duration,
    /// Connections that are lost.
    pub down: Vec<DeviceIndex>,
    /// Connections that are won back.
    pub up: Vec<DeviceIndex>,
    /// Items that somebody holds.
    pub hold: Vec<ItemKey>,
    /// Items whose hold somebody ends.
    pub release: Vec<ItemKey>,
    /// Words that the PLC sets, all at once; `None` makes a word bad.
    pub words: Vec<(Word, Option<Value>)>,
}

/// What has to come, and where it stands in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// Line, from 1.
    pub line: usize,
    /// What.
    pub what: Wanted,
}

/// What has to come.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// An event of which this can be told.
    Event(Vec<(String, Value)>),
    /// Words that we write after the event before it in the list, and before the next.
    Words(Vec<(Word, Value)>),
}
