mod browse;
mod fake;
mod harness;
mod nodeset;
mod push;
mod trust;
