//! Runs of profiles and full imports (part 2, chapters 18 to 21 and 31). The tests of real directories are `#[ignore]`d
//! with that reason and run by `tests/run.sh`.

mod absence;
mod activities;
mod brake;
mod directories;
mod execute;
mod files;
mod history;
mod identity;
mod moments;
mod openldap;
mod queue;
mod scope;
mod selection;
mod space;
