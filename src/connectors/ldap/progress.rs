//! Progress log of long searches.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(5);

/// Runs the search of a partition and logs the number of entries at intervals.
pub(super) async fn logged<T>(partition: &str, entries: &AtomicU64, search: impl Future<Output = T>) -> T {
    let mut search = pin!(search);
    loop {
        match tokio::time::timeout(EVERY, search.as_mut()).await {
            Ok(end) => return end,
            // Escaped, since the name is the directory's text.
            Err(_) => tracing::info!("{} entries of {partition:?}", entries.load(Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{LogFormat, Page, subscriber};

    #[tokio::test(start_paused = true)]
    async fn a_long_search_leaves_a_line_every_five_seconds() {
        let page = Page::default();
        let writer = page.clone();
        let _guard =
            tracing::subscriber::set_default(subscriber(LogFormat::Text, "info", false, move || writer.clone()));
        let entries = AtomicU64::new(0);
        let search = async {
            for _ in 0..12 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                entries.fetch_add(100, Relaxed);
            }
            "done"
        };
        assert_eq!(logged("dc=a\nb", &entries, search).await, "done");
        let said = String::from_utf8(page.0.lock().clone()).expect("text");
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 2, "{said}");
        assert!(lines[0].ends_with("00 entries of \"dc=a\\nb\""), "{said}");
        assert!(!said.contains("\n\n"));
    }
}
