mod browse;
mod changes;
mod fake;
mod harness;
mod limits;
mod nodeset;
mod push;
mod trust;
