//! The log: to standard error, as text or as JSON lines, in UTC.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

use crate::config::LogFormat;

/// Libraries that would log what a peer sent, clamped whatever the filter says.
const CLAMPED: [&str; 6] = ["hyper", "ldap3", "lber", "ldap3_proto", "rustls", "warp"];

/// Whether a text can be a filter.
pub fn is_filter(text: &str) -> bool {
    EnvFilter::builder().parse(text).is_ok()
}

/// Starts logging. Called once.
pub fn start(format: LogFormat, filter: &str) {
    let mut all = filter.to_owned();
    for library in CLAMPED {
        all.push_str(&format!(",{library}=warn"));
    }
    let filter = EnvFilter::new(all);
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_timer(SystemTime)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    // A second start, as in tests that share a process, keeps the first.
    let _ = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
}
