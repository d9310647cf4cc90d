//! The task that owns the engine: one input in, its effects out. Nothing else touches the engine.
use super::devices::Devices;
use super::image;
use super::intake::Intake;
use super::release::{Held, What};
use super::switch::Pending;
use crate::engine::Engine;
use crate::field::Request;
use crate::http::{Asked, CommandFault, TapEvent};
use crate::ledger::{AppendError, Generation, Ledger};
use crate::model::plant::{DeviceIndex, Plant};
use crate::model::{
    Answer, CommandId, Effect, Input, Monotonic, PersonKey, Position, Question, ReadDone,
    ReadFault, StartCause, WriteDone,
};
use crate::query::Query;
use crate::store::Images;
use crate::tape::TapeWriter;
use crate::telemetry::{Now, Point, Points};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// What the pump is made from.
pub(super) struct Pump {
    pub(super) plant: Arc<Plant>,
    pub(super) persons: PersonKey,
    pub(super) ledger: Arc<Ledger>,
    pub(super) tape: TapeWriter,
    pub(super) images: Images,
    pub(super) devices: Devices,
    pub(super) held: mpsc::Sender<Held>,
    pub(super) questions: mpsc::Sender<(Generation, Question)>,
    pub(super) tap: broadcast::Sender<TapEvent>,
    pub(super) points: Points,
    /// Shows items by the rules of the plant in force.
    pub(super) query: Query,
    pub(super) now: Now,
    pub(super) stop: CancellationToken,
    pub(super) state: State,
}

/// What changes from input to input.
pub(super) struct State {
    pub(super) engine: Engine,
    generation: Generation,
    /// Of the next input on the tape.
    number: u64,
    /// Answers that are known at once: a device whose task has ended.
    back: VecDeque<Input>,
    commands: BTreeMap<CommandId, oneshot::Sender<Result<Position, CommandFault>>>,
    next_command: u64,
    effects: Vec<Effect>,
    /// A plant that comes into force as soon as the devices that it touches have ended.
    pub(super) pending: Option<Pending>,
}

impl State {
    /// Folds the ledger up to what is durable, from an image on if there is one.
    pub(super) fn fold(
        images: &mut Images,
        ledger: &Ledger,
        persons: &PersonKey,
        number: u64,
    ) -> Result<Self, crate::ledger::LedgerError> {
        let generation = ledger.durable().borrow().generation;
        Ok(Self {
            engine: image::fold(images, ledger, persons)?,
            generation,
            number,
            back: VecDeque::new(),
            commands: BTreeMap::new(),
            next_command: 0,
            effects: Vec::new(),
            pending: None,
        })
    }
}

impl Pump {
    /// Runs until the devices have ended and all that they sent is done.
    pub(super) async fn run(mut self, mut intake: Intake) {
        self.begin(StartCause::Daemon).await;
        let stop = self.stop.clone();
        let mut ended = std::pin::pin!(async {
            stop.cancelled().await;
        });
        let mut stopping = false;
        while !stopping {
            self.turn(&mut intake, &mut ended, &mut stopping).await;
        }
        let mut gone = std::pin::pin!(self.devices.ended());
        loop {
            // Cancel-safe: each branch only receives.
            tokio::select! {
                biased;
                input = intake.urgent.next() => self.step(input).await,
                input = intake.bulk.next() => self.step(input).await,
                () = &mut gone => break,
            }
        }
        for input in intake.waiting() {
            self.step(input).await;
        }
        while let Ok(input) = intake.facts.try_recv() {
            self.step(input).await;
        }
        self.tape.flush();
    }

    async fn turn(
        &mut self,
        intake: &mut Intake,
        ended: &mut (impl Future<Output = ()> + Unpin),
        stopping: &mut bool,
    ) {
        if let Some(input) = self.state.back.pop_front() {
            return self.step(input).await;
        }
        let wake = self.state.engine.next_wake().map(|(at, _)| at);
        let pause = wake.map_or(Duration::MAX, |at| until((self.now)().monotonic, at));
        // A lane that is never empty must not keep a timer from firing.
        if pause.is_zero() {
            return self.step(Input::Wake).await;
        }
        // Cancel-safe: each branch only receives or waits.
        tokio::select! {
            biased;
            () = &mut *ended => *stopping = true,
            Ok(()) = intake.durable.changed() => {
                let generation = intake.durable.borrow_and_update().generation;
                if generation != self.state.generation {
                    self.refold(intake).await;
                }
            }
            input = intake.urgent.next() => self.step(input).await,
            Some(input) = intake.facts.recv() => self.step(input).await,
            Some(asked) = intake.commands.recv() => self.command(asked).await,
            () = Pending::ready(&mut self.state.pending) => self.switch(intake).await,
            Some(asked) = intake.switches.recv(), if self.state.pending.is_none() => {
                self.prepare(asked).await;
            }
            () = tokio::time::sleep(pause), if wake.is_some() => self.step(Input::Wake).await,
            input = intake.bulk.next() => self.step(input).await,
        }
    }

    async fn begin(&mut self, cause: StartCause) {
        let recovered = self.state.engine.position();
        self.step(Input::Start { cause, recovered }).await;
        self.step(Input::Plant(Arc::clone(&self.plant))).await;
        self.query.put_in_force(Arc::clone(&self.plant));
    }

    /// The ledger was cut: what was stepped since the last good sync is void. State is folded anew,
    /// and every handshake word is read again.
    async fn refold(&mut self, intake: &mut Intake) {
        tracing::warn!(
            "the ledger was cut; the state is folded anew and all devices are read again"
        );
        self.quiet(intake).await;
        match State::fold(&mut self.images, &self.ledger, &self.persons, self.state.number) {
            Ok(state) => {
                let void = std::mem::replace(&mut self.state, state);
                for (_, answer) in void.commands {
                    drop(answer.send(Err(CommandFault::Void)));
                }
                if let Some(pending) = void.pending {
                    pending.give_up();
                }
                self.state.next_command = void.next_command;
                intake.begin(self.devices.restart());
                self.begin(StartCause::Refold).await;
            }
            Err(why) => {
                tracing::error!(%why, "the ledger cannot be read back; the daemon stops");
                self.stop.cancel();
            }
        }
    }

    /// Ends the device tasks and forgets what they said: it belongs to a state that is void.
    async fn quiet(&mut self, intake: &mut Intake) {
        let mut ended = std::pin::pin!(self.devices.end());
        loop {
            // Cancel-safe: each branch only receives.
            tokio::select! {
                biased;
                () = &mut ended => break,
                _ = intake.urgent.next() => {}
                _ = intake.bulk.next() => {}
            }
        }
        intake.forget();
        self.state.back.clear();
    }

    /// A name for a command that was not used before.
    pub(super) fn command_id(&mut self) -> CommandId {
        self.state.next_command = self.state.next_command.saturating_add(1);
        CommandId(self.state.next_command)
    }

    async fn command(&mut self, asked: Asked) {
        let id = self.command_id();
        self.state.commands.insert(id, asked.answer);
        self.step(Input::Command { id, command: asked.command }).await;
    }

    pub(super) async fn step(&mut self, mut input: Input) {
        if matches!(input, Input::Read(_)) {
            self.points.pass(Point::AfterRead);
        }
        self.state.engine.veil(&mut input);
        let at = (self.now)();
        self.tape.append(self.state.number, at, &input);
        self.state.number = self.state.number.saturating_add(1);
        self.show(&input);
        let mut effects = std::mem::take(&mut self.state.effects);
        self.state.engine.step(at, &input, &mut effects);
        for effect in effects.drain(..) {
            self.carry_out(effect).await;
        }
        self.state.effects = effects;
    }

    async fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Append(frame) => {
                // Written before the frame can become durable: a kill never loses the input of a
                // record that survived.
                self.tape.flush();
                let appended = self.ledger.append(self.state.generation, frame);
                let Some(appended) = in_time(&self.stop, appended).await else {
                    return tracing::warn!(
                        "a frame is not kept: the disk takes nothing, and we stop"
                    );
                };
                match appended {
                    Ok(()) => self.points.pass(Point::AfterAppend),
                    // The cut is seen by the next turn, which folds the state anew.
                    Err(AppendError::Stale { .. }) => {}
                    Err(why) => {
                        tracing::error!(%why, "the ledger takes no frame; the daemon stops");
                        self.stop.cancel();
                    }
                }
            }
            Effect::Read(request) => {
                let (token, device) = (request.token, request.device);
                if self.devices.request(device, Request::Read(request)).is_err() {
                    let outcome = Err(ReadFault::Disconnected);
                    self.state.back.push_back(Input::Read(ReadDone { token, outcome }));
                }
            }
            Effect::Write(request) => self.hold_write(request).await,
            Effect::Ask(question) => {
                // One that finds no room is decided by its deadline.
                if self.questions.try_send((self.state.generation, question)).is_err() {
                    tracing::warn!("too many questions wait for the index");
                }
            }
            Effect::Answer(answer) => self.hold_answer(answer).await,
            Effect::Notice(notice) => {
                drop(self.tap.send(TapEvent::Notice(notice)));
            }
        }
    }

    async fn hold_write(&mut self, request: crate::model::WriteRequest) {
        let (token, after) = (request.token, request.after);
        let device: DeviceIndex = request.device;
        let Some(queue) = self.devices.queue(device) else {
            let outcome = Err(ReadFault::Disconnected);
            self.state.back.push_back(Input::Written(WriteDone { token, outcome }));
            return;
        };
        // It may wait for the ledger while another plant comes into force.
        let request = self.devices.known(device, Request::Write(request));
        self.hold(after, What::Write(request, queue)).await;
    }

    async fn hold_answer(&mut self, answer: Answer) {
        let Some(waiting) = self.state.commands.remove(&answer.id) else { return };
        match answer.outcome {
            Ok(position) => self.hold(position, What::Answer(waiting)).await,
            Err(refusals) => drop(waiting.send(Err(CommandFault::Refused(refusals)))),
        }
    }

    pub(super) async fn hold(&mut self, after: Position, what: What) {
        let held = Held { generation: self.state.generation, after, what };
        if in_time(&self.stop, self.held.send(held)).await.is_none_or(|sent| sent.is_err()) {
            tracing::debug!("nobody waits for the ledger any more");
        }
    }

    /// For those who watch, and for the counters.
    fn show(&self, input: &Input) {
        let Input::Samples(samples) = input else { return };
        if self.tap.receiver_count() == 0 {
            return;
        }
        for sample in samples {
            drop(self.tap.send(TapEvent::sample(&self.plant, sample)));
        }
    }
}

/// What the disk keeps waiting for longer than this after the stop is given up; none of it was
/// acknowledged.
const GRACE: Duration = Duration::from_secs(5);

/// The work's outcome; `None` if the daemon stops and the work does not end.
async fn in_time<T>(stop: &CancellationToken, work: impl Future<Output = T>) -> Option<T> {
    let stopped = async {
        stop.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    // Both are cancel-safe, and nothing is selected again after the second.
    tokio::select! {
        biased;
        done = work => Some(done),
        () = stopped => None,
    }
}

fn until(now: Monotonic, at: Monotonic) -> Duration {
    Duration::from_nanos(at.0.saturating_sub(now.0))
}
