//! Metrics of the runs of profiles: objects, ends, time and the queue.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

use super::VALID;

const SECONDS: [f64; 9] = [0.1, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0];
/// Labels of [`Ran::objects`], in its order.
const CHANGES: [&str; 6] = ["read", "added", "updated", "removed", "failed", "held"];
const STATUSES: [&str; 5] = ["Complete", "CompleteWithWarning", "CompleteWithError", "FailedWithError", "Cancelled"];

/// One run that has ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ran {
    pub system: i64,
    pub run_type: &'static str,
    pub status: &'static str,
    /// Read, added, updated, removed, failed, held.
    pub objects: [u64; 6],
    /// `None` of a run that was cancelled before it began.
    pub took: Option<Duration>,
}

/// Counters of runs. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Runs {
    objects: IntCounterVec,
    ended: IntCounterVec,
    seconds: HistogramVec,
    /// Systems and run types that have series.
    known: Arc<Mutex<BTreeSet<(i64, &'static str)>>>,
}

impl Runs {
    pub(super) fn new(registry: &Registry) -> Runs {
        let counters = |name: &str, help: &str, last: &str| {
            let labels = ["connected_system", "run_type", last];
            let made = IntCounterVec::new(Opts::new(name, help), &labels).expect(VALID);
            registry.register(Box::new(made.clone())).expect(VALID);
            made
        };
        let seconds = HistogramOpts::new("jim_run_duration_seconds", "Time of runs.").buckets(SECONDS.to_vec());
        let seconds = HistogramVec::new(seconds, &["connected_system", "run_type"]).expect(VALID);
        registry.register(Box::new(seconds.clone())).expect(VALID);
        Runs {
            objects: counters("jim_run_objects_total", "Objects of runs by what happened to them.", "change"),
            ended: counters("jim_runs_total", "Runs by how they ended.", "status"),
            seconds,
            known: Arc::default(),
        }
    }

    /// Counts a run.
    pub(crate) fn ran(&self, run: &Ran) {
        let mut known = self.known.lock();
        known.insert((run.system, run.run_type));
        self.create(run.system, run.run_type);
        let system = run.system.to_string();
        for (change, n) in CHANGES.iter().zip(run.objects) {
            self.objects.with_label_values(&[&*system, run.run_type, change]).inc_by(n);
        }
        self.ended.with_label_values(&[&*system, run.run_type, run.status]).inc();
        if let Some(took) = run.took {
            self.seconds.with_label_values(&[&*system, run.run_type]).observe(took.as_secs_f64());
        }
    }

    /// Adds the series of profiles and removes those of deleted systems.
    pub(super) fn keep(&self, systems: &BTreeSet<i64>, profiles: &[(i64, &'static str)]) {
        let mut known = self.known.lock();
        let deleted: Vec<_> = known.iter().copied().filter(|(system, _)| !systems.contains(system)).collect();
        for (system, run_type) in deleted {
            self.remove(system, run_type);
            known.remove(&(system, run_type));
        }
        for (system, run_type) in profiles {
            if known.insert((*system, *run_type)) {
                self.create(*system, run_type);
            }
        }
    }

    fn create(&self, system: i64, run_type: &str) {
        let system = &*system.to_string();
        CHANGES.iter().for_each(|change| drop(self.objects.with_label_values(&[system, run_type, change])));
        STATUSES.iter().for_each(|status| drop(self.ended.with_label_values(&[system, run_type, status])));
        self.seconds.with_label_values(&[system, run_type]);
    }

    /// An error means that the series does not exist.
    fn remove(&self, system: i64, run_type: &str) {
        let system = &*system.to_string();
        for change in CHANGES {
            let _ = self.objects.remove_label_values(&[system, run_type, change]);
        }
        for status in STATUSES {
            let _ = self.ended.remove_label_values(&[system, run_type, status]);
        }
        let _ = self.seconds.remove_label_values(&[system, run_type]);
    }
}
