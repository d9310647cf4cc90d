//! Who decides something, and why.

/// Why, and who says so.
#[derive(Debug, clap::Args)]
pub(super) struct Signed {
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
    /// Who says so: recorded as a token, like every badge.
    #[arg(long, env = "USER", default_value = "local")]
    pub(super) badge: String,
}
