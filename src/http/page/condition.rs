//! The page of one condition: what it says, since when, what was made meanwhile, and its values as a chart.
use super::start::{self, Condition, named};
use super::words::{self, When};
use crate::http::Source;
use crate::model::{Interval, ItemKey, MonitorId, StationId, Utc};
use crate::query::{
    Answer, ChartAsked, ChartView, Completeness, ConditionShown, SuspectView, VerdictView,
};
use askama::Template;

/// Values of the chart, items of a window and verdicts that are shown; the JSON has more.
const POINTS: usize = 200;
const ITEMS: usize = 200;
const VERDICTS: usize = 20;
/// Size of the chart, in its own units.
const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 240.0;
const MARGIN: f64 = 8.0;

/// The page.
#[derive(Template)]
#[template(path = "condition.html")]
pub(super) struct ConditionPage {
    typed: String,
    position: String,
    complete: bool,
    reasons: Vec<String>,
    more_reasons: usize,
    json: String,
    condition: Condition,
    rules: String,
    windows: Vec<Window>,
    verdicts: Vec<(String, When, String)>,
    chart: Option<Chart>,
    no_values: Option<String>,
}

/// A time in which the station may have been wrong.
struct Window {
    when: String,
    cause: &'static str,
    bounded: bool,
    /// Name, address, and whether it was made since the change most likely began.
    items: Vec<(String, String, bool)>,
    more: Option<(usize, String)>,
}

/// The chart, in its own units.
struct Chart {
    /// Values that are no good numbers.
    left_out: usize,
    /// Whether older ones may be there.
    truncated: bool,
    title: String,
    from: When,
    to: When,
    /// Where a window is: from and width.
    windows: Vec<(String, String)>,
    /// Height, class and what it is.
    lines: Vec<(String, &'static str, String)>,
    points: Vec<Point>,
}

struct Point {
    x: String,
    y: String,
    class: &'static str,
    title: String,
}

impl ConditionPage {
    /// `None` if nothing recorded speaks of the monitor.
    pub(super) fn new(
        source: &dyn Source,
        station: &StationId,
        monitor: &MonitorId,
    ) -> Option<Self> {
        let Answer { position, completeness, body } = source.condition(station, monitor, ITEMS)?;
        let chart = source.chart(&ChartAsked {
            station: station.clone(),
            monitor: monitor.clone(),
            within: Interval { from: Utc(i64::MIN), to: None },
            before: None,
            values_max: POINTS,
        });
        let ConditionShown { condition, suspects, verdicts, .. } = body;
        let mut reasons: Vec<_> = Vec::new();
        for of in [Some(&completeness), chart.as_ref().map(|chart| &chart.completeness)] {
            if let Some(Completeness::Incomplete(why)) = of {
                let new = why.iter().map(words::incomplete).filter(|why| !reasons.contains(why));
                let new: Vec<_> = new.collect();
                reasons.extend(new);
            }
        }
        let chart = chart.map(|answer| answer.body);
        let rules: Vec<&str> = condition.rules.iter().map(|rule| words::rule(*rule)).collect();
        Some(Self {
            typed: String::new(),
            position: position.to_string(),
            complete: reasons.is_empty(),
            more_reasons: reasons.len().saturating_sub(VERDICTS),
            reasons: reasons.into_iter().take(VERDICTS).collect(),
            json: words::address_condition(station, monitor).1,
            condition: start::condition(&condition),
            rules: rules.join(", "),
            windows: suspects.into_iter().map(window).collect(),
            verdicts: verdicts.iter().take(VERDICTS).map(verdict).collect(),
            no_values: chart.as_ref().and_then(|chart| chart.no_values.clone()),
            chart: chart.as_ref().and_then(Chart::new),
        })
    }
}

fn window(view: SuspectView) -> Window {
    let SuspectView { window, items, confirmed, left_out } = view;
    // Those that are confirmed are in the order of the others.
    let mut confirmed = confirmed.iter().peekable();
    let classed = |item: &ItemKey| {
        let (name, address) = named(item);
        (name, address, confirmed.next_if_eq(&item).is_some())
    };
    let all = format!("/api/v1/recall?window={}", window.opened.0);
    Window {
        when: words::interval(window.interval),
        cause: words::suspected(window.cause),
        bounded: window.bounded,
        items: items.iter().map(classed).collect(),
        more: (left_out > 0).then_some((left_out, all)),
    }
}

fn verdict(view: &VerdictView) -> (String, When, String) {
    (view.text.clone(), words::when(view.event.time), view.position.to_string())
}

impl Chart {
    /// Of good values; `None` where there are fewer than two, or they are all of one time.
    fn new(view: &ChartView) -> Option<Self> {
        let good = || view.values.iter().filter_map(|value| Some((value.time, value.value?)));
        let (from, to) = (good().next()?.0, good().next_back()?.0);
        let unit = view.unit.as_ref().map_or_else(String::new, words::unit);
        let figure = |x: f64| format!("{} {unit}", words::figure(x)).trim_end().to_owned();
        let mut levels: Vec<(f64, &'static str, String)> = Vec::new();
        for limit in view.watches.iter().flat_map(|watched| [watched.low, watched.high]).flatten() {
            levels.push((limit, "limit", format!("limit {}", figure(limit))));
        }
        for now in view.baselines.iter().filter(|baseline| baseline.until.is_none()) {
            let normal = &now.baseline;
            let parts = [&now.product, &now.recipe].into_iter().flatten();
            let of = parts.fold(String::new(), |of, part| of + " of " + part.as_str());
            levels.push((
                normal.centre_line,
                "centre",
                format!("centre{of} {}", figure(normal.centre_line)),
            ));
            for by in [-3.0, 3.0] {
                let at = normal.centre_line + by * normal.sigma;
                let what = format!("three standard deviations{of}, {}", figure(at));
                levels.push((at, "sigma", what));
            }
        }
        let shown = || good().map(|(_, x)| x).chain(levels.iter().map(|(x, ..)| *x));
        let (least, most) =
            (shown().fold(f64::INFINITY, f64::min), shown().fold(f64::NEG_INFINITY, f64::max));
        let across =
            Scale::new(nanoseconds(from, from), nanoseconds(from, to), MARGIN, WIDTH - MARGIN)?;
        let up = Scale::new(least, most, HEIGHT - MARGIN, MARGIN)?;
        let x = |at: Utc| across.at(nanoseconds(from, at));
        let point = |value: &crate::query::ChartValue| {
            let number = value.value?;
            let suspect = view.windows.iter().any(|window| window.interval.contains(value.time));
            let class = if suspect { "suspect" } else { "point" };
            let title = format!(
                "{}: {}, {}",
                value.item.code,
                figure(number),
                words::when(value.time).text
            );
            Some(Point { x: x(value.time), y: up.at(number), class, title })
        };
        let span = |window: &crate::query::SuspectWindow| {
            let (begin, end) =
                (window.interval.from.max(from), window.interval.to.unwrap_or(to).min(to));
            let width = nanoseconds(begin, end).max(0.0) * across.slope;
            (x(begin), format!("{width:.1}"))
        };
        Some(Self {
            left_out: view.values.iter().filter(|value| value.value.is_none()).count(),
            truncated: view.truncated,
            title: format!("{} of {}", view.monitor, view.station),
            from: words::when(from),
            to: words::when(to),
            windows: view.windows.iter().map(span).collect(),
            lines: levels
                .iter()
                .map(|(y, class, what)| (up.at(*y), *class, what.clone()))
                .collect(),
            points: view.values.iter().filter_map(point).collect(),
        })
    }
}

/// Figures to places.
struct Scale {
    least: f64,
    begin: f64,
    slope: f64,
}

impl Scale {
    /// `None` if there is nothing between the least and the most.
    fn new(least: f64, most: f64, begin: f64, end: f64) -> Option<Self> {
        let slope = (end - begin) / (most - least);
        (slope.is_finite() && slope != 0.0).then_some(Self { least, begin, slope })
    }

    fn at(&self, x: f64) -> String {
        format!("{:.1}", self.begin + (x - self.least) * self.slope)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a place on a page")]
fn nanoseconds(from: Utc, to: Utc) -> f64 {
    to.0.saturating_sub(from.0) as f64
}
