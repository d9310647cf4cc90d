//! A queue between tasks that is bounded in what it holds and in the memory that takes: one that counts alone is
//! none where one thing can be a word and another a message of a hundred thousand.
use crate::model::{Input, ReadDone, Sample, Value};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::mpsc::error::{TryRecvError, TrySendError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// What can be told how much memory it takes.
pub trait Weight {
    /// Bytes, about: itself and what it points to.
    fn weight(&self) -> usize;
}

/// Nobody takes anything from the queue any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the other end of the queue is gone")]
pub struct Closed;

type Weighed<T> = (T, OwnedSemaphorePermit);

/// Both ends of a queue of at most `len_max` things and `bytes_max` bytes. What weighs more than that all alone still
/// goes through, by itself.
pub fn channel<T: Weight>(len_max: usize, bytes_max: usize) -> (Sender<T>, Receiver<T>) {
    let bytes_max = u32::try_from(bytes_max).unwrap_or(u32::MAX);
    let room = Arc::new(Semaphore::new(usize::try_from(bytes_max).unwrap_or(usize::MAX)));
    let (sender, queue) = mpsc::channel(len_max);
    (Sender { queue: sender, room: Arc::clone(&room), bytes_max }, Receiver { queue, room })
}

/// The end that things are put into; clones put into the same.
#[derive(Debug)]
pub struct Sender<T> {
    queue: mpsc::Sender<Weighed<T>>,
    room: Arc<Semaphore>,
    bytes_max: u32,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        let (queue, room) = (self.queue.clone(), Arc::clone(&self.room));
        Self { queue, room, bytes_max: self.bytes_max }
    }
}

impl<T: Weight> Sender<T> {
    /// Waits for room for one thing of this weight. Cancel-safe, but for its turn.
    pub async fn place(&self, weight: usize) -> Result<Place<'_, T>, Closed> {
        let room = Arc::clone(&self.room).acquire_many_owned(self.permits(weight)).await;
        let room = room.map_err(|_| Closed)?;
        let place = self.queue.reserve().await.map_err(|_| Closed)?;
        Ok(Place { place, room })
    }

    /// Waits for room and puts it there. Cancel-safe: it is there, or it is dropped.
    pub async fn send(&self, thing: T) -> Result<(), Closed> {
        self.place(thing.weight()).await?.send(thing);
        Ok(())
    }

    /// Puts it there if there is room now.
    pub fn try_send(&self, thing: T) -> Result<(), TrySendError<T>> {
        let room = Arc::clone(&self.room).try_acquire_many_owned(self.permits(thing.weight()));
        match room {
            Ok(room) => self.queue.try_send((thing, room)).map_err(|no| match no {
                TrySendError::Full((thing, _)) => TrySendError::Full(thing),
                TrySendError::Closed((thing, _)) => TrySendError::Closed(thing),
            }),
            Err(_) if self.queue.is_closed() => Err(TrySendError::Closed(thing)),
            Err(_) => Err(TrySendError::Full(thing)),
        }
    }

    fn permits(&self, weight: usize) -> u32 {
        u32::try_from(weight).unwrap_or(u32::MAX).min(self.bytes_max)
    }
}

/// Room for one thing.
#[derive(Debug)]
pub struct Place<'a, T> {
    place: mpsc::Permit<'a, Weighed<T>>,
    room: OwnedSemaphorePermit,
}

impl<T> Place<'_, T> {
    /// Puts it there; it weighs no more than was asked room for.
    pub fn send(self, thing: T) {
        self.place.send((thing, self.room));
    }
}

/// The end that things are taken from.
#[derive(Debug)]
pub struct Receiver<T> {
    queue: mpsc::Receiver<Weighed<T>>,
    room: Arc<Semaphore>,
}

impl<T> Receiver<T> {
    /// The next; `None` when nobody can put anything there any more. Cancel-safe.
    pub async fn recv(&mut self) -> Option<T> {
        self.queue.recv().await.map(|(thing, _)| thing)
    }

    /// The same, for whoever polls.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.queue.poll_recv(cx).map(|next| next.map(|(thing, _)| thing))
    }

    /// The next, if it is there.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.queue.try_recv().map(|(thing, _)| thing)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

impl<T> Drop for Receiver<T> {
    /// Who waits for room waits for nobody.
    fn drop(&mut self) {
        self.room.close();
    }
}

impl Weight for Value {
    fn weight(&self) -> usize {
        let beside = match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::List(values) => values.weight(),
            Self::Empty
            | Self::Bool(_)
            | Self::Int(_)
            | Self::UInt(_)
            | Self::Real(_)
            | Self::Time(_) => 0,
        };
        size_of::<Self>().saturating_add(beside)
    }
}

impl Weight for Sample {
    fn weight(&self) -> usize {
        (size_of::<Self>() - size_of::<Value>()).saturating_add(self.value.weight())
    }
}

impl<T: Weight> Weight for Vec<T> {
    fn weight(&self) -> usize {
        self.iter().map(T::weight).fold(size_of::<Self>(), usize::saturating_add)
    }
}

impl Weight for Input {
    fn weight(&self) -> usize {
        let samples = match self {
            Self::Samples(samples) | Self::Read(ReadDone { outcome: Ok(samples), .. }) => {
                samples.weight()
            }
            Self::Start { .. }
            | Self::Plant(_)
            | Self::Link { .. }
            | Self::Lost { .. }
            | Self::Read(ReadDone { outcome: Err(_), .. })
            | Self::Written(_)
            | Self::Facts(_)
            | Self::Command { .. }
            | Self::Wake => 0,
        };
        size_of::<Self>().saturating_add(samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plant::TagIndex;
    use crate::model::{Quality, Utc};
    use futures::FutureExt as _;
    use proptest::prelude::*;

    struct Thing(usize);

    impl Weight for Thing {
        fn weight(&self) -> usize {
            self.0
        }
    }

    proptest! {
        /// Whatever is put in and taken out: what waits is within both bounds, or one thing alone; it comes out in
        /// its order; and what found no room would have been beyond a bound.
        #[test]
        fn what_waits_is_within_both_bounds(steps in prop::collection::vec((any::<bool>(), 0usize..60), 0..200)) {
            let (sender, mut receiver) = channel(8, 100);
            let mut waiting = std::collections::VecDeque::new();
            for (put, weight) in steps {
                if put {
                    let (len, bytes) = (waiting.len(), waiting.iter().sum::<usize>());
                    let fits = len < 8 && bytes + weight <= 100;
                    prop_assert_eq!(sender.try_send(Thing(weight)).is_ok(), fits);
                    prop_assert_eq!(sender.place(weight).now_or_never().is_some(), {
                        if fits { waiting.push_back(weight); }
                        waiting.len() < 8 && waiting.iter().sum::<usize>() + weight <= 100
                    });
                } else {
                    let next = receiver.try_recv().ok().map(|thing: Thing| thing.0);
                    prop_assert_eq!(next, waiting.pop_front());
                }
                prop_assert_eq!(receiver.len(), waiting.len());
            }
        }
    }

    #[tokio::test]
    async fn what_weighs_more_than_all_goes_alone_and_who_waits_hears_that_nobody_takes() {
        let (sender, mut receiver) = channel(8, 100);
        sender.try_send(Thing(1_000)).unwrap_or_else(|_| panic!("it finds no room"));
        assert!(matches!(sender.try_send(Thing(1)), Err(TrySendError::Full(_))));
        assert_eq!(receiver.recv().await.unwrap().0, 1_000);
        sender.send(Thing(100)).await.unwrap();
        let mut waiting = Box::pin(sender.send(Thing(1)));
        assert_eq!((&mut waiting).now_or_never(), None);
        drop(receiver);
        assert_eq!(waiting.await, Err(Closed));
        assert!(matches!(sender.try_send(Thing(1)), Err(TrySendError::Closed(_))));
    }

    #[test]
    fn texts_and_lists_weigh_what_they_point_to() {
        let sample = |value| {
            let (tag, quality) = (TagIndex(0), Quality::GOOD);
            Sample { tag, value, quality, source: None, server: None, receive: Utc(0) }
        };
        let bare = sample(Value::Int(1)).weight();
        assert_eq!(bare, size_of::<Sample>());
        assert_eq!(sample(Value::Text("x".repeat(5_000))).weight(), bare + 5_000);
        let list = Value::List(vec![Value::Bytes(vec![0; 1_000]); 10]);
        assert!(sample(list.clone()).weight() > bare + 10_000);
        assert!(Input::Samples(vec![sample(list); 3]).weight() > 30_000);
    }
}
