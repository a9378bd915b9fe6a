//! The commands of the program and the files that an operator writes for it.

mod api_key;
mod backup;
mod check;
mod config_files;
mod demo;
mod program;
mod rotate_key;
mod run;
mod service_unit;
