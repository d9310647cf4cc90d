//! The one door: `step(at, Input)` and `apply(&Record)`. Pure.
