//! RTU frames: a serial line behind a gateway that carries bytes and looks at none of them.
use super::*;
use crate::field::modbus::bus::{Ask, Fault, Reply, Urgency};
use crate::model::GapCause;
use parking_lot::Mutex;
use std::collections::VecDeque;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::sleep;

/// What happens to one answer.
#[derive(Clone, Copy)]
enum Trick {
    /// It takes so long, and goes to whoever is connected then: the line knows no connections.
    Late(Duration),
    /// A bit of it is another on the way.
    Flipped,
    /// Of another unit.
    OtherUnit,
    /// It comes again after so long.
    Twice(Duration),
}

/// One slave: a holding register holds its own address, writes are echoed. It ends when dropped.
struct Line {
    port: u16,
    tricks: Arc<Mutex<VecDeque<Trick>>>,
    /// How many answers went out.
    said: watch::Receiver<usize>,
    _tasks: JoinSet<()>,
}

type Listener = Arc<tokio::sync::Mutex<Option<OwnedWriteHalf>>>;

impl Line {
    async fn start(noise: Option<Duration>) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let tricks: Arc<Mutex<VecDeque<Trick>>> = Arc::default();
        let listener = Listener::default();
        let (tell, said) = watch::channel(0);
        let tell = Arc::new(tell);
        let mut tasks = JoinSet::new();
        if let Some(every) = noise {
            let listener = listener.clone();
            tasks.spawn(async move {
                loop {
                    sleep(every).await;
                    say(&listener, &[0x55]).await;
                }
            });
        }
        let queue = tricks.clone();
        tasks.spawn(async move {
            // An answer on its way outlives the connection that asked.
            let (mut open, answers) = (JoinSet::new(), Arc::new(Mutex::new(JoinSet::new())));
            loop {
                let (stream, _) = socket.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (mut incoming, outgoing) = stream.into_split();
                *listener.lock().await = Some(outgoing);
                let (listener, queue, answers) = (listener.clone(), queue.clone(), answers.clone());
                let tell = tell.clone();
                open.spawn(async move {
                    let mut request = [0; 8];
                    while incoming.read_exact(&mut request).await.is_ok() {
                        let trick = queue.lock().pop_front();
                        let line = (listener.clone(), tell.clone());
                        answers.lock().spawn(reply(line, request, trick));
                    }
                });
            }
        });
        Self { port, tricks, said, _tasks: tasks }
    }

    /// Waits until so many answers went out; each is with whoever is connected then.
    async fn said(&self, answers: usize) {
        let said = &mut self.said.clone();
        let all = said.wait_for(|said| *said >= answers);
        timeout(PATIENCE, all).await.expect("the answer goes out").unwrap();
    }

    fn link(&self) -> ModbusLink {
        let mut device = device("d", self.port, 1);
        link(&mut device).transport = self.transport();
        link(&mut device).clone()
    }

    fn transport(&self) -> Transport {
        Transport::RtuTcp(host(self.port))
    }

    fn trick(&self, trick: Trick) {
        self.tricks.lock().push_back(trick);
    }
}

async fn say(listener: &Listener, bytes: &[u8]) {
    if let Some(outgoing) = listener.lock().await.as_mut() {
        // Nobody may be there.
        drop(outgoing.write_all(bytes).await);
    }
}

async fn reply(
    (listener, said): (Listener, Arc<watch::Sender<usize>>),
    request: [u8; 8],
    trick: Option<Trick>,
) {
    let mut frame = match request[1] {
        3 => {
            let (address, count) = (u16::from_be_bytes([request[2], request[3]]), request[5]);
            let words = (address..).take(count.into()).flat_map(u16::to_be_bytes);
            [vec![request[0], 3, count * 2], words.collect()].concat()
        }
        _ => request[..6].to_vec(),
    };
    if matches!(trick, Some(Trick::OtherUnit)) {
        frame[0] += 1;
    }
    frame.extend(checksum(&frame).to_le_bytes());
    match trick {
        Some(Trick::Late(time)) => sleep(time).await,
        Some(Trick::Flipped) => frame[4] ^= 4,
        Some(Trick::OtherUnit | Trick::Twice(_)) | None => {}
    }
    say(&listener, &frame).await;
    said.send_modify(|said| *said += 1);
    if let Some(Trick::Twice(time)) = trick {
        sleep(time).await;
        say(&listener, &frame).await;
        said.send_modify(|said| *said += 1);
    }
}

/// Modbus over Serial Line V1.02, §6.2.2.
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xA001 } else { crc >> 1 }
        })
    })
}

#[test]
fn the_checksum_is_that_of_the_standard() {
    assert_eq!(checksum(&[0x01, 0x03, 0x08, 0x2B, 0x00, 0x02]), 0x63B6);
}

#[tokio::test]
async fn words_and_coils_go_over_rtu_frames() {
    let wire = Line::start(None).await;
    let (link, (bus, task)) = (wire.link(), open_bus());
    let asking = async move {
        let ask = |ask| bus.ask(Urgency::Request, &link, ask);
        let read = ask(Ask::Read(Area::Holding, 7, 3)).await.unwrap();
        assert_eq!(read.reply, Reply::Words(vec![7, 8, 9]));
        assert_eq!(ask(Ask::WriteWords(5, vec![77])).await.unwrap().reply, Reply::Done);
        assert_eq!(ask(Ask::WriteCoil(16, true)).await.unwrap().reply, Reply::Done);
    };
    tokio::join!(task.run(), asking);
}

/// The answer names its unit and nothing else: were it read, it would be the value of another register.
#[tokio::test]
async fn an_answer_that_comes_after_its_time_and_over_the_next_connection_is_no_value() {
    let wire = Line::start(None).await;
    let (link, (bus, task)) = (wire.link(), open_bus());
    wire.trick(Trick::Late(link.timeout + Duration::from_millis(100)));
    let asking = async move {
        let read = |at| bus.ask(Urgency::Slow, &link, Ask::Read(Area::Holding, at, 1));
        assert!(matches!(read(0).await, Err(Fault::Timeout(_))));
        bus.ask(Urgency::Slow, &link, Ask::Open).await.unwrap();
        for at in 100..103 {
            assert_eq!(read(at).await.unwrap().reply, Reply::Words(vec![at]));
        }
        // The late one and these.
        wire.said(4).await;
        for at in 103..106 {
            assert_eq!(read(at).await.unwrap().reply, Reply::Words(vec![at]));
        }
    };
    tokio::join!(task.run(), asking);
}

/// Each later answer would else be that of the request before it.
#[tokio::test]
async fn an_answer_that_comes_twice_is_no_value_of_the_next_register() {
    let wire = Line::start(None).await;
    let (link, (bus, task)) = (wire.link(), open_bus());
    let asking = async move {
        let read = |at| bus.ask(Urgency::Slow, &link, Ask::Read(Area::Holding, at, 1));
        for (round, (at, apart)) in [(0, 0), (10, 0), (20, 5), (30, 20)].into_iter().enumerate() {
            wire.trick(Trick::Twice(Duration::from_millis(apart)));
            assert_eq!(read(at).await.unwrap().reply, Reply::Words(vec![at]));
            // Both, and in each round before three more.
            wire.said(5 * round + 2).await;
            for next in at + 1..at + 4 {
                assert_eq!(read(next).await.unwrap().reply, Reply::Words(vec![next]));
            }
        }
    };
    tokio::join!(task.run(), asking);
}

#[tokio::test]
async fn an_answer_that_was_spoilt_or_is_of_another_unit_is_no_value() {
    let wire = Line::start(None).await;
    let (link, (bus, task)) = (wire.link(), open_bus());
    wire.trick(Trick::Flipped);
    wire.trick(Trick::OtherUnit);
    let asking = async move {
        let read = async || {
            bus.ask(Urgency::Slow, &link, Ask::Open).await.unwrap();
            bus.ask(Urgency::Slow, &link, Ask::Read(Area::Holding, 0, 2)).await
        };
        assert!(matches!(read().await, Err(Fault::Timeout(_))));
        assert!(matches!(read().await, Err(Fault::Framing(_))));
        assert_eq!(read().await.unwrap().reply, Reply::Words(vec![0, 1]));
    };
    tokio::join!(task.run(), asking);
}

#[tokio::test]
async fn a_line_that_is_never_quiet_is_not_listened_to() {
    let wire = Line::start(Some(Duration::from_millis(5))).await;
    let (link, (bus, task)) = (wire.link(), open_bus());
    let asking = async move {
        match bus.ask(Urgency::Slow, &link, Ask::Read(Area::Holding, 0, 1)).await {
            Err(Fault::Framing(why)) => assert!(why.contains("never quiet"), "{why}"),
            other => panic!("{other:?}"),
        }
    };
    tokio::join!(task.run(), asking);
}

#[tokio::test]
async fn a_device_on_a_line_comes_back_after_a_late_answer_with_the_same_values() {
    let wire = Line::start(None).await;
    let mut one = device("d", wire.port, 1);
    link(&mut one).transport = wire.transport();
    let late = link(&mut one).timeout + Duration::from_millis(50);
    let mut rig = Rig::start(&plant(vec![one], vec![fast("hr4"), fast("hr40")]));
    assert_eq!(values(&rig.samples().await), [(0, uint(4)), (1, uint(40))]);
    wire.trick(Trick::Late(late));
    let (_, down) = rig.link().await;
    assert!(matches!(down, Link::Down { cause: GapCause::Disconnected, .. }), "{down:?}");
    assert_eq!(values(&rig.samples().await), [(0, uint(4)), (1, uint(40))]);
    rig.end().await;
}

#[tokio::test]
async fn a_serial_port_that_is_not_there_is_said_in_words() {
    let mut one = device("d", 1, 1);
    link(&mut one).transport = Transport::parse("rtu:///dev/no-such-port", Trust::Pki).unwrap();
    let (link, (bus, task)) = (link(&mut one).clone(), open_bus());
    let asking = async move {
        let fault = bus.ask(Urgency::Slow, &link, Ask::Open).await.unwrap_err();
        assert_eq!(fault.class(), "connect");
        let text = fault.to_string();
        assert!(text.contains("`/dev/no-such-port` cannot be opened"), "{text}");
    };
    tokio::join!(task.run(), asking);
}
