//! Metrics of a running server: requests by route and status, imports and runs by system and outcome. Labels are templates,
//! ids and constants, never a name, address or key. Every known series exists from the start, because an alert does not take a
//! missing series for 0.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;

use prometheus::proto::MetricFamily;
use prometheus::{
    Counter, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry,
    TextEncoder,
};

pub(crate) use runs::Ran;

mod runs;

const REQUEST_SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];
const IMPORT_SECONDS: [f64; 9] = [0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 3600.0];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    Hierarchy,
    Schema,
}

/// Outcome of an import. A failed one was not applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Complete,
    Warning,
    Failed,
}

/// Metrics of one server. Clones share the counters.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    imports: IntCounterVec,
    import_seconds: HistogramVec,
    pub(crate) runs: runs::Runs,
    /// Connected systems that have series.
    systems: Arc<Mutex<BTreeSet<i64>>>,
}

/// Counters of one route, looked up once, because a look-up hashes the labels.
pub(crate) struct RouteMetrics {
    metrics: Metrics,
    labels: [String; 2],
    ok: OnceLock<IntCounter>,
    seconds: Histogram,
}

impl RouteMetrics {
    pub(crate) fn answered(&self, status: u16, took: Duration) {
        let [method, route] = &self.labels;
        let requests = |status: &str| self.metrics.requests.with_label_values(&[method, route, status]);
        if status == 200 {
            self.ok.get_or_init(|| requests("200")).inc();
        } else {
            requests(&status.to_string()).inc();
        }
        self.seconds.observe(took.as_secs_f64());
    }
}

/// Current values, read when metrics are requested.
#[derive(Debug, Default)]
pub struct Figures {
    /// Single values: name, help, value.
    pub gauges: Vec<(&'static str, &'static str, f64)>,
    /// Values that only grow: name, help, value.
    pub counters: Vec<(&'static str, &'static str, f64)>,
    /// Every possible import: connected system, kind, and Unix time of the last applied one or 0. `None` if unknown.
    pub imports: Option<Vec<(i64, Imported, f64)>>,
    /// Connected systems and run types of the run profiles.
    pub(crate) profiles: Vec<(i64, &'static str)>,
    /// Connected systems, and Unix time of the last full or delta import of objects that read everything, or 0.
    pub(crate) completed: Vec<(i64, f64)>,
}

impl Imported {
    const ALL: [Imported; 2] = [Imported::Hierarchy, Imported::Schema];

    fn label(self) -> &'static str {
        match self {
            Imported::Hierarchy => "hierarchy",
            Imported::Schema => "schema",
        }
    }
}

impl Ending {
    const ALL: [Ending; 3] = [Ending::Complete, Ending::Warning, Ending::Failed];

    fn label(self) -> &'static str {
        match self {
            Ending::Complete => "complete",
            Ending::Warning => "warning",
            Ending::Failed => "failed",
        }
    }
}

/// Names and labels are constants of this file, and each is registered once.
const VALID: &str = "a valid metric, registered once";

impl Default for Metrics {
    fn default() -> Self {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let made = IntCounterVec::new(Opts::new(name, help), labels).expect(VALID);
            registry.register(Box::new(made.clone())).expect(VALID);
            made
        };
        let histograms = |name: &str, help: &str, buckets: &[f64], labels: &[&str]| {
            let made = HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels);
            let made = made.expect(VALID);
            registry.register(Box::new(made.clone())).expect(VALID);
            made
        };
        let made = Metrics {
            requests: counters("jim_http_requests_total", "Requests answered.", &["method", "route", "status"]),
            request_seconds: histograms(
                "jim_http_request_duration_seconds",
                "Time until the head of the answer was ready.",
                &REQUEST_SECONDS,
                &["method", "route"],
            ),
            imports: counters(
                "jim_imports_total",
                "Imports by how they ended.",
                &["connected_system", "kind", "outcome"],
            ),
            import_seconds: histograms(
                "jim_import_duration_seconds",
                "Time of imports.",
                &IMPORT_SECONDS,
                &["connected_system", "kind"],
            ),
            runs: runs::Runs::new(&registry),
            systems: Arc::default(),
            registry,
        };
        for status in ["404", "405"] {
            made.requests.with_label_values(&["any", "unmatched", status]);
        }
        made
    }
}

impl Metrics {
    /// Counters of a route by its template, with a series for each documented status.
    pub(crate) fn route<'a>(&self, method: &str, route: &str, statuses: impl Iterator<Item = &'a str>) -> RouteMetrics {
        for status in statuses {
            self.requests.with_label_values(&[method, route, status]);
        }
        let seconds = self.request_seconds.with_label_values(&[method, route]);
        let labels = [method.to_owned(), route.to_owned()];
        RouteMetrics { metrics: self.clone(), labels, ok: OnceLock::new(), seconds }
    }

    /// Counts a request without a route. Path and method are no labels: a caller could create any number of series.
    pub fn unmatched(&self, status: u16) {
        self.requests.with_label_values(&["any", "unmatched", status.to_string().as_str()]).inc();
    }

    pub fn imported(&self, system: i64, what: Imported, ending: Ending, took: Duration) {
        let mut systems = self.systems.lock();
        systems.insert(system);
        let (system, kind) = (system.to_string(), what.label());
        self.imports.with_label_values(&[&*system, kind, ending.label()]).inc();
        self.import_seconds.with_label_values(&[&*system, kind]).observe(took.as_secs_f64());
    }

    /// Adds the series of possible imports and removes those of deleted systems.
    fn keep(&self, imports: &[(i64, Imported, f64)], profiles: &[(i64, &'static str)]) {
        let present: BTreeSet<i64> = imports.iter().map(|(system, _, _)| *system).collect();
        self.runs.keep(&present, profiles);
        let mut systems = self.systems.lock();
        for deleted in systems.difference(&present).map(i64::to_string) {
            for kind in Imported::ALL.map(Imported::label) {
                // An error means that the series does not exist.
                let _ = self.import_seconds.remove_label_values(&[&*deleted, kind]);
                for ending in Ending::ALL.map(Ending::label) {
                    let _ = self.imports.remove_label_values(&[&*deleted, kind, ending]);
                }
            }
        }
        for (system, what, _) in imports {
            let (system, kind) = (system.to_string(), what.label());
            self.import_seconds.with_label_values(&[&*system, kind]);
            for ending in Ending::ALL.map(Ending::label) {
                self.imports.with_label_values(&[&*system, kind, ending]);
            }
        }
        *systems = present;
    }

    /// All metrics in Prometheus' text format 0.0.4.
    pub fn text(&self, figures: &Figures) -> String {
        if let Some(imports) = &figures.imports {
            self.keep(imports, &figures.profiles);
        }
        let mut families = self.registry.gather();
        families.extend(current(figures));
        TextEncoder::new().encode_to_string(&families).unwrap_or_default()
    }
}

/// Current values in a registry of their own, so that concurrent scrapes do not share it.
fn current(figures: &Figures) -> Vec<MetricFamily> {
    let registry = Registry::new();
    for (name, help, value) in &figures.gauges {
        let gauge = Gauge::new(*name, *help).expect(VALID);
        gauge.set(*value);
        registry.register(Box::new(gauge)).expect(VALID);
    }
    for (name, help, value) in &figures.counters {
        let counter = Counter::new(*name, *help).expect(VALID);
        counter.inc_by(*value);
        registry.register(Box::new(counter)).expect(VALID);
    }
    let build = Opts::new("jim_build_info", "Always 1; the version is a label.")
        .const_label("version", env!("CARGO_PKG_VERSION"));
    let build = Gauge::with_opts(build).expect(VALID);
    build.set(1.0);
    registry.register(Box::new(build)).expect(VALID);
    let last = Opts::new("jim_last_successful_import_timestamp_seconds", "When an import was last applied; 0: never.");
    let last = GaugeVec::new(last, &["connected_system", "kind"]).expect(VALID);
    for (system, what, at) in figures.imports.iter().flatten() {
        last.with_label_values(&[system.to_string().as_str(), what.label()]).set(*at);
    }
    registry.register(Box::new(last)).expect(VALID);
    let completed = Opts::new("jim_last_complete_import_timestamp_seconds", "End of the last complete run; 0: never.");
    let completed = GaugeVec::new(completed, &["connected_system"]).expect(VALID);
    for (system, at) in &figures.completed {
        completed.with_label_values(&[system.to_string().as_str()]).set(*at);
    }
    registry.register(Box::new(completed)).expect(VALID);
    registry.gather()
}
