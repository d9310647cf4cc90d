//! `reload`: the running daemon reads its plant files anew.
use super::exit::{Done, Exit, Failure};
use super::{Context, client, output};
use serde_json::Value;

/// Put changed plant files in force without a restart; faulty ones change nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Who wants it: recorded as a token, like every badge.
    #[arg(long, env = "USER", default_value = "local")]
    badge: String,
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    let body = serde_json::json!({ "badge": args.badge });
    let (status, told) = client::post_for_status(context, "/api/v1/reload", &body)?;
    let say = |key: &str| told.get(key).and_then(Value::as_str).unwrap_or_default();
    match status {
        422 if context.json && told.get("faults").is_some() => {
            output::json(&serde_json::json!({ "faults": told.get("faults") }))?;
            Ok(Exit::Configuration)
        }
        422 => Err(Failure::new(Exit::Configuration, say("detail"))),
        200 if context.json => output::json(&told).map(|()| Exit::Ok),
        200 => {
            output::notice(say("warnings"));
            output::line(summary(&told)).map(|()| Exit::Ok)
        }
        _ => Err(client::problem(status, &told)),
    }
}

fn summary(told: &Value) -> String {
    let hash = told.get("hash").and_then(Value::as_str).unwrap_or_default();
    let hash = hash.get(..12).unwrap_or(hash);
    let Some(position) = told.get("position").and_then(Value::as_u64) else {
        return format!(" ✓ plant {hash}… is in force already");
    };
    let count = |key: &str| told.get(key).and_then(Value::as_u64).unwrap_or_default();
    format!(
        " ✓ plant {hash}… is in force since #{position}: {} devices untouched, {} begun, {} removed",
        count("untouched"),
        count("begun"),
        count("removed"),
    )
}
