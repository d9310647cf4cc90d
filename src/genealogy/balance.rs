//! Mass balance of a lot: what came of it, where it went, and what nobody can account for.
use crate::model::{Amount, Position, Ucum, Utc};

/// What became of an amount of a lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Movement {
    /// It came into the house, or into being.
    Received,
    /// It came back after it had been shipped.
    Returned,
    /// It went into something.
    Consumed,
    /// It became waste; all that was left, if no amount was told.
    Scrapped,
    /// All that was left was shipped.
    Shipped,
    /// A part of it was shipped in a container, and nobody knows how much.
    Parted,
    /// So much was found in stock.
    Counted,
}

/// One movement, when it was, and the record that tells of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    /// When.
    pub time: Utc,
    /// The record.
    pub position: Position,
    /// What.
    pub what: Movement,
    /// How much, if told.
    pub amount: Option<Amount>,
}

/// What the movements of a lot come to, in one unit.
///
/// Where both are known, `received + returned = consumed + scrapped + shipped + in_stock + unaccounted`.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct Balance {
    /// The unit of all figures; `None` counts pieces.
    pub unit: Option<Ucum>,
    /// What came into the house, or into being.
    pub received: f64,
    /// What came back after it had been shipped.
    pub returned: f64,
    /// What went into something.
    pub consumed: f64,
    /// What became waste.
    pub scrapped: f64,
    /// What left the site as it was, by itself or in a container that has not come back.
    pub shipped: f64,
    /// What should be there: what was counted last less what was told since, or what came less what was told. `None` where
    /// that cannot be said, since something was told without an amount.
    pub in_stock: Option<f64>,
    /// When it was last known how much was left: it was counted, or all of it went. Never, if it was not.
    pub counted: Option<Utc>,
    /// What was missing when it was counted; less than nothing if more was found or used than came. `None` if it was never
    /// counted, or cannot be said.
    pub unaccounted: Option<f64>,
    /// Movements of which no amount was told, or one in a unit that nothing converts.
    pub untold: u64,
}

impl Balance {
    /// What the movements of a lot come to, in the order in which they happened; `None` if no amount was ever told. Pieces
    /// and the unit of `piece`, the amount that is one of them, are converted.
    pub fn of(mut moved: Vec<Moved>, piece: Option<&Amount>) -> Option<Self> {
        moved.sort_by_key(|moved| (moved.time, moved.position, moved.what));
        let unit = moved.iter().find_map(|moved| moved.amount.as_ref())?.unit.clone();
        // Of what was never seen to come, nobody knows how much there was.
        let open = !moved.iter().any(|moved| moved.what == Movement::Received);
        let balance = Self { unit, ..Self::default() };
        let mut tally = Tally { balance, open, ..Tally::default() };
        for moved in &moved {
            let amount = moved.amount.as_ref().and_then(|amount| tally.converted(amount, piece));
            tally.take(moved, amount);
        }
        Some(tally.end())
    }

    /// What came in all.
    pub fn came(&self) -> f64 {
        self.received + self.returned
    }
}

/// A balance under way.
#[derive(Debug, Default)]
struct Tally {
    balance: Balance,
    /// What is left by all that was told.
    left: f64,
    /// Something was told without an amount since it was last known how much was left.
    open: bool,
    /// Something was told without an amount before it was counted: what is missing may be that.
    blurred: bool,
    missing: f64,
}

impl Tally {
    fn converted(&self, Amount { value, unit }: &Amount, piece: Option<&Amount>) -> Option<f64> {
        let to = &self.balance.unit;
        let factor = |from: &Option<Ucum>, to: &Option<Ucum>| match (from, to) {
            (None, None) => Some(1.0),
            (Some(from), Some(to)) => from.factor(to),
            (None, Some(_)) | (Some(_), None) => None,
        };
        let piece = piece.filter(|piece| piece.value > 0.0);
        let converted = match (unit, to) {
            (None, Some(_)) => value * piece?.value * factor(&piece?.unit, to)?,
            (Some(_), None) => value * factor(unit, &piece?.unit)? / piece?.value,
            (None, None) | (Some(_), Some(_)) => value * factor(unit, to)?,
        };
        converted.is_finite().then_some(converted)
    }

    fn take(&mut self, moved: &Moved, amount: Option<f64>) {
        let Some(amount) = amount else { return self.take_untold(moved) };
        let balance = &mut self.balance;
        let (figure, left) = match moved.what {
            Movement::Received => (&mut balance.received, amount),
            Movement::Returned => (&mut balance.returned, amount),
            Movement::Consumed => (&mut balance.consumed, -amount),
            Movement::Scrapped => (&mut balance.scrapped, -amount),
            Movement::Shipped | Movement::Parted => (&mut balance.shipped, -amount),
            Movement::Counted => {
                self.missing += self.left - amount;
                self.left = amount;
                return self.know(moved.time);
            }
        };
        *figure += amount;
        self.left += left;
    }

    /// Without an amount that can be used: all that was left, where that is meant.
    fn take_untold(&mut self, moved: &Moved) {
        let balance = &mut self.balance;
        let figure = match moved.what {
            Movement::Scrapped if moved.amount.is_none() => &mut balance.scrapped,
            Movement::Shipped if moved.amount.is_none() => &mut balance.shipped,
            Movement::Received
            | Movement::Returned
            | Movement::Consumed
            | Movement::Scrapped
            | Movement::Shipped
            | Movement::Parted
            | Movement::Counted => {
                balance.untold += 1;
                self.open = true;
                return;
            }
        };
        // How much that was is known as far as everything else is.
        let rest = self.left.max(0.0);
        *figure += rest;
        self.missing += self.left - rest;
        self.left = 0.0;
        self.know(moved.time);
    }

    /// From now on it is known how much is left.
    fn know(&mut self, now: Utc) {
        self.balance.counted = Some(now);
        self.blurred |= self.open;
        self.open = false;
    }

    fn end(self) -> Balance {
        let Self { mut balance, mut left, open, blurred, mut missing } = self;
        // PLCs count in 32 bits.
        let exact = 1e-6 * balance.came().max(balance.consumed);
        let overdrawn = left < -exact && !open;
        if overdrawn {
            missing += left;
            left = 0.0;
        }
        let told = |value: f64| if value.abs() <= exact { 0.0 } else { value };
        balance.in_stock = (!open).then_some(told(left));
        let known = (balance.counted.is_some() || overdrawn) && !blurred;
        balance.unaccounted = known.then_some(told(missing));
        balance
    }
}

#[cfg(test)]
mod tests;
