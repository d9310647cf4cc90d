//! What is derived and can be deleted: the sled event store.
