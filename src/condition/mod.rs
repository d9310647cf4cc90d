//! Samples become verdicts: limits, charts, baselines, onset. Pure.
