//! Current values for monitoring: counts, sizes, memory, the queue of runs, and the last applied imports.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

use crate::app::App;
use crate::connectors::definitions;
use crate::domain::run_profile::RunType;
use crate::error::Result;
use crate::metrics::{Figures, Imported};
use crate::store::figures::{self, Counts, LastImports};

/// Current values. If the database cannot be read its values are omitted: the others matter most then.
pub async fn figures(app: &App) -> Figures {
    let mut all = Figures::default();
    let process = process();
    all.gauges.extend([
        ("process_resident_memory_bytes", "Memory of the process.", process.memory),
        ("process_open_fds", "Open files and sockets.", process.open),
        ("process_start_time_seconds", "When the server was started, in seconds since 1970.", since_1970(app.started)),
    ]);
    let (database, log) = app.db.file_sizes();
    all.gauges.extend([
        ("jim_database_bytes", "Size of the database file.", database as f64),
        ("jim_wal_bytes", "Size of the write-ahead file.", log as f64),
    ]);
    all.counters.extend([
        ("process_cpu_seconds_total", "Time that the processors worked for the process.", process.cpu_seconds),
        ("jim_argon2_runs_total", "API keys hashed to verify or store them.", app.keys.argon2_runs() as f64),
    ]);
    match read(app).await {
        Ok((counts, last, profiles)) => {
            all.gauges.extend([
                ("jim_connected_systems", "Connected systems.", counts.systems as f64),
                ("jim_partitions", "Partitions of all connected systems.", counts.partitions as f64),
                ("jim_containers", "Containers of all connected systems.", counts.containers as f64),
                ("jim_activities", "Activities in the history.", counts.activities as f64),
                ("jim_runs_waiting", "Runs that wait for their turn.", counts.waiting as f64),
            ]);
            all.imports = Some(last.iter().flat_map(imports).collect());
            all.completed = last.iter().map(|of| (of.system, unix(of.objects))).collect();
            all.profiles = profiles.into_iter().map(|(system, run_type)| (system, run_type.name())).collect();
        }
        Err(error) => tracing::warn!(error = error.chain(), "figures of the database are not available"),
    }
    all
}

/// What can be imported of a system, and when it last was.
fn imports(of: &LastImports) -> impl Iterator<Item = (i64, Imported, f64)> {
    let system = of.system;
    let has_hierarchy = definitions::by_id(of.connector).is_some_and(|d| d.capabilities.partitions);
    let each = [(has_hierarchy, Imported::Hierarchy, of.hierarchy), (true, Imported::Schema, of.schema)];
    let each = each.into_iter().filter(|(there, _, _)| *there);
    each.map(move |(_, what, at)| (system, what, unix(at)))
}

fn unix(at: Option<OffsetDateTime>) -> f64 {
    at.map_or(0.0, |at| at.unix_timestamp() as f64)
}

async fn read(app: &App) -> Result<(Counts, Vec<LastImports>, Vec<(i64, RunType)>)> {
    app.db.read(|c| Ok((figures::counts(c)?, figures::last_imports(c)?, figures::profiles(c)?))).await
}

fn since_1970(at: SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64().floor()
}

/// What the system says of this process.
struct Process {
    /// Resident memory in bytes.
    memory: f64,
    /// Open descriptors.
    open: f64,
    /// Of all threads, in user and kernel mode.
    cpu_seconds: f64,
}

#[expect(clippy::disallowed_methods, reason = "files of the system")]
fn process() -> Process {
    let read = |name: &str| std::fs::read_to_string(name).unwrap_or_default();
    let pages: Option<f64> = read("/proc/self/statm").split_whitespace().nth(1).and_then(|n| n.parse().ok());
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    // The name of the program stands in parentheses and may hold blanks; the two times are 12 and 13 fields behind it.
    let stat = read("/proc/self/stat");
    let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    let ticks: f64 = behind.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    Process {
        memory: pages.unwrap_or_default() * rustix::param::page_size() as f64,
        open: open as f64,
        cpu_seconds: ticks / rustix::param::clock_ticks_per_second() as f64,
    }
}
