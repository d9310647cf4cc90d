mod browse;
mod changes;
mod fake;
mod harness;
mod nodeset;
mod push;
mod trust;
