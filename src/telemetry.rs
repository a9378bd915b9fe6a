//! The log on standard error, as text or JSON lines, in UTC. Debug output of libraries and formatted panic messages are
//! never logged, because they may contain untrusted input.

use std::any::Any;
use std::panic::PanicHookInfo;

use tracing::{Level, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, filter};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// Libraries whose warnings contain input too: an answer that arrives after its timeout.
const MUTED: [&str; 2] = ["ldap3", "lber"];

/// Levels of the log, for an error message.
pub const LEVELS: &str = "error, warn, info, debug, trace";
/// Level where a filter sets none for everything.
pub const DEFAULT_FILTER: &str = "info";

/// Effective filter of a text: levels, alone or of parts. The library would take a misspelt level for a part and log
/// nothing else, which silences the audit lines.
pub fn effective_filter(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    let level = |part: &str| part.trim().parse::<Level>().is_ok();
    let valid = |part: &&str| part.rsplit_once('=').map_or_else(|| level(part), |(_, of_part)| level(of_part));
    if !parts.iter().all(valid) {
        return None;
    }
    let for_all = parts.iter().any(|part| level(part));
    let filter = if for_all { parts } else { [&[DEFAULT_FILTER], parts.as_slice()].concat() }.join(",");
    EnvFilter::builder().parse(&filter).is_ok().then_some(filter)
}

/// Starts logging, once per process.
pub fn start(format: LogFormat, filter: &str) {
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    // In tests that share a process the first subscriber stays.
    let _ = subscriber(format, filter, ansi, std::io::stderr).try_init();
    std::panic::set_hook(Box::new(log_panic));
}

pub fn subscriber<W>(format: LogFormat, filter: &str, ansi: bool, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // A second filter, not more directives in the first: there, a more specific directive would win.
    let ours = filter::filter_fn(|of| may_log(of.target(), of.level()));
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_timer(SystemTime).with_ansi(ansi);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().with_span_list(false).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(EnvFilter::new(filter)).with_filter(ours))
}

/// Whether a target may log at this level under any filter. Libraries may only warn.
fn may_log(target: &str, level: &Level) -> bool {
    match target.split("::").next() {
        Some("jim") => true,
        Some(library) if MUTED.contains(&library) => *level <= Level::ERROR,
        _ => *level <= Level::WARN,
    }
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let backtrace = std::backtrace::Backtrace::capture();
    let what = literal_text(panic.payload());
    if backtrace.status() == std::backtrace::BacktraceStatus::Captured {
        tracing::error!(place, %backtrace, "panicked: {what}");
    } else {
        tracing::error!(place, "panicked: {what}");
    }
}

/// Message of a panic if it is a literal; a formatted one can contain anything.
fn literal_text(payload: &(dyn Any + Send)) -> &'static str {
    payload.downcast_ref::<&'static str>().copied().unwrap_or("with a text that is not shown")
}

/// Log lines kept in memory.
#[cfg(test)]
#[derive(Clone, Default)]
pub(crate) struct Page(pub(crate) std::sync::Arc<parking_lot::Mutex<Vec<u8>>>);

#[cfg(test)]
impl std::io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Log lines of `work` under a filter.
    fn log(filter: &str, work: impl FnOnce()) -> String {
        let page = Page::default();
        let writer = page.clone();
        let subscriber = subscriber(LogFormat::Text, filter, false, move || writer.clone());
        tracing::subscriber::with_default(subscriber, work);
        String::from_utf8(page.0.lock().clone()).unwrap()
    }

    macro_rules! log_all {
        ($($target:literal),*) => {{$(
            tracing::trace!(target: $target, "trace of {}", $target);
            tracing::debug!(target: $target, "debug of {}", $target);
            tracing::info!(target: $target, "info of {}", $target);
            tracing::warn!(target: $target, "warn of {}", $target);
            tracing::error!(target: $target, "error of {}", $target);
        )*}};
    }

    #[test]
    fn no_filter_lets_a_library_log_more_than_warnings() {
        for filter in
            ["trace", "trace,hyper::proto=trace,ldap3::conn=trace,h2=trace", "[{key}]=trace", "[asking]=trace"]
        {
            let said = log(filter, || {
                let span = tracing::error_span!("asking", key = 1);
                let _inside = span.enter();
                log_all!(
                    "hyper",
                    "hyper::proto::h1::io",
                    "hyper_util::client",
                    "h2::codec",
                    "rustls::client",
                    "rustls"
                );
                log_all!(
                    "tokio_rustls",
                    "tokio_util::codec",
                    "r2d2",
                    "r2d2_sqlite",
                    "warp::server",
                    "ldap3_proto",
                    "a_new_one"
                );
                log_all!(
                    "jimmy",
                    "log",
                    "reqwest::connect",
                    "rusqlite",
                    "ldap3",
                    "ldap3::conn",
                    "ldap3::protocol",
                    "lber"
                );
            });
            assert!(!["trace of", "debug of", "info of"].iter().any(|word| said.contains(word)), "{filter}: {said}");
            assert!(!said.contains("warn of ldap3\n") && !said.contains("warn of ldap3:"), "{filter}: {said}");
            assert!(!said.contains("warn of lber"), "{filter}: {said}");
            assert_eq!(said.matches("error of").count(), 21, "{filter}: {said}");
            assert_eq!(said.matches("warn of").count(), 17, "{filter}: {said}");
        }
    }

    #[test]
    fn a_filter_applies_to_our_own_parts() {
        let counts = |filter: &str| {
            let said = log(filter, || log_all!("jim", "jim::http::server"));
            ["trace", "debug", "info", "warn", "error"].map(|level| said.matches(&format!("{level} of jim")).count())
        };
        assert_eq!(counts("trace"), [2, 2, 2, 2, 2]);
        assert_eq!(counts("info,jim::http=debug"), [0, 1, 2, 2, 2]);
        assert_eq!(counts("error"), [0, 0, 0, 0, 2]);
    }

    #[test]
    fn only_levels_make_a_filter_and_everything_else_keeps_its_level() {
        for (text, effective) in [
            ("info", "info"),
            (" WARN ", "WARN"),
            ("", "info"),
            (" , ", "info"),
            ("info,jim=debug", "info,jim=debug"),
            (" info , jim::http=trace ,", "info,jim::http=trace"),
            ("jim=debug", "info,jim=debug"),
            ("jimm=debug", "info,jimm=debug"),
            ("[{key}]=trace", "info,[{key}]=trace"),
        ] {
            assert_eq!(effective_filter(text).as_deref(), Some(effective), "{text:?}");
        }
        for text in
            ["warning", "verbose", "information", "off", "jim", "info,jim", "info,jim=loud", "jim=", "info warn"]
        {
            assert_eq!(effective_filter(text), None, "{text:?}");
        }
    }

    #[test]
    fn only_a_literal_panic_message_is_shown() {
        let hidden = "with a text that is not shown";
        let works: [(fn(), &str); 4] = [
            (|| panic!("as it stands"), "as it stands"),
            (|| panic!("bound as {}", "secret".repeat(2)), hidden),
            (|| "secret".parse::<u8>().map(|_| ()).map_err(|_| "secret".repeat(2)).expect("a value"), hidden),
            (|| std::panic::panic_any(7), hidden),
        ];
        for (work, shown) in works {
            let payload = std::panic::catch_unwind(work).unwrap_err();
            assert_eq!(literal_text(payload.as_ref()), shown);
        }
    }
}
