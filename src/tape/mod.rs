//! Every input as it was stepped.
