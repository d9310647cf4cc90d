//! Pedigree.
fn main() {}
