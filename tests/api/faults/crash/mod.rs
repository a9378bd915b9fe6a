//! Crashes, power losses and failing disks: nothing acknowledged is lost, nothing is half applied, the file is sound.
//!
//! Three ways to it: a kill at random moments under load, a kill or a failure at each single call that changes a file,
//! and images of what a power loss could have left of a recorded run. Each test counts what really happened.

mod again;
mod calls;
mod moments;
mod power;
mod power_names;
mod rules;
mod upgrades;
mod workload;
