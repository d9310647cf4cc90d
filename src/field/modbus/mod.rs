//! Modbus devices: the client side.
pub mod decode;
pub mod plan;
