//! A panic over what came from outside costs one attempt, not the device.
use futures::FutureExt;
use std::any::Any;
use std::panic::AssertUnwindSafe;

/// Does `work`; a panic in it is told with its words. What `work` held is dropped with it.
pub(super) async fn contained<T>(work: impl Future<Output = T>) -> Result<T, String> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|payload| words(&*payload))
}

fn words(payload: &(dyn Any + Send)) -> String {
    let fixed = payload.downcast_ref::<&str>().copied();
    let made = || payload.downcast_ref::<String>().map(String::as_str);
    fixed.or_else(made).unwrap_or("without a word").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_told_with_its_words() {
        let held = contained(async { panic!("hostile bytes") }).await;
        assert_eq!(held, Err::<(), _>("hostile bytes".to_owned()));
        let made = contained(async { panic!("byte {}", 7) }).await;
        assert_eq!(made, Err::<(), _>("byte 7".to_owned()));
        assert_eq!(contained(async { 3 }).await, Ok(3));
    }
}
