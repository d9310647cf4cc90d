//! Modbus devices: the client side.
