//! Current values for monitoring: counts, sizes, memory, and the last applied imports.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::app::App;
use crate::error::Result;
use crate::metrics::{Figures, Imported};
use crate::store::figures::{self, Counts, LastImports};

/// Current values. If the database cannot be read its values are omitted: the others matter most then.
pub async fn figures(app: &App) -> Figures {
    let mut all = Figures::default();
    let process = process();
    all.gauges.extend([
        ("process_resident_memory_bytes", "Memory of the process.", process.0),
        ("process_open_fds", "Open files and sockets.", process.1),
        ("process_start_time_seconds", "When the server was started, in seconds since 1970.", since_1970(app.started)),
    ]);
    let (database, log) = app.db.file_sizes();
    all.gauges.extend([
        ("jim_database_bytes", "Size of the database file.", database as f64),
        ("jim_wal_bytes", "Size of the write-ahead file.", log as f64),
    ]);
    all.counters.push(("jim_argon2_runs_total", "API keys hashed to verify or store them.", app.keys.argon2_runs()));
    match read(app).await {
        Ok((counts, last)) => {
            all.gauges.extend([
                ("jim_connected_systems", "Connected systems.", counts.systems as f64),
                ("jim_partitions", "Partitions of all connected systems.", counts.partitions as f64),
                ("jim_containers", "Containers of all connected systems.", counts.containers as f64),
                ("jim_activities", "Activities in the history.", counts.activities as f64),
            ]);
            for of in last {
                let each = [(Imported::Hierarchy, of.hierarchy), (Imported::Schema, of.schema)];
                let known =
                    each.into_iter().filter_map(|(what, at)| Some((of.system, what, at?.unix_timestamp() as f64)));
                all.last_imports.extend(known);
            }
        }
        Err(error) => tracing::warn!(error = error.chain(), "figures of the database are not available"),
    }
    all
}

async fn read(app: &App) -> Result<(Counts, Vec<LastImports>)> {
    app.db.read(|c| Ok((figures::counts(c)?, figures::last_imports(c)?))).await
}

fn since_1970(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64().floor()
}

/// Resident memory in bytes and open descriptors.
fn process() -> (f64, f64) {
    #[expect(clippy::disallowed_methods, reason = "a file of the system")]
    let memory = std::fs::read_to_string("/proc/self/statm");
    let pages: Option<f64> = memory.ok().and_then(|text| text.split_whitespace().nth(1)?.parse().ok());
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    (pages.unwrap_or_default() * rustix::param::page_size() as f64, open as f64)
}
