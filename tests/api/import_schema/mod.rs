//! Chapter 7: importing the schema.

mod faults;
mod file;
mod merge;
mod real;
