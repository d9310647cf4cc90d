//! The limit: the frames appended to a file in one write, and `fdatasync`.
use super::{Engine, Event, Group};
use pedigree::model::{Record, wire};
use std::fs::File;
use std::io::Write;
use std::path::Path;

pub struct Limit {
    file: File,
    buffer: Vec<u8>,
}

impl Limit {
    pub fn new(dir: &Path) -> Self {
        let file = File::create(dir.join("plain")).expect("a file of our own");
        Self { file, buffer: Vec::new() }
    }
}

impl Engine for Limit {
    fn commit(&mut self, group: &Group, _records: Vec<Record>) {
        append(&mut self.file, &mut self.buffer, &group.events);
    }
}

/// Appends events to a file, durably.
pub fn append(file: &mut File, buffer: &mut Vec<u8>, events: &[Event]) {
    buffer.clear();
    events.iter().for_each(|event| wire::put_frame(&event.body, buffer));
    file.write_all(buffer).expect("room on the disk");
    file.sync_data().expect("the disk syncs");
}
