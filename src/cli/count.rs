//! `count`: how much of a lot was found in stock.
use super::exit::{Done, Exit, Failure};
use super::{Context, client, output};
use crate::model::{Amount, Ucum};
use serde_json::Value;

/// Record how much of a lot was found in stock: what its mass balance is held against.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The lot, in full or whatever `resolve` takes.
    lot: String,
    /// How much.
    #[arg(allow_negative_numbers = true)]
    quantity: f64,
    /// Of which unit, as a UCUM code such as `kg`; pieces unless said.
    #[arg(value_parser = parse_unit)]
    unit: Option<Ucum>,
    /// Who says so: recorded as a token, like every badge.
    #[arg(long, env = "USER", default_value = "local")]
    badge: String,
}

fn parse_unit(text: &str) -> Result<Ucum, String> {
    Ucum::parse(text).map_err(|why| why.to_string())
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    let Args { lot, quantity, unit, badge } = args;
    if !quantity.is_finite() {
        return Err(Failure::new(Exit::Negative, format!("{quantity} is no amount")));
    }
    let amount = Amount { value: *quantity, unit: unit.clone() };
    let said = serde_json::json!({ "item": lot, "amount": amount, "badge": badge });
    let told = client::post(context, "/api/v1/commands", &serde_json::json!({ "count": said }))?;
    if context.json {
        output::json(&told)?;
    } else {
        let position = told.get("position").and_then(Value::as_u64).unwrap_or(0);
        output::line(format!("{lot}: {amount} in stock is record #{position}"))?;
    }
    Ok(Exit::Ok)
}
