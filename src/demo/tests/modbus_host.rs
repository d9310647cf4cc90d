//! A host on a Modbus PLC: looks at the registers again and again, answers request bits.
use tokio_modbus::client::{Context, Reader, Writer, tcp};
use tokio_modbus::{ExceptionCode, Slave};

/// All registers of either PLC fit into one request.
const WORDS: u16 = 100;

pub(super) struct ModbusHost {
    wire: Context,
    bits: u8,
    numbers: [u16; 4],
}

/// A request, with every register from the same moment.
pub(super) struct Seen {
    pub(super) bit: u8,
    pub(super) hr: Vec<u16>,
}

impl ModbusHost {
    /// Connects; bits 0 to `bits` − 1 of register 2 are requests, register 10 and on their numbers,
    /// coil 16 and on their acks.
    pub(super) async fn connect(url: &str, bits: u8) -> Self {
        let address = url.strip_prefix("tcp://").unwrap().parse().unwrap();
        let mut wire = tcp::connect_slave(address, Slave(1)).await.unwrap();
        let refused = wire.write_single_register(20, 1).await.unwrap();
        assert_eq!(refused, Err(ExceptionCode::IllegalDataAddress));
        Self { wire, bits, numbers: [0; 4] }
    }

    async fn look(&mut self) -> Vec<u16> {
        self.wire.read_holding_registers(0, WORDS).await.unwrap().unwrap()
    }

    /// Waits for a request.
    pub(super) async fn next(&mut self) -> Seen {
        loop {
            let hr = self.look().await;
            if let Some(bit) = (0..self.bits).find(|bit| hr[2] >> bit & 1 == 1) {
                let at = usize::from(bit);
                assert_eq!(hr[10 + at], self.numbers[at] + 1, "request {bit}");
                self.numbers[at] += 1;
                return Seen { bit, hr };
            }
        }
    }

    /// Raises the ack, waits for the request to fall, lowers the ack. Until then nothing of the
    /// request may move.
    pub(super) async fn acknowledge(&mut self, bit: u8) {
        let coil = 16 + u16::from(bit);
        let number = 10 + usize::from(bit);
        self.wire.write_single_coil(coil, true).await.unwrap().unwrap();
        loop {
            let hr = self.look().await;
            assert_eq!(hr[number], self.numbers[usize::from(bit)], "asked before the ack fell");
            if hr[2] >> bit & 1 == 0 {
                break;
            }
        }
        // ASM30 has the first three bits, and asks with one after the other.
        let station = if bit < 3 { 0b111 } else { 1 << bit };
        let hr = self.look().await;
        assert_eq!(hr[2] & station, 0, "asked before the ack fell");
        self.wire.write_single_coil(coil, false).await.unwrap().unwrap();
    }
}

pub(super) fn word_text(hr: &[u16], at: usize, len: usize) -> String {
    let bytes: Vec<u8> = hr[at..at + len].iter().flat_map(|word| word.to_be_bytes()).collect();
    String::from_utf8(bytes).unwrap().trim_end_matches('\0').to_owned()
}

pub(super) fn word_u32(hr: &[u16], at: usize) -> u32 {
    u32::from(hr[at]) << 16 | u32::from(hr[at + 1])
}

/// Low word first.
pub(super) fn word_f32(hr: &[u16], at: usize) -> f32 {
    f32::from_bits(u32::from(hr[at + 1]) << 16 | u32::from(hr[at]))
}
