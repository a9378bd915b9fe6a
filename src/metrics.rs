//! Metrics of a running server: requests by route and status, imports by outcome. Numbers, templates and ids only; no
//! name, address or key may appear here.

use std::sync::OnceLock;
use std::time::Duration;

use prometheus::proto::MetricFamily;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, TextEncoder,
};

/// Buckets in seconds, until the head of the answer is ready.
const REQUEST_BUCKETS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];
/// Buckets in seconds, up to the longest import.
const IMPORT_BUCKETS: [f64; 9] = [0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 3600.0];

/// Kind of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// Partitions and containers.
    Hierarchy,
    /// Object types and attributes.
    Schema,
}

/// Outcome of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Complete,
    /// Applied, with warnings.
    Warning,
    /// Not applied.
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
}

/// The counters of one route. They appear with its first answer and are looked up once: a look-up hashes the labels.
pub(crate) struct RouteMetrics {
    metrics: Metrics,
    labels: [String; 2],
    ok: OnceLock<IntCounter>,
    seconds: OnceLock<Histogram>,
}

impl RouteMetrics {
    /// Counts an answer.
    pub(crate) fn answered(&self, status: u16, took: Duration) {
        let [method, route] = &self.labels;
        let requests = |status: &str| self.metrics.requests.with_label_values(&[method, route, status]);
        if status == 200 {
            self.ok.get_or_init(|| requests("200")).inc();
        } else {
            requests(&status.to_string()).inc();
        }
        let seconds = || self.metrics.request_seconds.with_label_values(&[method, route]);
        self.seconds.get_or_init(seconds).observe(took.as_secs_f64());
    }
}

/// Current values, read when metrics are requested.
#[derive(Debug, Default)]
pub struct Figures {
    /// Single values: name, help, value.
    pub gauges: Vec<(&'static str, &'static str, f64)>,
    /// Values that only grow: name, help, value.
    pub counters: Vec<(&'static str, &'static str, u64)>,
    /// Connected system, what was imported, and the seconds since 1970 of the last import that was applied.
    pub last_imports: Vec<(i64, Imported, f64)>,
}

impl Imported {
    fn label(self) -> &'static str {
        match self {
            Imported::Hierarchy => "hierarchy",
            Imported::Schema => "schema",
        }
    }
}

impl Ending {
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
        Metrics {
            requests: counters("jim_http_requests_total", "Requests answered.", &["method", "route", "status"]),
            request_seconds: histograms(
                "jim_http_request_duration_seconds",
                "Time until the head of the answer was ready.",
                &REQUEST_BUCKETS,
                &["method", "route"],
            ),
            imports: counters("jim_imports_total", "Imports by how they ended.", &["kind", "outcome"]),
            import_seconds: histograms("jim_import_duration_seconds", "Time of imports.", &IMPORT_BUCKETS, &["kind"]),
            registry,
        }
    }
}

impl Metrics {
    /// The counters of a route, by its template.
    pub(crate) fn route(&self, method: &str, route: &str) -> RouteMetrics {
        let labels = [method.to_owned(), route.to_owned()];
        RouteMetrics { metrics: self.clone(), labels, ok: OnceLock::new(), seconds: OnceLock::new() }
    }

    /// Counts a request without a route. Path and method are no labels: a caller could create any number of them.
    pub fn unmatched(&self, status: u16) {
        self.requests.with_label_values(&["any", "unmatched", status.to_string().as_str()]).inc();
    }

    /// Counts an import that has an activity.
    pub fn imported(&self, what: Imported, ending: Ending, took: Duration) {
        self.imports.with_label_values(&[what.label(), ending.label()]).inc();
        self.import_seconds.with_label_values(&[what.label()]).observe(took.as_secs_f64());
    }

    /// All metrics in Prometheus' text format 0.0.4.
    pub fn text(&self, figures: &Figures) -> String {
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
        let counter = prometheus::IntCounter::new(*name, *help).expect(VALID);
        counter.inc_by(*value);
        registry.register(Box::new(counter)).expect(VALID);
    }
    let build = Opts::new("jim_build_info", "Always 1; the version is a label.")
        .const_label("version", env!("CARGO_PKG_VERSION"));
    let build = Gauge::with_opts(build).expect(VALID);
    build.set(1.0);
    registry.register(Box::new(build)).expect(VALID);
    let last = Opts::new("jim_last_successful_import_timestamp_seconds", "When an import was last applied.");
    let last = GaugeVec::new(last, &["connected_system", "kind"]).expect(VALID);
    for (system, what, at) in &figures.last_imports {
        last.with_label_values(&[system.to_string().as_str(), what.label()]).set(*at);
    }
    registry.register(Box::new(last)).expect(VALID);
    registry.gather()
}
