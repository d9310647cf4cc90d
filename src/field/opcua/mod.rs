//! OPC UA devices: the client side.
