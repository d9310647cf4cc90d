//! What is asked for: the parameters of the questions.
use super::alarms::state;
use super::conditions::verdict;
use crate::http::problem::Problem;
use crate::model::{Interval, Position, StationId, Utc, Verdict};
use crate::query::{AlarmState, Before, Direction, Only, RecallOf};
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use std::time::Duration;

/// Rows of a list, if not told.
const LIMIT: usize = 100;
/// More rows are not given at once: ask again after the last one.
const LIMIT_MAX: usize = 1_000;

/// Every parameter of every question; which of them a route takes says the table of routes.
#[derive(Debug, Clone, Default, serde::Deserialize)]
pub(in crate::http) struct Parameters {
    id: Option<String>,
    ids: Option<String>,
    lot: Option<String>,
    direction: Option<String>,
    depth: Option<u32>,
    after: Option<u64>,
    limit: Option<usize>,
    as_of: Option<u64>,
    station: Option<String>,
    from: Option<String>,
    to: Option<String>,
    #[serde(rename = "where")]
    only: Option<String>,
    window: Option<u64>,
    position: Option<u64>,
    earlier: Option<String>,
    of: Option<String>,
    seed: Option<u64>,
    open: Option<bool>,
    verdict: Option<String>,
    state: Option<String>,
    before: Option<String>,
}

/// The parameters as axum extracts them.
pub(in crate::http) type Asked = Result<Query<Parameters>, QueryRejection>;

/// The parameters, or what is wrong with them.
pub(in crate::http) fn parameters(asked: Asked) -> Result<Parameters, Problem> {
    asked.map(|Query(parameters)| parameters).map_err(|why| Problem::request(why.body_text()))
}

impl Parameters {
    pub(super) fn id(&self) -> Result<String, Problem> {
        wanted(self.id.as_deref(), "id", "u/site/SN-1")
    }

    /// Several ids, with commas between them; a comma of an id is written `%2C`, as the full form of an item may be.
    pub(super) fn ids(&self) -> Vec<String> {
        let ids = self.ids.iter().flat_map(|ids| ids.split(','));
        ids.map(str::trim).filter(|id| !id.is_empty()).map(|id| id.replace("%2C", ",")).collect()
    }

    /// The id, where something else may be asked for instead.
    pub(in crate::http) fn given_id(&self) -> Option<String> {
        self.id.clone()
    }

    /// The record that is asked about.
    pub(in crate::http) fn position(&self) -> Option<Position> {
        self.position.map(Position)
    }

    /// The text of a checkpoint that was signed before.
    pub(in crate::http) fn earlier(&self) -> Option<String> {
        self.earlier.clone()
    }

    pub(super) fn lot(&self) -> Result<String, Problem> {
        wanted(self.lot.as_deref(), "lot", "l/supplier/ACME/0001")
    }

    pub(super) fn direction(&self) -> Result<Direction, Problem> {
        match self.direction.as_deref() {
            None | Some("backward") => Ok(Direction::Backward),
            Some("forward") => Ok(Direction::Forward),
            Some(other) => Err(Problem::request(format!(
                "`direction` is `{other}`; it is `backward` (made of) or `forward` (went into)"
            ))),
        }
    }

    /// Of a drill, which goes forward unless said.
    pub(super) fn drilled(&self) -> Result<Direction, Problem> {
        self.direction.as_ref().map_or(Ok(Direction::Forward), |_| self.direction())
    }

    /// What a drill is about: a text that names an item, or a seed that draws one; both are two questions.
    pub(super) fn of_drill(&self) -> Result<Option<String>, Problem> {
        match (&self.of, self.seed) {
            (Some(_), Some(_)) => {
                let why = "`of` and `seed` are two questions: name an item, or have one drawn";
                Err(Problem::request(why))
            }
            (Some(_), None) => wanted(self.of.as_deref(), "of", "l/supplier/ACME/0001").map(Some),
            (None, _) => Ok(None),
        }
    }

    pub(super) fn seed(&self) -> Option<u64> {
        self.seed
    }

    /// Only what is open, or only what is not; both if not told.
    pub(super) fn open(&self) -> Option<bool> {
        self.open
    }

    pub(super) fn depth(&self) -> Option<u32> {
        self.depth
    }

    pub(super) fn after(&self) -> Position {
        Position(self.after.unwrap_or_default())
    }

    /// The record that was the last one when what is asked was asked; all of them if not told.
    pub(in crate::http) fn as_of(&self) -> Position {
        Position(self.as_of.unwrap_or(u64::MAX))
    }

    pub(in crate::http) fn limit(&self) -> Result<usize, Problem> {
        self.limit_of(LIMIT, LIMIT_MAX)
    }

    /// The same with a number of its own if not told, and another bound.
    pub(super) fn limit_of(&self, otherwise: usize, max: usize) -> Result<usize, Problem> {
        let limit = self.limit.unwrap_or(otherwise);
        if !(1..=max).contains(&limit) {
            let why = format!("`limit` is {limit}; it is from 1 to {max}");
            return Err(Problem::request(why));
        }
        Ok(limit)
    }

    /// Where an answer ended that is gone on from.
    pub(super) fn before(&self) -> Result<Option<Before>, Problem> {
        let parse = |text: &String| {
            text.parse().map_err(|why| Problem::request(format!("`before`: {why}")))
        };
        self.before.as_ref().map(parse).transpose()
    }

    pub(super) fn verdict(&self) -> Result<Option<Verdict>, Problem> {
        self.verdict.as_deref().map(verdict).transpose()
    }

    pub(super) fn state(&self) -> Result<Option<AlarmState>, Problem> {
        self.state.as_deref().map(state).transpose()
    }

    pub(super) fn station(&self) -> Result<Option<StationId>, Problem> {
        let parse = |id: &String| {
            StationId::parse(id).map_err(|why| Problem::request(format!("`station`: {why}")))
        };
        self.station.as_ref().map(parse).transpose()
    }

    /// The work at a station, where that is recalled and not a lot.
    pub(super) fn work(&self) -> Result<Option<RecallOf>, Problem> {
        let questions = [self.lot.is_some(), self.station.is_some(), self.window.is_some()];
        if questions.into_iter().filter(|asked| *asked).count() > 1 {
            let why = "`lot`, `station` and `window` are three questions: ask for one of them";
            return Err(Problem::request(why));
        }
        let Some(id) = self.station()? else {
            let of_stay = self.from.as_ref().or(self.to.as_ref()).or(self.only.as_ref());
            let window = self.window.map(|opened| RecallOf::Window(Position(opened)));
            return of_stay.map_or(Ok(window), |_| {
                let why = "`from`, `to` and `where` are of the work at a `station`";
                Err(Problem::request(why))
            });
        };
        let only = Only::all(self.only.as_deref().unwrap_or_default());
        let only = only.map_err(|why| Problem::request(format!("`where`: {why}")))?;
        Ok(Some(RecallOf::Station { id, interval: self.interval()?, only }))
    }

    /// From so long before its end, or before now, unless said.
    pub(super) fn recent(&self, len: Duration, now: Utc) -> Result<Interval, Problem> {
        let Interval { from, to } = self.interval()?;
        let begin = to.unwrap_or(now).minus(len);
        Ok(Interval { from: self.from.as_ref().map_or(begin, |_| from), to })
    }

    /// From the beginning, and up to now, unless said.
    pub(super) fn interval(&self) -> Result<Interval, Problem> {
        let from = self.from.as_deref().map(|text| instant("from", text)).transpose()?;
        let to = self.to.as_deref().map(|text| instant("to", text)).transpose()?;
        let from = from.unwrap_or(Utc(i64::MIN));
        if to.is_some_and(|to| to <= from) {
            return Err(Problem::request("`to` is not after `from`: nothing lies between them"));
        }
        Ok(Interval { from, to })
    }
}

fn instant(name: &str, text: &str) -> Result<Utc, Problem> {
    let parsed = text.parse::<jiff::Timestamp>().ok();
    let nanoseconds = parsed.and_then(|at| i64::try_from(at.as_nanosecond()).ok());
    nanoseconds.map(Utc).ok_or_else(|| {
        let example = "2026-11-22T06:00:00Z";
        Problem::request(format!("`{name}` is `{text}`; it is a time such as `{example}`"))
    })
}

fn wanted(value: Option<&str>, name: &str, example: &str) -> Result<String, Problem> {
    let value = value.map(str::trim).filter(|value| !value.is_empty());
    value.map(str::to_owned).ok_or_else(|| {
        Problem::request(format!("`{name}` is missing: ask with `?{name}={example}` or any code"))
    })
}
