//! Samples and tables: what a benchmark prints, and the rows of the one table over all of them.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

/// Samples of one thing: the median says how it is, the extremes how far to trust that.
#[derive(Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    pub fn add(&mut self, sample: f64) {
        self.0.push(sample);
        self.0.sort_by(f64::total_cmp);
    }

    pub fn of(mut samples: Vec<f64>) -> Samples {
        samples.sort_by(f64::total_cmp);
        Samples(samples)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn add_time(&mut self, time: Duration) {
        self.add(time.as_secs_f64() * 1e3);
    }

    pub fn median(&self) -> f64 {
        let (below, above) = (self.0[(self.0.len() - 1) / 2], self.0[self.0.len() / 2]);
        (below + above) / 2.0
    }

    /// The sample that this share of all does not exceed.
    pub fn at(&self, share: f64) -> f64 {
        let last = self.0.len() - 1;
        self.0[((last as f64 * share).ceil() as usize).min(last)]
    }

    /// The median and, in brackets, the least and the most.
    pub fn show(&self, digits: usize) -> String {
        let (least, most) = (self.0[0], self.0[self.0.len() - 1]);
        format!("{:.digits$} ({least:.digits$}-{most:.digits$})", self.median())
    }
}

/// A row of the one table over all benchmarks, which `benches/run.sh` collects: what we need of something beside what
/// somebody else needs of the same, as the ratio of the medians.
pub fn compared(what: &str, unit: &str, ours: &Samples, than: &str, theirs: &Samples) {
    let (least, most) = (ours.0[0] / theirs.median(), ours.0[ours.0.len() - 1] / theirs.median());
    let ratio = format!("{:.2} ({least:.2}-{most:.2})", ours.median() / theirs.median());
    collect(&[what, unit, &ours.show(digits(ours)), than, &theirs.show(digits(theirs)), &ratio]);
}

/// A row of that table for what there is nothing to compare with.
pub fn stated(what: &str, unit: &str, ours: &Samples) {
    collect(&[what, unit, &ours.show(digits(ours)), "", "", ""]);
}

/// Three digits that matter.
fn digits(samples: &Samples) -> usize {
    match samples.median() {
        m if m < 1.0 => 2,
        m if m < 100.0 => 1,
        _ => 0,
    }
}

fn collect(cells: &[&str]) {
    let Some(path) = std::env::var_os("BENCH_TABLE") else { return };
    let file = File::options().create(true).append(true).open(path);
    file.and_then(|mut file| writeln!(file, "| {} |", cells.join(" | "))).expect("the table can be written");
}

pub const MIB: f64 = 1024.0 * 1024.0;

pub fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / MIB)
}

/// One line of a Markdown table.
pub fn row(cells: &[&str]) {
    println!("| {} |", cells.join(" | "));
}

pub fn header(cells: &[&str]) {
    row(cells);
    row(&vec!["---"; cells.len()]);
}
