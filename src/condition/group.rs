//! What watches how the members of a group go together, by one baseline.
use super::baseline::{Learning, NotYet};
use super::chart::Finding;
use super::contexts::Judge;
use super::group_baseline::{LEARN_MIN, estimate};
use super::mewma::{Charts, square};
use super::mewma_length::{Chart, Learned};
use super::onset::{MEMORY, Memory};
use super::quiet::Quiet;
use super::residual::Residuals;
use super::shape::Shape;
use crate::model::plant::Drift;
use crate::model::{
    Baseline, Contributor, GroupMember, MonitorId, Onset, Rule, Side, Together, Utc, Verdict,
    VerdictEvent,
};
use std::collections::VecDeque;

/// In the order in which they speak.
const RULES: [(Rule, Chart); 2] = [(Rule::TSquared, Chart::TSquared), (Rule::Mewma, Chart::Mewma)];
/// So many members are named.
const CONTRIBUTORS_MAX: usize = 3;
/// Farther off is not told apart.
const FAR: f64 = 1e9;

/// What the plant file says of a group.
#[derive(Debug, Clone)]
pub(super) struct GroupSpec {
    pub(super) drift: Drift,
    pub(super) members: Vec<MonitorId>,
}

/// Watches how members go together. One alarm per change, as of a single monitor.
#[derive(Debug, Clone)]
pub(super) struct GroupRule {
    baseline: Option<Baseline>,
    /// The rules that have spoken of the drift that stands, the first first.
    said: Vec<Rule>,
    stage: Stage,
}

#[derive(Debug, Clone)]
enum Stage {
    /// With why it was not learned yet.
    Learning(Learning<Vec<f64>>, Option<NotYet>),
    Judging(Box<Judging>),
    /// What has alarmed waits until it is learned anew; the rule that has not spoken yet may join, but after a restart.
    Latched(Option<Box<Judging>>),
}

#[derive(Debug, Clone)]
struct Judging {
    residuals: Vec<Residuals>,
    shape: Shape,
    charts: Charts,
    /// The last vectors, of independent members.
    memory: VecDeque<(Utc, Vec<f32>)>,
}

impl Judge for GroupRule {
    type Spec = GroupSpec;
    type Value = Vec<f64>;

    fn drift(spec: &GroupSpec) -> &Drift {
        &spec.drift
    }

    fn speaks(_: &GroupSpec) -> Option<Rule> {
        RULES.first().map(|(rule, _)| *rule)
    }

    fn begin(spec: &GroupSpec) -> Self {
        let learning = Learning::new(spec.drift.learn.max(LEARN_MIN));
        Self { baseline: None, said: Vec::new(), stage: Stage::Learning(learning, None) }
    }

    fn is_blank(&self) -> bool {
        matches!(&self.stage, Stage::Learning(learning, _) if learning.is_blank())
            && self.baseline.is_none()
    }

    fn baseline(&self) -> Option<&Baseline> {
        self.baseline.as_ref()
    }

    fn is_latched(&self) -> bool {
        matches!(self.stage, Stage::Latched(_))
    }

    fn interrupt(&mut self) {
        match &mut self.stage {
            Stage::Judging(judging) | Stage::Latched(Some(judging)) => {
                judging.residuals.iter_mut().for_each(Residuals::interrupt);
            }
            Stage::Learning(..) | Stage::Latched(None) => {}
        }
    }

    fn quiet(&self) -> Quiet {
        match self.stage {
            Stage::Learning(_, Some(NotYet::Alike)) => Quiet::Alike,
            Stage::Learning(..) => Quiet::Learning,
            Stage::Latched(_) => Quiet::Latched,
            Stage::Judging(_) => Quiet::Inside,
        }
    }

    fn step(
        &mut self,
        (spec, version): (&GroupSpec, u32),
        (time, x): (Utc, Vec<f64>),
        warned: bool,
        out: &mut impl FnMut(Finding),
    ) {
        match &mut self.stage {
            Stage::Latched(None) => {}
            Stage::Learning(..) if warned => {}
            Stage::Learning(learning, why) => {
                match learning.take(x, |all| estimate(all, &spec.members, version)) {
                    Some(Ok(baseline)) => {
                        self.arm(spec, &baseline);
                        let said = |(rule, _)| finding(rule, Verdict::InControl, baseline.clone());
                        RULES.into_iter().map(said).for_each(out);
                    }
                    Some(Err(not)) => *why = Some(not),
                    None => {}
                }
            }
            Stage::Judging(judging) | Stage::Latched(Some(judging)) => {
                if judging.step(time, &x) {
                    self.speak(out);
                }
            }
        }
    }

    fn restore(&mut self, spec: &GroupSpec, event: &VerdictEvent) {
        // That of other members is another group's.
        let of_it = |baseline: &&Baseline| {
            let members = baseline.group.iter().flat_map(|group| &group.members);
            members.map(|member| &member.monitor).eq(&spec.members)
        };
        let drifts = event.verdict == Verdict::Drift;
        let Some(baseline) = event.baseline.as_ref().filter(of_it) else {
            // A drift stands until it is maintained, whoever belongs to the group meanwhile.
            if drifts && RULES.iter().any(|(rule, _)| *rule == event.rule) {
                self.said.push(event.rule);
                self.stage = Stage::Latched(None);
            }
            return;
        };
        let known = self.baseline.as_ref() == Some(baseline);
        if known && self.said.contains(&event.rule) == drifts {
            return;
        }
        if !known || !drifts {
            self.arm(spec, baseline);
        }
        if drifts && self.baseline.is_some() {
            self.said.push(event.rule);
            self.stage = Stage::Latched(None);
        }
    }
}

impl GroupRule {
    /// Judges by this baseline from now on, unless nobody could.
    fn arm(&mut self, spec: &GroupSpec, baseline: &Baseline) {
        let Some(judging) = Judging::new(&spec.drift, baseline) else { return };
        self.baseline = Some(baseline.clone());
        self.said.clear();
        self.stage = Stage::Judging(Box::new(judging));
    }

    /// Tells of the rules that have something new to say: the first of them alarms, the other joins it.
    fn speak(&mut self, out: &mut impl FnMut(Finding)) {
        let (Stage::Judging(judging) | Stage::Latched(Some(judging))) = &self.stage else { return };
        let Some(baseline) = &self.baseline else { return };
        for (rule, chart) in RULES {
            let (vector, far, limit) = judging.charts.judged(chart);
            if far <= limit || self.said.contains(&rule) {
                continue;
            }
            let joins = self.said.first().copied();
            self.said.push(rule);
            out(Finding {
                statistic: Some(far),
                limit: Some(limit),
                onset: judging.onset(baseline.n),
                joins,
                contributors: judging.contributors(&vector, baseline),
                ..finding(rule, Verdict::Drift, baseline.clone())
            });
        }
        if self.said.is_empty() {
            return;
        }
        let heard = self.said.len() == RULES.len();
        match std::mem::replace(&mut self.stage, Stage::Latched(None)) {
            Stage::Judging(judging) | Stage::Latched(Some(judging)) if !heard => {
                self.stage = Stage::Latched(Some(judging));
            }
            Stage::Judging(_) | Stage::Latched(_) | Stage::Learning(..) => {}
        }
    }
}

impl Judging {
    /// `None` if the baseline is of no group, or of one whose members say the same.
    fn new(spec: &Drift, baseline: &Baseline) -> Option<Self> {
        let Together { members, correlations } = baseline.group.as_deref()?;
        let alone = |of: &GroupMember| Baseline {
            centre_line: of.centre_line,
            sigma: of.sigma,
            phi: of.phi,
            spread: None,
            group: None,
            ..*baseline
        };
        let first = members.first()?.phi;
        let learned = Learned {
            p: u32::try_from(members.len()).ok()?,
            n: baseline.n,
            own: members.iter().any(|member| (member.phi - first).abs() > 1e-9),
        };
        let run_length = spec.false_alarm_interval.as_secs_f64() / spec.every.as_secs_f64();
        Some(Self {
            residuals: members.iter().map(|of| Residuals::new(&alone(of))).collect(),
            shape: Shape::new(members.len(), correlations)?,
            charts: Charts::new(run_length, learned),
            memory: VecDeque::new(),
        })
    }

    /// Takes a vector; whether it follows on another.
    fn step(&mut self, time: Utc, x: &[f64]) -> bool {
        let found = self.residuals.iter_mut().zip(x).map(|(residuals, x)| residuals.step(*x));
        let found: Vec<Option<f64>> =
            found.map(|found| found.map(|found| found.z.clamp(-FAR, FAR))).collect();
        let Some(z) = found.into_iter().collect::<Option<Vec<f64>>>() else { return false };
        let white = self.shape.whiten(&z);
        if self.memory.len() == MEMORY {
            self.memory.pop_front();
        }
        self.memory.push_back((time, white.iter().map(|y| narrowed(*y)).collect()));
        self.charts.step(white);
        true
    }

    /// When it began, by how far each remembered vector went in the direction of all since then.
    fn onset(&self, n: u32) -> Option<Onset> {
        let direction = self.direction()?;
        let length = square(&direction).sqrt();
        let mut along = Memory::default();
        for (time, vector) in &self.memory {
            let far = vector.iter().zip(&direction).map(|(y, to)| f64::from(*y) * to / length);
            along.push(*time, far.sum::<f64>().clamp(-CLIP_ALONG, CLIP_ALONG));
        }
        along.onset(Side::High, n)
    }

    /// Where the vectors went since the likeliest begin of a step: that of the last one alone is mostly chance.
    fn direction(&self) -> Option<Vec<f64>> {
        let mut sum = vec![0.0; self.residuals.len()];
        let (mut count, mut best) = (0.0, None::<(f64, Vec<f64>)>);
        for (_, vector) in self.memory.iter().rev() {
            count += 1.0;
            sum.iter_mut().zip(vector).for_each(|(sum, y)| *sum += f64::from(*y));
            let likely = square(&sum) / count;
            if likely > best.as_ref().map_or(0.0, |(best, _)| *best) {
                best = Some((likely, sum.clone()));
            }
        }
        best.map(|(_, sum)| sum)
    }

    /// The members that lie farthest off, by themselves or for what the others say.
    fn contributors(&self, vector: &[f64], baseline: &Baseline) -> Vec<Contributor> {
        let members = baseline.group.iter().flat_map(|group| &group.members);
        let far = self.shape.unwhiten(vector).into_iter().zip(self.shape.given_others(vector));
        let of = |(member, (z, given)): (&GroupMember, (f64, f64))| Contributor {
            monitor: member.monitor.clone(),
            z,
            given,
        };
        let mut all: Vec<Contributor> = members.zip(far).map(of).collect();
        let farthest = |of: &Contributor| f64::max(of.z.abs(), of.given.abs());
        all.sort_by(|a, b| farthest(b).total_cmp(&farthest(a)));
        all.truncate(CONTRIBUTORS_MAX);
        all
    }
}

/// A single vector tells no more of a begin than so many standard deviations.
const CLIP_ALONG: f64 = super::residual::CLIP;

#[expect(clippy::cast_possible_truncation, reason = "seven digits of a residual are enough")]
fn narrowed(y: f64) -> f32 {
    y as f32
}

fn finding(rule: Rule, verdict: Verdict, baseline: Baseline) -> Finding {
    Finding { baseline: Some(baseline), ..Finding::new(rule, verdict) }
}
